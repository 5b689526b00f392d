//! Content types: what a body is, and in which form an answer is wanted.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    decode::internal,
    failure::{Failure, Outcome},
    request::Verb,
    resource::{Model, Resource},
    table,
};

/// The media type without parameters, in lower case.
pub(crate) fn essence(text: &str) -> String {
    text.split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Encoding {
    #[default]
    Json,
    Yaml,
}

/// As what objects are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// As they are.
    #[default]
    Whole,
    /// As `PartialObjectMetadata`, or a list of them, of this `meta.k8s.io` version.
    Metadata { version: String, list: bool },
    /// As rows of a `Table` of this version, with as much of the objects as `includeObject` says.
    Table { version: String, include: String },
}

impl Form {
    /// What a watch shows of an object.
    pub(crate) fn show(&self, resource: &Resource, object: &Arc<Value>, now: Timestamp) -> Value {
        match self {
            Self::Whole => (**object).clone(),
            Self::Metadata { version, .. } => metadata_of(object, version),
            Self::Table { version, include } => table::table(resource, object, version, include, now)
                .unwrap_or_else(|failure| failure.status()),
        }
    }

    /// A whole answer: an object or a list.
    pub(crate) fn answer(
        &self,
        resource: &Resource,
        object: &Arc<Value>,
        now: Timestamp,
    ) -> Outcome<Arc<Value>> {
        if manifest::object::kind(object) == "Status" {
            return Ok(Arc::clone(object));
        }
        let (version, list) = match self {
            Self::Whole => return Ok(Arc::clone(object)),
            Self::Table { version, include } => {
                return table::table(resource, object, version, include, now).map(Arc::new);
            }
            Self::Metadata { version, list } => (version, *list),
        };
        match (object.get("items").and_then(Value::as_array), list) {
            (None, false) => Ok(Arc::new(metadata_of(object, version))),
            (Some(items), true) => {
                let items: Vec<Value> = items.iter().map(|item| metadata_of(item, version)).collect();
                let mut meta = object.get("metadata").cloned().unwrap_or(Value::Null);
                if let Some(members) = meta.as_object_mut() {
                    members.retain(|_, value| value.as_str() != Some(""));
                }
                Ok(Arc::new(json!({
                    "kind": "PartialObjectMetadataList",
                    "apiVersion": format!("meta.k8s.io/{version}"),
                    "metadata": meta,
                    // QUIRK: no items are null.
                    "items": if items.is_empty() { Value::Null } else { items.into() },
                })))
            }
            (found, _) => Err(mismatch(resource, object, found.is_some())),
        }
    }
}

/// The form asked for is one of lists and the answer is none, or the other way round.
fn mismatch(resource: &Resource, object: &Value, list: bool) -> Box<Failure> {
    let kind = manifest::object::kind(object);
    let name = match &resource.model {
        Model::Builtin(own) => {
            let group = if kind == "Scale" {
                "autoscaling"
            } else {
                own.storage.0
            };
            format!("{}.{kind}", internal(group, ""))
        }
        Model::Custom(..) if list => "unstructured.UnstructuredList".to_owned(),
        Model::Custom(..) => "unstructured.Unstructured".to_owned(),
    };
    let message = if list {
        format!("you requested PartialObjectMetadata, but the requested object is a list (*{name})")
    } else {
        format!("you requested PartialObjectMetadataList, but the requested object is not a list (*{name})")
    };
    Failure::new(406, "NotAcceptable", message)
}

pub(crate) fn metadata_of(object: &Value, version: &str) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| Value::Object(Map::new())),
    })
}

/// One clause of an `Accept` header.
struct Clause {
    media: String,
    params: Vec<(String, String)>,
}

fn clauses(accept: &str) -> Vec<Clause> {
    let mut parsed: Vec<(f64, Clause)> = Vec::new();
    for part in accept.split(',') {
        let mut pieces = part.split(';').map(str::trim);
        let media = pieces.next().unwrap_or_default().to_ascii_lowercase();
        if media.is_empty() {
            continue;
        }
        let params: Vec<(String, String)> = pieces
            .filter_map(|piece| piece.split_once('='))
            .map(|(key, value)| {
                (
                    key.trim().to_ascii_lowercase(),
                    value.trim().trim_matches('"').to_owned(),
                )
            })
            .collect();
        let quality = params
            .iter()
            .find(|(key, _)| key == "q")
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(1.0);
        parsed.push((quality, Clause { media, params }));
    }
    parsed.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    parsed.into_iter().map(|(_, clause)| clause).collect()
}

