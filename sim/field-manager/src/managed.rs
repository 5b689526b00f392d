//! `metadata.managedFields`: who owns what, in which API version, since when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::fields_v1;
use crate::golang;
use crate::set::Set;

/// Which kind of request an owner made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Anything else.
    Update,
}

impl Operation {
    fn text(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// One owner. Appliers are the same owner in every API version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) manager: String,
    pub(crate) operation: Operation,
    pub(crate) subresource: String,
    pub(crate) api_version: String,
    pub(crate) set: Set,
    pub(crate) time: Option<Timestamp>,
}

impl Owner {
    /// An owner of nothing yet.
    pub(crate) fn new(manager: &str, operation: Operation, api_version: &str, subresource: &str) -> Self {
        Self {
            manager: if manager.is_empty() { "unknown" } else { manager }.to_owned(),
            operation,
            subresource: subresource.to_owned(),
            api_version: api_version.to_owned(),
            set: Set::new(),
            time: None,
        }
    }

    /// What tells owners apart. Owners are listed in the order of these texts.
    pub(crate) fn identity(&self) -> String {
        let mut out = String::from("{");
        let mut member = |name: &str, value: &str| {
            if !value.is_empty() {
                if out.len() > 1 {
                    out.push(',');
                }
                golang::write_json_string(&mut out, name);
                out.push(':');
                golang::write_json_string(&mut out, value);
            }
        };
        member("manager", &self.manager);
        member("operation", self.operation.text());
        if self.operation == Operation::Update {
            member("apiVersion", &self.api_version);
        }
        member("subresource", &self.subresource);
        out.push('}');
        out
    }

    /// How messages name the owner.
    pub(crate) fn describe(&self) -> String {
        let mut out = kube_schema::gotext::quote(&self.manager);
        if !self.subresource.is_empty() {
            out.push_str(" with subresource ");
            out.push_str(&kube_schema::gotext::quote(&self.subresource));
        }
        if self.operation == Operation::Update {
            out.push_str(" using ");
            out.push_str(&self.api_version);
        }
        out
    }

    fn seconds(&self) -> i64 {
        self.time.map_or(0, Timestamp::as_second)
    }
}

/// All owners of an object, by identity.
pub(crate) type Managed = BTreeMap<String, Owner>;

/// The entries of an object as they were sent; `None` if there are none or they are not of the right shape.
fn entries(object: &Value) -> Option<&Vec<Value>> {
    let entries = object.get("metadata")?.get("managedFields")?.as_array()?;
    let text =
        |entry: &Map<String, Value>, name: &str| entry.get(name).is_none_or(|v| v.is_string() || v.is_null());
    let well_formed = |entry: &Value| {
        entry.as_object().is_some_and(|entry| {
            [
                "manager",
                "operation",
                "apiVersion",
                "fieldsType",
                "subresource",
                "time",
            ]
            .iter()
            .all(|n| text(entry, n))
                && time(entry.get("time")).is_ok()
        })
    };
    entries.iter().all(well_formed).then_some(entries)
}

fn time(value: Option<&Value>) -> Result<Option<Timestamp>, jiff::Error> {
    value.and_then(Value::as_str).map(str::parse).transpose()
}

/// Whether the object has the member at all, in a form that a client may send.
pub(crate) fn is_present(object: &Value) -> bool {
    entries(object).is_some()
}

/// Whether the object asks for the owners to be forgotten, by an empty list or a single empty entry.
pub(crate) fn is_reset(object: &Value) -> bool {
    let blank = |value: &Value| value.is_null() || value.as_str() == Some("");
    match entries(object).map(Vec::as_slice) {
        Some([]) => true,
        Some([one]) => one.as_object().is_some_and(|entry| entry.values().all(blank)),
        _ => false,
    }
}

/// Whether the entries are stored in their order, each owner once.
pub(crate) fn is_sorted(object: &Value) -> bool {
    let key = |entry: &Value| {
        let text = |name: &str| {
            entry
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let second = time(entry.get("time"))
            .ok()
            .flatten()
            .map_or(0, Timestamp::as_second);
        (
            text("operation"),
            second,
            text("manager"),
            text("apiVersion"),
            text("subresource"),
        )
    };
    entries(object).is_none_or(|entries| entries.is_sorted_by(|a, b| key(a) < key(b)))
}

/// Reads the owners of an object.
pub(crate) fn decode(object: &Value) -> Result<Managed, String> {
    let mut managed = Managed::new();
    for (index, entry) in entries(object).into_iter().flatten().enumerate() {
        let owner = decode_entry(index, entry)?;
        managed.insert(owner.identity(), owner);
    }
    Ok(managed)
}

fn decode_entry(index: usize, entry: &Value) -> Result<Owner, String> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".to_owned()),
    };
    let api_version = text("apiVersion").to_owned();
    if api_version.is_empty() {
        return Err("apiVersion must not be empty".to_owned());
    }
    match text("fieldsType") {
        "FieldsV1" => {}
        "" => return Err(format!("missing fieldsType in managed fields entry {index}")),
        other => {
            return Err(format!(
                "invalid fieldsType {} in managed fields entry {index}",
                kube_schema::gotext::quote(other)
            ));
        }
    }
    let set = entry.get("fieldsV1").map_or(Ok(Set::new()), fields_v1::decode);
    Ok(Owner {
        manager: text("manager").to_owned(),
        operation,
        subresource: text("subresource").to_owned(),
        api_version,
        set: set.map_err(|e| format!("error decoding set: {e}"))?,
        time: time(entry.get("time")).ok().flatten(),
    })
}

