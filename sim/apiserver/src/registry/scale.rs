//! The scale subresource: a view of an object's replicas as an `autoscaling/v1` Scale.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::{
    call::Call,
    failure::{Cause, Failure, Outcome},
    fields,
    registry::view,
    resource::Model,
    strategy,
};

/// Where the numbers are.
pub(crate) struct Places {
    pub(crate) spec: Vec<String>,
    status: Vec<String>,
    selector: Option<Vec<String>>,
}

impl Call<'_> {
    pub(crate) fn places(&self) -> Places {
        let path = |text: &str| {
            text.trim_start_matches('.')
                .split('.')
                .map(str::to_owned)
                .collect()
        };
        match &self.resource.model {
            Model::Custom(_, version) => match &version.scale {
                Some(scale) => Places {
                    spec: path(&scale.spec),
                    status: path(&scale.status),
                    selector: scale.selector.as_deref().map(path),
                },
                None => Places {
                    spec: path("spec.replicas"),
                    status: path("status.replicas"),
                    selector: None,
                },
            },
            Model::Builtin(_) => Places {
                spec: path("spec.replicas"),
                status: path("status.replicas"),
                selector: Some(path("spec.selector")),
            },
        }
    }

    /// What a client sees: without owners, and an error where there is no number.
    pub(crate) fn show_scale(&self, stored: &Arc<Value>) -> Outcome<Value> {
        let object = view(&self.resource, stored);
        let spec = self.places().spec;
        if self.resource.is_custom() && at(&object, &spec).is_none() {
            let message = format!("the spec replicas field \".{}\" does not exist", spec.join("."));
            return Err(Failure::internal(message));
        }
        let mut scale = self.scale_of(&object);
        super::meta::metadata(&mut scale).remove("managedFields");
        Ok(scale)
    }

    fn scale_of(&self, object: &Value) -> Value {
        let places = self.places();
        let meta = |key: &str| object.pointer(&format!("/metadata/{key}")).cloned();
        let mut shown = Map::new();
        for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            if let Some(value) = meta(key) {
                shown.insert(key.into(), value);
            }
        }
        let managed = fields::scale_view(&self.resource, object);
        if !managed.is_empty() {
            shown.insert("managedFields".into(), managed.into());
        }
        let number = |path: &[String]| at(object, path).and_then(Value::as_i64);
        let mut spec = Map::new();
        if let Some(replicas) = number(&places.spec).filter(|replicas| *replicas != 0) {
            spec.insert("replicas".into(), replicas.into());
        }
        let mut status = Map::new();
        status.insert("replicas".into(), number(&places.status).unwrap_or(0).into());
        let selector = places
            .selector
            .as_deref()
            .and_then(|path| at(object, path))
            .map(selector_text);
        if let Some(text) = selector.filter(|text| !text.is_empty()) {
            status.insert("selector".into(), text.into());
        }
        json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": shown, "spec": spec, "status": status,
        })
    }

    pub(crate) fn put_scale(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let mut body = self.decode(Some(("autoscaling/v1", "Scale")))?;
        self.check_namespace(&mut body)?;
        self.check_name(&mut body)?;
        let stored = self.stored()?;
        let old = self.scale_of(&view(&self.resource, &stored));
        let managed = fields::scale_update(self, &old, body);
        self.rescale(&stored, &managed)
    }

    pub(crate) fn patch_scale(&mut self, kind: &str) -> Outcome<(u16, Arc<Value>)> {
        let stored = self.stored()?;
        let old = self.scale_of(&view(&self.resource, &stored));
        let new = if kind == "application/apply-patch+yaml" {
            let applied = self.apply_body()?;
            fields::scale_apply(self, &old, &applied)?
        } else {
            let Some(typed) = strategy::builtin("autoscaling/v1", "Scale") else {
                return Err(self.not_found());
            };
            let patched = self.patched(kind, &old, typed)?;
            fields::scale_update(self, &old, patched)
        };
        self.rescale(&stored, &new)
    }

    fn rescale(&mut self, stored: &Arc<Value>, scale: &Value) -> Outcome<(u16, Arc<Value>)> {
        let live = view(&self.resource, stored);
        let replicas = scale
            .pointer("/spec/replicas")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        if replicas < 0 && !self.resource.is_custom() {
            let message = format!("Invalid value: {replicas}: must be greater than or equal to 0");
            let cause = Cause::invalid("spec.replicas", message);
            return Err(Failure::invalid(
                "autoscaling",
                "Scale",
                &self.target.name,
                &[cause],
            ));
        }
        let places = self.places();
        let mut object = (*live).clone();
        let asked = manifest::object::resource_version(scale);
        super::meta::metadata(&mut object).insert("resourceVersion".into(), asked.into());
        let path: Vec<&str> = places.spec.iter().map(String::as_str).collect();
        if let Some((last, parents)) = path.split_last() {
            manifest::object::map_at(&mut object, parents).insert((*last).to_owned(), replicas.into());
        }
        fields::scale_store(&self.resource, &live, scale, &mut object);
        // The object itself is updated: its generation moves as with any change of its spec.
        self.target.subresource.clear();
        let written = self.replace(&live, object);
        "scale".clone_into(&mut self.target.subresource);
        let shown = self.show_scale(&written?)?;
        Ok((200, Arc::new(shown)))
    }
}

fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |here, key| here.get(key))
}

/// A selector in its query form.
pub(crate) fn selector_text(value: &Value) -> String {
    if let Value::String(text) = value {
        return text.clone();
    }
    let structured = value.get("matchLabels").is_some() || value.get("matchExpressions").is_some();
    let labels = if structured {
        value.get("matchLabels")
    } else {
        Some(value)
    };
    let mut terms: Vec<(String, String)> = labels
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            (
                key.clone(),
                format!("{key}={}", value.as_str().unwrap_or_default()),
            )
        })
        .collect();
    for entry in value
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let key = entry["key"].as_str().unwrap_or_default();
        let mut values: Vec<&str> = entry["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        values.sort_unstable();
        let list = values.join(",");
        let term = match entry["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({list})"),
            "NotIn" => format!("{key} notin ({list})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        };
        terms.push((key.to_owned(), term));
    }
    terms.sort();
    let terms: Vec<String> = terms.into_iter().map(|(_, term)| term).collect();
    terms.join(",")
}
