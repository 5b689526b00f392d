//! Takes out of an object what differs from run to run, and names commits by their fixture.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use serde_json::Value;

/// Members of `metadata` that are dropped.
const DROPPED: [&str; 5] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "selfLink",
];

/// Values that are replaced wherever their member stands.
const MASKED: [(&str, &str); 3] = [
    ("uid", "<uid>"),
    ("resourceVersion", "<resourceVersion>"),
    ("size", "<size>"),
];

static TIME: LazyLock<Regex> = LazyLock::new(|| regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"));
static DIGEST: LazyLock<Regex> = LazyLock::new(|| regex(r"sha(256|512):[0-9a-f]{64,128}"));
static TOOK: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?(?:ns|µs|ms|s)\b"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is constant")
}

/// The object without what differs from run to run.
pub(super) fn redact(object: &Value, commits: &BTreeMap<(String, String), String>) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| !DROPPED.contains(&name.as_str()));
    }
    walk(&mut object, "", commits);
    object
}

fn walk(value: &mut Value, name: &str, commits: &BTreeMap<(String, String), String>) {
    if let Some((_, mask)) = MASKED.iter().find(|(masked, _)| *masked == name) {
        if value.is_string() || value.is_number() {
            *value = Value::String((*mask).to_owned());
        }
        return;
    }
    match value {
        Value::Object(members) => members
            .iter_mut()
            .for_each(|(name, member)| walk(member, name, commits)),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, "", commits)),
        Value::String(text) => *text = mask(text, name, commits),
        _ => {}
    }
}

fn mask(text: &str, name: &str, commits: &BTreeMap<(String, String), String>) -> String {
    let mut text = text.to_owned();
    for ((repo, revision), sha) in commits {
        text = text.replace(sha.as_str(), &format!("<{repo}@{revision}>"));
    }
    text = TIME.replace_all(&text, "<time>").into_owned();
    text = DIGEST.replace_all(&text, "<digest>").into_owned();
    if name == "lastReconciledDuration" || text.contains(" in ") || text.contains(" after ") {
        text = TOOK.replace_all(&text, "<duration>").into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_masked() {
        let sha = "0123456789012345678901234567890123456789";
        let commits = BTreeMap::from([(("app".to_owned(), "v1".to_owned()), sha.to_owned())]);
        let object = json!({
            "metadata": {"name": "a", "uid": "1", "resourceVersion": "2", "generation": 3},
            "status": {
                "revision": format!("main@sha1:{sha}"),
                "lastTransitionTime": "2024-01-01T00:00:00Z",
                "message": "Health check passed in 2.5s",
                "interval": "10m0s",
            },
        });
        assert_eq!(
            redact(&object, &commits),
            json!({
                "metadata": {"name": "a", "generation": 3},
                "status": {
                    "revision": "main@sha1:<app@v1>",
                    "lastTransitionTime": "<time>",
                    "message": "Health check passed in <duration>",
                    "interval": "10m0s",
                },
            })
        );
    }
}
