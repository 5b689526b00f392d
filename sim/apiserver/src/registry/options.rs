//! The options of lists, watches and collection deletions, decoded and judged in the genuine order.

use manifest::labels::{Grammar, Selector};
use serde_json::Value;

use crate::{
    call::Call,
    failure::{Cause, Failure, Outcome},
    kinds,
    selectors::FieldSelector,
};

/// Which objects a list or watch shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) labels: Selector,
    pub(crate) fields: FieldSelector,
}

impl Selection {
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.labels.matches(manifest::object::labels(object)) && self.fields.matches(object)
    }

    pub(super) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}

/// What a client asks of a collection.
#[derive(Debug, Clone)]
pub(crate) struct ListOptions {
    pub(crate) selection: Selection,
    pub(super) bookmarks: bool,
    pub(super) revision: String,
    /// `resourceVersionMatch`.
    pub(super) how: String,
    pub(super) timeout: Option<i64>,
    /// Nothing below one counts.
    pub(super) limit: i64,
    /// `continue`.
    pub(super) token: String,
    pub(super) initial: Option<bool>,
}

const GRAMMAR: Grammar = Grammar {
    key: kinds::label_key,
    value: kinds::label_value,
};

impl Call<'_> {
    pub(crate) fn list_options(&self, watching: bool) -> Outcome<ListOptions> {
        let text = |key: &str| self.query.get(key).unwrap_or_default();
        // Numbers are read before the selectors, and all of it before anything is judged.
        let timeout = self.query.number("timeoutSeconds")?;
        let limit = self.query.number("limit")?.unwrap_or(0);
        let labels = Selector::parse_checked(text("labelSelector"), &GRAMMAR);
        let labels = labels.map_err(|error| Failure::bad_request(error.to_string()))?;
        let fields = FieldSelector::parse(text("fieldSelector")).map_err(Failure::bad_request)?;
        let mut options = ListOptions {
            selection: Selection { labels, fields },
            bookmarks: self.query.flag("allowWatchBookmarks").unwrap_or(false),
            revision: text("resourceVersion").to_owned(),
            how: text("resourceVersionMatch").to_owned(),
            timeout,
            limit,
            token: text("continue").to_owned(),
            initial: self.query.flag("sendInitialEvents"),
        };
        let causes = if watching {
            options.watch_causes()
        } else {
            options.list_causes()
        };
        if !causes.is_empty() {
            return Err(Failure::invalid("meta.k8s.io", "ListOptions", "", &causes));
        }
        options
            .selection
            .fields
            .check(&self.resource)
            .map_err(Failure::bad_request)?;
        if !self.target.name.is_empty() {
            options.name(&self.target.name)?;
        }
        Ok(options)
    }
}

fn forbidden(detail: &str) -> Cause {
    Cause::forbidden("resourceVersionMatch", detail)
}

fn unsupported(how: &str, supported: &str) -> Cause {
    let message = format!("Unsupported value: {how:?}: supported values: {supported}");
    Cause::new("FieldValueNotSupported", "resourceVersionMatch", message)
}

const WITH_CONTINUE: &str = "resourceVersionMatch is forbidden when continue is provided";

impl ListOptions {
    /// The path names one object.
    fn name(&mut self, name: &str) -> Outcome<()> {
        let fields = &mut self.selection.fields;
        if fields.is_empty() {
            fields.require_name(name);
        } else if fields.exact("metadata.name") != Some(name) {
            return Err(Failure::bad_request(
                "fieldSelector metadata.name doesn't match requested name",
            ));
        }
        Ok(())
    }

    fn list_causes(&self) -> Vec<Cause> {
        let mut causes = Vec::new();
        let how = self.how.as_str();
        if !how.is_empty() {
            if self.revision.is_empty() {
                causes.push(forbidden(
                    "resourceVersionMatch is forbidden unless resourceVersion is provided",
                ));
            }
            if !self.token.is_empty() {
                causes.push(forbidden(WITH_CONTINUE));
            }
            if !matches!(how, "Exact" | "NotOlderThan") {
                causes.push(unsupported(how, "\"Exact\", \"NotOlderThan\", \"\""));
            }
            if how == "Exact" && self.revision == "0" {
                causes.push(forbidden(
                    "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
                ));
            }
        }
        if self.initial.is_some() {
            let detail = "sendInitialEvents is forbidden for list";
            causes.push(Cause::forbidden("sendInitialEvents", detail));
        }
        causes
    }

    fn watch_causes(&self) -> Vec<Cause> {
        let mut causes = Vec::new();
        let how = self.how.as_str();
        if self.initial.is_some() && how != "NotOlderThan" {
            causes.push(forbidden(
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ));
        }
        if how.is_empty() {
            return causes;
        }
        if self.initial.is_none() {
            causes.push(forbidden(
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ));
        }
        if how != "NotOlderThan" {
            causes.push(unsupported(how, "\"NotOlderThan\""));
        }
        if !self.token.is_empty() {
            causes.push(forbidden(WITH_CONTINUE));
        }
        causes
    }
}
