//! Reads and writes what the genuine programs read and wrote; see the SOURCE line of the file.

use serde_json::Value;
use yaml::Dialect;

const VECTORS: &str = include_str!("../vectors/yaml.json");

/// Inputs where this reader says something else, each with the reason.
const READ_DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "anchor-self",
        "kyaml",
        "DIFFERENCE: kyaml dies of a stack overflow",
    ),
    (
        "bool-key-nested",
        "kyaml",
        "DIFFERENCE: keys that are no texts are taken as written",
    ),
    (
        "int-key-nested",
        "kyaml",
        "DIFFERENCE: keys that are no texts are taken as written",
    ),
    (
        "null-key",
        "kyaml",
        "DIFFERENCE: keys that are no texts are taken as written",
    ),
    (
        "tilde-key",
        "kyaml",
        "DIFFERENCE: keys that are no texts are taken as written",
    ),
    (
        "folded",
        "kyaml",
        "DIFFERENCE: kyaml prints and reads again, and doubles a break before an indented line",
    ),
    ("merge-bad", "kyaml", "kyaml leaves out the prefix here"),
    (
        "merge-quoted",
        "kyaml",
        "DIFFERENCE: kyaml loses a quoted merge key",
    ),
    ("null-key", "kubernetes", "the value is not printed"),
    ("tilde-key", "kubernetes", "the value is not printed"),
    ("old-complexkey", "kyaml", "worded differently"),
    ("old-emptydoc", "kyaml", "an empty text reads as null"),
    ("only-comment", "kyaml", "an empty text reads as null"),
    ("scalar-doc", "kyaml", "the vector comes from decoding into a map"),
    (
        "old-nbsp",
        "kubernetes",
        "DIFFERENCE: the parser follows YAML 1.2, where U+2028 is no line break",
    ),
    (
        "old-nbsp",
        "kyaml",
        "DIFFERENCE: the parser follows YAML 1.2, where U+2028 is no line break",
    ),
    (
        "unclosed-quote",
        "kubernetes",
        "DIFFERENCE: a quoted text has to be indented on every line",
    ),
    (
        "unclosed-quote",
        "kyaml",
        "DIFFERENCE: a quoted text has to be indented on every line",
    ),
];

#[test]
fn writes_as_sigs_yaml() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut wrong = Vec::new();
    for case in vectors["write"].as_array().unwrap() {
        let written = yaml::to_string(&case["value"]);
        if written != case["yaml"].as_str().unwrap() {
            wrong.push(similar(case["yaml"].as_str().unwrap(), &written));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn similar(expected: &str, found: &str) -> String {
    let mut lines = Vec::new();
    for (left, right) in expected.lines().zip(found.lines()) {
        if left != right {
            lines.push(format!("expected {left:?}\n   found {right:?}"));
        }
    }
    lines.join("\n")
}

/// Errors are compared without the place: go-yaml often names the line before, or none.
fn without_line(text: &str) -> String {
    let Some((before, rest)) = text.split_once("yaml: line ") else {
        return text.to_owned();
    };
    let after = rest.split_once(": ").map_or(rest, |(_, after)| after);
    format!("{before}yaml: {after}")
}

#[test]
fn reads_as_sigs_yaml_and_kyaml() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut wrong = Vec::new();
    for case in vectors["read"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        for (dialect, key) in [(Dialect::Kubernetes, "kubernetes"), (Dialect::Kyaml, "kyaml")] {
            let found = match yaml::read(case["in"].as_str().unwrap(), dialect) {
                Ok(value) => value.to_string(),
                Err(error) => format!("error {error}"),
            };
            let expected = match case.get(key) {
                Some(value) => value.to_string(),
                None => format!("error {}", case[&format!("{key}Error")].as_str().unwrap()),
            };
            let listed = READ_DIFFERENCES.iter().any(|(n, k, _)| (*n, *k) == (name, key));
            if (without_line(&found) != without_line(&expected)) != listed {
                wrong.push(format!("{name} {key}\n  expected {expected}\n     found {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}