/// Spells the owners, in the order in which they are stored.
pub(crate) fn encode(managed: &Managed) -> Vec<Value> {
    let mut owners: Vec<_> = managed.values().collect();
    owners.sort_by(|a, b| {
        let key = |o: &Owner| (o.operation, o.seconds());
        key(a)
            .cmp(&key(b))
            .then_with(|| a.manager.cmp(&b.manager))
            .then_with(|| a.api_version.cmp(&b.api_version))
            .then_with(|| a.subresource.cmp(&b.subresource))
    });
    owners.into_iter().map(encode_owner).collect()
}

fn encode_owner(owner: &Owner) -> Value {
    let mut entry = Map::new();
    let mut text = |name: &str, value: String| {
        if !value.is_empty() {
            entry.insert(name.to_owned(), Value::String(value));
        }
    };
    text("manager", owner.manager.clone());
    text("operation", owner.operation.text().to_owned());
    text("apiVersion", owner.api_version.clone());
    text("fieldsType", "FieldsV1".to_owned());
    text("subresource", owner.subresource.clone());
    text(
        "time",
        owner
            .time
            .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
            .unwrap_or_default(),
    );
    entry.insert("fieldsV1".to_owned(), fields_v1::encode(&owner.set));
    Value::Object(entry)
}

/// Takes the owners out of an object.
pub(crate) fn strip(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
}

/// Stores owners in an object.
pub(crate) fn store(object: &mut Value, managed: &Managed) {
    if managed.is_empty() {
        return strip(object);
    }
    let Value::Object(object) = object else { return };
    let metadata = object.entry("metadata").or_insert_with(|| json!({}));
    if let Value::Object(metadata) = metadata {
        metadata.insert("managedFields".to_owned(), Value::Array(encode(managed)));
    }
}

/// Merges the oldest owners by `Update` until there are at most `max`, an API version at a time.
pub(crate) fn cap(managed: &mut Managed, max: usize) {
    let updaters = managed
        .iter()
        .filter(|(_, owner)| owner.operation == Operation::Update);
    let mut oldest: Vec<(i64, String)> = updaters
        .map(|(key, owner)| (owner.seconds(), key.clone()))
        .collect();
    oldest.sort();
    let mut count = oldest.len();
    let mut first_of_version: BTreeMap<String, String> = BTreeMap::new();
    for (_, key) in oldest {
        if count <= max {
            return;
        }
        let Some(version) = managed.get(&key).map(|owner| owner.api_version.clone()) else {
            continue;
        };
        let Some(first) = first_of_version.get(&version) else {
            first_of_version.insert(version, key);
            continue;
        };
        let mut bucket = Owner::new("ancient-changes", Operation::Update, &version, "");
        let bucket_key = bucket.identity();
        let (first, owner) = (managed.remove(first), managed.remove(&key));
        let base = managed.remove(&bucket_key).or(first);
        if let Some(owner) = owner {
            // The time of the younger one counts.
            bucket.time = owner.time;
            bucket.set = base.map_or_else(|| owner.set.clone(), |base| base.set.union(&owner.set));
        }
        managed.insert(bucket_key.clone(), bucket);
        first_of_version.insert(version, bucket_key);
        count -= 1;
    }
}

