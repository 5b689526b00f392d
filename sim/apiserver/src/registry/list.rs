//! Lists: selectors, versions of the past, pages.

use std::sync::Arc;

use base64::Engine as _;
use manifest::labels::Selector;
use serde_json::{Map, Value, json};

use super::read::view;
use crate::{
    call::Call,
    failure::{Cause, Failure, Outcome},
    selectors::FieldSelector,
    store::{Key, Table, in_namespace},
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

    fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}

/// What a `continue` token says.
struct Page {
    revision: Option<u64>,
    after: Key,
}

impl Call<'_> {
    pub(crate) fn selection(&self) -> Outcome<Selection> {
        let labels = self.query.get("labelSelector").unwrap_or_default();
        let labels = Selector::parse(labels).map_err(|error| Failure::bad_request(error.to_string()))?;
        let fields = self.query.get("fieldSelector").unwrap_or_default();
        let mut fields = FieldSelector::parse(fields, &self.resource)?;
        if !self.target.name.is_empty() {
            fields.require_name(&self.target.name);
        }
        Ok(Selection { labels, fields })
    }

    pub(crate) fn list(&mut self) -> Outcome<Value> {
        self.check_list_options()?;
        let selection = self.selection()?;
        let asked = if self.query.has("continue") {
            0
        } else {
            self.not_too_new()?
        };
        let page = self.page()?;
        let limit = self.query.number::<usize>("limit")?.unwrap_or(0);
        // The genuine watch cache ignores the limit of a list at any version.
        let limit = if self.query.get("resourceVersion") == Some("0") {
            0
        } else {
            limit
        };
        let exact = self.query.get("resourceVersionMatch") == Some("Exact")
            || (limit > 0 && asked > 0 && self.query.get("resourceVersionMatch").is_none());
        let revision = match &page {
            Some(page) => page.revision.unwrap_or_else(|| self.core.revision()),
            None if exact => asked,
            None => self.core.revision(),
        };
        let table = self.table_at(revision)?;
        let resource = Arc::clone(&self.resource);
        let mut found = in_namespace(&table, &self.target.namespace)
            .filter(|(key, _)| page.as_ref().is_none_or(|page| **key > page.after))
            .map(|(key, stored)| (key.clone(), view(&resource, stored)))
            .filter(|(_, object)| selection.matches(object));
        if limit == 0 {
            let items: Vec<Arc<Value>> = found.map(|(_, object)| object).collect();
            return Ok(self.list_of(items.into_iter(), revision, Map::new()));
        }
        let items: Vec<(Key, Arc<Value>)> = found.by_ref().take(limit).collect();
        let mut meta = Map::new();
        let rest = found.count();
        if let Some((last, _)) = items.last().filter(|_| rest > 0) {
            meta.insert(
                "continue".into(),
                token(revision, last, &self.target.namespace).into(),
            );
            if selection.is_everything() {
                meta.insert("remainingItemCount".into(), rest.into());
            }
        }
        Ok(self.list_of(items.into_iter().map(|(_, object)| object), revision, meta))
    }

    fn table_at(&self, revision: u64) -> Outcome<Table> {
        self.core
            .state
            .store
            .table_at(&self.resource.table, revision)
            .map_err(|_| {
                if self.query.has("continue") {
                    return self.expired_page();
                }
                Failure::expired("The resourceVersion for the provided list is too old.")
            })
    }

    /// The answer to an old token brings a new one, which goes on without the old snapshot.
    fn expired_page(&self) -> Box<Failure> {
        let mut failure = Failure::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        );
        if let Ok(Some(page)) = self.page() {
            let text = start(&page.after, &self.target.namespace);
            let token = json!({"v": "meta.k8s.io/v1", "rv": -1, "start": text}).to_string();
            let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token);
            failure.metadata.insert("continue".into(), token.into());
        }
        failure
    }

    fn check_list_options(&self) -> Outcome<()> {
        let asked = self.query.get("resourceVersion").unwrap_or_default();
        let mut causes = Vec::new();
        if let Some(how) = self.query.get("resourceVersionMatch") {
            if self.query.has("continue") && self.query.get("continue").is_some() {
                causes.push(Cause::forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden for list with continue",
                ));
            } else if asked.is_empty() {
                causes.push(Cause::forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden unless resourceVersion is provided",
                ));
            }
            if !matches!(how, "Exact" | "NotOlderThan") {
                let message = format!(
                    "Unsupported value: {how:?}: supported values: \"Exact\", \"NotOlderThan\", \"\""
                );
                causes.push(Cause::new(
                    "FieldValueNotSupported",
                    "resourceVersionMatch",
                    message,
                ));
            }
            if how == "Exact" && asked == "0" {
                causes.push(Cause::forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
                ));
            }
        }
        if self.query.flag("sendInitialEvents").is_some() && self.query.has("sendInitialEvents") {
            causes.push(Cause::forbidden(
                "sendInitialEvents",
                "sendInitialEvents is forbidden for list",
            ));
        }
        if causes.is_empty() {
            return Ok(());
        }
        Err(Failure::invalid("meta.k8s.io", "ListOptions", "", &causes))
    }

    fn page(&self) -> Outcome<Option<Page>> {
        let Some(text) = self.query.get("continue") else {
            return Ok(None);
        };
        let bad = || Failure::bad_request("continue key is not valid: encoded continue token is invalid");
        if !matches!(self.query.get("resourceVersion"), None | Some("0")) {
            return Err(Failure::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        let raw = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| bad())?;
        let token: Value = serde_json::from_slice(&raw).map_err(|_| bad())?;
        let after = token["start"].as_str().ok_or_else(bad)?.trim_end_matches('\0');
        let after = if self.target.namespace.is_empty() {
            Key::from_text(after)
        } else {
            Key::new(&self.target.namespace, after)
        };
        let revision = token["rv"]
            .as_i64()
            .and_then(|revision| u64::try_from(revision).ok());
        Ok(Some(Page { revision, after }))
    }

    pub(crate) fn list_of(
        &self,
        items: impl Iterator<Item = Arc<Value>>,
        revision: u64,
        mut meta: Map<String, Value>,
    ) -> Value {
        meta.insert("resourceVersion".into(), revision.to_string().into());
        let bare = !self.resource.is_custom();
        if !bare {
            meta.entry("continue").or_insert_with(|| "".into());
        }
        let items: Vec<Value> = items.map(|item| list_item(&item, bare)).collect();
        json!({
            "kind": self.resource.list_kind(),
            "apiVersion": self.resource.api_version(),
            "metadata": meta,
            "items": items,
        })
    }
}

/// Items of typed lists do not repeat their type.
fn list_item(object: &Value, bare: bool) -> Value {
    let mut item = object.clone();
    if let (true, Some(members)) = (bare, item.as_object_mut()) {
        members.remove("apiVersion");
        members.remove("kind");
    }
    item
}

fn start(after: &Key, namespace: &str) -> String {
    let text = if namespace.is_empty() {
        after.as_str()
    } else {
        after.name()
    };
    format!("{text}\0")
}

fn token(revision: u64, after: &Key, namespace: &str) -> String {
    let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start(after, namespace)}).to_string();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token)
}
