//! Field selectors: which fields of which kind may be asked for, and how they compare.

use serde_json::Value;

use crate::{
    failure::{Failure, Outcome},
    resource::{Model, Resource},
};

/// Terms that all must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    path: String,
    value: String,
    equal: bool,
}

impl FieldSelector {
    pub(crate) fn parse(text: &str, resource: &Resource) -> Outcome<Self> {
        let mut terms = Vec::new();
        for part in split(text) {
            let term = parse_term(&part).ok_or_else(|| {
                Failure::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'"))
            })?;
            if !known(resource, &term.path) {
                return Err(unknown(resource, &term.path));
            }
            terms.push(term);
        }
        Ok(Self(terms))
    }

    pub(crate) fn require_name(&mut self, name: &str) {
        self.0.push(Term {
            path: "metadata.name".to_owned(),
            value: name.to_owned(),
            equal: true,
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0
            .iter()
            .all(|term| (lookup(object, &term.path) == term.value) == term.equal)
    }
}

/// Parts between commas; a backslash takes the next letter as it is.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for letter in text.chars() {
        if letter == ',' && !escaped {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
        escaped = letter == '\\' && !escaped;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn parse_term(part: &str) -> Option<Term> {
    let at = part.find(['=', '!'])?;
    let (path, rest) = part.split_at(at);
    let (equal, value) = if let Some(value) = rest.strip_prefix("!=") {
        (false, value)
    } else {
        let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?;
        (true, value)
    };
    let mut out = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.push(letters.next().filter(|next| matches!(next, '\\' | ',' | '='))?),
            '=' => return None,
            other => out.push(other),
        }
    }
    Some(Term {
        path: path.to_owned(),
        value: out,
        equal,
    })
}

fn lookup(object: &Value, path: &str) -> String {
    let mut here = object;
    let path = match path {
        "spec.host" => "spec.nodeName",
        "involvedObject.kind" if object.get("regarding").is_some() => "regarding.kind",
        other => other,
    };
    for part in path.split('.') {
        match here.get(part) {
            Some(next) => here = next,
            None => return default_of(path).to_owned(),
        }
    }
    match here {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Absent booleans and numbers read as their zero values.
fn default_of(path: &str) -> &'static str {
    match path {
        "spec.unschedulable" | "spec.hostNetwork" => "false",
        "status.successful" | "status.replicas" => "0",
        _ => "",
    }
}

fn fields_of(group: &str, resource: &str) -> &'static [&'static str] {
    match (group, resource) {
        ("", "pods") => &[
            "spec.host",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "replicationcontrollers") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", "certificatesigningrequests") => &["spec.signerName"],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        _ => &[],
    }
}

fn known(resource: &Resource, path: &str) -> bool {
    if path == "metadata.name" || (path == "metadata.namespace" && resource.namespaced) {
        return true;
    }
    match &resource.model {
        Model::Custom(_, version) => version.selectable.iter().any(|field| field == path),
        Model::Builtin(kind) => {
            path == "metadata.namespace" || fields_of(kind.group, kind.resource).contains(&path)
        }
    }
}

fn unknown(resource: &Resource, path: &str) -> Box<Failure> {
    let own = match &resource.model {
        Model::Builtin(kind) => fields_of(kind.group, kind.resource),
        Model::Custom(..) => &[],
    };
    if own.is_empty() {
        return Failure::bad_request(format!(
            "{path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        ));
    }
    Failure::bad_request(format!("field label not supported: {path}"))
}
