//! One request on its way through the registry: who, what, with which options.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    core::Core,
    custom,
    failure::{Cause, Failure, Outcome},
    limits,
    request::{Incoming, Query, Target},
    resource::{Model, Resource},
    store::Key,
    user::User,
};

/// What becomes of unknown and duplicate fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    Ignore,
    Warn,
    Strict,
}

/// A request for a resource.
pub(crate) struct Call<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) target: Target,
    pub(crate) resource: Arc<Resource>,
    pub(crate) user: User,
    pub(crate) now: Timestamp,
    pub(crate) query: Query,
    pub(crate) content_type: String,
    pub(crate) body: bytes::Bytes,
    /// `fieldManager`, or the start of the user agent.
    pub(crate) manager: String,
    pub(crate) dry_run: bool,
    pub(crate) validation: Validation,
    /// The client understands bookmarks with selectable rows and the like: its `Accept` header.
    pub(crate) warnings: Vec<String>,
    /// The `generateName` that the object's name was made of.
    pub(crate) generated: Option<String>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        core: &'a mut Core,
        resource: Arc<Resource>,
        target: Target,
        user: &User,
        request: &Incoming,
        now: Timestamp,
    ) -> Self {
        Self {
            core,
            target,
            resource,
            user: user.clone(),
            now,
            query: request.query.clone(),
            content_type: request.header("content-type").unwrap_or_default().to_owned(),
            body: request.body.clone(),
            manager: manager(request),
            dry_run: false,
            validation: Validation::Warn,
            warnings: Vec::new(),
            generated: None,
        }
    }

    /// Reads the options of a write; `kind` names them in errors (`CreateOptions`).
    pub(crate) fn write_options(&mut self, kind: &str) -> Outcome<()> {
        self.more_options(kind, Vec::new())
    }

    /// The same after what else is wrong with them.
    pub(crate) fn more_options(&mut self, kind: &str, mut causes: Vec<Cause>) -> Outcome<()> {
        if kind != "DeleteOptions" {
            causes.extend(self.manager_causes());
        }
        let dry: Vec<&str> = self.query.all("dryRun").collect();
        causes.extend(dry_run_cause(dry.iter().copied()));
        let validation = self.query.get("fieldValidation").unwrap_or("Warn");
        self.validation = match validation {
            "Ignore" => Validation::Ignore,
            "Strict" => Validation::Strict,
            _ => Validation::Warn,
        };
        if !matches!(validation, "Ignore" | "Warn" | "Strict") && kind != "DeleteOptions" {
            let message = format!(
                "Unsupported value: {validation:?}: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
            );
            causes.push(Cause::new("FieldValueNotSupported", "fieldValidation", message));
        }
        self.dry_run = !dry.is_empty();
        if causes.is_empty() {
            return Ok(());
        }
        Err(Failure::invalid("meta.k8s.io", kind, "", &causes))
    }

    fn manager_causes(&self) -> Vec<Cause> {
        let Some(manager) = self.query.get("fieldManager") else {
            return Vec::new();
        };
        let mut causes = Vec::new();
        if manager.len() > limits::MANAGER {
            causes.push(Cause::new(
                "FieldValueTooLong",
                "fieldManager",
                format!("Too long: may not be more than {} bytes", limits::MANAGER),
            ));
        }
        if let Some((at, letter)) = manager.char_indices().find(|(_, letter)| letter.is_control()) {
            let message = format!(
                "Invalid value: {}: invalid character U+{:04X} (at position {at})",
                kube_schema::gotext::quote(manager),
                u32::from(letter),
            );
            causes.push(Cause::invalid("fieldManager", message));
        }
        causes
    }

    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key::new(&self.target.namespace, &self.target.name)
    }

    pub(crate) fn not_found(&self) -> Box<Failure> {
        Failure::not_found(
            &self.target.gvr.group,
            &self.target.gvr.resource,
            &self.target.name,
        )
    }

    pub(crate) fn forbidden(&self, name: &str, detail: &str) -> Box<Failure> {
        Failure::forbidden(&self.target.gvr.group, &self.target.gvr.resource, name, detail)
    }

    pub(crate) fn invalid(&self, object: &Value, causes: &[Cause]) -> Box<Failure> {
        // A custom object is called what it calls itself.
        let name = manifest::object::name(object);
        match self.resource.kind_model() {
            // Views of one storage are called by the group they are stored in.
            Some(kind) => Failure::invalid(kind.storage.0, kind.kind, name, causes),
            None => Failure::invalid(
                &self.target.gvr.group,
                manifest::object::kind(object),
                name,
                causes,
            ),
        }
    }

    /// The object of the request as it is stored.
    pub(crate) fn stored(&self) -> Outcome<Arc<Value>> {
        let stored = self
            .core
            .stored(&self.resource.table, &self.key())
            .ok_or_else(|| self.not_found())?;
        self.convertible(&stored, &self.resource.api_version())?;
        Ok(stored)
    }

    /// Refuses objects that nobody can bring into the wanted version.
    pub(crate) fn convertible(&self, object: &Value, wanted: &str) -> Outcome<()> {
        match &self.resource.model {
            Model::Custom(definition, _) => custom::convertible(definition, object, wanted),
            Model::Builtin(_) => Ok(()),
        }
    }
}

/// What is wrong with the values of `dryRun`.
pub(crate) fn dry_run_cause<'a>(values: impl Iterator<Item = &'a str> + Clone) -> Option<Cause> {
    if values.clone().all(|value| value == "All") {
        return None;
    }
    let list: Vec<String> = values.map(|value| format!("{value:?}")).collect();
    let message = format!(
        "Unsupported value: [{}]: supported values: \"All\"",
        list.join(",")
    );
    Some(Cause::new("FieldValueNotSupported", "dryRun", message))
}

/// Who is written into `managedFields`.
fn manager(request: &Incoming) -> String {
    if let Some(manager) = request.query.get("fieldManager") {
        return manager.to_owned();
    }
    let agent = request.header("user-agent").unwrap_or_default();
    let name = agent.trim().split('/').next().unwrap_or_default();
    let mut short = String::new();
    for letter in name.chars().filter(|letter| !letter.is_control()) {
        if short.len() + letter.len_utf8() > limits::MANAGER {
            break;
        }
        short.push(letter);
    }
    short
}
