//! What wakes a controller: its own objects, and objects that its own refer to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use edges::Clock;
use flux_api::meta::REQUESTED_AT;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Client,
    api::DynamicObject,
    discovery::ApiResource,
    runtime::watcher::{self, Event},
};
use manifest::{Key, object};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The controller's own objects as last seen.
pub type Objects = BTreeMap<Key, Arc<Value>>;

/// A change of an object that others may refer to.
pub struct Change<'a> {
    /// The object before, if it was known.
    pub old: Option<&'a Value>,
    /// The object now.
    pub new: &'a Value,
}

/// Names the objects that a change concerns, in the order in which to look at them.
pub type Mapper = Arc<dyn Fn(&Change<'_>, &Objects) -> Vec<Key> + Send + Sync>;

/// A further kind that is watched.
#[derive(Clone)]
pub struct Watch {
    /// The kind.
    pub resource: ApiResource,
    /// Only objects with these labels.
    pub labels: Option<String>,
    /// Whom a change concerns.
    pub map: Mapper,
}

/// Own objects by type; what cannot be read is left out, and its own pass tells why.
pub fn parsed<T: DeserializeOwned>(objects: &Objects) -> impl Iterator<Item = (&Key, T)> {
    objects.iter().filter_map(|(key, value)| {
        let object = serde_json::from_value(Value::clone(value)).ok()?;
        Some((key, object))
    })
}

/// The revision of a source's artifact.
pub fn artifact_revision(source: &Value) -> Option<&str> {
    source.pointer("/status/artifact/revision")?.as_str()
}

/// Watches of the ConfigMaps and Secrets with these labels, for those of their namespace that refer to one by kind
/// and name.
pub fn configuration_watches<T: DeserializeOwned + 'static>(
    labels: &str,
    refers: fn(&T, &str, &str) -> bool,
) -> Vec<Watch> {
    let of_kind = |resource: ApiResource| {
        let kind = resource.kind.clone();
        Watch {
            resource,
            labels: Some(labels.to_owned()),
            map: Arc::new(move |change, objects| {
                of_configuration(change, objects, |found, name| refers(found, &kind, name))
            }),
        }
    };
    vec![
        of_kind(ApiResource::erase::<ConfigMap>(&())),
        of_kind(ApiResource::erase::<Secret>(&())),
    ]
}

/// The objects that refer to a ConfigMap or Secret that changed.
fn of_configuration<T: DeserializeOwned>(
    change: &Change<'_>,
    objects: &Objects,
    refers: impl Fn(&T, &str) -> bool,
) -> Vec<Key> {
    let version = object::resource_version(change.new);
    if change
        .old
        .is_some_and(|old| object::resource_version(old) == version)
    {
        return Vec::new();
    }
    let (namespace, name) = (object::namespace(change.new), object::name(change.new));
    let referring = parsed(objects).filter(|(key, found)| key.namespace == namespace && refers(found, name));
    referring.map(|(key, _)| key.clone()).collect()
}

/// The delay before a broken watch is opened again.
const MIN_DELAY: Duration = Duration::from_millis(800);
/// Its bound. Unlike kube's own back-off this one has no jitter: runs are reproducible.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// The events of one kind, for ever.
pub(crate) fn events(
    client: Client,
    clock: Clock,
    resource: &ApiResource,
    namespace: Option<&str>,
    labels: Option<&str>,
) -> BoxStream<'static, Event<DynamicObject>> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, resource),
        None => Api::all_with(client, resource),
    };
    let mut config = watcher::Config::default();
    if let Some(labels) = labels {
        config = config.labels(labels);
    }
    let source = watcher::watcher(api, config).boxed();
    let kind = resource.kind.clone();
    stream::unfold((source, MIN_DELAY), move |(mut source, mut delay)| {
        let kind = kind.clone();
        async move {
            loop {
                match source.next().await? {
                    Ok(event) => return Some((event, (source, MIN_DELAY))),
                    Err(error) => {
                        tracing::debug!(kind, %error, "watch interrupted");
                        clock.sleep(delay).await;
                        delay = (delay * 2).min(MAX_DELAY);
                    }
                }
            }
        }
    })
    .boxed()
}

