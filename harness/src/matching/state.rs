//! Checks a [`State`] of a scenario against what was observed.

use std::collections::BTreeMap;

use cel::{Context, Program};
use serde_json::Value;

use super::{Difference, short, subset};
use crate::{
    journal::{Journal, Key, Seen, What},
    scenario::{ConditionMatch, EventMatch, State},
};

/// What a fresh observation must have seen: the cluster may still show the state before the latest action.
#[derive(Debug, Clone, Default)]
pub(crate) struct Freshness {
    /// The commit that each branch of each fixture repository points at, by URL and branch.
    pub(crate) heads: BTreeMap<(String, String), String>,
    /// Where the observations since the latest action begin.
    pub(crate) since: usize,
}

/// How the cluster differs from `state`; empty when it holds. Without `freshness` any present state counts.
pub(crate) fn check(state: &State, journal: &Journal, freshness: Option<&Freshness>) -> Vec<Difference> {
    let mut found = Vec::new();
    let object = journal.get(&state.object);
    match (object, state.exists) {
        (None, true) => {
            found.push(Difference::new(
                state.object.to_string(),
                "it to exist",
                never_or_gone(state, journal),
            ));
        }
        (Some(object), false) => {
            let terminating = object.pointer("/metadata/deletionTimestamp").is_some();
            let seen = if terminating { "it being deleted" } else { "it" };
            found.push(Difference::new(state.object.to_string(), "nothing", seen));
        }
        (None, false) => {}
        (Some(object), true) => {
            found.extend(describe(state, object));
            if let Some(freshness) = freshness {
                found.extend(stale(state, object, journal, freshness));
            }
        }
    }
    if let Some(event) = &state.event {
        let since = freshness.map_or(0, |freshness| freshness.since);
        found.extend(missing_event(state, event, &journal.history()[since..]));
    }
    found
}

/// Whether one version of an object was as `state` says, of the generation that it then had.
pub(crate) fn held(state: &State, object: &Value) -> bool {
    state.exists && describe(state, object).is_empty() && of_older_generation(object).is_none()
}

/// How one version of an object differs from what `state` says of it.
pub(crate) fn describe(state: &State, object: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    for (kind, wanted) in &state.conditions {
        condition(kind, wanted, object, &mut found);
    }
    if let Some(part) = &state.part {
        subset(&Value::Object(part.clone()), object, "", &mut found);
    }
    if let Some(expression) = &state.cel {
        expression_holds(expression, object, &mut found);
    }
    found
}

fn never_or_gone(state: &State, journal: &Journal) -> &'static str {
    let deleted = journal
        .history()
        .iter()
        .any(|seen| seen.what == What::Deleted && seen.key.is(&state.object));
    if deleted {
        "that it was deleted"
    } else {
        "that it never existed"
    }
}

fn condition(kind: &str, wanted: &ConditionMatch, object: &Value, found: &mut Vec<Difference>) {
    let path = format!("condition {kind}");
    let seen = conditions(object).find(|condition| condition["type"] == kind);
    let Some(seen) = seen else {
        if !wanted.is_absent() {
            let present: Vec<&str> = conditions(object).filter_map(|c| c["type"].as_str()).collect();
            found.push(Difference::new(path, "it to be set", format!("only {present:?}")));
        }
        return;
    };
    let member = |name: &str| seen[name].as_str().unwrap_or_default();
    let shown = format!("{} {}: {}", member("status"), member("reason"), member("message"));
    if wanted.is_absent() {
        found.push(Difference::new(path, "it to be absent", shown));
        return;
    }
    if let Some(status) = wanted
        .status
        .as_deref()
        .filter(|status| *status != member("status"))
    {
        found.push(Difference::new(
            path.clone(),
            format!("status {status}"),
            shown.clone(),
        ));
    }
    if let Some(reason) = wanted
        .reason
        .as_deref()
        .filter(|reason| *reason != member("reason"))
    {
        found.push(Difference::new(
            path.clone(),
            format!("reason {reason}"),
            shown.clone(),
        ));
    }
    if let Some(message) = wanted
        .message
        .as_ref()
        .filter(|text| !text.matches(member("message")))
    {
        found.push(Difference::new(
            path,
            format!("message {message:?}", message = message.0),
            shown,
        ));
    }
}

