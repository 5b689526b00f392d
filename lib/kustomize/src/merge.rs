//! Strategic merge patches as kyaml applies them: merge keys from the built-in kinds, `$patch` directives,
//! new elements before the old ones.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    Error,
    merge_keys::{Known, Table},
};

const DIRECTIVE: &str = "$patch";

/// Patches an object; nothing is left when the patch deletes it.
pub(crate) fn merge(target: Value, patch: Value, table: &Table) -> Result<Option<Value>, Error> {
    let known = Known::object(
        table,
        manifest::object::api_version(&target),
        manifest::object::kind(&target),
    );
    walk(Some(target), Some(patch), known)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

impl Directive {
    fn named(name: &Value) -> Result<Self, Error> {
        match scalar(name).as_str() {
            "merge" => Ok(Self::Merge),
            "replace" => Ok(Self::Replace),
            "delete" => Ok(Self::Delete),
            other => Err(Error::new(format!("unknown patch strategy '{other}'"))),
        }
    }

    /// Takes the directive out of a map.
    fn of_map(map: &mut Map<String, Value>) -> Result<Self, Error> {
        map.remove(DIRECTIVE)
            .map_or(Ok(Self::Merge), |name| Self::named(&name))
    }

    /// Takes the element that only is a directive out of a list.
    fn of_list(list: &mut Vec<Value>) -> Result<Self, Error> {
        let found = list.iter().position(|item| item.get(DIRECTIVE).is_some());
        let Some(at) = found.filter(|at| list[*at].as_object().is_some_and(|map| map.len() == 1)) else {
            return Ok(Self::Merge);
        };
        let item = list.remove(at);
        Self::named(&item[DIRECTIVE])
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Map,
    List,
    Scalar,
    Null,
}

impl Shape {
    fn of(value: &Value) -> Self {
        match value {
            Value::Object(_) => Self::Map,
            Value::Array(_) => Self::List,
            Value::Null => Self::Null,
            _ => Self::Scalar,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Map => "MappingNode",
            Self::List => "SequenceNode",
            Self::Scalar | Self::Null => "ScalarNode",
        }
    }

    /// The shape that the values share, nulls aside.
    fn shared(dest: Option<&Value>, origin: Option<&Value>) -> Result<Self, Error> {
        let mut shared = Self::Null;
        for value in [dest, origin]
            .into_iter()
            .flatten()
            .filter(|value| !value.is_null())
        {
            let shape = Self::of(value);
            if shared != Self::Null && shared != shape {
                return Err(Error::new(format!(
                    "wrong node kind: expected {} but got {}: node contents:\n{}",
                    shared.name(),
                    shape.name(),
                    yaml::to_string(value)
                )));
            }
            shared = shape;
        }
        Ok(shared)
    }
}

fn walk(dest: Option<Value>, origin: Option<Value>, known: Known<'_>) -> Result<Option<Value>, Error> {
    let own = |dest: Option<Value>, origin: Option<Value>| origin.or(dest).filter(|value| !value.is_null());
    match Shape::shared(dest.as_ref(), origin.as_ref())? {
        Shape::Map => walk_map(dest, origin, known),
        Shape::List => match known.keys {
            Some(keys) => {
                let keys: Vec<_> = keys.iter().map(String::as_str).collect();
                walk_list(dest, origin, known, &keys)
            }
            None => Ok(own(dest, origin)),
        },
        Shape::Scalar => Ok(own(dest, origin)),
        // A null that no patch touches stays.
        Shape::Null if origin.is_none() => Ok(dest),
        Shape::Null => Ok(None),
    }
}

fn walk_map(dest: Option<Value>, origin: Option<Value>, known: Known<'_>) -> Result<Option<Value>, Error> {
    let (mut dest, origin) = match (dest, origin) {
        (Some(Value::Object(dest)), None) => (dest, None),
        (Some(Value::Object(dest)), Some(Value::Object(mut origin))) => {
            match Directive::of_map(&mut origin)? {
                Directive::Delete => return Ok(None),
                Directive::Replace => (origin.clone(), Some(origin)),
                Directive::Merge => (dest, Some(origin)),
            }
        }
        (_, Some(Value::Object(mut origin))) => match Directive::of_map(&mut origin)? {
            Directive::Delete => return Ok(None),
            // Merged with itself: nulls and nested directives in it take effect.
            Directive::Replace | Directive::Merge => (origin.clone(), Some(origin)),
        },
        _ => return Ok(None),
    };
    let mut origin = origin.unwrap_or_default();
    let keys: BTreeSet<String> = dest.keys().chain(origin.keys()).cloned().collect();
    for key in keys {
        let known = known.field(&key);
        match walk(dest.remove(&key), origin.remove(&key), known)? {
            Some(value) => dest.insert(key, value),
            None => None,
        };
    }
    Ok(Some(Value::Object(dest)))
}

fn walk_list(
    dest: Option<Value>,
    origin: Option<Value>,
    known: Known<'_>,
    keys: &[&str],
) -> Result<Option<Value>, Error> {
    let (dest, origin) = match (dest, origin) {
        (Some(Value::Array(dest)), None) => (dest, None),
        (Some(Value::Array(dest)), Some(Value::Array(mut origin))) => {
            match Directive::of_list(&mut origin)? {
                Directive::Delete => return Ok(None),
                Directive::Replace => (origin.clone(), Some(origin)),
                Directive::Merge => (dest, Some(origin)),
            }
        }
        (_, Some(Value::Array(origin))) => (origin.clone(), Some(origin)),
        _ => return Ok(None),
    };
    let origin = origin.unwrap_or_default();
    if keys.is_empty() {
        return Ok(Some(Value::Array(merge_set(dest, origin))));
    }
    List {
        dest,
        origin,
        known,
        keys,
    }
    .merge()
    .map(Some)
}

/// Plain values: those of the patch first, each once.
fn merge_set(dest: Vec<Value>, origin: Vec<Value>) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for value in origin.into_iter().chain(dest) {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

struct List<'a> {
    dest: Vec<Value>,
    origin: Vec<Value>,
    known: Known<'a>,
    keys: &'a [&'a str],
}

impl List<'_> {
    fn merge(mut self) -> Result<Value, Error> {
        let mut all = self.values();
        if self.keys.len() > 1 {
            unite(&mut all);
        }
        let mut items = Vec::new();
        let mut last_keys: Vec<&str> = Vec::new();
        for values in all.clone() {
            let (keys, values) = valid(&all, &values, self.keys);
            last_keys.clone_from(&keys);
            let Some(mut value) = self.merged(&keys, &values)? else {
                set_element(&mut self.dest, None, &keys, &values);
                continue;
            };
            if let Value::Object(map) = &mut value {
                for (key, text) in keys.iter().zip(&values).filter(|(_, text)| !text.is_empty()) {
                    map.entry(*key).or_insert_with(|| Value::String(text.clone()));
                }
            }
            set_element(&mut items, Some(value), &keys, &values);
        }
        if all.is_empty() {
            return Ok(Value::Array(self.dest));
        }
        Ok(Value::Array(append(items, self.dest, &last_keys)))
    }

    /// The key values of all elements, those of the patch first.
    fn values(&self) -> Vec<Vec<String>> {
        let mut all: Vec<Vec<String>> = Vec::new();
        for item in self.origin.iter().chain(&self.dest) {
            let values = self
                .keys
                .iter()
                .map(|key| item.get(key).map(scalar).unwrap_or_default());
            let values: Vec<_> = values.collect();
            if !all.contains(&values) {
                all.push(values);
            }
        }
        all
    }

    /// Merges the two elements with these key values.
    fn merged(&mut self, keys: &[&str], values: &[String]) -> Result<Option<Value>, Error> {
        let (keys, values) = valid(&[values.to_vec()], values, keys);
        let dest = find(&self.dest, &keys, &values);
        let origin = find(&self.origin, &keys, &values);
        let patch = origin.map(|at| self.origin[at].clone());
        let replaced = patch
            .as_ref()
            .and_then(|patch| patch.get(DIRECTIVE))
            .is_some_and(|name| name == "replace");
        let old = dest.map(|at| self.dest[at].clone());
        let merged = walk(old, patch, self.known.element())?;
        // QUIRK: a replaced element is set back to the old one below.
        if let (Some(at), Some(value), false) = (dest, &merged, replaced) {
            self.dest[at] = value.clone();
        }
        let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        Ok(merged.filter(|value| !value.is_null() && !empty(value)))
    }
}

