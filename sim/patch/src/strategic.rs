//! Strategic merge patch: merging that knows which lists have keys, and directives inside the patch.
//!
//! Maps merge member by member, lists with `patchStrategy: merge` item by item; all else is replaced. Directives:
//! `$patch` (`replace`, `delete`, `merge`), `$retainKeys`, `$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`.
//!
//! QUIRK: upstream changes the patch while it applies it, and quotes the changed patch in later messages;
//! [`strategic_merge_changing`] leaves it in the same state.

mod meta;
mod order;

use crate::PatchError;
use crate::strategic::meta::Meta;
use crate::strategic::order::Elements;
use kube_schema::gotext::display;
use kube_schema::{Schema, TypeId};
use serde_json::{Map, Value};

type Members = Map<String, Value>;

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const DELETE_PREFIX: &str = "$deleteFromPrimitiveList";
const ORDER_PREFIX: &str = "$setElementOrder";

/// Applies a strategic merge patch to an object of a built-in kind.
pub fn strategic_merge(
    schema: &Schema,
    ty: TypeId,
    target: &Value,
    patch: &Value,
) -> Result<Value, PatchError> {
    strategic_merge_changing(schema, ty, target, &mut patch.clone())
}

/// The same; the patch is left as upstream leaves it, for messages that quote it.
pub fn strategic_merge_changing(
    schema: &Schema,
    ty: TypeId,
    target: &Value,
    patch: &mut Value,
) -> Result<Value, PatchError> {
    let original = target.as_object().cloned().unwrap_or_default();
    let mut empty = Members::new();
    let patch = match patch {
        Value::Object(members) => members,
        Value::Null => &mut empty,
        other => {
            let text = format!(
                "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
                json(other)
            );
            return Err(PatchError::bad_request(text));
        }
    };
    let merger = Merger { schema };
    merger
        .map(original, patch, ty)
        .map(Value::Object)
        .map_err(Failure::into_error)
}

/// What the server does with findings of strict decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validation {
    /// Does not look for them.
    Ignore,
    /// Warns of them.
    Warn,
    /// Refuses the patch.
    Strict,
}

/// A patched object of a built-in kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Patched {
    /// The object, without what its type does not know.
    pub value: Value,
    /// What to warn of.
    pub findings: Vec<String>,
}

/// Reads, applies and reads back a strategic merge patch, with all the answers the server has for each step.
pub fn strategic_patch(
    schema: &Schema,
    ty: TypeId,
    target: &Value,
    body: &[u8],
    validation: Validation,
) -> Result<Patched, PatchError> {
    let document = kube_schema::Document::parse(body).map_err(|error| PatchError::bad_request(error.0))?;
    let mut findings = document.duplicates();
    let mut patch = document.into_value();
    let merged = strategic_merge_changing(schema, ty, target, &mut patch)?;
    let unreadable = |problem: &str| PatchError::unreadable(&display(&patch), problem);
    let decoded = kube_schema::convert(&merged, schema, ty).map_err(|problem| unreadable(&problem))?;
    findings.extend(decoded.findings);
    match validation {
        Validation::Strict if !findings.is_empty() => {
            return Err(unreadable(&format!(
                "strict decoding error: {}",
                findings.join(", ")
            )));
        }
        Validation::Ignore => findings.clear(),
        Validation::Strict | Validation::Warn => {}
    }
    Ok(Patched {
        value: decoded.value,
        findings,
    })
}

/// Why a patch does not apply.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The patch has no valid form.
    Format(&'static str),
    /// The patch is understood but not supported.
    Unprocessable(&'static str),
    /// Everything else, which the server passes on as an internal error.
    Other(String),
}

impl Failure {
    fn into_error(self) -> PatchError {
        match self {
            Self::Format(text) => PatchError::bad_request(text),
            Self::Unprocessable(text) => PatchError {
                code: 422,
                reason: "Invalid",
                message: text.to_owned(),
                details: true,
                cause: None,
            },
            Self::Other(text) => PatchError::internal(text),
        }
    }

    pub(crate) fn bad_type(expected: &str, actual: &Value) -> Self {
        Self::Other(format!(
            "expected a {expected}, but received a {}",
            go_type(actual)
        ))
    }

    pub(crate) fn no_merge_key(item: &Members, key: &str) -> Self {
        let item = display(&Value::Object(item.clone()));
        Self::Other(format!("map: {item} does not contain declared merge key: {key}"))
    }

    fn bad_directive(directive: &Value, map: &Members) -> Self {
        let directive = match directive {
            Value::String(text) => text.clone(),
            Value::Null => "%!s(<nil>)".to_owned(),
            other => format!("%!s({}={})", go_type(other), display(other)),
        };
        Self::Other(format!(
            "unknown patch type: {directive} in map: {}",
            display(&Value::Object(map.clone()))
        ))
    }
}

pub(crate) const MAP: &str = "map[string]interface {}";
pub(crate) const LIST: &str = "[]interface {}";

fn json(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The Go type of a decoded value.
pub(crate) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => LIST,
        Value::Object(_) => MAP,
    }
}

