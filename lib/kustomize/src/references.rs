//! Names of objects in other objects: when a name changes, so do the fields that hold it.

use serde_json::Value;

use crate::{
    Error,
    fieldspec::{self, Create, FieldSpec},
    id::Id,
    resource::Resource,
    set::Set,
};

/// Corrects every reference.
pub(crate) fn fix(set: &mut Set) -> Result<(), Error> {
    let ids: Vec<_> = set.0.iter().map(Resource::original_id).collect();
    for (at, original) in ids.iter().enumerate() {
        let mut value = set.0[at].value.clone();
        let referrer = &set.0[at];
        let candidates = candidates(set, referrer)?;
        for referral in fieldspec::references() {
            for spec in referral.referrers.iter().filter(|spec| spec.selects(original)) {
                let finder = Finder {
                    referrer,
                    candidates: &candidates,
                    target: &referral.target,
                    spec,
                };
                finder.apply(&mut value)?;
            }
        }
        set.0[at].value = value;
    }
    Ok(())
}

/// The objects that one may refer to: those of its namespace and of the cluster.
fn candidates<'a>(set: &'a Set, referrer: &Resource) -> Result<Vec<&'a Resource>, Error> {
    let id = referrer.id();
    if id.cluster_scoped {
        return Ok(set.0.iter().collect());
    }
    let accounts = account_namespaces(referrer)?;
    let reachable = set.0.iter().filter(|other| {
        let other_id = other.id();
        other_id.cluster_scoped
            || other_id.effective_namespace() == id.effective_namespace()
            || accounts.iter().any(|namespace| *namespace == other_id.namespace)
    });
    Ok(reachable.collect())
}

/// The namespaces whose ServiceAccounts a RoleBinding names.
fn account_namespaces(referrer: &Resource) -> Result<Vec<&str>, Error> {
    let mut all = Vec::new();
    if manifest::object::kind(&referrer.value) != "RoleBinding" {
        return Ok(all);
    }
    let subjects = referrer.value.get("subjects").and_then(Value::as_array);
    for subject in subjects.into_iter().flatten() {
        let Some(namespace) = subject.get("namespace") else {
            continue;
        };
        if subject.get("kind").and_then(Value::as_str) == Some("ServiceAccount") {
            let blank = || {
                let id = referrer.id();
                Error::new(format!(
                    "Invalid Input: namespace is blank for resource \"{id}\"\n"
                ))
            };
            all.push(namespace.as_str().ok_or_else(blank)?);
        }
    }
    Ok(all)
}

struct Finder<'a> {
    referrer: &'a Resource,
    candidates: &'a [&'a Resource],
    target: &'a FieldSpec,
    spec: &'a FieldSpec,
}

