//! When `metadata.generation` moves.

use serde_json::Value;

use crate::kinds::{Generation, Kind};

pub(super) fn create(kind: &Kind, object: &mut Value) {
    if matches!(kind.generation, Generation::None | Generation::SpecFromZero) {
        return;
    }
    set(object, 1);
}

pub(super) fn update(kind: &Kind, new: &mut Value, old: &Value) {
    let differs = |pointer: &str| {
        let value = |o: &Value| o.pointer(pointer).filter(|v| !empty(v)).cloned();
        value(new) != value(old)
    };
    let moved = match kind.generation {
        Generation::None | Generation::Constant => false,
        Generation::Spec | Generation::SpecFromZero => differs("/spec"),
        Generation::SpecOrAnnotations => differs("/spec") || differs("/metadata/annotations"),
        Generation::Member(name) => differs(&format!("/{name}")),
        Generation::ContentOrLabels => differs("/metadata/labels") || content(new) != content(old),
    };
    if moved {
        let before = old
            .pointer("/metadata/generation")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        set(new, before + 1);
    }
}

fn empty(value: &Value) -> bool {
    value.is_null()
        || value.as_object().is_some_and(serde_json::Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
}

fn content(object: &Value) -> Vec<(&String, &Value)> {
    object
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != "metadata")
        .collect()
}

fn set(object: &mut Value, generation: i64) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("generation".into(), Value::from(generation));
    }
}
