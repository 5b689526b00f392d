//! One served resource: a built-in kind or a version of a custom one, behind the same questions.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use crate::{
    custom::{Definition, Version},
    gvr::{Gvr, api_version, qualified},
    kinds::{self, Kind},
};

/// A resource in one API version.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) gvr: Gvr,
    pub(crate) kind: String,
    pub(crate) namespaced: bool,
    /// Where its objects are stored: `deployments.apps`. Versions and views of one kind share it.
    pub(crate) table: Arc<str>,
    /// `apiVersion` of the stored form.
    pub(crate) storage: String,
    pub(crate) model: Model,
}

/// What stands behind a resource.
#[derive(Debug, Clone)]
pub(crate) enum Model {
    Builtin(&'static Kind),
    Custom(Arc<Definition>, Arc<Version>),
}

impl Resource {
    fn builtin(kind: &'static Kind) -> Self {
        let (group, version) = kind.storage;
        Self {
            gvr: Gvr::new(kind.group, kind.version, kind.resource),
            kind: kind.kind.to_owned(),
            namespaced: kind.namespaced,
            table: qualified(group, kind.resource).into(),
            storage: api_version(group, version),
            model: Model::Builtin(kind),
        }
    }

    pub(crate) fn custom(definition: &Arc<Definition>, version: &Arc<Version>) -> Self {
        Self {
            gvr: Gvr::new(&definition.group, &version.name, &definition.plural),
            kind: definition.kind.clone(),
            namespaced: definition.namespaced,
            table: Arc::clone(&definition.table),
            storage: api_version(&definition.group, &definition.storage),
            model: Model::Custom(Arc::clone(definition), Arc::clone(version)),
        }
    }

    pub(crate) fn api_version(&self) -> String {
        self.gvr.api_version()
    }

    pub(crate) fn is(&self, group: &str, resource: &str) -> bool {
        self.gvr.group == group && self.gvr.resource == resource
    }

    pub(crate) fn kind_model(&self) -> Option<&'static Kind> {
        match self.model {
            Model::Builtin(kind) => Some(kind),
            Model::Custom(..) => None,
        }
    }

    pub(crate) fn is_custom(&self) -> bool {
        matches!(self.model, Model::Custom(..))
    }

    pub(crate) fn allows(&self, verb: &str, subresource: &str) -> bool {
        match (&self.model, subresource) {
            (Model::Builtin(kind), "") => kind.verbs.contains(&verb),
            (Model::Builtin(kind), name) => kind
                .subresource(name)
                .is_some_and(|sub| sub.verbs.contains(&verb)),
            (Model::Custom(..), "") => true,
            (Model::Custom(..), _) => {
                self.has_subresource(subresource) && matches!(verb, "get" | "patch" | "update")
            }
        }
    }

    pub(crate) fn has_subresource(&self, name: &str) -> bool {
        match &self.model {
            Model::Builtin(kind) => kind.subresource(name).is_some(),
            Model::Custom(_, version) => match name {
                "status" => version.status,
                "scale" => version.scale.is_some(),
                _ => false,
            },
        }
    }

    /// The kind of its list.
    pub(crate) fn list_kind(&self) -> String {
        match &self.model {
            Model::Builtin(_) => format!("{}List", self.kind),
            Model::Custom(definition, _) => definition.list_kind.clone(),
        }
    }

    pub(crate) fn unconditional_update(&self) -> bool {
        self.kind_model().is_some_and(|kind| kind.unconditional_update)
    }

    pub(crate) fn create_on_update(&self) -> bool {
        self.kind_model().is_some_and(|kind| kind.create_on_update)
    }

    pub(crate) fn graceful(&self) -> bool {
        self.kind_model().is_some_and(|kind| kind.graceful)
    }
}

/// The built-in resource of this name.
pub(crate) fn builtin(group: &str, version: &str, resource: &str) -> Option<Arc<Resource>> {
    type Index = BTreeMap<(&'static str, &'static str, &'static str), Arc<Resource>>;
    static INDEX: OnceLock<Index> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let entry = |kind: &'static Kind| {
            let key = (kind.resource, kind.group, kind.version);
            (key, Arc::new(Resource::builtin(kind)))
        };
        kinds::all().iter().map(entry).collect()
    });
    // The index's keys are static, the question's are not: a range finds them without leaking.
    index
        .iter()
        .find(|((r, g, v), _)| *r == resource && *g == group && *v == version)
        .map(|(_, found)| Arc::clone(found))
}
