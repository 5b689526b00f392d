//! A cluster seen through its API alone: every kind is listed and watched, and changes come in the order of their
//! resource versions.

mod logs;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use edges::Clock;
use futures::{StreamExt, stream, stream::LocalBoxStream};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DynamicObject},
    config::{KubeConfigOptions, Kubeconfig},
    discovery::{Discovery, verbs},
    runtime::watcher,
};
use manifest::object;
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    journal::{Change, Key, What},
    limits,
    verdict::Miss,
};

pub(super) use logs::follow_logs;

/// A client for a context of a kubeconfig, for its current one if none is named.
///
/// # Errors
/// What is wrong with the file, in words.
pub(super) async fn client(file: Kubeconfig, context: Option<&str>) -> Result<Client, String> {
    let options = KubeConfigOptions {
        context: context.map(str::to_owned),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(file, &options).await;
    Client::try_from(config.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
}

/// What watches tell: a change, or that a kind's first list is complete.
enum News {
    Change(What, Arc<Value>),
    Listed,
}

/// The present state and everything that follows.
///
/// # Errors
/// When the cluster's kinds cannot be listed and watched in good time.
pub(super) async fn changes(client: Client, clock: Clock) -> Result<LocalBoxStream<'static, Change>, Miss> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut watches = Watches {
        client: client.clone(),
        clock,
        sender,
        known: BTreeMap::new(),
        tasks: JoinSet::new(),
    };
    let first = watches.open().await?;
    let mut present = Vec::new();
    let mut listed = 0;
    while listed < first {
        match clock.timeout(limits::LISTED_WITHIN, receiver.recv()).await {
            Ok(Some(News::Listed)) => listed += 1,
            Ok(Some(News::Change(what, object))) => present.push(Change { what, object }),
            Ok(None) | Err(_) => {
                let message = format!("{listed} of {first} kinds could be listed");
                return Err(Miss::broken("target.watch", message));
            }
        }
    }
    let live = stream::unfold(
        (receiver, watches),
        move |(mut receiver, mut watches)| async move {
            let batch = next_batch(&mut receiver, &mut watches, clock).await?;
            Some((stream::iter(batch), (receiver, watches)))
        },
    );
    Ok(stream::iter(present).chain(live.flatten()).boxed_local())
}

/// What happened within a moment, in order. Watches of different kinds run beside each other, so that the news of one
/// write may overtake those of another.
async fn next_batch(
    receiver: &mut mpsc::UnboundedReceiver<News>,
    watches: &mut Watches,
    clock: Clock,
) -> Option<Vec<Change>> {
    let mut batch = Vec::new();
    take(receiver.recv().await?, &mut batch);
    clock.sleep(limits::ORDERED_WITHIN).await;
    while let Ok(news) = receiver.try_recv() {
        take(news, &mut batch);
    }
    batch.sort_by_key(|change| version(&change.object));
    if batch
        .iter()
        .any(|change| object::kind(&change.object) == "CustomResourceDefinition")
    {
        // A kind that cannot be watched yet shows up with the definition's next change.
        let _ = watches.open().await;
    }
    Some(batch)
}

fn take(news: News, batch: &mut Vec<Change>) {
    if let News::Change(what, object) = news {
        batch.push(Change { what, object });
    }
}

/// A resource version as a number. They are opaque by contract, and the storage's revision in every cluster there is;
/// elsewhere changes keep the order in which they arrived.
pub(crate) fn version(object: &Value) -> u64 {
    object::resource_version(object).parse().unwrap_or_default()
}

struct Watches {
    client: Client,
    clock: Clock,
    sender: mpsc::UnboundedSender<News>,
    known: BTreeMap<String, ()>,
    tasks: JoinSet<()>,
}

impl Watches {
    /// Opens a watch for every kind that has none yet; tells how many.
    async fn open(&mut self) -> Result<usize, Miss> {
        let failed = |error: kube::Error| Miss::broken("target.discovery", error.to_string());
        let discovery = Discovery::new(self.client.clone()).run().await.map_err(failed)?;
        let mut opened = 0;
        for group in discovery.groups() {
            for (resource, capabilities) in group.recommended_resources() {
                let name = format!("{}.{}", resource.plural, resource.group);
                // The same events are served twice; the older form is the one that the extension writes.
                let twin = resource.kind == "Event" && !resource.group.is_empty();
                let readable = capabilities.supports_operation(verbs::LIST)
                    && capabilities.supports_operation(verbs::WATCH);
                if readable && !twin && self.known.insert(name, ()).is_none() {
                    self.watch(&resource);
                    opened += 1;
                }
            }
        }
        Ok(opened)
    }