/// Null members of a new value would delete nothing, so they are dropped.
fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// A new value without maps that carry a directive; `None` if it is such a map.
fn without_directives(value: &Value) -> Option<Value> {
    match value {
        Value::Object(members) if members.contains_key(DIRECTIVE) => None,
        Value::Object(members) => {
            let members = members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), without_directives(value)?)));
            Some(Value::Object(members.collect()))
        }
        Value::Array(items) => Some(Value::Array(
            items.iter().filter_map(without_directives).collect(),
        )),
        other => Some(other.clone()),
    }
}

fn has_directive(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|members| members.contains_key(DIRECTIVE))
}

/// The list a directive's name speaks of.
fn list_name<'a>(name: &'a str, prefix: &str, failure: &'static str) -> Result<&'a str, Failure> {
    name.split_once('/')
        .filter(|(found, _)| *found == prefix)
        .map(|(_, list)| list)
        .ok_or(Failure::Format(failure))
}

fn retain(original: &mut Members, patch: &mut Members) -> Result<(), Failure> {
    const BAD: Failure = Failure::Format("invalid patch format of retainKeys");
    let Some(keys) = patch.remove(RETAIN) else {
        return Ok(());
    };
    let Value::Array(keys) = keys else { return Err(BAD) };
    let kept = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
    for (name, value) in patch.iter() {
        if value.is_null() || name.starts_with(DELETE_PREFIX) || name.starts_with(ORDER_PREFIX) {
            continue;
        }
        if !kept(name) {
            return Err(BAD);
        }
    }
    original.retain(|name, _| kept(name));
    Ok(())
}

struct Merger<'a> {
    schema: &'a Schema,
}

impl<'a> Merger<'a> {
    fn map(&self, mut original: Members, patch: &mut Members, ty: TypeId) -> Result<Members, Failure> {
        if let Some(directive) = patch.get(DIRECTIVE) {
            return match directive.as_str() {
                Some("replace") => {
                    patch.remove(DIRECTIVE);
                    Ok(patch.clone())
                }
                Some("delete") => Ok(Members::new()),
                _ => Err(Failure::bad_directive(directive, patch)),
            };
        }
        retain(&mut original, patch)?;
        self.ordered_lists(&mut original, patch, ty)?;
        let names: Vec<String> = patch.keys().cloned().collect();
        for name in names {
            let Some(change) = patch.get_mut(&name) else {
                continue;
            };
            let (target, deletes) = if name.starts_with(DELETE_PREFIX) {
                (
                    list_name(&name, DELETE_PREFIX, "invalid patch format of primitive list")?,
                    true,
                )
            } else {
                (name.as_str(), false)
            };
            self.member(&mut original, target, change, deletes, ty)?;
        }
        Ok(original)
    }

    fn member(
        &self,
        original: &mut Members,
        name: &str,
        change: &mut Value,
        deletes: bool,
        ty: TypeId,
    ) -> Result<(), Failure> {
        if change.is_null() {
            original.remove(name);
            return Ok(());
        }
        let merged = match (original.get_mut(name), &mut *change) {
            (Some(Value::Object(old)), Value::Object(change)) => {
                let meta = self.of_struct(ty, name)?;
                if meta.replaces() {
                    Value::Object(change.clone())
                } else {
                    Value::Object(self.map(std::mem::take(old), change, meta.ty)?)
                }
            }
            (Some(Value::Array(old)), Value::Array(change)) => {
                let meta = self.of_list(ty, name)?;
                if meta.merges() || deletes {
                    Value::Array(self.list(std::mem::take(old), change, &meta, deletes)?)
                } else {
                    Value::Array(change.clone())
                }
            }
            (Some(old), new) if go_type(old) == go_type(new) => new.clone(),
            _ if deletes => return Ok(()),
            _ => {
                discard_nulls(change);
                match without_directives(change) {
                    Some(value) => value,
                    None => {
                        original.remove(name);
                        return Ok(());
                    }
                }
            }
        };
        original.insert(name.to_owned(), merged);
        Ok(())
    }