impl Finder<'_> {
    fn apply(&self, value: &mut Value) -> Result<(), Error> {
        let id = Id::of(value);
        let spec = FieldSpec {
            group: id.group.clone(),
            version: id.version.clone(),
            kind: id.kind.clone(),
            ..self.spec.clone()
        };
        spec.apply(value, Create::Nothing, &mut |field| self.set(field))
            .map_err(|error| {
                error.within(format!(
                    "updating name reference in '{}' field of '{id}'",
                    self.spec.path
                ))
            })
    }

    fn set(&self, field: &mut Value) -> Result<(), Error> {
        match field {
            Value::Null => Ok(()),
            Value::Object(_) => self.set_map(field),
            Value::Array(items) => {
                for item in items {
                    match item {
                        Value::Object(_) => self.set_map(item)?,
                        Value::String(_) => self.set_text(item)?,
                        _ => {}
                    }
                }
                Ok(())
            }
            _ => self.set_text(field),
        }
    }

    fn set_text(&self, field: &mut Value) -> Result<(), Error> {
        let Some(name) = field.as_str() else { return Ok(()) };
        let same = |found: &[&Resource]| all_same(found, |resource| manifest::object::name(&resource.value));
        if let Some(found) = self.select(name, self.candidates.to_vec(), same)? {
            *field = Value::String(manifest::object::name(&found.value).to_owned());
        }
        Ok(())
    }

    /// A map with a name and perhaps a namespace.
    fn set_map(&self, field: &mut Value) -> Result<(), Error> {
        let name = match field.get("name") {
            Some(name) => name.as_str().unwrap_or_default().to_owned(),
            None => return Err(Error::new("path config error; no 'name' field in node")),
        };
        let candidates = self.in_namespace(field);
        let same = |found: &[&Resource]| {
            all_same(found, |resource| manifest::object::name(&resource.value))
                && all_same(found, |resource| manifest::object::namespace(&resource.value))
        };
        let Some(found) = self.select(&name, candidates, same)? else {
            return Ok(());
        };
        let namespace = manifest::object::namespace(&found.value);
        if let Value::Object(map) = field {
            map.insert(
                "name".to_owned(),
                Value::String(manifest::object::name(&found.value).to_owned()),
            );
            if !namespace.is_empty() {
                map.insert("namespace".to_owned(), Value::String(namespace.to_owned()));
            }
        }
        Ok(())
    }

    /// The candidates that were, or else are, in the namespace that a field names.
    fn in_namespace(&self, field: &Value) -> Vec<&Resource> {
        let Some(namespace) = field.get("namespace") else {
            return self.candidates.to_vec();
        };
        let namespace = namespace.as_str().unwrap_or_default();
        let within = |id: &Id| id.effective_namespace() == namespace && namespace != "_non_namespaceable_";
        let candidates = self.candidates.iter().copied();
        let before: Vec<_> = candidates
            .clone()
            .filter(|resource| within(&resource.original_id()))
            .collect();
        if before.is_empty() {
            candidates.filter(|resource| within(&resource.id())).collect()
        } else {
            before
        }
    }

    /// The one object that is meant by an old name.
    fn select<'c>(
        &self,
        name: &str,
        mut found: Vec<&'c Resource>,
        same: impl Fn(&[&Resource]) -> bool,
    ) -> Result<Option<&'c Resource>, Error> {
        found.retain(|resource| resource.previous_ids().iter().any(|id| id.name == name));
        found.retain(|resource| resource.previous_ids().iter().any(|id| self.target.selects(id)));
        if let Some(role) = self.role() {
            found.retain(|resource| resource.previous_ids().iter().any(|id| role.selects(id)));
        }
        let own = self.referrer.id();
        found.retain(|resource| {
            let id = resource.id();
            own.cluster_scoped
                || id.cluster_scoped
                || id.kind == "ServiceAccount"
                || id.effective_namespace() == own.effective_namespace()
        });
        if found.len() > 1 || found.is_empty() {
            found.retain(|resource| resource.same_affixes(self.referrer, true));
        }
        if found.len() > 1 {
            found.retain(|resource| resource.same_affixes(self.referrer, false));
        }
        match found.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            [first, ..] if same(&found) => Ok(Some(first)),
            many => {
                let ids: Vec<_> = many.iter().map(|resource| resource.id().to_string()).collect();
                Err(Error::new(format!(
                    "found multiple possible referrals: {}",
                    ids.join(", ")
                )))
            }
        }
    }

    /// What a `roleRef` says about the kind of its target.
    fn role(&self) -> Option<FieldSpec> {
        if !self.spec.path.ends_with("roleRef/name") {
            return None;
        }
        let role = self.referrer.value.get("roleRef")?;
        let text = |name: &str| role.get(name).and_then(Value::as_str);
        let mut spec = FieldSpec::everywhere("", false);
        text("apiGroup")?.clone_into(&mut spec.group);
        text("kind")?.clone_into(&mut spec.kind);
        Some(spec)
    }
}

fn all_same<'a>(found: &[&'a Resource], text: impl Fn(&'a Resource) -> &'a str) -> bool {
    found.windows(2).all(|pair| text(pair[0]) == text(pair[1]))
}
