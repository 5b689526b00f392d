//! Field selectors: which fields of which kind may be asked for, and how they compare.

use serde_json::Value;

use crate::resource::{Model, Resource};

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
    /// Reads a selector; which fields a kind has is another question.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = split(text);
        parts.sort_unstable();
        let mut terms = Vec::new();
        for part in parts {
            let (path, value, equal) = operator(part)
                .ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{part}'"))?;
            terms.push(Term {
                path: path.to_owned(),
                value: unescaped(value)?,
                equal,
            });
        }
        Ok(Self(terms))
    }

    /// Refuses fields that the kind cannot be selected by.
    pub(crate) fn check(&self, resource: &Resource) -> Result<(), String> {
        match self.0.iter().find(|term| !known(resource, &term.path)) {
            Some(term) => Err(unknown(resource, &term.path)),
            None => Ok(()),
        }
    }

    /// The one value that a field must have.
    pub(crate) fn exact(&self, path: &str) -> Option<&str> {
        let term = self.0.iter().find(|term| term.equal && term.path == path)?;
        Some(&term.value)
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
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, letter) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == ',' {
            parts.push(&text[start..at]);
            start = at + 1;
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Path, value, and whether they have to be equal.
fn operator(part: &str) -> Option<(&str, &str, bool)> {
    (0..part.len())
        .filter(|at| part.is_char_boundary(*at))
        .find_map(|at| {
            let (path, rest) = part.split_at(at);
            if let Some(value) = rest.strip_prefix("!=") {
                return Some((path, value, false));
            }
            let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?;
            Some((path, value, true))
        })
}

fn unescaped(value: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(next @ ('\\' | ',' | '=')) => out.push(next),
                next => {
                    let sequence: String = std::iter::once('\\').chain(next).collect();
                    return Err(format!(
                        "invalid field selector: invalid escape sequence: {sequence}"
                    ));
                }
            },
            ',' | '=' => {
                let code = u32::from(letter);
                return Err(format!(
                    "invalid field selector: unescaped character in value: {code}"
                ));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

fn lookup(object: &Value, path: &str) -> String {
    if path == "source" {
        // An event's source is its component, or the controller that reported it.
        let component = object
            .pointer("/source/component")
            .or(object.get("reportingComponent"));
        return component.and_then(Value::as_str).unwrap_or_default().to_owned();
    }
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
        ("resource.k8s.io", "resourceslices") => &["spec.nodeName", "spec.driver"],
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

/// Kinds with fields of their own that cannot be selected by their namespace: they have none.
fn without_namespace(group: &str, resource: &str) -> bool {
    matches!(
        (group, resource),
        ("", "nodes" | "namespaces")
            | ("certificates.k8s.io", "certificatesigningrequests")
            | ("resource.k8s.io", "resourceslices")
    )
}

fn known(resource: &Resource, path: &str) -> bool {
    if path == "metadata.name" {
        return true;
    }
    match &resource.model {
        Model::Custom(_, version) => {
            (path == "metadata.namespace" && resource.namespaced)
                || version.selectable.iter().any(|field| field == path)
        }
        Model::Builtin(kind) if path == "metadata.namespace" => !without_namespace(kind.group, kind.resource),
        Model::Builtin(kind) => fields_of(kind.group, kind.resource).contains(&path),
    }
}

fn unknown(resource: &Resource, path: &str) -> String {
    let (gvr, kind) = (&resource.gvr, &resource.kind);
    match (gvr.group.as_str(), gvr.resource.as_str()) {
        ("batch", "jobs") => format!("field label {path:?} not supported for batchv1.Job"),
        ("resource.k8s.io", "resourceslices") => format!(
            "field label not supported for {}/{}, Kind={kind}: {path}",
            gvr.group, gvr.version
        ),
        (group, name) if resource.is_custom() || !fields_of(group, name).is_empty() => {
            format!("field label not supported: {path}")
        }
        _ => {
            format!("{path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_selectors_as_the_server_does() {
        let refusal = |text| FieldSelector::parse(text).unwrap_err();
        assert_eq!(
            refusal("metadata.name in (a,b)"),
            "invalid selector: 'metadata.name in (a,b)'; can't understand 'b)'"
        );
        assert_eq!(
            refusal("metadata.name=a=b"),
            "invalid field selector: unescaped character in value: 61"
        );
        assert_eq!(
            refusal("a=\\x"),
            "invalid field selector: invalid escape sequence: \\x"
        );
        let found = FieldSelector::parse("b!=x,a==y\\,z,").unwrap();
        assert_eq!(found.exact("a"), Some("y,z"));
        assert_eq!(found.exact("b"), None);
        assert!(found.matches(&json!({"a": "y,z", "b": "w"})));
        assert!(!found.matches(&json!({"a": "y,z", "b": "x"})));
    }
}