    /// `$setElementOrder` lists, together with the lists they order.
    fn ordered_lists(&self, original: &mut Members, patch: &mut Members, ty: TypeId) -> Result<(), Failure> {
        const BAD: &str = "invalid patch format of setElementOrder list";
        let names: Vec<String> = patch
            .keys()
            .filter(|name| name.starts_with(ORDER_PREFIX))
            .cloned()
            .collect();
        for directive in names {
            let wanted = match patch.remove(&directive) {
                Some(Value::Array(wanted)) => wanted,
                other => return Err(Failure::bad_type(LIST, &other.unwrap_or_default())),
            };
            let name = list_name(&directive, ORDER_PREFIX, BAD)?;
            let old = match original.get(name) {
                Some(Value::Array(items)) => Some(items.clone()),
                Some(other) => return Err(Failure::bad_type(LIST, other)),
                None => None,
            };
            let mut change = match patch.get(name) {
                Some(Value::Array(items)) => Some(items.clone()),
                Some(other) => return Err(Failure::bad_type(LIST, other)),
                None => None,
            };
            let meta = self.of_list(ty, name)?;
            order::check(change.as_deref().unwrap_or_default(), &wanted, meta.key())?;
            let merged = match (&old, &mut change) {
                (None, None) => continue,
                (Some(old), None) => old.clone(),
                (None, Some(change)) => change.iter().filter_map(without_directives).collect(),
                (Some(old), Some(change)) if meta.merges() => self.list(old.clone(), change, &meta, false)?,
                (Some(_), Some(change)) => change.clone(),
            };
            let elements = Elements::of(
                old.as_deref().unwrap_or_default(),
                change.as_deref().unwrap_or_default(),
            )?;
            let (first, rest) = order::partition(merged, &wanted, meta.key())?;
            let server = old.unwrap_or_default();
            let both = order::interleave(first, rest, &wanted, &server, meta.key(), elements)?;
            original.insert(name.to_owned(), Value::Array(both));
            patch.remove(name);
        }
        Ok(())
    }

    fn list(
        &self,
        original: Vec<Value>,
        patch: &mut [Value],
        meta: &Meta<'_>,
        deletes: bool,
    ) -> Result<Vec<Value>, Failure> {
        if original.is_empty() && patch.is_empty() {
            return Ok(original);
        }
        let elements = Elements::of(&original, patch)?;
        let key = meta.key();
        if elements == Elements::Scalars {
            if deletes {
                return Ok(original
                    .into_iter()
                    .filter(|item| !patch.contains(item))
                    .collect());
            }
            let merged = order::deduplicate(original.iter().chain(patch.iter()).cloned().collect());
            let (first, rest) = order::partition(merged, patch, key)?;
            return order::interleave(first, rest, patch, &original, key, elements);
        }
        if key.is_empty() {
            let kind = self.kind_of(meta.ty);
            return Err(Failure::Other(format!(
                "cannot merge lists without merge key for {kind}"
            )));
        }
        let (original, mut plain) = special_items(original, patch, key)?;
        let merged = self.keyed(original.clone(), &mut plain, key, meta.ty)?;
        let (first, rest) = order::partition(merged, &plain, key)?;
        order::interleave(first, rest, &plain, &original, key, elements)
    }

    fn keyed(
        &self,
        mut original: Vec<Value>,
        patch: &mut [Value],
        key: &str,
        ty: TypeId,
    ) -> Result<Vec<Value>, Failure> {
        for item in patch {
            let Value::Object(change) = item else { continue };
            let Some(wanted) = change.get(key).cloned() else {
                return Err(Failure::no_merge_key(change, key));
            };
            match order::find(&original, key, &wanted)? {
                Some(at) => {
                    let old = match original[at].take() {
                        Value::Object(old) => old,
                        _ => Members::new(),
                    };
                    original[at] = Value::Object(self.map(old, change, ty)?);
                }
                None => original.push(item.clone()),
            }
        }
        Ok(original)
    }
}

/// Applies the items that are directives; what remains of both lists.
fn special_items(
    mut original: Vec<Value>,
    patch: &[Value],
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let mut plain = Vec::new();
    let mut replace = false;
    for item in patch {
        let Value::Object(members) = item else { continue };
        let Some(directive) = members.get(DIRECTIVE) else {
            plain.push(item.clone());
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let wanted = members
                    .get(key)
                    .ok_or_else(|| Failure::no_merge_key(members, key))?;
                while let Some(at) = order::find(&original, key, wanted)? {
                    original.remove(at);
                }
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(Failure::Other(
                    "merging lists cannot yet be specified in the patch".to_owned(),
                ));
            }
            _ => return Err(Failure::bad_directive(directive, members)),
        }
    }
    Ok(if replace {
        (plain, Vec::new())
    } else {
        (original, plain)
    })
}

#[cfg(test)]
mod tests;