/// Kubernetes' own protobuf.
pub(crate) const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

const PRODUCED: [&str; 3] = ["application/json", "application/yaml", PROTOBUF];
const STREAMED: [&str; 2] = [
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
];

/// Whether the route of a built-in resource produces anything that the client accepts. This is asked before the
/// handler is, which understands more of the header.
pub(crate) fn producible(accept: Option<&str>, verb: Verb, subresource: &str) -> Outcome<()> {
    let accept = accept.unwrap_or_default();
    // Logs and connections have types of their own.
    if accept.is_empty() || matches!(subresource, "log" | "exec" | "attach" | "portforward" | "proxy") {
        return Ok(());
    }
    let taken = |clause: &str| {
        let media = clause.split(';').next().unwrap_or_default().trim_matches(' ');
        media == "*/*" || PRODUCED.contains(&media)
    };
    if accept.split(',').any(taken) {
        return Ok(());
    }
    let streams: &[&str] = if matches!(verb, Verb::List | Verb::Watch) {
        &STREAMED
    } else {
        &[]
    };
    let message = format!(
        "406: Not Acceptable\n\nAvailable representations: {}",
        [&PRODUCED, streams].concat().join(", ")
    );
    Err(Failure::generic(406, "NotAcceptable", message))
}

/// How a refusal is written that comes before anyone looked at what is wanted.
pub(crate) fn of_refusals(accept: Option<&str>) -> Encoding {
    let known = clauses(accept.unwrap_or_default())
        .into_iter()
        .find_map(|clause| match clause.media.as_str() {
            "application/yaml" => Some(Encoding::Yaml),
            "application/json" | "application/*" | "*/*" => Some(Encoding::Json),
            _ => None,
        });
    known.unwrap_or_default()
}

/// The refusal of a watch in a format that cannot be streamed.
pub(crate) fn no_stream() -> Box<Failure> {
    let accepted = STREAMED.join(", ");
    Failure::new(
        406,
        "NotAcceptable",
        format!("only the following media types are accepted: {accepted}"),
    )
}

/// Chooses the form of the answer; `include` is the `includeObject` of a Table.
pub(crate) fn negotiate(
    accept: Option<&str>,
    include: Option<&str>,
    custom: bool,
) -> Outcome<(Encoding, Form)> {
    let accept = accept.unwrap_or_default().trim();
    if accept.is_empty() {
        return Ok((Encoding::Json, Form::Whole));
    }
    for clause in clauses(accept) {
        let encoding = match clause.media.as_str() {
            "application/json" | "application/*" | "*/*" => Encoding::Json,
            "application/yaml" => Encoding::Yaml,
            // DIFFERENCE: answers are never written in protobuf; every client that asks for it reads JSON too.
            PROTOBUF if !custom => Encoding::Json,
            _ => continue,
        };
        let param = |name: &str| {
            clause
                .params
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let form = match param("as") {
            None => Form::Whole,
            Some(kind) if param("g") == Some("meta.k8s.io") => {
                let Some(version @ ("v1" | "v1beta1")) = param("v") else {
                    continue;
                };
                let version = version.to_owned();
                match kind {
                    "PartialObjectMetadata" | "PartialObjectMetadataList" => Form::Metadata {
                        version,
                        list: kind.ends_with("List"),
                    },
                    "Table" if clause.media != PROTOBUF => Form::Table {
                        version,
                        include: include.unwrap_or_default().to_owned(),
                    },
                    _ => continue,
                }
            }
            Some(_) => continue,
        };
        return Ok((encoding, form));
    }
    let mut accepted = vec!["application/json", "application/yaml"];
    if !custom {
        accepted.push(PROTOBUF);
    }
    Err(Failure::new(
        406,
        "NotAcceptable",
        format!(
            "only the following media types are accepted: {}",
            accepted.join(", ")
        ),
    ))
}
