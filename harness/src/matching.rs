//! Whether an object is as a scenario says: subset match with Kubernetes' list keys, conditions, CEL.

mod state;

pub(crate) use state::{Freshness, check, conditions, describe, held};

use serde_json::{Map, Value};

/// Lists that Kubernetes treats as maps: the field's name and the members that identify an entry.
const LIST_KEYS: [(&str, &[&str]); 16] = [
    ("conditions", &["type"]),
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("env", &["name"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("imagePullSecrets", &["name"]),
    ("ownerReferences", &["uid"]),
    ("entries", &["id"]),
    ("dependsOn", &["name"]),
    ("containerStatuses", &["name"]),
    ("secrets", &["name"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
];

/// One difference between what was expected and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where in the object.
    pub(crate) path: String,
    /// What should have been there.
    pub(crate) expected: String,
    /// What was there.
    pub(crate) seen: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seen = self.seen.trim_end().replace('\n', " | ");
        write!(f, "{}: expected {}, saw {seen}", self.path, self.expected)
    }
}

impl Difference {
    pub(crate) fn new(path: impl Into<String>, expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            expected: expected.into(),
            seen: seen.into(),
        }
    }
}

/// Collects how `actual` differs from the part `expected`; `null` expects absence.
pub(crate) fn subset(expected: &Value, actual: &Value, path: &str, found: &mut Vec<Difference>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => members(expected, actual, path, found),
        (Value::Array(expected), Value::Array(actual)) => items(expected, actual, path, found),
        (expected, actual) if same(expected, actual) => {}
        (expected, actual) => found.push(Difference::new(path, short(expected), short(actual))),
    }
}

fn members(
    expected: &Map<String, Value>,
    actual: &Map<String, Value>,
    path: &str,
    found: &mut Vec<Difference>,
) {
    for (name, wanted) in expected {
        let path = join(path, name);
        match (wanted, actual.get(name)) {
            (Value::Null, None | Some(Value::Null)) => {}
            (Value::Null, Some(seen)) => found.push(Difference::new(path, "nothing", short(seen))),
            (wanted, Some(seen)) => subset(wanted, seen, &path, found),
            (wanted, None) => found.push(Difference::new(path, short(wanted), "nothing")),
        }
    }
}

fn items(expected: &[Value], actual: &[Value], path: &str, found: &mut Vec<Difference>) {
    if expected.is_empty() && !actual.is_empty() {
        found.push(Difference::new(
            path,
            "an empty list",
            short(&Value::Array(actual.to_vec())),
        ));
        return;
    }
    let mut taken = vec![false; actual.len()];
    for (index, wanted) in expected.iter().enumerate() {
        if let Some((label, position)) = by_key(wanted, actual, path) {
            let path = format!("{path}[{label}]");
            match position {
                Some(position) => subset(wanted, &actual[position], &path, found),
                None => found.push(Difference::new(path, short(wanted), "nothing")),
            }
            continue;
        }
        let fitting = actual.iter().enumerate().find(|(position, seen)| {
            let mut differences = Vec::new();
            subset(wanted, seen, "", &mut differences);
            !taken[*position] && differences.is_empty()
        });
        match fitting {
            Some((position, _)) => taken[position] = true,
            None => found.push(Difference::new(
                format!("{path}[{index}]"),
                format!("an entry like {}", short(wanted)),
                short(&Value::Array(actual.to_vec())),
            )),
        }
    }
}

/// The label of `wanted` by its list's key and where its counterpart stands, if the list has a key that it carries.
fn by_key(wanted: &Value, actual: &[Value], path: &str) -> Option<(String, Option<usize>)> {
    let field = path.rsplit('.').next().unwrap_or(path);
    let keys: &[&str] = match LIST_KEYS.iter().find(|(name, _)| *name == field) {
        Some((_, keys)) => keys,
        None if field == "ports" => {
            if wanted.get("containerPort").is_some() {
                &["containerPort"]
            } else {
                &["port"]
            }
        }
        None => return None,
    };
    let label: Option<Vec<String>> = keys
        .iter()
        .map(|key| wanted.get(key).map(|value| format!("{key}={}", plain(value))))
        .collect();
    let position = actual
        .iter()
        .position(|seen| keys.iter().all(|key| seen.get(key) == wanted.get(key)));
    Some((label?.join(","), position))
}

/// Equality in which `1` is `1.0`.
fn same(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Number(expected), Value::Number(actual)) => expected.as_f64() == actual.as_f64(),
        (expected, actual) => expected == actual,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else if name.contains('.') || name.contains('/') {
        format!("{path}[{name}]")
    } else {
        format!("{path}.{name}")
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value in one line of bounded length.
pub(crate) fn short(value: &Value) -> String {
    const LENGTH_MAX: usize = 400;
    let text = value.to_string();
    match text.char_indices().nth(LENGTH_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(expected: &Value, actual: &Value) -> Vec<String> {
        let mut found = Vec::new();
        subset(expected, actual, "", &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_subset_matches_and_the_rest_is_named() {
        let actual = json!({
            "metadata": {"labels": {"a/b": "1", "c": "2"}},
            "spec": {"replicas": 2, "containers": [{"name": "x", "image": "i"}, {"name": "y", "image": "j"}]},
            "finalizers": ["f1", "f2"],
        });
        let holds = json!({
            "metadata": {"labels": {"a/b": "1", "gone": null}},
            "spec": {"containers": [{"name": "y", "image": "j"}]},
            "finalizers": ["f2"],
        });
        assert_eq!(differences(&holds, &actual), Vec::<String>::new());
        let fails = json!({
            "metadata": {"labels": {"a/b": "9", "c": null}},
            "spec": {"containers": [{"name": "y", "image": "k"}, {"name": "z"}]},
            "finalizers": ["f3"],
        });
        assert_eq!(
            differences(&fails, &actual),
            [
                r#"finalizers[0]: expected an entry like "f3", saw ["f1","f2"]"#,
                r#"metadata.labels[a/b]: expected "9", saw "1""#,
                r#"metadata.labels.c: expected nothing, saw "2""#,
                r#"spec.containers[name=y].image: expected "k", saw "j""#,
                r#"spec.containers[name=z]: expected {"name":"z"}, saw nothing"#,
            ]
        );
    }

    #[test]
    fn entries_without_their_key_need_any_distinct_counterpart() {
        let actual = json!([{"a": 1}, {"a": 2}]);
        assert!(differences(&json!([{"a": 2}, {"a": 1}]), &actual).is_empty());
        assert_eq!(differences(&json!([{"a": 2}, {"a": 2}]), &actual).len(), 1);
        assert_eq!(differences(&json!([]), &actual).len(), 1);
    }
}
