//! Stage: the values, out of ConfigMaps, Secrets and the spec.

use base64::{Engine, engine::general_purpose::STANDARD};
use flux_api::{
    HelmRelease, helm_release::ValuesReference, kustomization::SubstituteKind, reason::VALUES_ERROR,
};
use flux_runtime::Failure;
use helm::{load_values, merge_maps, parse_into, parse_literal_into, parse_string_into};
use kube::ResourceExt;
use manifest::{Gvk, ObjectRef};
use serde_json::{Map, Value};
use ssa::Cluster;

type Table = Map<String, Value>;

const DEFAULT_KEY: &str = "values.yaml";

/// The values of a release.
pub(crate) async fn compose(cluster: &Cluster, object: &HelmRelease) -> Result<Table, Failure> {
    let failed = |error: String| Failure::retry(VALUES_ERROR, error);
    let inline = inline(object).map_err(failed)?;
    let mut values = Table::new();
    for reference in object.spec.values_from.iter().flatten() {
        let source = source(object, reference);
        let found = match cluster.get(&source).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() && reference.optional == Some(true) => Ok(None),
            Err(error) => Err(error.to_string()),
        };
        values = add(values, reference, &source, found, &inline).map_err(failed)?;
    }
    Ok(merge_maps(values, inline))
}

/// The values of a release, if what it refers to is given rather than read.
pub(crate) fn compose_from(
    object: &HelmRelease,
    given: impl Fn(&ObjectRef) -> Option<Value>,
) -> Result<Table, String> {
    let inline = inline(object)?;
    let mut values = Table::new();
    for reference in object.spec.values_from.iter().flatten() {
        let source = source(object, reference);
        let found = match given(&source) {
            None if reference.optional != Some(true) => Err("it is not given".to_owned()),
            found => Ok(found),
        };
        values = add(values, reference, &source, found, &inline)?;
    }
    Ok(merge_maps(values, inline))
}

fn source(object: &HelmRelease, reference: &ValuesReference) -> ObjectRef {
    ObjectRef {
        gvk: Gvk::new("v1", reference.kind.as_str()),
        namespace: object.namespace().unwrap_or_default(),
        name: reference.name.clone(),
    }
}

/// The values with those of what was found, if anything was.
fn add(
    values: Table,
    reference: &ValuesReference,
    source: &ObjectRef,
    found: Result<Option<Value>, String>,
    inline: &Table,
) -> Result<Table, String> {
    let merged = found.and_then(|found| match found {
        Some(found) => merge(values, reference, &found, inline),
        None => Ok(values),
    });
    merged.map_err(|cause| unresolved(reference, source, &cause))
}

/// The values in the spec; their numbers are those of YAML.
fn inline(object: &HelmRelease) -> Result<Table, String> {
    match &object.spec.values {
        None | Some(Value::Null) => Ok(Table::new()),
        Some(values) => load_values(&values.to_string()).map_err(|error| error.to_string()),
    }
}

fn unresolved(reference: &ValuesReference, source: &ObjectRef, cause: &str) -> String {
    let optional = if reference.optional == Some(true) {
        " optional"
    } else {
        ""
    };
    format!(
        "could not resolve{optional} {} chart values reference '{}/{}' with key '{}': {cause}",
        reference.kind,
        source.namespace,
        source.name,
        key(reference)
    )
}

fn key(reference: &ValuesReference) -> &str {
    let key = reference.values_key.as_deref();
    key.filter(|key| !key.is_empty()).unwrap_or(DEFAULT_KEY)
}

/// The values with those of one ConfigMap or Secret.
fn merge(values: Table, reference: &ValuesReference, found: &Value, inline: &Table) -> Result<Table, String> {
    let entry = found.get("data").and_then(|data| data.get(key(reference)));
    let text = match (reference.kind, entry.and_then(Value::as_str)) {
        (_, None) if reference.optional == Some(true) => return Ok(values),
        (_, None) => return Err("key not found".to_owned()),
        (SubstituteKind::ConfigMap, Some(text)) => text.to_owned(),
        // A Secret's bytes never show in an error.
        (SubstituteKind::Secret, Some(text)) => {
            let bytes = STANDARD.decode(text).map_err(|_| "the value is not base64")?;
            String::from_utf8(bytes).map_err(|_| "the value is no text")?
        }
    };
    let hidden = |error: helm::Error| match reference.kind {
        SubstituteKind::ConfigMap => error.to_string(),
        // DIFFERENCE: upstream repeats what the YAML parser says, and that may quote the Secret.
        SubstituteKind::Secret => "the value cannot be read as values".to_owned(),
    };
    match reference.target_path.as_deref().filter(|path| !path.is_empty()) {
        None => Ok(merge_maps(values, load_values(&text).map_err(hidden)?)),
        Some(path) => {
            // QUIRK: what stands in the spec is merged before the value is set.
            let mut values = merge_maps(values, inline.clone());
            set(&mut values, path, &text, reference.literal == Some(true)).map_err(hidden)?;
            Ok(values)
        }
    }
}

fn set(values: &mut Table, path: &str, text: &str, literal: bool) -> Result<(), helm::Error> {
    if literal {
        return parse_literal_into(&format!("{path}={text}"), values);
    }
    // A value in quotes is a text, whatever it looks like.
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            let escaped = inner.replace('\\', "\\\\").replace(',', "\\,");
            return parse_string_into(&format!("{path}={escaped}"), values);
        }
    }
    parse_into(&format!("{path}={text}"), values)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference(more: Value) -> ValuesReference {
        let mut all = json!({"kind": "ConfigMap", "name": "v"});
        for (key, value) in more.as_object().unwrap() {
            all[key] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    fn merged(more: Value, data: Value) -> Result<Value, String> {
        let base = load_values("a: {b: 1, c: 2}\nlist: [1, 2]").unwrap();
        merge(base, &reference(more), &json!({"data": data}), &Table::new()).map(Value::Object)
    }

    // Covers: HC-10.
    #[test]
    fn maps_are_merged_and_lists_replaced() {
        assert_eq!(
            merged(json!({}), json!({"values.yaml": "a: {b: 3}\nlist: [9]"})),
            Ok(json!({"a": {"b": 3.0, "c": 2.0}, "list": [9.0]}))
        );
        let secret = json!({"kind": "Secret", "valuesKey": "k"});
        assert_eq!(
            merged(secret, json!({"k": STANDARD.encode("a: x")})),
            Ok(json!({"a": "x", "list": [1.0, 2.0]}))
        );
        assert_eq!(merged(json!({}), json!({})), Err("key not found".to_owned()));
        assert!(merged(json!({"optional": true}), json!({})).is_ok());
    }

    #[test]
    fn a_path_is_set_as_with_a_flag() {
        let at =
            |more: Value, text: &str| merged(more, json!({"values.yaml": text})).unwrap()["a"]["b"].clone();
        assert_eq!(at(json!({"targetPath": "a.b"}), "7"), json!(7));
        assert_eq!(at(json!({"targetPath": "a.b"}), "'7'"), json!("7"));
        assert_eq!(
            at(json!({"targetPath": "a.b", "literal": true}), "{7,8}"),
            json!("{7,8}")
        );
        assert_eq!(at(json!({"targetPath": "a.b"}), "{x,y}"), json!(["x", "y"]));
    }

    #[test]
    fn a_secret_does_not_show_in_errors() {
        let secret = json!({"kind": "Secret"});
        let error = merged(secret, json!({"values.yaml": STANDARD.encode("hunter2: [")})).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