/// Puts back the times of an object that is otherwise what it was, so that it counts as unchanged.
///
/// Only entries that are equal in place are looked at: where new times have changed the order, the object has changed.
pub fn ignore_timestamps(old: &Value, new: &mut Value) {
    let (Some(before), Some(after)) = (entries(old), entries(new)) else {
        return;
    };
    let same = |(a, b): (&Value, &Value)| match (a.as_object(), b.as_object()) {
        (Some(a), Some(b)) => {
            let timeless = |map: &Map<String, Value>| map.len() - usize::from(map.contains_key("time"));
            timeless(a) == timeless(b)
                && a.iter()
                    .all(|(name, value)| name == "time" || b.get(name) == Some(value))
        }
        _ => false,
    };
    if before == after || before.len() != after.len() || !before.iter().zip(after).all(same) {
        return;
    }
    let (Some(l), Some(r)) = (old.as_object(), new.as_object()) else {
        return;
    };
    let rest = |(name, value): (&String, &Value), other: &Map<String, Value>| match (name.as_str(), value) {
        ("metadata", Value::Object(metadata)) => {
            other.get(name).and_then(Value::as_object).is_some_and(|other| {
                metadata.len() == other.len()
                    && metadata
                        .iter()
                        .all(|(name, value)| name == "managedFields" || other.get(name) == Some(value))
            })
        }
        _ => other.get(name) == Some(value),
    };
    if l.len() == r.len() && l.iter().all(|member| rest(member, r)) {
        let before = before.clone();
        new["metadata"]["managedFields"] = Value::Array(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, version: &str, second: u32, field: &str) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": version, "fieldsType": "FieldsV1",
            "fieldsV1": {format!("f:{field}"): {}}, "time": format!("2024-01-01T00:00:{second:02}Z")})
    }

    fn object(entries: &[Value]) -> Value {
        json!({"metadata": {"managedFields": entries}})
    }

    #[test]
    fn owners_round_trip_in_order() {
        let sorted = [
            entry("z", "Apply", "v1", 1, "a"),
            entry("a", "Apply", "v1", 2, "a"),
            entry("a", "Update", "v1", 0, "a"),
            entry("a", "Update", "v2", 0, "a"),
        ];
        let shuffled = object(&[
            sorted[3].clone(),
            sorted[1].clone(),
            sorted[2].clone(),
            sorted[0].clone(),
        ]);
        assert_eq!(encode(&decode(&shuffled).unwrap()), sorted);
    }

    #[test]
    fn malformed_owners_are_refused_or_absent() {
        let mut bad = entry("a", "Apply", "v1", 1, "a");
        bad["operation"] = json!("Patch");
        assert_eq!(
            decode(&object(&[bad.clone()])).unwrap_err(),
            "operation must be `Apply` or `Update`"
        );
        bad["operation"] = json!("Apply");
        bad["fieldsType"] = json!("FieldsV2");
        assert_eq!(
            decode(&object(&[bad.clone()])).unwrap_err(),
            "invalid fieldsType \"FieldsV2\" in managed fields entry 0"
        );
        bad["time"] = json!("yesterday");
        assert!(!is_present(&object(&[bad])));
        assert!(
            is_reset(&object(&[]))
                && is_reset(&object(&[json!({})]))
                && !is_reset(&json!({"metadata": {"managedFields": null}}))
        );
    }

    #[test]
    fn the_oldest_updaters_of_a_version_are_merged() {
        let mut entries: Vec<_> = (0..11)
            .map(|i| {
                entry(
                    &format!("m{i}"),
                    "Update",
                    if i == 1 { "v2" } else { "v1" },
                    i,
                    &format!("f{i}"),
                )
            })
            .collect();
        entries.push(entry("applier", "Apply", "v1", 0, "x"));
        let mut managed = decode(&object(&entries)).unwrap();
        cap(&mut managed, 10);
        let out = encode(&managed);
        assert_eq!(out.len(), 11);
        let ancient = out.iter().find(|e| e["manager"] == "ancient-changes").unwrap();
        assert_eq!(ancient["fieldsV1"], json!({"f:f0": {}, "f:f2": {}}));
        assert_eq!(ancient["time"], "2024-01-01T00:00:02Z");
        assert!(out.iter().any(|e| e["manager"] == "m1"));
    }

    #[test]
    fn times_alone_are_put_back() {
        let old = object(&[entry("a", "Apply", "v1", 1, "x")]);
        let mut new = object(&[entry("a", "Apply", "v1", 2, "x")]);
        let mut other = new.clone();
        other["data"] = json!({});
        let kept = other.clone();
        ignore_timestamps(&old, &mut new);
        ignore_timestamps(&old, &mut other);
        assert_eq!((new, other), (old, kept));
    }
}
