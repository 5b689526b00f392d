//! Reading bodies: JSON and YAML, the type they say they are, unknown and duplicate fields.

use kube_schema::Document;
use serde_json::Value;

use crate::{
    call::{Call, Validation},
    failure::{Cause, Failure, Outcome},
    media, strategy,
    wire::{self, Parsed},
};

impl Call<'_> {
    /// The body as an object of the resource's kind, or of the kind given.
    pub(crate) fn decode(&mut self, kind: Option<(&str, &str)>) -> Outcome<Value> {
        let parsed = self.parse_body()?;
        let mut object = parsed.value;
        let (api_version, own_kind) = match kind {
            Some((api_version, kind)) => (api_version.to_owned(), kind.to_owned()),
            None => (self.resource.api_version(), self.resource.kind.clone()),
        };
        self.check_type(&mut object, &api_version, &own_kind)?;
        let mut findings = parsed.duplicates;
        if kind.is_none() {
            findings.extend(strategy::unknown_fields(&self.resource, &mut object)?);
        }
        self.report(&findings, &object)?;
        Ok(object)
    }

    fn parse_body(&self) -> Outcome<Parsed> {
        let media = media::essence(&self.content_type);
        match media.as_str() {
            "" | "application/json" | "*/*" | "application/*" => wire::json(&self.body),
            "application/yaml" => wire::yaml(&self.body),
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
    fn check_type(&self, object: &mut Value, api_version: &str, kind: &str) -> Outcome<()> {
        let Some(members) = object.as_object_mut() else {
            return Err(Failure::bad_request(format!(
                "couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
                wire::go_type(object)
            )));
        };
        let custom = self.resource.is_custom();
        let own_kind = members.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let own_version = members.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        if own_kind.is_empty() && custom {
            let text = String::from_utf8_lossy(&self.body).trim_end().to_owned();
            return Err(Failure::bad_request(format!("Object 'Kind' is missing in '{text}'")));
        }
        if own_kind.is_empty() {
            members.insert("kind".into(), kind.into());
        }
        if own_version.is_empty() && !custom {
            members.insert("apiVersion".into(), api_version.into());
        }
        let own_kind = members.get("kind").and_then(Value::as_str).unwrap_or_default();
        let own_version = members.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
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

    /// What a patch made of an object, as if it had come as a body.
    pub(crate) fn accept(&mut self, patched: Document) -> Outcome<Value> {
        let text = patched.to_text();
        let mut object = patched.into_value();
        let (api_version, kind) = (self.resource.api_version(), self.resource.kind.clone());
        let own_kind = manifest::object::kind(&object).to_owned();
        let own_version = manifest::object::api_version(&object).to_owned();
        if own_kind != kind || own_version != api_version {
            return Err(self.wrong_type(&own_version, &own_kind, &api_version, &kind));
        }
        let findings = strategy::unknown_fields(&self.resource, &mut object).map_err(|error| in_patch(&text, &error.message))?;
        if self.validation == Validation::Strict && !findings.is_empty() {
            let message = format!("strict decoding error: {}", findings.join(", "));
            return Err(in_patch(&text, &message));
        }
        self.report(&findings, &object)?;
        Ok(object)
    }

    /// The body of an apply.
    pub(crate) fn apply_body(&mut self) -> Outcome<Value> {
        let parsed = wire::yaml(&self.body).map_err(|error| Failure::bad_request(format!("error decoding YAML: {}", error.message)))?;
        self.report(&parsed.duplicates, &parsed.value)?;
        Ok(parsed.value)
    }

    /// A body of options (`DeleteOptions`).
    pub(crate) fn decode_options(&mut self, kind: &str) -> Outcome<Value> {
        let parsed = self.parse_body()?;
        let own = manifest::object::kind(&parsed.value);
        if !own.is_empty() && own != kind {
            return Err(Failure::bad_request(format!(
                "decoded object cannot be converted to {kind}: {own}"
            )));
        }
        Ok(parsed.value)
    }
}

/// The Go package of a group's types.
fn internal(group: &str, version: &str) -> String {
    if !version.is_empty() {
        return version.to_owned();
    }
    match group {
        "" => "core".to_owned(),
        other => other.split('.').next().unwrap_or_default().to_owned(),
    }
}

fn in_patch(text: &str, detail: &str) -> Box<Failure> {
    let cause = Cause::invalid("patch", format!("Invalid value: {}: {detail}", crate::gojson::quote(text)));
    Failure::invalid("", "", "", &[cause])
}
