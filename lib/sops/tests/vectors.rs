//! Decrypts what the genuine program encrypted; see the SOURCE line of the file.

use serde_json::Value;
use sops::{Format, Integrity, Keys, decrypt};

const VECTORS: &str = include_str!("../vectors/sops.json");

/// Outputs that differ, each with the reason.
const DIFFERENCES: &[(&str, &str, &str)] = &[];

fn format(name: &str) -> Format {
    match name {
        "binary" => Format::Binary,
        "dotenv" => Format::Dotenv,
        "ini" => Format::Ini,
        "json" => Format::Json,
        "yaml" => Format::Yaml,
        other => panic!("{other}"),
    }
}

#[expect(clippy::unwrap_used, reason = "a helper of the tests below")]
fn keys(vectors: &Value, names: &Value) -> Keys {
    let mut keys = Keys::default();
    for name in names.as_array().unwrap() {
        let name = name.as_str().unwrap();
        let text = vectors["keys"][name].as_str().unwrap();
        match name.split_once(':').unwrap().0 {
            "age" => keys.import_age(text).unwrap(),
            _ => keys.import_pgp(text.as_bytes()).unwrap(),
        }
    }
    keys
}

#[test]
fn documents_are_decrypted() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut failures = Vec::new();
    for case in vectors["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let from = format(case["format"].as_str().unwrap());
        let keys = keys(&vectors, &case["keys"]);
        let encrypted = case["encrypted"].as_str().unwrap().as_bytes();
        for (to, expected) in case["decrypted"].as_object().unwrap() {
            let output = decrypt(encrypted, from, format(to), &keys, Integrity::Checked);
            let output = output.map(|bytes| String::from_utf8(bytes).unwrap());
            let differs = output.as_deref().ok() != expected.as_str();
            let known = DIFFERENCES
                .iter()
                .any(|(case, format, _)| *case == name && format == to);
            if differs != known {
                failures.push(format!("{name} as {to}: {output:?}\nexpected {expected}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn errors_say_what_is_wrong() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    for case in vectors["errors"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let format = format(case["format"].as_str().unwrap());
        let keys = keys(&vectors, &case["keys"]);
        let encrypted = case["encrypted"].as_str().unwrap().as_bytes();
        let error = decrypt(encrypted, format, format, &keys, Integrity::Checked).unwrap_err();
        let genuine = case["error"].as_str().unwrap();
        let (ours, theirs) = match name {
            // The program adds the places where it looked for keys; upstream's controller has none.
            "wrong-age" => (
                "incorrect\n      | identity for recipient block\n\nRecovery failed because no",
                "incorrect\n      | identity for recipient block. Did",
            ),
            "mac" => (
                "failed to verify sops data integrity: MAC mismatch",
                "MAC mismatch",
            ),
            "broken-value" => (
                "Error walking tree: Could not decrypt value: Could not decrypt with AES_GCM: cipher: message authentication failed",
                "Error walking tree: Could not decrypt value: Could not decrypt with AES_GCM: cipher: message authentication failed",
            ),
            "plain-value" => (
                "Input string <redacted> does not match sops' data format",
                "Input string plain does not match",
            ),
            "no-metadata" => ("sops metadata not found", "sops metadata not found"),
            "json-array" => (
                "SOPS only supports JSON files with a top-level object",
                "cannot unmarshal array",
            ),
            other => panic!("{other}"),
        };
        assert!(error.to_string().contains(ours), "{name}: {error}");
        assert!(genuine.contains(theirs), "{name}: {genuine}");
    }
}

#[test]
fn added_values_are_noticed_only_when_asked() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let case = vectors["cases"]
        .as_array()
        .unwrap()
        .iter()
        .find(|case| case["name"] == "json-resource")
        .unwrap();
    let keys = keys(&vectors, &case["keys"]);
    let mut document: Value = serde_json::from_str(case["encrypted"].as_str().unwrap()).unwrap();
    document["metadata"]["namespace"] = "added".into();
    let document = document.to_string();
    let run = |integrity| decrypt(document.as_bytes(), Format::Json, Format::Json, &keys, integrity);
    assert!(run(Integrity::Checked).is_err());
    let plain: Value = serde_json::from_slice(&run(Integrity::Ignored).unwrap()).unwrap();
    assert_eq!(plain["stringData"]["k"], "v");
    assert_eq!(plain["metadata"]["namespace"], "added");
}
