//! Generates, builds and substitutes as Flux's libraries did; see the SOURCE line of the file.

use std::collections::BTreeMap;

use kustomize::{
    Tree,
    flux::{self, Substitution},
};
use serde_json::Value;

const VECTORS: &str = include_str!("../vectors/flux.json");

/// Inputs where this crate says something else, each with the reason.
const DIFFERENCES: &[(&str, &str)] = &[];

fn check(wrong: &mut Vec<String>, case: &Value, found: &Result<String, String>) {
    let text = |field: &str| case[field].as_str().unwrap_or_default();
    let name = text("name");
    let expected = match case.get("out") {
        Some(_) => Ok(text("out").to_owned()),
        None => Err(text("error").trim_end().to_owned()),
    };
    let found = found.clone().map_err(|error| without_line(error.trim_end()));
    let listed = DIFFERENCES.iter().any(|(other, _)| *other == name);
    if (found != expected.clone().map_err(|error| without_line(&error))) != listed {
        wrong.push(format!("{name}\n- {expected:?}\n+ {found:?}"));
    }
}

/// Without the line of a YAML error, where go-yaml often names the one before, or none.
fn without_line(text: &str) -> String {
    let Some((before, rest)) = text.split_once("yaml: line ") else {
        return text.to_owned();
    };
    let after = rest.split_once(": ").map_or(rest, |(_, after)| after);
    format!("{before}yaml: {after}")
}

// Covers: KC-20, KC-21, KC-23.
#[test]
fn generates_and_builds_as_flux() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut wrong = Vec::new();
    for case in vectors["generate"].as_array().unwrap() {
        let files = case["files"].as_object().unwrap();
        let tree: Tree = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str().unwrap()))
            .collect();
        let found = flux::build(&tree, "app", &case["spec"]);
        let found = found
            .map(|objects| kustomize::to_yaml(&objects))
            .map_err(|error| error.to_string());
        check(&mut wrong, case, &found);
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}

// Covers: KC-29, KC-30, KC-31, KC-34, KC-35, KC-36, KC-37.
#[test]
fn substitutes_as_flux() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut wrong = Vec::new();
    for case in vectors["substitute"].as_array().unwrap() {
        let inline: BTreeMap<String, String> = case["vars"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, text)| (key.clone(), text.as_str().unwrap().to_owned()))
            .collect();
        let variables = flux::variables([], &inline);
        let object = yaml::read(case["object"].as_str().unwrap(), yaml::Dialect::Kyaml).unwrap();
        let how = Substitution {
            strict: case["strict"].as_bool().unwrap(),
            always: case["always"].as_bool().unwrap(),
        };
        let prefix = format!("post build failed for '{}': ", flux::short_id(&object));
        let found = flux::substitute(&object, &variables, how)
            .map(|object| yaml::to_string(&object))
            .map_err(|error| error.to_string().replace(&prefix, ""));
        check(&mut wrong, case, &found);
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}
