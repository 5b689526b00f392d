//! What the server refuses, as `Status` objects in the genuine server's words.

use kube_schema::gotext::aggregate;
use serde_json::{Map, Value, json};

use crate::gvr::qualified;

/// A refused request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    /// `None`: the server gives no reason (schema errors of server-side apply).
    pub(crate) reason: Option<&'static str>,
    pub(crate) message: String,
    /// Absent in errors of the decoder, empty in generic answers.
    pub(crate) details: Option<Map<String, Value>>,
    /// Members of the Status's metadata (`continue` of an expired list).
    pub(crate) metadata: Map<String, Value>,
}

/// The result of serving a request.
pub(crate) type Outcome<T> = Result<T, Box<Failure>>;

/// One finding about a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Cause {
    pub(crate) fn new(reason: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason,
            field: field.into(),
            message: message.into(),
        }
    }

    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new("FieldValueInvalid", field, message)
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueForbidden", field, format!("Forbidden: {detail}"))
    }

    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        let message = if detail.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {detail}")
        };
        Self::new("FieldValueRequired", field, message)
    }

    fn json(&self) -> Value {
        let mut cause = Map::new();
        if !self.reason.is_empty() {
            cause.insert("reason".into(), self.reason.into());
        }
        cause.insert("message".into(), self.message.clone().into());
        if !self.field.is_empty() {
            cause.insert("field".into(), self.field.clone().into());
        }
        Value::Object(cause)
    }
}

impl Failure {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            code,
            reason: Some(reason),
            message: message.into(),
            details: None,
            metadata: Map::new(),
        })
    }

    /// A bare error of the server: code 500 with neither reason nor details.
    pub(crate) fn plain(message: impl Into<String>) -> Box<Self> {
        let mut failure = Self::new(500, "", message);
        failure.reason = None;
        failure
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Box<Self> {
        let mut failure = Self::new(
            500,
            "InternalError",
            format!("Internal error occurred: {message}"),
        );
        failure.detail("causes", json!([{ "message": message.to_string() }]));
        failure
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Box<Self> {
        Self::new(400, "BadRequest", message)
    }

    /// Says when to come again.
    pub(crate) fn retry_after(mut self: Box<Self>, seconds: i64) -> Box<Self> {
        self.detail("retryAfterSeconds", seconds);
        self
    }

    fn detail(&mut self, key: &str, value: impl Into<Value>) {
        self.details
            .get_or_insert_default()
            .insert(key.into(), value.into());
    }

    pub(crate) fn about(mut self: Box<Self>, name: &str, group: &str, kind: &str) -> Box<Self> {
        self.details.get_or_insert_default();
        for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
            if !value.is_empty() {
                self.detail(key, value);
            }
        }
        self
    }

    pub(crate) fn with_causes(mut self: Box<Self>, causes: &[Cause]) -> Box<Self> {
        if !causes.is_empty() {
            self.detail("causes", causes.iter().map(Cause::json).collect::<Vec<_>>());
        }
        self
    }

    pub(crate) fn not_found(group: &str, resource: &str, name: &str) -> Box<Self> {
        let message = format!("{} {name:?} not found", qualified(group, resource));
        Self::new(404, "NotFound", message).about(name, group, resource)
    }

    /// An answer that names no object: its details are there, and empty.
    pub(crate) fn generic(code: u16, reason: &'static str, message: impl Into<String>) -> Box<Self> {
        Self::new(code, reason, message).about("", "", "")
    }

    /// An API path that leads to no resource.
    /// A method that the path does not have.
    pub(crate) fn not_allowed() -> Box<Self> {
        Self::generic(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    pub(crate) fn no_resource() -> Box<Self> {
        Self::generic(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
    }

    pub(crate) fn already_exists(group: &str, resource: &str, name: &str) -> Box<Self> {
        let message = format!("{} {name:?} already exists", qualified(group, resource));
        Self::new(409, "AlreadyExists", message).about(name, group, resource)
    }

    pub(crate) fn conflict(group: &str, resource: &str, name: &str, detail: &str) -> Box<Self> {
        let resource_name = qualified(group, resource);
        let message = format!("Operation cannot be fulfilled on {resource_name} {name:?}: {detail}");
        Self::new(409, "Conflict", message).about(name, group, resource)
    }

    pub(crate) fn modified(group: &str, resource: &str, name: &str) -> Box<Self> {
        let detail =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(group, resource, name, detail)
    }

    pub(crate) fn forbidden(group: &str, resource: &str, name: &str, detail: &str) -> Box<Self> {
        let resource_name = qualified(group, resource);
        let message = match (resource_name.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {detail}"),
            (false, true) => format!("{resource_name} is forbidden: {detail}"),
            (false, false) => format!("{resource_name} {name:?} is forbidden: {detail}"),
        };
        Self::new(403, "Forbidden", message).about(name, group, resource)
    }

    /// Errors of validation: one is written as it is, several in brackets, equal ones once.
    pub(crate) fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Box<Self> {
        let text = |cause: &Cause| {
            if cause.field.is_empty() {
                cause.message.clone()
            } else {
                format!("{}: {}", cause.field, cause.message)
            }
        };
        let list = aggregate(&causes.iter().map(text).collect::<Vec<_>>());
        let kind_name = qualified(group, kind);
        let message = format!("{kind_name} {name:?} is invalid: {list}");
        Self::new(422, "Invalid", message)
            .about(name, group, kind)
            .with_causes(causes)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Box<Self> {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn version_in_the_future(asked: u64, current: u64) -> Box<Self> {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut failure = Self::new(504, "Timeout", message);
        failure.detail(
            "causes",
            json!([{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }]),
        );
        failure.detail("retryAfterSeconds", 1);
        failure
    }

    pub(crate) fn status(&self) -> Value {
        let mut status = Map::new();
        status.insert("kind".into(), "Status".into());
        status.insert("apiVersion".into(), "v1".into());
        status.insert("metadata".into(), Value::Object(self.metadata.clone()));
        status.insert("status".into(), "Failure".into());
        status.insert("message".into(), self.message.clone().into());
        if let Some(reason) = self.reason {
            status.insert("reason".into(), reason.into());
        }
        if let Some(details) = &self.details {
            status.insert("details".into(), Value::Object(details.clone()));
        }
        status.insert("code".into(), self.code.into());
        Value::Object(status)
    }
}
