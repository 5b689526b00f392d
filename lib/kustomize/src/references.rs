//! Names of objects in other objects: when a name changes, so do the fields that hold it.

use serde_json::Value;

use crate::{
    Error,
    config::Referral,
    fieldspec::{Create, FieldSpec},
    id::Id,
    resource::Resource,
    set::Set,
};

/// An object and its ids, which are asked for too often to be made anew each time.
struct Known<'a> {
    resource: &'a Resource,
    now: Id,
    previous: Vec<Id>,
}

impl Known<'_> {
    fn original(&self) -> &Id {
        self.previous.first().unwrap_or(&self.now)
    }

    fn name(&self) -> &str {
        manifest::object::name(&self.resource.value)
    }

    fn namespace(&self) -> &str {
        manifest::object::namespace(&self.resource.value)
    }
}

/// Corrects every reference.
pub(crate) fn fix(set: &mut Set, referrals: &[Referral]) -> Result<(), Error> {
    let targets: Vec<_> = referrals.iter().map(Referral::target).collect();
    let known = set.0.iter().map(|resource| Known {
        resource,
        now: resource.id(),
        previous: resource.previous_ids(),
    });
    let known: Vec<_> = known.collect();
    let mut fixed = Vec::new();
    for (at, referrer) in known.iter().enumerate() {
        let candidates = candidates(&known, referrer)?;
        let mut value = None;
        for (referral, target) in referrals.iter().zip(&targets) {
            let original = referrer.original();
            for spec in referral.referrers.iter().filter(|spec| spec.selects(original)) {
                let finder = Finder {
                    referrer,
                    candidates: &candidates,
                    target,
                    spec,
                };
                finder.apply(value.get_or_insert_with(|| referrer.resource.value.clone()))?;
            }
        }
        fixed.extend(value.map(|value| (at, value)));
    }
    for (at, value) in fixed {
        set.0[at].value = value;
    }
    Ok(())
}

/// The objects that one may refer to: those of its namespace and of the cluster.
fn candidates<'k>(known: &'k [Known<'k>], referrer: &Known<'_>) -> Result<Vec<&'k Known<'k>>, Error> {
    let id = &referrer.now;
    if id.cluster_scoped {
        return Ok(known.iter().collect());
    }
    let accounts = account_namespaces(referrer.resource)?;
    let reachable = known.iter().filter(|other| {
        other.now.cluster_scoped
            || other.now.effective_namespace() == id.effective_namespace()
            || accounts.iter().any(|namespace| *namespace == other.now.namespace)
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
    referrer: &'a Known<'a>,
    candidates: &'a [&'a Known<'a>],
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
        let same = |found: &[&Known<'_>]| all_same(found, |resource| resource.name());
        if let Some(found) = self.select(name, self.candidates.to_vec(), same)? {
            *field = Value::String(found.name().to_owned());
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
        let same = |found: &[&Known<'_>]| {
            all_same(found, |resource| resource.name()) && all_same(found, |resource| resource.namespace())
        };
        let Some(found) = self.select(&name, candidates, same)? else {
            return Ok(());
        };
        let namespace = found.namespace();
        if let Value::Object(map) = field {
            map.insert("name".to_owned(), Value::String(found.name().to_owned()));
            if !namespace.is_empty() {
                map.insert("namespace".to_owned(), Value::String(namespace.to_owned()));
            }
        }
        Ok(())
    }

    /// The candidates that were, or else are, in the namespace that a field names.
    fn in_namespace(&self, field: &Value) -> Vec<&Known<'_>> {
        let Some(namespace) = field.get("namespace") else {
            return self.candidates.to_vec();
        };
        let namespace = namespace.as_str().unwrap_or_default();
        let within = |id: &Id| id.effective_namespace() == namespace && namespace != "_non_namespaceable_";
        let candidates = self.candidates.iter().copied();
        let before: Vec<_> = candidates
            .clone()
            .filter(|resource| within(resource.original()))
            .collect();
        if before.is_empty() {
            candidates.filter(|resource| within(&resource.now)).collect()
        } else {
            before
        }
    }

    /// The one object that is meant by an old name.
    fn select<'c>(
        &self,
        name: &str,
        mut found: Vec<&'c Known<'c>>,
        same: impl Fn(&[&Known<'_>]) -> bool,
    ) -> Result<Option<&'c Known<'c>>, Error> {
        found.retain(|resource| resource.previous.iter().any(|id| id.name == name));
        found.retain(|resource| resource.previous.iter().any(|id| self.target.selects(id)));
        if let Some(role) = self.role() {
            found.retain(|resource| resource.previous.iter().any(|id| role.selects(id)));
        }
        let own = &self.referrer.now;
        found.retain(|resource| {
            let id = &resource.now;
            own.cluster_scoped
                || id.cluster_scoped
                || id.kind == "ServiceAccount"
                || id.effective_namespace() == own.effective_namespace()
        });
        if found.len() > 1 || found.is_empty() {
            found.retain(|resource| resource.resource.same_affixes(self.referrer.resource, true));
        }
        if found.len() > 1 {
            found.retain(|resource| resource.resource.same_affixes(self.referrer.resource, false));
        }
        match found.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            [first, ..] if same(&found) => Ok(Some(first)),
            many => {
                let ids: Vec<_> = many.iter().map(|resource| resource.now.to_string()).collect();
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
        let role = self.referrer.resource.value.get("roleRef")?;
        let text = |name: &str| role.get(name).and_then(Value::as_str);
        let mut spec = FieldSpec::everywhere("", false);
        text("apiGroup")?.clone_into(&mut spec.group);
        text("kind")?.clone_into(&mut spec.kind);
        Some(spec)
    }
}

fn all_same<'a>(found: &[&'a Known<'a>], text: impl Fn(&'a Known<'a>) -> &'a str) -> bool {
    found.windows(2).all(|pair| text(pair[0]) == text(pair[1]))
}
