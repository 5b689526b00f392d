//! Reading one object, and showing stored objects in the asked version.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    call::Call,
    custom,
    failure::{Failure, Outcome},
    kinds,
    resource::{Model, Resource},
    strategy,
};

impl Call<'_> {
    pub(crate) fn get(&mut self) -> Outcome<Arc<Value>> {
        if let Some(text) = self
            .query
            .get("resourceVersion")
            .filter(|text| revision(text).is_none())
        {
            // Reading one object, the server takes this for a fault of its own.
            return Err(Failure::plain(format!(
                "resourceVersion: {}",
                not_a_revision(text)
            )));
        }
        self.not_too_new()?;
        let stored = self.stored()?;
        if self.target.subresource == "scale" {
            return self.show_scale(&stored).map(Arc::new);
        }
        Ok(view(&self.resource, &stored))
    }

    /// A read that wants a revision that is not there yet.
    pub(crate) fn not_too_new(&self) -> Outcome<u64> {
        let Some(text) = self.query.get("resourceVersion") else {
            return Ok(0);
        };
        let asked = revision(text).ok_or_else(|| {
            Failure::bad_request(format!(
                "invalid resource version: resourceVersion: {}",
                not_a_revision(text)
            ))
        })?;
        let current = self.core.revision();
        if asked > current {
            return Err(Failure::version_in_the_future(asked, current));
        }
        Ok(asked)
    }
}

/// A revision as clients write it: digits and nothing else.
pub(crate) fn revision(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

pub(crate) fn not_a_revision(text: &str) -> String {
    format!("Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax")
}

/// A stored object in the version of `resource`.
pub(crate) fn view(resource: &Resource, stored: &Arc<Value>) -> Arc<Value> {
    match &resource.model {
        Model::Custom(definition, version) => custom::view(definition, version, stored),
        Model::Builtin(kind) => {
            if manifest::object::api_version(stored) == resource.api_version() {
                return Arc::clone(stored);
            }
            kinds::convert(stored, strategy::stored_kind(kind), &resource.api_version())
                .map_or_else(|| Arc::clone(stored), Arc::new)
        }
    }
}

/// An object in the version it is stored in.
pub(crate) fn stored_form(resource: &Resource, object: Value) -> Value {
    if manifest::object::api_version(&object) == resource.storage {
        return object;
    }
    match &resource.model {
        Model::Custom(definition, _) => match definition.version(&definition.storage) {
            Some(version) => custom::stored(definition, version, &object),
            None => object,
        },
        Model::Builtin(kind) => kinds::convert(&object, kind, &resource.storage).unwrap_or(object),
    }
}
