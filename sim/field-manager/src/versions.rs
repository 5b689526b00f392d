//! Objects of one kind, seen in any of its API versions.

use std::borrow::Cow;

use kube_schema::{Schema, TypeId};
use serde_json::Value;

use crate::compare::{Comparison, compare};
use crate::golang;
use crate::remove::{remove, with_declared};
use crate::set::Set;
use crate::shape::Ty;
use crate::to_set::to_set;
use crate::validate::{Origin, Violations, validate};

/// The schema of a kind in one API version.
#[derive(Debug, Clone, Copy)]
pub struct Typed<'a> {
    /// Where the types are.
    pub schema: &'a Schema,
    /// The type of the kind.
    pub ty: TypeId,
}

/// Why an object cannot be seen in another API version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The version is not known any more. What managers own in it is forgotten.
    #[error("no such version")]
    MissingVersion,
    /// The conversion is refused or fails: the request fails with this text.
    #[error("{0}")]
    Failed(String),
}

/// How to see an object in other API versions of its kind.
pub trait Versions {
    /// The schema in this API version (`apps/v1`).
    fn typed(&self, api_version: &str) -> Option<Typed<'_>>;

    /// The object in this API version, which is never the one it has already.
    fn convert(&self, object: &Value, api_version: &str) -> Result<Value, ConvertError>;
}

impl<'a> Typed<'a> {
    fn root(self) -> Ty {
        Ty::Node(self.ty)
    }

    /// Checks an object.
    pub fn validate(self, object: &Value, origin: Origin) -> Result<(), Violations> {
        validate(self.schema, self.root(), object, origin)
    }

    /// Every path that whoever applies this (valid) object owns.
    pub fn to_set(self, object: &Value) -> Set {
        to_set(self.schema, self.root(), object)
    }

    /// What changed between two (valid) objects.
    pub fn compare(self, old: &Value, new: &Value) -> Comparison {
        compare(self.schema, self.root(), old, new)
    }

    /// The object with a configuration laid over it; both are valid.
    pub fn merge(self, live: &Value, config: &Value) -> Value {
        crate::merge::merge(self.schema, self.root(), live, config)
    }

    pub(crate) fn covers(self, live: &Value, config: &Value) -> bool {
        crate::merge::covers(self.schema, self.root(), live, config)
    }

    /// The object without these paths.
    pub fn remove(self, object: &Value, paths: &Set) -> Value {
        remove(self.schema, self.root(), object, paths)
    }

    /// The parts of the object that these paths name.
    pub fn extract(self, object: &Value, paths: &Set) -> Value {
        crate::remove::extract(self.schema, self.root(), object, paths)
    }

    /// The set as it has to be under this schema; `None` if it is so already.
    pub fn reconcile(self, set: &Set) -> Option<Set> {
        crate::reconcile::reconcile(self.schema, self.root(), set)
    }

    pub(crate) fn with_declared(self, set: &Set) -> Set {
        with_declared(self.schema, Some(self.root()), set)
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// An object and the version that it is in.
#[derive(Debug, Clone)]
pub(crate) struct Versioned<'o> {
    pub(crate) object: Cow<'o, Value>,
    pub(crate) api_version: String,
    origin: Origin,
}

impl<'o> Versioned<'o> {
    pub(crate) fn borrowed(object: &'o Value, api_version: &str) -> Self {
        Self {
            object: Cow::Borrowed(object),
            api_version: api_version.to_owned(),
            origin: Origin::Converted,
        }
    }

    pub(crate) fn owned(object: Value, api_version: &str) -> Self {
        Self {
            object: Cow::Owned(object),
            api_version: api_version.to_owned(),
            origin: Origin::Merged,
        }
    }

    /// The object in another version. What is left of a pruned object may be no object any more.
    pub(crate) fn into_version(
        self,
        versions: &dyn Versions,
        api_version: &str,
    ) -> Result<Self, ConvertError> {
        if !self.object.is_object() {
            let kind = golang::type_name(&self.object);
            let text = format!("failed to convert value to unstructured for type {kind}");
            return Err(ConvertError::Failed(text));
        }
        if self.api_version == api_version {
            return Ok(self);
        }
        // Kinds that have moved between groups do not convert: what was owned in the other group is forgotten.
        if group(&self.api_version) != group(api_version) {
            return Err(ConvertError::MissingVersion);
        }
        let converted = versions.convert(&self.object, api_version)?;
        let typed = versions.typed(api_version).ok_or(ConvertError::MissingVersion)?;
        typed
            .validate(&converted, self.origin)
            .map_err(|e| ConvertError::Failed(e.to_string()))?;
        Ok(Self {
            object: Cow::Owned(converted),
            api_version: api_version.to_owned(),
            origin: self.origin,
        })
    }

    /// The same object, borrowed.
    pub(crate) fn seen(&self) -> Versioned<'_> {
        Versioned {
            object: Cow::Borrowed(&self.object),
            api_version: self.api_version.clone(),
            origin: self.origin,
        }
    }

    /// The object seen in another version.
    pub(crate) fn to(
        &self,
        versions: &dyn Versions,
        api_version: &str,
    ) -> Result<Versioned<'_>, ConvertError> {
        self.seen().into_version(versions, api_version)
    }

    pub(crate) fn typed<'v>(&self, versions: &'v dyn Versions) -> Result<Typed<'v>, ConvertError> {
        versions
            .typed(&self.api_version)
            .ok_or(ConvertError::MissingVersion)
    }
}