/// The text of a plain value, as it stands in YAML.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => String::new(),
    }
}

/// Elements that agree in one key and lack another on one side are the same.
fn unite(all: &mut [Vec<String>]) {
    for i in 0..all.len() {
        for j in 0..all.len() {
            if let Some(united) = united(&all[i], &all[j]) {
                all[i].clone_from(&united);
                all[j] = united;
            }
        }
    }
}

fn united(left: &[String], right: &[String]) -> Option<Vec<String>> {
    let mut common = false;
    let mut all = Vec::new();
    for (x, y) in left.iter().zip(right) {
        if x == y {
            common = true;
        } else if !x.is_empty() && !y.is_empty() {
            return None;
        }
        all.push(if x.is_empty() { y.clone() } else { x.clone() });
    }
    common.then_some(all)
}

/// The keys that any element has at all, and their values in this one.
fn valid<'k>(all: &[Vec<String>], values: &[String], keys: &[&'k str]) -> (Vec<&'k str>, Vec<String>) {
    let used = |at: usize| {
        all.iter()
            .any(|values| values.get(at).is_some_and(|text| !text.is_empty()))
    };
    if !(0..keys.len()).any(used) {
        return (keys.to_vec(), values.to_vec());
    }
    let pairs = keys.iter().zip(values).enumerate();
    pairs
        .filter(|(at, _)| used(*at))
        .map(|(_, (key, text))| (*key, text.clone()))
        .unzip()
}

