//! Every vector of the genuine library.

use serde_json::Value;
use version::{Constraint, Version};

const VECTORS: &str = include_str!("../vectors/masterminds.jsonl");

/// What the genuine library said, or its error.
fn answer<T>(ours: Result<T, impl ToString>, show: impl Fn(T) -> [String; 2]) -> [Option<String>; 2] {
    match ours {
        Ok(value) => show(value).map(Some),
        Err(error) => [None, Some(error.to_string())],
    }
}

#[test]
fn agrees_with_the_genuine_library() {
    let mut versions: Vec<Version> = Vec::new();
    let mut differences = Vec::new();
    let mut cases = 0;
    for line in VECTORS.lines() {
        let vector: Vec<Value> = serde_json::from_str(line).unwrap();
        let text = |index: usize| vector[index].as_str().map(str::to_owned);
        let input = text(1).unwrap();
        let shown = |it: Version| [it.to_string(), it.original().to_owned()];
        let ours = match text(0).unwrap().as_str() {
            "SOURCE" => continue,
            "versions" => {
                let names = vector[1..].iter();
                versions = names.map(|it| it.as_str().unwrap().parse().unwrap()).collect();
                continue;
            }
            "order" => {
                let other: Version = text(2).unwrap().parse().unwrap();
                let order = input.parse::<Version>().unwrap().cmp(&other) as i64;
                if vector[3] != order {
                    differences.push(format!("{line}: {order}"));
                }
                cases += 1;
                continue;
            }
            "version" => answer(input.parse(), shown),
            "strict" => answer(Version::strict(&input), shown),
            "constraint" => answer(input.parse(), |it: Constraint| {
                let bits = versions
                    .iter()
                    .map(|version| if it.matches(version) { '1' } else { '0' });
                [bits.collect(), it.to_string()]
            }),
            other => panic!("unknown kind of vector {other}"),
        };
        cases += 1;
        if ours != [text(2), text(3)] {
            differences.push(format!("{line}: {ours:?}"));
        }
    }
    assert!(cases > 2000);
    assert!(
        differences.is_empty(),
        "{} of {cases}\n{}",
        differences.len(),
        differences.join("\n")
    );
}
