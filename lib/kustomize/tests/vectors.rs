//! Builds what `kubectl kustomize` built, byte for byte; see the SOURCE lines of the files.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use kustomize::{Options, Order, RootOnly, Tree};
use serde_json::{Value, json};

/// Inputs where this crate says something else, each with the reason.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "patch-bad-regex",
        "the regex crate words its errors in its own way",
    ),
    (
        "repl-yaml-in-text",
        "DIFFERENCE: YAML in a text is written anew, with sorted keys and without comments",
    ),
    (
        "key-as-bool",
        "DIFFERENCE: upstream writes the key unquoted, and then cannot print the object",
    ),
    (
        "err-absolute",
        "DIFFERENCE: nothing outside the tree is read, so that kubectl's words do not fit",
    ),
    (
        "err-yaml-template",
        "DIFFERENCE: a collection as a key is reported where it stands, not as a missing name",
    ),
    (
        "err-duplicate-key",
        "DIFFERENCE: the file is named, not only the line",
    ),
    (
        "patch-sm-kind-mismatch",
        "the node in the message keeps its flow style upstream",
    ),
    (
        "resource-infinity",
        "DIFFERENCE: a number that JSON does not have is refused when it is read",
    ),
    (
        "names-number-untouched",
        "DIFFERENCE: a name that is a number is printed as a text",
    ),
    ("namespace-conflict", "upstream shows its internal annotations"),
];

#[test]
fn builds_as_kubectl_kustomize() {
    check(include_str!("../vectors/build.json"));
}

#[test]
fn features_work_as_in_kubectl_kustomize() {
    check(include_str!("../vectors/features.json"));
}

#[test]
fn copies_that_double_each_other_are_refused() {
    let doubled = "- source: {kind: X, fieldPath: a}\n  targets: [{select: {kind: X}, fieldPaths: [a], options: {delimiter: ',', index: 99}}]\n";
    let nested = "- source: {kind: X, fieldPath: b}\n  targets: [{select: {kind: X}, fieldPaths: [b.c.d], options: {create: true}}]\n";
    let copied = "    - {op: copy, from: /b, path: /b/x}\n    - {op: copy, from: /b/x, path: /b/y}\n";
    let deep = format!(
        "replacements:\n- sourceValue: v\n  targets: [{{select: {{kind: X}}, fieldPaths: [{}z], options: {{create: true}}}}]\n",
        "a.".repeat(100_000)
    );
    for (entries, refusal) in [
        (
            format!("replacements:\n{}", doubled.repeat(60)),
            "bytes are copied",
        ),
        (format!("replacements:\n{}", nested.repeat(200)), "levels"),
        (
            format!(
                "patches:\n- target: {{kind: X}}\n  patch: |\n{}",
                copied.repeat(60)
            ),
            "bytes are copied",
        ),
        (deep, "parts"),
    ] {
        let kustomization = format!("resources: [x.yaml]\n{entries}");
        let object = "apiVersion: e.com/v1\nkind: X\nmetadata: {name: x}\na: text\nb: {x: {}, y: text}\n";
        let tree: Tree = [("kustomization.yaml", kustomization.as_str()), ("x.yaml", object)]
            .into_iter()
            .collect();
        let error = kustomize::build(&tree, "").unwrap_err().to_string();
        assert!(error.contains(refusal), "{error}");
    }
}

fn check(vectors: &str) {
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let mut wrong = Vec::new();
    let cases = vectors["cases"].as_array().unwrap();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (found, warnings) = build(case);
        let expected = match case.get("out") {
            Some(out) => out.as_str().unwrap().to_owned(),
            None => format!("error: {}", case["error"].as_str().unwrap()),
        };
        let listed = DIFFERENCES.iter().any(|(other, _)| *other == name);
        if (masked(&found) != masked(&expected)) != listed {
            wrong.push(format!("{name}\n{}", difference(&expected, &found)));
        }
        if vectors.get("warns").is_some() && case.get("warnings").unwrap_or(&json!([])) != &json!(warnings) {
            wrong.push(format!("{name} warns {warnings:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} of {} wrong",
        wrong.join("\n"),
        wrong.len(),
        cases.len()
    );
}

fn build(case: &Value) -> (String, Vec<String>) {
    let files = case["files"].as_object().unwrap();
    let tree: Tree = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str().unwrap()))
        .collect();
    let order = match case.get("order") {
        Some(_) => Order::ByKind,
        None => Order::AsFound,
    };
    let mut warnings = Vec::new();
    let built = if case.get("restricted").is_some() {
        kustomize::build_noting(&RootOnly(&tree), "app", Options { order }, &mut warnings)
    } else {
        kustomize::build_noting(&tree, "app", Options { order }, &mut warnings)
    };
    let found = match built {
        Ok(objects) => kustomize::to_yaml(&objects),
        Err(error) => format!("error: {error}"),
    };
    (found, warnings)
}

/// Without the lines of YAML errors, where go-yaml often names the one before, and without Go's pointers.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.trim_end();
    while let Some((before, after)) = rest.split_once("yaml: line ") {
        out.push_str(before);
        out.push_str("yaml: ");
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        rest = rest.strip_prefix(": ").unwrap_or(rest);
    }
    out.push_str(rest);
    match (out.find(" &{0x"), out.find(" <nil>}")) {
        (Some(start), Some(end)) => format!("{}{}", &out[..start], &out[end + " <nil>}".len()..]),
        _ => out,
    }
}

fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let same = expected.iter().zip(&found).take_while(|(x, y)| x == y).count();
    let shown = |lines: &[&str], sign: char| {
        let lines: Vec<_> = lines
            .iter()
            .skip(same)
            .take(6)
            .map(|line| format!("  {sign} {line}"))
            .collect();
        lines.join("\n")
    };
    format!(
        "  at line {same}\n{}\n{}",
        shown(&expected, '-'),
        shown(&found, '+')
    )
}
