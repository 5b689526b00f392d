//! The objects of a build, in order, each with an id of its own.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::{
    Error,
    id::Id,
    limits::MAX_RESOURCES,
    merge,
    merge_keys::Table,
    resource::{Behavior, Resource},
    spec::Selector,
};

/// Objects in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Set(pub(crate) Vec<Resource>);

impl Set {
    /// Adds an object.
    pub(crate) fn append(&mut self, resource: Resource) -> Result<(), Error> {
        let id = resource.id();
        if self
            .0
            .iter()
            .any(|other| manifest::object::name(&other.value) == id.name && other.id().is_same(&id))
        {
            return Err(Error::new(format!(
                "may not add resource with an already registered id: {id}"
            )));
        }
        if self.0.len() >= MAX_RESOURCES {
            return Err(Error::new(format!("more than {MAX_RESOURCES} objects")));
        }
        self.0.push(resource);
        Ok(())
    }

    /// Adds objects.
    pub(crate) fn append_all(&mut self, resources: Vec<Resource>) -> Result<(), Error> {
        resources
            .into_iter()
            .try_for_each(|resource| self.append(resource))
    }

    /// Adds a generated object, or merges it with the one that is there, as its behaviour says.
    pub(crate) fn absorb(&mut self, mut new: Resource) -> Result<(), Error> {
        let id = new.id();
        let found: Vec<_> = self.matching(|other| other.is_same(&id));
        let behavior = new.behavior;
        match found.as_slice() {
            [] if matches!(behavior, Behavior::Merge | Behavior::Replace) => Err(Error::new(format!(
                "id {} does not exist; cannot merge or replace",
                id.go_syntax()
            ))),
            [] => self.append(new),
            [at] => {
                let old = &self.0[*at];
                match behavior {
                    Behavior::Replace => new.inherit(old),
                    Behavior::Merge => {
                        new.inherit(old);
                        new.merge_data(old);
                    }
                    _ => {
                        return Err(Error::new(format!(
                            "id {} exists; can not use behavior: '{}', behavior must be merge or replace",
                            id.go_syntax(),
                            behavior.name()
                        )));
                    }
                }
                self.0[*at] = new;
                Ok(())
            }
            _ => Err(Error::new(format!(
                "found multiple objects that could accept merge of {id}"
            ))),
        }
    }

    /// The places of the objects that have, or had, an id that matches.
    pub(crate) fn matching(&self, matches: impl Fn(&Id) -> bool) -> Vec<usize> {
        let all = self.0.iter().enumerate();
        all.filter(|(_, resource)| !resource.is_deleted() && resource.any_id(&matches))
            .map(|(at, _)| at)
            .collect()
    }

    /// The one object that has, or had, this id.
    pub(crate) fn target(&self, id: &Id) -> Result<usize, Error> {
        let found = self.matching(|other| other.is_same(id));
        let problem = match found.as_slice() {
            [at] => return Ok(*at),
            [] => format!("no matches for Id {id}"),
            _ => format!("multiple matches for Id {id}"),
        };
        Err(Error::new(format!(
            "{problem}; failed to find unique target for patch {id}"
        )))
    }

    /// The places of the objects that a selector selects.
    pub(crate) fn select(&self, selector: &Selector) -> Result<Vec<usize>, Error> {
        let patterns = Patterns::of(selector)?;
        let mut all = Vec::new();
        for (at, resource) in self.0.iter().enumerate() {
            if patterns.select(resource)?
                && resource.labels_match(&selector.label_selector)?
                && resource.annotations_match(&selector.annotation_selector)?
            {
                all.push(at);
            }
        }
        Ok(all)
    }

    /// Applies a strategic merge patch to one object; it is left empty when the patch deletes it.
    pub(crate) fn patch(&mut self, at: usize, patch: &Resource, keys: &Table) -> Result<(), Error> {
        let target = &mut self.0[at];
        let (name, namespace, kind) = {
            let id = target.id();
            (id.name, id.namespace, id.kind)
        };
        if patch.allow_name_change || patch.allow_kind_change {
            target.remember();
        }
        let old = std::mem::take(&mut target.value);
        target.value = merge::merge(old, patch.value.clone(), keys)?.unwrap_or(Value::Null);
        if target.is_deleted() {
            return Ok(());
        }
        if !patch.allow_kind_change {
            target.set_kind(&kind);
        }
        if !patch.allow_name_change {
            target.set_name(&name);
        }
        target.set_namespace(&namespace);
        Ok(())
    }

    /// Refuses objects that have come to share an id.
    pub(crate) fn refuse_duplicates(&self) -> Result<(), Error> {
        let mut seen: BTreeMap<String, Vec<Id>> = BTreeMap::new();
        for resource in self.0.iter().filter(|resource| !resource.is_deleted()) {
            let id = resource.id();
            let named = seen.entry(id.name.clone()).or_default();
            if named.iter().any(|other| other.is_same(&id)) {
                return Err(Error::new(format!(
                    "may not add resource with an already registered id: {id}"
                )));
            }
            named.push(id);
        }
        Ok(())
    }

    /// Forgets the objects that patches have deleted.
    pub(crate) fn drop_deleted(&mut self) {
        self.0.retain(|resource| !resource.is_deleted());
    }
}

/// The regular expressions of a selector; none where it says nothing.
pub(crate) struct Patterns {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
}

impl Patterns {
    pub(crate) fn of(selector: &Selector) -> Result<Self, Error> {
        Ok(Self {
            group: anchored(&selector.group)?,
            version: anchored(&selector.version)?,
            kind: anchored(&selector.kind)?,
            name: anchored(&selector.name)?,
            namespace: anchored(&selector.namespace)?,
        })
    }

    /// Whether they say anything.
    pub(crate) fn is_any(&self) -> bool {
        let all = [
            &self.group,
            &self.version,
            &self.kind,
            &self.name,
            &self.namespace,
        ];
        all.into_iter().any(Option::is_some)
    }

    /// Whether they fit one id as it stands.
    pub(crate) fn fits(&self, id: &Id) -> bool {
        fits(self.group.as_ref(), &id.group)
            && fits(self.version.as_ref(), &id.version)
            && fits(self.kind.as_ref(), &id.kind)
            && fits(self.name.as_ref(), &id.name)
            && fits(self.namespace.as_ref(), &id.namespace)
    }

    fn select(&self, resource: &Resource) -> Result<bool, Error> {
        let (now, first) = (resource.id(), resource.original_id());
        let (name, namespace) = (self.name.as_ref(), self.namespace.as_ref());
        let named = fits(name, &first.name) || fits(name, &now.name);
        let placed =
            fits(namespace, first.effective_namespace()) || fits(namespace, now.effective_namespace());
        let typed = fits(self.group.as_ref(), &now.group)
            && fits(self.version.as_ref(), &now.version)
            && fits(self.kind.as_ref(), &now.kind);
        Ok(named && placed && typed)
    }
}

fn fits(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.is_match(text))
}

fn anchored(pattern: &str) -> Result<Option<Regex>, Error> {
    if pattern.is_empty() {
        return Ok(None);
    }
    let regex = Regex::new(&format!("^(?:{pattern})$"));
    regex
        .map(Some)
        .map_err(|error| Error::new(format!("error parsing regexp: {error}")))
}
