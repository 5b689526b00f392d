//! `vars`: fields of objects that stand as `$(NAME)` in other fields.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Error, fieldpath,
    fieldspec::{Create, FieldSpec},
    id::Id,
    set::Set,
    transform::scalar,
};

/// An entry of `vars`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Var {
    name: String,
    objref: Target,
    fieldref: FieldSelector,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Target {
    api_version: String,
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FieldSelector {
    field_path: String,
}

impl Var {
    /// Moves `apiVersion` to where the parts of it are looked for.
    fn with_version(&self) -> Self {
        let mut this = self.clone();
        match *this.objref.api_version.split('/').collect::<Vec<_>>() {
            [""] => {}
            [version] => version.clone_into(&mut this.objref.version),
            [group, version] => {
                group.clone_into(&mut this.objref.group);
                version.clone_into(&mut this.objref.version);
            }
            _ => {}
        }
        this
    }

    fn with_defaults(&self) -> Self {
        let mut this = self.with_version();
        if this.fieldref.field_path.is_empty() {
            "metadata.name".clone_into(&mut this.fieldref.field_path);
        }
        this
    }

    /// As Go's `%v` prints it.
    fn shown(&self) -> String {
        let target = FieldSpec {
            group: self.objref.group.clone(),
            version: self.objref.version.clone(),
            kind: self.objref.kind.clone(),
            ..FieldSpec::default()
        };
        format!(
            "{{{} {} {{{}}}}}",
            self.name,
            target.gvk(),
            self.fieldref.field_path
        )
    }

    fn target(&self) -> Id {
        let Target {
            group,
            version,
            kind,
            name,
            namespace,
            ..
        } = &self.objref;
        let api_version = if group.is_empty() {
            version.clone()
        } else {
            format!("{group}/{version}")
        };
        Id::of(&serde_json::json!({
            "apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}
        }))
    }
}

/// Variables by name.
pub(crate) type Vars = BTreeMap<String, Var>;

/// Adds the variables of one kustomization, and notes in the objects which are read from them.
pub(crate) fn gather(vars: &mut Vars, set: &mut Set, more: &[Var]) -> Result<(), Error> {
    let within = |error: Error| {
        let shown: Vec<_> = more.iter().map(Var::shown).collect();
        error.within(format!("merging vars [{}]", shown.join(" ")))
    };
    for var in more.iter().map(Var::with_version) {
        let target = var.target();
        let anywhere = target.namespace.is_empty() && !target.cluster_scoped;
        let found = set.matching(|id| {
            if anywhere {
                id.is_same_but_namespace(&target)
            } else {
                id.is_same(&target)
            }
        });
        match found.as_slice() {
            [] => {}
            [at] => set.0[*at].vars.push(var.name.clone()),
            many => {
                return Err(within(Error::new(format!(
                    "found {} resId matches for var {} (unable to disambiguate)",
                    many.len(),
                    var.shown()
                ))));
            }
        }
    }
    more.iter()
        .try_for_each(|var| add(vars, var.with_defaults()))
        .map_err(within)
}

/// Adds the variables of a base.
pub(crate) fn merge(vars: &mut Vars, more: Vars) -> Result<(), Error> {
    more.into_values().try_for_each(|var| add(vars, var))
}

fn add(vars: &mut Vars, var: Var) -> Result<(), Error> {
    let name = var.name.clone();
    if vars.insert(name.clone(), var).is_some() {
        return Err(Error::new(format!("var '{name}' already encountered")));
    }
    Ok(())
}

/// Puts the values in; the result is what there is to warn of.
pub(crate) fn resolve(set: &mut Set, vars: &Vars, specs: &[FieldSpec]) -> Result<Vec<String>, Error> {
    let mut values = BTreeMap::new();
    for (name, var) in vars {
        values.insert(name.as_str(), value(set, var)?);
    }
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let mut used = BTreeSet::new();
    for resource in &mut set.0 {
        for spec in specs {
            let mut write = |field: &mut Value| replace(field, &values, &mut used);
            spec.apply(&mut resource.value, Create::Nothing, &mut write)?;
        }
    }
    let unused: Vec<_> = values
        .keys()
        .filter(|name| !used.contains(**name))
        .copied()
        .collect();
    if unused.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![format!(
        "well-defined vars that were never replaced: {}",
        unused.join(",")
    )])
}

fn value(set: &Set, var: &Var) -> Result<Value, Error> {
    let Some(resource) = set.0.iter().find(|resource| resource.vars.contains(&var.name)) else {
        let shown = var.shown();
        return Err(Error::new(format!(
            "var '{shown}' cannot be mapped to a field in the set of known resources"
        )));
    };
    let path = fieldpath::with_indices(fieldpath::split(&var.fieldref.field_path));
    let found = fieldpath::lookup(&resource.value, &path);
    found.ok().flatten().cloned().ok_or_else(|| {
        let shown = var.shown();
        Error::new(format!(
            "field specified in var '{shown}' not found in corresponding resource"
        ))
    })
}

fn replace(
    field: &mut Value,
    values: &BTreeMap<&str, Value>,
    used: &mut BTreeSet<String>,
) -> Result<(), Error> {
    match field {
        Value::String(text) => *field = expand(text, values, used),
        Value::Object(map) => {
            for value in map.values_mut() {
                if let Value::String(text) = value {
                    *value = expand(text, values, used);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                let Value::String(text) = item else {
                    return Err(Error::new("invalid value type expect a string"));
                };
                *item = expand(text, values, used);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// Expands one text: `$$` is a dollar sign, and what is not known stays. A text that is nothing but a variable
/// takes the variable's type.
fn expand(text: &str, values: &BTreeMap<&str, Value>, used: &mut BTreeSet<String>) -> Value {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = after;
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
            continue;
        }
        let Some((name, tail)) = after.strip_prefix('(').and_then(|inside| inside.split_once(')')) else {
            out.push('$');
            continue;
        };
        rest = tail;
        match values.get(name).and_then(|value| Some((value, scalar(value)?))) {
            Some((value, known)) if !value.is_null() => {
                used.insert(name.to_owned());
                if text.len() == name.len() + 3 {
                    return value.clone();
                }
                out.push_str(&known);
            }
            _ => out.push_str(&format!("$({name})")),
        }
    }
    out.push_str(rest);
    Value::String(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dollars_are_escaped_and_types_are_kept() {
        let values = BTreeMap::from([("A", json!("x")), ("N", json!(5)), ("M", json!({}))]);
        let mut used = BTreeSet::new();
        let mut expanded = |text| expand(text, &values, &mut used);
        assert_eq!(expanded("$(N)"), json!(5));
        assert_eq!(expanded("$(A)-$(N)$(B)$(M)"), json!("x-5$(B)$(M)"));
        assert_eq!(expanded("$$(A) $x $( $"), json!("$(A) $x $( $"));
        assert_eq!(used.into_iter().collect::<Vec<_>>(), ["A", "N"]);
    }
}
