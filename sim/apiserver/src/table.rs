//! Objects as rows: what `kubectl get` prints is decided here, one record of columns and one cell function a kind.

mod batch;
mod cluster;
mod columns;
mod config;
mod custom;
mod duration;
mod jsonpath;
mod look;
mod network;
mod pods;
mod policy;
mod printers;
mod storage;
mod workloads;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::look::Look;
pub(crate) use self::{
    columns::Column,
    custom::{PrinterColumn, printer_columns},
};
use crate::{
    failure::{Failure, Outcome},
    media::metadata_of,
    registry::stored_form,
    resource::{Model, Resource},
};

/// How much of an object stands beside its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Include {
    Nothing,
    Metadata,
    Object,
}

fn include(text: &str) -> Outcome<Include> {
    match text {
        "" | "Metadata" => Ok(Include::Metadata),
        "None" => Ok(Include::Nothing),
        "Object" => Ok(Include::Object),
        _ => Err(Failure::bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: {text:?}: must be 'Metadata', 'Object', 'None', or empty"
        ))),
    }
}

/// An object or a list as a `Table` of this `meta.k8s.io` version.
pub(crate) fn table(
    resource: &Resource,
    object: &Arc<Value>,
    version: &str,
    included: &str,
    now: Timestamp,
) -> Outcome<Value> {
    let included = include(included)?;
    let columns = columns_of(resource, object);
    let items = object.get("items").and_then(Value::as_array);
    let mut shown: Vec<&Value> = match items {
        Some(items) => items.iter().collect(),
        None => vec![object],
    };
    if items.is_some() && resource.is("flowcontrol.apiserver.k8s.io", "flowschemas") {
        policy::sort_flow_schemas(&mut shown);
    }
    let rows: Vec<Value> = shown
        .into_iter()
        .map(|item| row(resource, item, version, included, now))
        .collect();
    let mut meta = Map::new();
    for key in ["resourceVersion", "continue", "remainingItemCount"] {
        let value = object.get("metadata").and_then(|meta| meta.get(key));
        if let Some(value) = value.filter(|value| value.as_str() != Some("")) {
            meta.insert(key.into(), value.clone());
        }
    }
    Ok(json!({
        "kind": "Table",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": meta,
        "columnDefinitions": columns.iter().map(Column::show).collect::<Vec<_>>(),
        "rows": rows,
    }))
}

/// A table without its columns, as a watch shows every one but the first.
pub(crate) fn without_columns(table: &mut Value) {
    if let Some(columns) = table.get_mut("columnDefinitions") {
        *columns = Value::Null;
    }
}

fn columns_of(resource: &Resource, object: &Value) -> Vec<Column> {
    if is_scale(object) {
        return columns::of("autoscaling", "Scale");
    }
    match &resource.model {
        Model::Builtin(kind) => columns::of(kind.storage.0, kind.kind),
        Model::Custom(_, version) => custom::columns(&version.columns),
    }
}

fn is_scale(object: &Value) -> bool {
    manifest::object::kind(object) == "Scale"
}

/// An object as it stands alone: in a list it does not say what it is.
fn whole(resource: &Resource, item: &Value) -> Value {
    let mut object = item.clone();
    if manifest::object::kind(&object).is_empty() {
        object["kind"] = json!(resource.kind);
        object["apiVersion"] = json!(resource.api_version());
    }
    object
}

fn row(resource: &Resource, item: &Value, version: &str, included: Include, now: Timestamp) -> Value {
    let look = Look { object: item, now };
    let cells = match &resource.model {
        _ if is_scale(item) => policy::scale(&look),
        Model::Custom(_, version) => custom::cells(&version.columns, &look),
        Model::Builtin(kind) => {
            // Every version is printed by what is stored.
            let stored = stored_form(resource, item.clone());
            let look = Look { object: &stored, now };
            match printers::of(kind.storage.0, kind.kind) {
                Some(cells) => cells(&look),
                None => vec![look.name(), columns::created(item)],
            }
        }
    };
    let object = match included {
        Include::Nothing => Value::Null,
        Include::Metadata => metadata_of(item, version),
        Include::Object => whole(resource, item),
    };
    let mut row = json!({"cells": cells, "object": object});
    if resource.is("", "pods")
        && let Some(condition) = pods::finished(&look)
    {
        row["conditions"] = json!([condition]);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource;

    fn deployment() -> Arc<Value> {
        Arc::new(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
                "template": {"spec": {"containers": [{"name": "c", "image": "i:1"}, {"name": "d", "image": "i:2"}]}}},
            "status": {"readyReplicas": 2, "updatedReplicas": 3},
        }))
    }

    fn shown(included: &str) -> Outcome<Value> {
        let resource = resource::builtin("apps", "v1", "deployments").unwrap();
        let now = "2026-01-01T01:30:00Z".parse().unwrap();
        table(&resource, &deployment(), "v1", included, now)
    }

    #[test]
    fn a_deployment_is_one_row() {
        let table = shown("None").unwrap();
        assert_eq!(table["metadata"], json!({"resourceVersion": "7"}));
        let cells = json!(["web", "2/3", 3, 0, "90m", "c,d", "i:1,i:2", "app=web"]);
        assert_eq!(table["rows"], json!([{"cells": cells, "object": null}]));
        assert_eq!(table["columnDefinitions"][5]["priority"], 1);
    }

    #[test]
    fn objects_stand_beside_rows_as_asked() {
        let metadata = shown("").unwrap();
        assert_eq!(metadata["rows"][0]["object"]["kind"], "PartialObjectMetadata");
        let whole = shown("Object").unwrap();
        assert_eq!(whole["rows"][0]["object"], *deployment());
        assert_eq!(shown("Everything").unwrap_err().code, 400);
    }

    #[test]
    fn every_printer_has_as_many_cells_as_columns() {
        for kind in crate::kinds::all() {
            let columns = columns::of(kind.storage.0, kind.kind);
            let object =
                json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": {"name": "a"}});
            let look = Look {
                object: &object,
                now: Timestamp::UNIX_EPOCH,
            };
            let Some(cells) = printers::of(kind.storage.0, kind.kind) else {
                assert_eq!(columns.len(), 2, "{}", kind.kind);
                continue;
            };
            assert_eq!(cells(&look).len(), columns.len(), "{}", kind.kind);
        }
    }
}
