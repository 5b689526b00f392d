//! What the extension did to a cluster in the end, compared with an undisturbed run: faults may delay, nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use serde_json::{Value, json};

use crate::{
    invariant::by_extension, journal::Key, scenario::is_release, session::Session, target::NAMESPACE,
    verdict::Miss,
};

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub(super) struct Deeds {
    /// What the extension deleted: resource, namespace and name.
    deleted: BTreeSet<String>,
    /// What there is, with the data of what holds data.
    left: BTreeMap<Key, Value>,
}

impl Deeds {
    pub(super) fn of(session: &Session) -> Self {
        let writes = session.cluster.writes(0);
        let deleted = writes
            .iter()
            .filter(|write| by_extension(write) && !(write.resource == "secrets" && is_release(&write.name)))
            .map(|write| format!("{} {}/{}", write.resource, write.namespace, write.name));
        let objects = session.journal.objects().iter();
        let (records, objects): (Vec<_>, Vec<_>) = objects
            .filter(|(key, object)| lasts(key, object))
            .partition(|(key, _)| key.kind == "Secret" && is_release(&key.name));
        let mut left: BTreeMap<Key, Value> = objects
            .into_iter()
            .map(|(key, object)| (key.clone(), object["data"].clone()))
            .collect();
        left.extend(released(&records));
        Self {
            deleted: deleted.collect(),
            left,
        }
    }

    /// Whether a disturbed run came to the same as this undisturbed one.
    pub(super) fn compare(&self, disturbed: &Self) -> Result<(), Miss> {
        if let Some(wrong) = disturbed.deleted.difference(&self.deleted).next() {
            let message = format!("{wrong} was deleted, which no undisturbed run deletes");
            return Err(Miss::failed("faults.deleted", message));
        }
        for (key, data) in &self.left {
            match disturbed.left.get(key) {
                None => return Err(Miss::failed("faults.lost", format!("{key} is missing"))),
                Some(other) if other != data => {
                    let message = format!("{key} holds other data");
                    let details = [format!("undisturbed: {data}"), format!("disturbed: {other}")];
                    return Err(Miss::failed("faults.data", message).with(details));
                }
                Some(_) => {}
            }
        }
        match disturbed.left.keys().find(|key| !self.left.contains_key(key)) {
            Some(key) => Err(Miss::failed("faults.left", format!("{key} was left behind"))),
            None => Ok(()),
        }
    }
}

/// The release that each Helm release came to. How many attempts it took, and when, is a record of what happened.
fn released(records: &[(&Key, &Arc<Value>)]) -> BTreeMap<Key, Value> {
    let mut newest: BTreeMap<Key, (i64, Value)> = BTreeMap::new();
    for (key, object) in records {
        let text = object["data"]["release"]
            .as_str()
            .and_then(|text| BASE64.decode(text).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let record = text.and_then(|text| helm::Record::decode(&text).ok());
        // What cannot be read must be the same in every run.
        let (name, version, content) = match record {
            Some(record) => {
                let content = json!({
                    "chart": record.chart["metadata"], "config": record.config, "manifest": record.manifest,
                    "status": record.info.status,
                });
                (record.name, record.version, content)
            }
            None => (key.name.clone(), 0, object["data"].clone()),
        };
        let release = Key {
            name: format!("release {name}"),
            ..(*key).clone()
        };
        let known = newest.entry(release).or_insert((version, Value::Null));
        if known.0 <= version {
            *known = (version, content);
        }
    }
    let newest = newest.into_iter();
    newest.map(|(key, (_, content))| (key, content)).collect()
}

/// Whether an object would be there in any run: no record of what happened, nothing that a controller of Kubernetes
/// makes for another object, none of the extension's own.
fn lasts(key: &Key, object: &Value) -> bool {
    let controlled = object["metadata"]["ownerReferences"]
        .as_array()
        .is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true));
    !matches!(key.kind.as_str(), "Event" | "Lease" | "Pod" | "PodMetrics")
        && !controlled
        && key.namespace != NAMESPACE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            group: String::new(),
            kind: "ConfigMap".to_owned(),
            namespace: "default".to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn what_is_lost_left_or_wrongly_deleted_is_told() {
        let undisturbed = Deeds {
            deleted: BTreeSet::from(["configmaps default/old".to_owned()]),
            left: BTreeMap::from([(key("a"), json!({"k": "v"}))]),
        };
        let code = |disturbed: &Deeds| undisturbed.compare(disturbed).err().map(|miss| miss.code);
        let mut same = undisturbed.clone();
        same.deleted.clear();
        assert_eq!(code(&same), None);
        let mut wrong = undisturbed.clone();
        wrong.deleted.insert("configmaps default/a".to_owned());
        assert_eq!(code(&wrong), Some("faults.deleted"));
        let mut lost = undisturbed.clone();
        lost.left.clear();
        assert_eq!(code(&lost), Some("faults.lost"));
        let mut other = undisturbed.clone();
        other.left.insert(key("a"), json!({"k": "w"}));
        assert_eq!(code(&other), Some("faults.data"));
        let mut more = undisturbed.clone();
        more.left.insert(key("b"), json!({}));
        assert_eq!(code(&more), Some("faults.left"));
    }
}
