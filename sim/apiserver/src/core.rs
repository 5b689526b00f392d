//! The synchronous heart: state, and what is written to it.

use std::{collections::VecDeque, sync::Arc};

use edges::Rng;
use imbl::OrdMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    access::{Mode, Signer, bearer::Verified, tokens},
    admission::Programs,
    audit::Entry,
    changes::{Change, ChangeKind},
    controllers::{Controllers, Index},
    custom::Definition,
    gvr::Gvr,
    limits,
    resource::{self, Resource},
    store::{Key, Store, Table},
    user::User,
    webhooks::Attempt,
};

/// Everything a snapshot keeps.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) store: Store,
    /// Served custom resources by table (`gitrepositories.source.toolkit.fluxcd.io`).
    pub(crate) definitions: OrdMap<Arc<str>, Arc<Definition>>,
    pub(crate) tokens: OrdMap<String, User>,
    /// Tokens that were good a moment ago.
    pub(crate) verified: OrdMap<String, Verified>,
    /// How each user was last allowed to impersonate.
    pub(crate) impersonations: OrdMap<String, Mode>,
    pub(crate) rng: Rng,
    /// The revision up to which the built-in controllers have seen events.
    pub(crate) settled: u64,
    /// Namespaces that are to be emptied, and when.
    pub(crate) waiting: OrdMap<String, Timestamp>,
    /// Who owns whom, up to that revision.
    pub(crate) index: Index,
}

/// The server without its shell.
pub(crate) struct Core {
    pub(crate) state: State,
    pub(crate) minor: String,
    /// The certificate of the authority behind the server's own, if it has one.
    pub(crate) ca: Option<String>,
    /// Who issues tokens, and for whom.
    pub(crate) issuer: String,
    pub(crate) signer: Signer,
    pub(crate) controllers: Controllers,
    /// Pods are judged by security context constraints, and namespaces get ids.
    pub(crate) openshift: bool,
    /// How long the namespace controller waits before it empties a namespace.
    ///
    /// DIFFERENCE: the genuine one waits five seconds, so that what was made on other servers is seen; here there is
    /// one server, so there is nothing to wait for unless somebody asks for it.
    pub(crate) namespace_delay: SignedDuration,
    /// Compiled expressions of policies.
    pub(crate) programs: Programs,
    /// What the request that is being served knows of webhooks.
    pub(crate) attempt: Attempt,
    /// The built-in controllers are at work.
    pub(crate) settling: bool,
    pub(crate) audit: VecDeque<Entry>,
    pub(crate) subscribers: Vec<UnboundedSender<Change>>,
    /// Moves with every restore: watches of an earlier epoch end.
    pub(crate) epoch: u64,
}

impl Core {
    /// The release that is played.
    pub(crate) fn version(&self) -> String {
        format!("v{}.2", self.minor)
    }

