//! Lists: versions of the past, pages.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{options::ListOptions, page::Page, read::view};
use crate::{
    call::Call,
    failure::{Failure, Outcome},
    store::{Key, Table, in_namespace},
};

impl Call<'_> {
    pub(crate) fn list(&mut self) -> Outcome<Value> {
        let options = self.list_options(false)?;
        let page = self.page(&options)?;
        let asked = if page.is_some() { 0 } else { self.not_too_new()? };
        // The genuine watch cache ignores the limit of a list at any version.
        let limit = match usize::try_from(options.limit) {
            Ok(limit) if options.revision != "0" && limit > 0 && !self.is_single(&options) => limit,
            _ => usize::MAX,
        };
        let exact = options.how == "Exact" || (options.limit > 0 && asked > 0 && options.how.is_empty());
        let revision = match &page {
            Some(page) => page.revision.unwrap_or_else(|| self.core.revision()),
            None if exact => asked,
            None => self.core.revision(),
        };
        let table = self.table_at(revision, page.as_ref())?;
        let resource = Arc::clone(&self.resource);
        let mut rest = in_namespace(&table, &self.target.namespace)
            .filter(|(key, _)| page.as_ref().is_none_or(|page| **key > page.after));
        let mut items = Vec::new();
        let mut last: Option<Key> = None;
        while items.len() < limit {
            let Some((key, stored)) = rest.next() else { break };
            self.convertible(stored, &resource.api_version())?;
            let object = view(&resource, stored);
            if options.selection.matches(&object) {
                items.push(object);
                last = Some(key.clone());
            }
        }
        let mut meta = Map::new();
        // Whatever is left counts, whether it matches or not: it has not been looked at.
        let left = rest.count();
        if let Some(after) = last.filter(|_| left > 0) {
            let next = Page {
                revision: Some(revision),
                after,
            };
            meta.insert("continue".into(), next.token(&self.target.namespace).into());
            if options.selection.is_everything() {
                meta.insert("remainingItemCount".into(), left.into());
            }
        }
        Ok(self.list_of(items.into_iter(), revision, meta))
    }

    /// A selector for one name is answered with that object: there are no pages.
    fn is_single(&self, options: &ListOptions) -> bool {
        options.selection.fields.exact("metadata.name").is_some()
            && (!self.resource.namespaced || !self.target.namespace.is_empty())
    }

    fn page(&self, options: &ListOptions) -> Outcome<Option<Page>> {
        if options.token.is_empty() {
            return Ok(None);
        }
        let page = Page::read(&options.token, &self.target.namespace)?;
        if !matches!(options.revision.as_str(), "" | "0") {
            return Err(Failure::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        Ok(Some(page))
    }

    fn table_at(&self, revision: u64, page: Option<&Page>) -> Outcome<Table> {
        let store = &self.core.state.store;
        store
            .table_at(&self.resource.table, revision)
            .map_err(|_| match page {
                Some(page) => self.expired_page(page),
                None => Failure::expired("The resourceVersion for the provided list is too old."),
            })
    }

    /// The answer to an old token brings a new one, which goes on without the old snapshot.
    fn expired_page(&self, page: &Page) -> Box<Failure> {
        let mut failure = Failure::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        );
        let next = Page {
            revision: None,
            after: page.after.clone(),
        };
        failure
            .metadata
            .insert("continue".into(), next.token(&self.target.namespace).into());
        failure
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