    fn watch(&mut self, resource: &ApiResource) {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), resource);
        let (sender, clock, resource) = (self.sender.clone(), self.clock, resource.clone());
        self.tasks.spawn(async move {
            let mut events = watcher::watcher(api, watcher::Config::default()).boxed();
            let mut store = Store::default();
            while let Some(event) = events.next().await {
                let Ok(event) = event else {
                    clock.sleep(Duration::from_millis(500)).await;
                    continue;
                };
                for news in store.take(event, &resource) {
                    if sender.send(news).is_err() {
                        return;
                    }
                }
            }
        });
    }
}

/// The objects of one kind, to tell what a new list changed.
#[derive(Default)]
struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    listing: Option<BTreeMap<Key, Arc<Value>>>,
}

impl Store {
    fn take(&mut self, event: watcher::Event<DynamicObject>, resource: &ApiResource) -> Vec<News> {
        match event {
            watcher::Event::Init => {
                self.listing = Some(BTreeMap::new());
                Vec::new()
            }
            watcher::Event::InitApply(found) => {
                let value = value(&found, resource);
                if let Some(listing) = &mut self.listing {
                    listing.insert(Key::of(&value), value.clone());
                }
                self.put(value).into_iter().collect()
            }
            watcher::Event::InitDone => {
                let listed = self.listing.take().unwrap_or_default();
                let before = std::mem::replace(&mut self.objects, listed);
                let gone = before
                    .into_iter()
                    .filter(|(key, _)| !self.objects.contains_key(key));
                let gone = gone.map(|(_, object)| News::Change(What::Deleted, object));
                gone.chain([News::Listed]).collect()
            }
            watcher::Event::Apply(found) => self.put(value(&found, resource)).into_iter().collect(),
            watcher::Event::Delete(found) => {
                let value = value(&found, resource);
                self.objects.remove(&Key::of(&value));
                vec![News::Change(What::Deleted, value)]
            }
        }
    }

    /// An object as it is now; nothing when it is known like that.
    fn put(&mut self, value: Arc<Value>) -> Option<News> {
        let before = self.objects.insert(Key::of(&value), value.clone());
        match before {
            Some(before) if object::resource_version(&before) == object::resource_version(&value) => None,
            Some(_) => Some(News::Change(What::Modified, value)),
            None => Some(News::Change(What::Added, value)),
        }
    }
}

/// The whole object; items of lists do not say their kind.
fn value(found: &DynamicObject, resource: &ApiResource) -> Arc<Value> {
    let mut value = serde_json::to_value(found).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.insert("apiVersion".to_owned(), resource.api_version.clone().into());
        members.insert("kind".to_owned(), resource.kind.clone().into());
    }
    Arc::new(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(name: &str, version: &str) -> DynamicObject {
        let metadata = json!({"name": name, "namespace": "default", "resourceVersion": version});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    fn told(news: &[News]) -> Vec<String> {
        let word = |news: &News| match news {
            News::Change(what, object) => format!("{} {}", Key::of(object), what.word()),
            News::Listed => "listed".to_owned(),
        };
        news.iter().map(word).collect()
    }

    #[test]
    fn a_second_list_tells_only_what_changed() {
        let resource = ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
        let mut store = Store::default();
        let mut list = |names: &[(&str, &str)]| {
            let mut news = store.take(watcher::Event::Init, &resource);
            for (name, version) in names {
                news.extend(store.take(watcher::Event::InitApply(found(name, version)), &resource));
            }
            news.extend(store.take(watcher::Event::InitDone, &resource));
            told(&news)
        };
        let first = list(&[("a", "1"), ("b", "2")]);
        assert_eq!(
            first,
            ["ConfigMap/default/a added", "ConfigMap/default/b added", "listed"]
        );
        let second = list(&[("a", "3"), ("c", "4")]);
        assert_eq!(
            second,
            [
                "ConfigMap/default/a modified",
                "ConfigMap/default/c added",
                "ConfigMap/default/b deleted",
                "listed"
            ]
        );
    }
}
