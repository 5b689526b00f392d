//! What the extension did to a cluster in the end, compared with an undisturbed run: faults may delay, nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{invariant::by_extension, journal::Key, session::Session, target::NAMESPACE, verdict::Miss};

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
            .filter(|write| by_extension(write))
            .map(|write| format!("{} {}/{}", write.resource, write.namespace, write.name));
        let objects = session.journal.objects().iter();
        let left = objects
            .filter(|(key, object)| lasts(key, object))
            .map(|(key, object)| (key.clone(), object["data"].clone()));
        Self {
            deleted: deleted.collect(),
            left: left.collect(),
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
    use serde_json::json;

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
