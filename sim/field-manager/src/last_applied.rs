//! The annotation of client-side apply, for objects that move to server-side apply by `kubectl`.

use serde_json::{Map, Value};

use crate::golang;
use crate::limits::MAX_ANNOTATIONS;
use crate::set::Set;
use crate::validate::Origin;
use crate::versions::Typed;

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn annotation(object: &Value) -> Option<&str> {
    let text = object
        .get("metadata")?
        .get("annotations")?
        .get(ANNOTATION)?
        .as_str()?;
    (!text.is_empty()).then_some(text)
}

/// Paths that the annotation says `kubectl` set last, and that still have these values.
pub(crate) fn owned(typed: Typed<'_>, api_version: &str, live: &Value) -> Option<Set> {
    let last: Value = serde_json::from_str(annotation(live)?).ok()?;
    if last.get("apiVersion").and_then(Value::as_str) != Some(api_version) {
        return None;
    }
    typed.validate(live, Origin::Converted).ok()?;
    typed.validate(&last, Origin::Converted).ok()?;
    let changes = typed.compare(&last, live);
    let set = typed.to_set(&last);
    Some(
        set.difference(&changes.modified)
            .difference(&changes.added)
            .difference(&changes.removed),
    )
}

/// What the annotation has to say after `config` was applied to an object that has it.
pub(crate) fn refreshed(object: &Value, config: &Value) -> Option<String> {
    annotation(object)?;
    let mut config = config.clone();
    if let Some(Value::Object(annotations)) =
        config.get_mut("metadata").and_then(|m| m.get_mut("annotations"))
    {
        annotations.remove(ANNOTATION);
    }
    Some(golang::json(&config) + "\n")
}

/// Writes the annotation, or removes it where the annotations would become too large.
pub(crate) fn write(object: &mut Value, text: String) {
    let Some(Value::Object(annotations)) = object.get_mut("metadata").and_then(|m| m.get_mut("annotations"))
    else {
        return;
    };
    annotations.insert(ANNOTATION.to_owned(), Value::String(text));
    let size = |map: &Map<String, Value>| -> usize {
        map.iter()
            .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
            .sum()
    };
    if size(annotations) > MAX_ANNOTATIONS {
        annotations.remove(ANNOTATION);
    }
}
