//! Every vector of the genuine libraries.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use std::rc::Rc;

use gotemplate::{Functions, Missing, Nowhere, Set, Value, functions};

const VECTORS: &str = include_str!("../vectors/sprig.jsonl");

/// Vectors where this crate says something else on purpose, each with the reason.
const DIFFERENCES: &[(&str, &str)] = &[(
    "{{ 1i }}",
    "DIFFERENCE: complex numbers are refused when they are used",
)];

struct Vector {
    mode: String,
    template: String,
    expected: Result<String, String>,
}

fn vectors() -> (serde_json::Value, Vec<Vector>) {
    let mut data = serde_json::Value::Null;
    let mut all = Vec::new();
    for line in VECTORS.lines() {
        let row: Vec<Option<String>> = serde_json::from_str(line).unwrap();
        match row.as_slice() {
            [Some(mode), Some(text)] if mode == "data" => data = serde_json::from_str(text).unwrap(),
            [Some(_), Some(_)] => {}
            [Some(mode), Some(template), out, error] => all.push(Vector {
                mode: mode.clone(),
                template: template.clone(),
                expected: out.clone().ok_or_else(|| error.clone().unwrap()),
            }),
            other => panic!("{other:?}"),
        }
    }
    (data, all)
}

fn render(vector: &Vector, data: &serde_json::Value, helm: &Rc<Functions>) -> Result<String, String> {
    let (functions, missing) = match vector.mode.as_str() {
        "go" => (Rc::default(), Missing::Invalid),
        "zero" => (helm.clone(), Missing::Zero),
        _ => (helm.clone(), Missing::Error),
    };
    let mut set = Set::new(functions, missing);
    set.parse("t", &vector.template).map_err(|it| it.to_string())?;
    let out = Rc::new(set)
        .execute("t", &Value::from_json(data), &mut Nowhere)
        .map_err(|it| it.to_string())?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[test]
fn agrees_with_the_genuine_libraries() {
    let (data, vectors) = vectors();
    let helm = Rc::new(functions());
    assert!(vectors.len() > 600);
    let mut wrong = Vec::new();
    for vector in &vectors {
        let ours = render(vector, &data, &helm);
        let listed = DIFFERENCES
            .iter()
            .any(|(template, _)| *template == vector.template);
        if (ours != vector.expected) != listed {
            wrong.push(format!(
                "{} {}\n  - {:?}\n  + {ours:?}",
                vector.mode, vector.template, vector.expected
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} of {} wrong",
        wrong.join("\n"),
        wrong.len(),
        vectors.len()
    );
}
