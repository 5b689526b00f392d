//! Errors about fields.

use serde_json::Value;

use super::at::At;

/// One thing that is wrong, as it appears among the causes of a Status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Such as `FieldValueInvalid`.
    pub reason: &'static str,
    /// The path of the field.
    pub field: String,
    /// Such as `Invalid value: "x": must be y`.
    pub message: String,
}

/// The text after `is invalid: ` in the Status of these errors: repeated ones are said once.
pub fn summary(errors: &[FieldError]) -> String {
    let texts: Vec<String> = errors
        .iter()
        .map(|e| format!("{}: {}", e.field, e.message))
        .collect();
    kube_schema::gotext::aggregate(&texts)
}

/// Errors in the order in which they are found.
#[derive(Debug, Default)]
pub(super) struct Errors(Vec<FieldError>);

impl Errors {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_list(self) -> Vec<FieldError> {
        self.0
    }

    fn push(&mut self, reason: &'static str, at: &At<'_>, kind: String, detail: &str) {
        let field = if at.path().is_empty() {
            "[]".to_owned()
        } else {
            at.path().to_owned()
        };
        let message = if detail.is_empty() {
            kind
        } else {
            format!("{kind}: {detail}")
        };
        self.0.push(FieldError {
            reason,
            field,
            message,
        });
    }

    pub(super) fn required(&mut self, at: &At<'_>, detail: &str) {
        self.push("FieldValueRequired", at, "Required value".into(), detail);
    }

    pub(super) fn forbidden(&mut self, at: &At<'_>, detail: &str) {
        self.push("FieldValueForbidden", at, "Forbidden".into(), detail);
    }

    pub(super) fn invalid(&mut self, at: &At<'_>, detail: &str) {
        self.invalid_as(at, &show(at.value()), detail);
    }

    /// As `invalid`, with another rendering of the value.
    pub(super) fn invalid_as(&mut self, at: &At<'_>, shown: &str, detail: &str) {
        self.push("FieldValueInvalid", at, format!("Invalid value: {shown}"), detail);
    }

    /// As `invalid`, without the value.
    pub(super) fn invalid_bare(&mut self, at: &At<'_>, detail: &str) {
        self.push("FieldValueInvalid", at, "Invalid value".into(), detail);
    }

    /// One error for each message.
    pub(super) fn invalid_each(&mut self, at: &At<'_>, details: &[String]) {
        for detail in details {
            self.invalid(at, detail);
        }
    }

    pub(super) fn unsupported(&mut self, at: &At<'_>, supported: &[&str]) {
        self.unsupported_as(at, &show(at.value()), supported);
    }

    pub(super) fn unsupported_as(&mut self, at: &At<'_>, shown: &str, supported: &[&str]) {
        let list: Vec<String> = supported.iter().map(|s| quote(s)).collect();
        let detail = if list.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", list.join(", "))
        };
        self.push(
            "FieldValueNotSupported",
            at,
            format!("Unsupported value: {shown}"),
            &detail,
        );
    }

    pub(super) fn duplicate(&mut self, at: &At<'_>) {
        self.duplicate_as(at, &show(at.value()), "");
    }

    pub(super) fn duplicate_as(&mut self, at: &At<'_>, shown: &str, detail: &str) {
        self.push(
            "FieldValueDuplicate",
            at,
            format!("Duplicate value: {shown}"),
            detail,
        );
    }

    pub(super) fn not_found(&mut self, at: &At<'_>) {
        self.push(
            "FieldValueNotFound",
            at,
            format!("Not found: {}", show(at.value())),
            "",
        );
    }

    pub(super) fn too_long(&mut self, at: &At<'_>, limit: usize) {
        self.push(
            "FieldValueTooLong",
            at,
            "Too long".into(),
            &format!("may not be more than {limit} bytes"),
        );
    }

    pub(super) fn too_many(&mut self, at: &At<'_>, count: usize, limit: usize) {
        let detail = format!("must have at most {limit} items");
        self.push("FieldValueTooMany", at, format!("Too many: {count}"), &detail);
    }

    /// A number, if given, must not be negative.
    pub(super) fn not_negative(&mut self, at: &At<'_>) {
        if at.int().is_some_and(|n| n < 0) {
            self.invalid(at, "must be greater than or equal to 0");
        }
    }

    /// A value that must not change.
    pub(super) fn immutable(&mut self, new: &At<'_>, old: &At<'_>) {
        self.immutable_as(new, old, &show(new.value()));
    }

    pub(super) fn immutable_as(&mut self, new: &At<'_>, old: &At<'_>, shown: &str) {
        if !new.same(old) {
            self.invalid_as(new, shown, "field is immutable");
        }
    }

    /// One of these texts.
    pub(super) fn one_of(&mut self, at: &At<'_>, supported: &[&str]) {
        if !supported.contains(&at.text()) {
            self.unsupported(at, supported);
        }
    }
}

/// A value as it is printed in messages.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        other => other.to_string(),
    }
}

/// A text in quotes, as Go quotes it.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