    pub(crate) fn new(minor: &str, controllers: Controllers, rng: Rng) -> Self {
        let store = Store::new();
        let revision = store.revision();
        let signer = Signer::new(&rng);
        Self {
            settling: false,
            namespace_delay: SignedDuration::ZERO,
            state: State {
                store,
                definitions: OrdMap::new(),
                tokens: OrdMap::new(),
                verified: OrdMap::new(),
                impersonations: OrdMap::new(),
                rng,
                settled: revision,
                waiting: OrdMap::new(),
                index: Index::default(),
            },
            minor: minor.to_owned(),
            ca: None,
            issuer: tokens::ISSUER.to_owned(),
            signer,
            controllers,
            openshift: false,
            programs: Programs::default(),
            attempt: Attempt::default(),
            audit: VecDeque::new(),
            subscribers: Vec::new(),
            epoch: 0,
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.state.store.revision()
    }

    /// The resource served under this name.
    pub(crate) fn resolve(&self, gvr: &Gvr) -> Option<Arc<Resource>> {
        resource::builtin(&gvr.group, &gvr.version, &gvr.resource).or_else(|| {
            let table = crate::gvr::qualified(&gvr.group, &gvr.resource);
            let definition = self.state.definitions.get(table.as_str())?;
            let version = definition
                .version(&gvr.version)
                .filter(|version| version.served)?;
            Some(Arc::new(Resource::custom(definition, version)))
        })
    }

    /// The resource whose stored objects lie in this table, in its storage version.
    pub(crate) fn resource_of_table(&self, table: &str) -> Option<Arc<Resource>> {
        if let Some(definition) = self.state.definitions.get(table) {
            let version = definition.version(&definition.storage)?;
            return Some(Arc::new(Resource::custom(definition, version)));
        }
        let (resource, group) = table.split_once('.').unwrap_or((table, ""));
        crate::kinds::all()
            .iter()
            .find(|kind| {
                kind.resource == resource && kind.group == group && kind.storage == (group, kind.version)
            })
            .and_then(|kind| resource::builtin(kind.group, kind.version, kind.resource))
    }

    pub(crate) fn table(&self, table: &str) -> Table {
        self.state.store.table(table)
    }

    pub(crate) fn stored(&self, table: &str, key: &Key) -> Option<Arc<Value>> {
        self.state.store.get(table, key).map(Arc::clone)
    }

    /// Writes an object in its stored form.
    pub(crate) fn put(&mut self, resource: &Resource, key: Key, object: Value) -> Arc<Value> {
        let existed = self.state.store.get(&resource.table, &key).is_some();
        let value = self.state.store.put(&resource.table, key, object);
        let kind = if existed {
            ChangeKind::Modified
        } else {
            ChangeKind::Added
        };
        self.written(resource, kind, &value);
        value
    }

    /// Removes an object; the answer is its last state with the revision of the removal.
    pub(crate) fn remove(&mut self, resource: &Resource, key: &Key) -> Option<Arc<Value>> {
        let last = self.stored(&resource.table, key)?;
        let revision = self.state.store.remove(&resource.table, key)?;
        let last = Arc::new(stamped(&last, revision));
        self.written(resource, ChangeKind::Deleted, &last);
        Some(last)
    }

    fn written(&mut self, resource: &Resource, kind: ChangeKind, object: &Arc<Value>) {
        if &*resource.table == crate::names::DEFINITIONS {
            self.define(kind, object);
        }
        if self.subscribers.is_empty() {
            return;
        }
        let (group, version) = manifest::split_api_version(manifest::object::api_version(object));
        let change = Change {
            kind,
            gvr: Gvr::new(group, version, &resource.gvr.resource),
            object: Arc::clone(object),
            resource_version: self.state.store.revision(),
        };
        self.subscribers
            .retain(|subscriber| subscriber.send(change.clone()).is_ok());
    }

    /// Keeps the served custom resources in step with their definitions.
    fn define(&mut self, kind: ChangeKind, object: &Value) {
        let name = manifest::object::name(object);
        let established = manifest::object::condition(object, "Established")
            .is_some_and(|condition| condition.get("status").and_then(Value::as_str) == Some("True"));
        let known = self.state.definitions.get(name).cloned();
        let served = established && kind != ChangeKind::Deleted;
        match served
            .then(|| Definition::read(object, known.as_deref()))
            .flatten()
        {
            Some(definition) => {
                self.state.definitions.insert(name.into(), Arc::new(definition));
            }
            None => {
                self.state.definitions.remove(name);
            }
        }
    }

    pub(crate) fn record(&mut self, entry: Entry) {
        self.audit.push_back(entry);
        if self.audit.len() > limits::AUDIT {
            self.audit.pop_front();
        }
    }

    /// A version 4 UUID from the seed.
    pub(crate) fn uid(&mut self) -> String {
        let (high, low) = (self.state.rng.number(), self.state.rng.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// The suffix of a generated name.
    pub(crate) fn suffix(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..length)
            .map(|_| {
                let at = usize::try_from(self.state.rng.below(27)).unwrap_or_default();
                char::from(LETTERS[at])
            })
            .collect()
    }
}

/// The object with another `resourceVersion`.
pub(crate) fn stamped(object: &Value, revision: u64) -> Value {
    let mut object = object.clone();
    manifest::object::map_at(&mut object, &["metadata"])
        .insert("resourceVersion".into(), revision.to_string().into());
    object
}

/// A `metav1.Time`: whole seconds, UTC.
pub(crate) fn time(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