/// The conditions of an object.
pub(crate) fn conditions(object: &Value) -> impl Iterator<Item = &Value> {
    object
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn expression_holds(expression: &str, object: &Value, found: &mut Vec<Difference>) {
    let seen = match evaluate(expression, object) {
        Ok(Value::Bool(true)) => return,
        Ok(other) => short(&other),
        Err(error) => error,
    };
    found.push(Difference::new(format!("cel {expression}"), "true", seen));
}

fn evaluate(expression: &str, object: &Value) -> Result<Value, String> {
    let program = Program::compile(expression).map_err(|error| error.to_string())?;
    let mut context = Context::default();
    let object = cel::to_value(object).map_err(|error| error.to_string())?;
    context.add_variable_from_value("object", object);
    let value = program.execute(&context).map_err(|error| error.to_string())?;
    value.json().map_err(|error| error.to_string())
}

/// Why what is seen may still be the state before the latest action.
fn stale(state: &State, object: &Value, journal: &Journal, freshness: &Freshness) -> Option<Difference> {
    let ready = state.conditions.get("Ready")?;
    if let Some(observed) = of_older_generation(object) {
        return Some(observed);
    }
    if ready.status.as_deref() != Some("True") || suspended(object) {
        return None;
    }
    let (path, revision) = match object["kind"].as_str()? {
        "GitRepository" => (
            "status.artifact.revision",
            object.pointer("/status/artifact/revision"),
        ),
        "Kustomization" => (
            "status.lastAppliedRevision",
            object.pointer("/status/lastAppliedRevision"),
        ),
        _ => return None,
    };
    let head = head_of(object, journal, freshness)?;
    let seen = revision.and_then(Value::as_str).unwrap_or_default();
    (!seen.ends_with(&head)).then(|| Difference::new(path, format!("the pushed commit {head}"), seen))
}

/// Whether the Ready condition is about a generation before the object's.
fn of_older_generation(object: &Value) -> Option<Difference> {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64)?;
    let observed = conditions(object)
        .find(|condition| condition["type"] == "Ready")
        .and_then(|condition| condition["observedGeneration"].as_i64())?;
    (observed < generation).then(|| {
        let expected = format!("one of generation {generation}");
        Difference::new(
            "condition Ready",
            expected,
            format!("observedGeneration {observed}"),
        )
    })
}

/// The commit that the source behind `object` should be at, when it follows a branch of a fixture repository.
fn head_of(object: &Value, journal: &Journal, freshness: &Freshness) -> Option<String> {
    let source = if object["kind"] == "GitRepository" {
        object
    } else {
        let reference = object.pointer("/spec/sourceRef")?;
        let namespace = reference["namespace"]
            .as_str()
            .or(object.pointer("/metadata/namespace")?.as_str())?;
        let key = Key {
            group: "source.toolkit.fluxcd.io".to_owned(),
            kind: reference["kind"].as_str()?.to_owned(),
            namespace: namespace.to_owned(),
            name: reference["name"].as_str()?.to_owned(),
        };
        journal.objects().get(&key)?
    };
    if suspended(source) {
        return None;
    }
    let url = source.pointer("/spec/url")?.as_str()?;
    let branch = match source.pointer("/spec/ref") {
        None => "master",
        Some(reference) => {
            let by_branch = ["tag", "semver", "commit", "name"]
                .iter()
                .all(|other| reference.get(other).is_none());
            reference["branch"].as_str().filter(|_| by_branch)?
        }
    };
    freshness.heads.get(&(url.to_owned(), branch.to_owned())).cloned()
}

fn suspended(object: &Value) -> bool {
    object.pointer("/spec/suspend") == Some(&Value::Bool(true))
}

fn missing_event(state: &State, wanted: &EventMatch, history: &[Seen]) -> Option<Difference> {
    let of_object: Vec<&Seen> = history.iter().filter(|seen| is_event_of(seen, state)).collect();
    let text = |seen: &Seen, member: &str| seen.object[member].as_str().unwrap_or_default().to_owned();
    let matches = |seen: &&Seen| -> bool {
        let same = |wanted: &Option<String>, member: &str| {
            wanted.as_ref().is_none_or(|wanted| *wanted == text(seen, member))
        };
        same(&wanted.r#type, "type")
            && same(&wanted.reason, "reason")
            && wanted
                .message
                .as_ref()
                .is_none_or(|message| message.matches(&text(seen, "message")))
    };
    if of_object.iter().any(matches) {
        return None;
    }
    let expected: Vec<String> = [
        wanted.r#type.clone(),
        wanted.reason.clone(),
        wanted.message.as_ref().map(|message| format!("{:?}", message.0)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let seen: Vec<String> = of_object
        .iter()
        .map(|seen| {
            format!(
                "{} {}: {}",
                text(seen, "type"),
                text(seen, "reason"),
                text(seen, "message")
            )
        })
        .collect();
    let seen = if seen.is_empty() {
        "no event".to_owned()
    } else {
        seen.join("; ")
    };
    Some(Difference::new("event", expected.join(" "), seen))
}

fn is_event_of(seen: &Seen, state: &State) -> bool {
    let about = &seen.object["involvedObject"];
    let member = |name: &str| about[name].as_str().unwrap_or_default();
    seen.key.kind == "Event"
        && seen.what != What::Deleted
        && member("kind") == state.object.kind
        && member("name") == state.object.name
        && (member("namespace").is_empty() || member("namespace") == state.object.namespace())
}