fn find(list: &[Value], keys: &[&str], values: &[String]) -> Option<usize> {
    list.iter().position(|item| {
        item.is_object()
            && keys
                .iter()
                .zip(values)
                .all(|(key, text)| item.get(key).is_some_and(|value| scalar(value) == *text))
    })
}

/// Puts an element in the place of those with these key values, or at the end; takes them out when there is none.
///
/// QUIRK: a key without a value here counts as equal when the key before it was.
fn set_element(list: &mut Vec<Value>, element: Option<Value>, keys: &[&str], values: &[String]) {
    let mut found_any = false;
    let old = std::mem::take(list);
    for item in old {
        if item.is_null() || item.as_object().is_some_and(Map::is_empty) {
            continue;
        }
        let mut found = item.is_object();
        let mut present = false;
        for (at, key) in keys.iter().enumerate().take_while(|_| item.is_object()) {
            if let Some(text) = values.get(at) {
                let value = item.get(key);
                present = value.is_some_and(|value| text.is_empty() || scalar(value) == *text);
            }
            if !present {
                found = false;
                break;
            }
        }
        if !found {
            list.push(item);
            continue;
        }
        found_any = true;
        list.extend(element.clone());
    }
    if !found_any {
        list.extend(element);
    }
}

/// Adds the old elements to the merged ones: those that are there already keep the place they have.
fn append(mut items: Vec<Value>, old: Vec<Value>, keys: &[&str]) -> Vec<Value> {
    for element in old {
        if !element.is_object() {
            if !items.contains(&element) {
                items.push(element);
            }
            continue;
        }
        let mut values = Vec::new();
        for key in keys {
            match element.get(key).filter(|value| !value.is_null()) {
                Some(value) => values.push(scalar(value)),
                None => items.push(element.clone()),
            }
        }
        if keys.len() > 1 {
            set_element(&mut items, None, keys, &values);
        }
        set_element(&mut items, Some(element), keys, &values);
    }
    items
}