/// Objects of one kind as last seen; tells what is new.
#[derive(Default)]
pub(crate) struct Store {
    objects: Objects,
    listed: Option<Objects>,
}

/// What a watch event did to a [`Store`].
pub(crate) struct Seen {
    pub(crate) key: Key,
    pub(crate) old: Option<Arc<Value>>,
    /// Nothing when the object is gone.
    pub(crate) new: Option<Arc<Value>>,
}

impl Store {
    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Takes in one event; a list that ends tells which objects went unnoticed.
    pub(crate) fn take(&mut self, event: Event<DynamicObject>) -> Vec<Seen> {
        match event {
            Event::Init => {
                self.listed = Some(Objects::new());
                Vec::new()
            }
            Event::InitApply(found) => {
                let seen = self.put(&found);
                if let (Some(listed), Some(new)) = (&mut self.listed, &seen.new) {
                    listed.insert(seen.key.clone(), Arc::clone(new));
                }
                vec![seen]
            }
            Event::InitDone => {
                let Some(listed) = self.listed.take() else {
                    return Vec::new();
                };
                let before = std::mem::replace(&mut self.objects, listed);
                let gone = before
                    .into_iter()
                    .filter(|(key, _)| !self.objects.contains_key(key));
                gone.map(|(key, old)| Seen {
                    key,
                    old: Some(old),
                    new: None,
                })
                .collect()
            }
            Event::Apply(found) => vec![self.put(&found)],
            Event::Delete(found) => {
                let key = key_of(&found);
                let old = self.objects.remove(&key);
                vec![Seen { key, old, new: None }]
            }
        }
    }

    fn put(&mut self, found: &DynamicObject) -> Seen {
        let key = key_of(found);
        let new = Arc::new(serde_json::to_value(found).unwrap_or_default());
        let old = self.objects.insert(key.clone(), Arc::clone(&new));
        // A new object under an old name has no past.
        let old = old.filter(|old| object::uid(old) == object::uid(&new));
        Seen {
            key,
            old,
            new: Some(new),
        }
    }
}

fn key_of(found: &DynamicObject) -> Key {
    let metadata = &found.metadata;
    Key::new(
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

/// Whether a change of a controller's own object calls for a pass: it is new, its spec changed (or it is being
/// deleted, which also counts as a generation), or a reconciliation is requested.
pub(crate) fn calls_for_pass(old: Option<&Value>, new: &Value) -> bool {
    let Some(old) = old else { return true };
    object::generation(old) != object::generation(new)
        || object::deletion_timestamp(old) != object::deletion_timestamp(new)
        || object::annotation(new, REQUESTED_AT)
            .is_some_and(|requested| object::annotation(old, REQUESTED_AT) != Some(requested))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Covers: RT-05.
    #[test]
    fn only_spec_and_requests_call_for_a_pass() {
        let object = |generation: i64, annotations: Value| json!({"metadata": {"generation": generation, "annotations": annotations}});
        let old = object(1, json!({"reconcile.fluxcd.io/requestedAt": "1"}));
        for (new, expected) in [
            (
                object(1, json!({"reconcile.fluxcd.io/requestedAt": "1", "x": "y"})),
                false,
            ),
            (object(1, json!({})), false),
            (object(2, json!({"reconcile.fluxcd.io/requestedAt": "1"})), true),
            (object(1, json!({"reconcile.fluxcd.io/requestedAt": "2"})), true),
        ] {
            assert_eq!(calls_for_pass(Some(&old), &new), expected, "{new}");
        }
        assert!(calls_for_pass(None, &old));
    }
}
