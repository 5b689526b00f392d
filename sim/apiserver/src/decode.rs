//! Reading bodies: JSON and YAML, the type they say they are, unknown and duplicate fields.

use std::sync::Arc;

use kube_schema::Document;
use serde_json::Value;

use crate::{
    call::{Call, Validation},
    custom,
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
        let Body { mut document, notes } = self
            .parse_document(!resource.is_custom())?
            .map_err(|problem| self.unrecognized(&kind, &problem))?;
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
                        &version.typed().0,
                        version.typed().1,
                        &mut object,
                    )?);
                }
                custom::coerce(version.schema(), &mut object)?;
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

    /// The body as text of its content type; the inner error is what its reader says. `protobuf` is whether
    /// it may be that.
    fn parse_document(&self, protobuf: bool) -> Outcome<Result<Body, String>> {
        let media = media::essence(&self.content_type);
        match media.as_str() {
            "" | "application/json" | "*/*" | "application/*" => {
                let document = wire::json(&self.body);
                Ok(document
                    .map_err(|problem| format!("couldn't get version/kind; json parse error: {problem}"))
                    .map(|document| Body {
                        document,
                        notes: Vec::new(),
                    }))
            }
            "application/yaml" => Ok(wire::yaml(&self.body)),
            media::PROTOBUF if protobuf => wire::protobuf(&self.body),
            _ => Err(self.unsupported()),
        }
    }

    /// A body that does not even say what it is.
    fn unrecognized(&self, kind: &str, problem: &str) -> Box<Failure> {
        Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): {problem} ({})",
            summary(&self.body)
        ))
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
        if *document == Document::Null && !self.resource.is_custom() {
            *document = Document::Map(Vec::new());
        }
        let typeless = |problem: String| {
            self.unrecognized(
                kind,
                &format!("couldn't get version/kind; json parse error: json: cannot unmarshal {problem}"),
            )
        };
        let Document::Map(members) = document else {
            return Err(typeless(format!(
                "{} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
                wire::go_type(&document.to_value())
            )));
        };
        let wrong = members.iter().find(|(name, value)| {
            matches!(name.as_str(), "kind" | "apiVersion")
                && !matches!(value, Document::String(_) | Document::Null)
        });
        if let Some((name, value)) = wrong {
            return Err(typeless(format!(
                "{} into Go struct field .{name} of type string",
                wire::go_type(&value.to_value())
            )));
        }
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
        let (own_version, own_kind) = (own_version.to_owned(), own_kind.to_owned());
        let own = strategy::builtin(&own_version, &own_kind);
        let problem = match own {
            // A body of another kind is read as what it is before anyone sees that it is not wanted.
            Some(typed) => self.read_as(document, typed).err(),
            None => None,
        };
        let other = Other {
            version: &own_version,
            kind: &own_kind,
            problem,
        };
        Err(self.wrong_type(&other, api_version, kind))
    }

    fn wrong_type(&self, own: &Other<'_>, api_version: &str, kind: &str) -> Box<Failure> {
        let (group, version) = manifest::split_api_version(own.version);
        let mismatch = || {
            Failure::bad_request(format!(
                "the API version in the data ({}) does not match the expected API version ({api_version})",
                own.version
            ))
        };
        let unhandled = |problem: &str| {
            Failure::bad_request(format!(
                "{} in version {version:?} cannot be handled as a {kind}: {problem}",
                own.kind
            ))
        };
        if self.resource.is_custom() {
            return mismatch();
        }
        if let Some(problem) = &own.problem {
            return unhandled(problem);
        }
        let served = crate::kinds::find_kind(group, version, own.kind).filter(|known| {
            // The definitions are served by a server of their own, which knows nothing else.
            (known.group == crate::crd::GROUP) == (self.resource.gvr.group == crate::crd::GROUP)
        });
        let meta = own.version == "v1" && matches!(own.kind, "Status" | "List");
        let list = own
            .kind
            .strip_suffix("List")
            .is_some_and(|item| crate::kinds::find_kind(group, version, item).is_some());
        if served.is_none() && !meta && !list {
            let scheme = if self.resource.gvr.group == crate::crd::GROUP {
                "k8s.io/apiextensions-apiserver/pkg/apiserver/apiserver.go:55"
            } else {
                "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"
            };
            return unhandled(&format!(
                "no kind {:?} is registered for version {:?} in scheme {scheme:?}",
                own.kind, own.version
            ));
        }
        let stored = |kind: &crate::kinds::Kind| (kind.kind, kind.storage);
        if served.is_some() && served.map(stored) == self.resource.kind_model().map(stored) {
            return mismatch();
        }
        unhandled(&format!(
            "converting ({}.{}) to ({}.{kind}): unknown conversion",
            internal(group, version),
            own.kind,
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
        let body = self.parse_document(true)?.map_err(Failure::bad_request)?;
        let body = body.document.into_value();
        let own = manifest::object::kind(&body);
        if !own.is_empty() && own != kind {
            return Err(Failure::bad_request(format!(
                "decoded object cannot be converted to {kind}: {own}"
            )));
        }
        Ok(body)
    }
}

/// What a body says it is, where that is not what was wanted.
struct Other<'a> {
    version: &'a str,
    kind: &'a str,
    /// What is wrong with it as that.
    problem: Option<String>,
}

/// The start of a body: as it is if it may be JSON, else in hexadecimal digits.
fn summary(body: &[u8]) -> String {
    const MOST: usize = 30;
    let start = body.get(..MOST).unwrap_or(body);
    let text = match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(start).into_owned(),
        Some(_) => start.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let more = if body.len() > MOST { " ..." } else { "" };
    format!("{text}{more}")
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
