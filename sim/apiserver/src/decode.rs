//! Reading bodies: JSON and YAML, the type they say they are, unknown and duplicate fields.

use std::sync::Arc;

use kube_schema::Document;
use serde_json::Value;

use crate::{
    call::{Call, Validation},
    failure::{Failure, Outcome},
    media,
    resource::Model,
    strategy::{self, Typed},
    wire::{self, Body},
};

impl Call<'_> {
    /// The body as an object of the resource's kind, or of the type given.
    pub(crate) fn decode(&mut self, other: Option<(&str, &str)>) -> Outcome<Value> {
        let resource = Arc::clone(&self.resource);
        let expected = other.map_or(resource.kind.as_str(), |(_, kind)| kind);
        let Body { mut document, notes } = self.parse_document(expected, !resource.is_custom())?;
        let (typed, api_version, kind) = match other {
            Some((api_version, kind)) => (
                strategy::builtin(api_version, kind),
                api_version.to_owned(),
                kind.to_owned(),
            ),
            None => (
                strategy::typed(&resource),
                resource.api_version(),
                resource.kind.clone(),
            ),
        };
        let Some(typed) = typed else {
            return Err(self.not_found());
        };
        self.check_type(&mut document, &api_version, &kind)?;
        let (mut findings, object) = self.read_as(&document, typed).map_err(|problem| {
            let (_, version) = manifest::split_api_version(&api_version);
            Failure::bad_request(format!(
                "{kind} in version {version:?} cannot be handled as a {kind}: {problem}"
            ))
        })?;
        if !notes.is_empty() && self.validation == Validation::Strict {
            findings.insert(0, format!("yaml: unmarshal errors:\n  {}", notes.join("\n  ")));
        } else {
            findings.splice(0..0, notes);
        }
        self.report(&findings, &object)?;
        Ok(object)
    }

    /// Reads a document into a type: findings about it, and what the type keeps of it.
    pub(crate) fn read_as(
        &self,
        document: &Document,
        typed: Typed<'_>,
    ) -> Result<(Vec<String>, Value), String> {
        if !typed.custom {
            let decoded = kube_schema::decode(document, typed.schema, typed.ty)?;
            return Ok((decoded.findings, decoded.value));
        }
        let mut object = document.to_value();
        let mut findings = document.duplicates();
        let Model::Custom(definition, _) = &self.resource.model else {
            return Ok((findings, object));
        };
        let (group, name) = manifest::split_api_version(manifest::object::api_version(&object));
        match definition.version(name).filter(|_| group == definition.group) {
            Some(version) => {
                if !version.preserve {
                    findings.extend(kube_schema::prune(
                        &version.typed.0,
                        version.typed.1,
                        &mut object,
                    )?);
                }
            }
            None => {
                // Of a version without a schema nothing is known.
                let members = object.as_object().into_iter().flatten().map(|(name, _)| name);
                let unknown =
                    members.filter(|name| !matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
                findings.extend(unknown.map(|name| format!("unknown field \"{name}\"")));
            }
        }
        Ok((findings, object))
    }

    /// The body as a document; `kind` is what it should be, and `protobuf` whether it may be that.
    fn parse_document(&self, kind: &str, protobuf: bool) -> Outcome<Body> {
        let media = media::essence(&self.content_type);
        match media.as_str() {
            "" | "application/json" | "*/*" | "application/*" => Ok(Body {
                document: wire::json(&self.body)?,
                notes: Vec::new(),
            }),
            "application/yaml" => wire::yaml(&self.body).map_err(Failure::bad_request),
            media::PROTOBUF if protobuf => wire::protobuf(&self.body, kind),
            _ => Err(self.unsupported()),
        }
    }

    fn unsupported(&self) -> Box<Failure> {
        let mut accepted = vec!["application/json", "application/yaml"];
        if !self.resource.is_custom() {
            accepted.push("application/vnd.kubernetes.protobuf");
        }
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Failure::new(415, "UnsupportedMediaType", message)
    }

    /// Built-in kinds may leave their type out; custom ones must say it.
    fn check_type(&self, document: &mut Document, api_version: &str, kind: &str) -> Outcome<()> {
        let Document::Map(members) = document else {
            return Err(Failure::bad_request(format!(
                "couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
                wire::go_type(&document.to_value())
            )));
        };
        let custom = self.resource.is_custom();
        let text = |members: &[(String, Document)], key: &str| {
            let found = members.iter().rev().find(|(name, _)| name == key);
            match found {
                Some((_, Document::String(text))) => text.clone(),
                _ => String::new(),
            }
        };
        let (own_kind, own_version) = (text(members, "kind"), text(members, "apiVersion"));
        if own_kind.is_empty() && custom {
            let text = String::from_utf8_lossy(&self.body).trim_end().to_owned();
            return Err(Failure::bad_request(format!(
                "Object 'Kind' is missing in '{text}'"
            )));
        }
        for (key, own, default) in [
            ("kind", &own_kind, kind),
            ("apiVersion", &own_version, api_version),
        ] {
            if own.is_empty() && !custom {
                members.retain(|(name, _)| name != key);
                members.push((key.to_owned(), Document::String(default.to_owned())));
            }
        }
        let own_kind = if own_kind.is_empty() { kind } else { &own_kind };
        let own_version = if own_version.is_empty() && !custom {
            api_version
        } else {
            &own_version
        };
        if own_kind == kind && own_version == api_version {
            return Ok(());
        }
        Err(self.wrong_type(own_version, own_kind, api_version, kind))
    }

    fn wrong_type(&self, own_version: &str, own_kind: &str, api_version: &str, kind: &str) -> Box<Failure> {
        let (group, version) = manifest::split_api_version(own_version);
        let served = crate::kinds::all()
            .iter()
            .any(|known| known.kind == own_kind && known.group == group && known.version == version);
        if self.resource.is_custom() {
            return Failure::bad_request(format!(
                "the API version in the data ({own_version}) does not match the expected API version ({api_version})"
            ));
        }
        if !served {
            return Failure::bad_request(format!(
                "no kind {own_kind:?} is registered for version {own_version:?} in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\""
            ));
        }
        Failure::bad_request(format!(
            "{own_kind} in version {version:?} cannot be handled as a {kind}: converting ({}.{own_kind}) to ({}.{kind}): unknown conversion",
            internal(group, version),
            internal(self.resource.gvr.group.as_str(), "")
        ))
    }

    /// Answers, warns or keeps quiet about unknown and duplicate fields.
    pub(crate) fn report(&mut self, findings: &[String], object: &Value) -> Outcome<()> {
        if findings.is_empty() {
            return Ok(());
        }
        match self.validation {
            Validation::Ignore => Ok(()),
            Validation::Warn => {
                for finding in findings {
                    self.warn(finding);
                }
                Ok(())
            }
            Validation::Strict => {
                let kind = manifest::object::kind(object);
                let (_, version) = manifest::split_api_version(manifest::object::api_version(object));
                Err(Failure::bad_request(format!(
                    "{kind} in version {version:?} cannot be handled as a {kind}: strict decoding error: {}",
                    findings.join(", ")
                )))
            }
        }
    }

    /// The body of an apply.
    pub(crate) fn apply_body(&mut self) -> Outcome<Value> {
        let fail = |what: &str| Failure::bad_request(format!("error decoding YAML: {what}"));
        let body =
            wire::yaml(&self.body).map_err(|what| fail(&format!("error converting YAML to JSON: {what}")))?;
        if !body.notes.is_empty() {
            match self.validation {
                Validation::Ignore => {}
                Validation::Warn => body.notes.iter().for_each(|note| self.warn(note)),
                Validation::Strict => {
                    return Err(Failure::bad_request(format!(
                        "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  {}",
                        body.notes.join("\n  ")
                    )));
                }
            }
        }
        match body.document.into_value() {
            Value::Null => Ok(Value::Object(serde_json::Map::new())),
            value @ Value::Object(_) => Ok(value),
            other => Err(fail(&format!(
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
                wire::go_type(&other)
            ))),
        }
    }

    /// A body of options (`DeleteOptions`).
    pub(crate) fn decode_options(&mut self, kind: &str) -> Outcome<Value> {
        let body = self.parse_document(kind, true)?.document.into_value();
        let own = manifest::object::kind(&body);
        if !own.is_empty() && own != kind {
            return Err(Failure::bad_request(format!(
                "decoded object cannot be converted to {kind}: {own}"
            )));
        }
        Ok(body)
    }
}

/// The Go package of a group's types.
pub(crate) fn internal(group: &str, version: &str) -> String {
    if !version.is_empty() {
        return version.to_owned();
    }
    match group {
        "" => "core".to_owned(),
        other => other.split('.').next().unwrap_or_default().to_owned(),
    }
}
