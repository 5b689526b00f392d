//! The server as others hold it: a cheap handle on the shared core.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use edges::{Clock, Seed};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::{
    admission,
    audit::Entry,
    bootstrap,
    changes::Changes,
    controllers::{self, Controllers},
    core::{Core, State},
    dispatch::{self, Reply},
    faults::Trouble,
    gvr::Gvr,
    logs::LogSource,
    registry::{self, view},
    request::{Incoming, Query, unescape},
    store::{Key, in_namespace},
    user::User,
    webhooks::{Asking, Wanted, WebhookFault, Webhooks},
};

/// The Kubernetes minors that a server can play.
pub const MINORS: &[&str] = &["1.36"];

/// What a server is made from.
#[derive(Debug, Clone)]
pub struct Config {
    /// The Kubernetes minor it plays: `1.36`.
    pub minor: String,
    /// Its time.
    pub clock: Clock,
    /// Where uids and generated names come from.
    pub seed: Seed,
    /// Which of the controllers that no cluster is without are run.
    pub controllers: Controllers,
    /// Whether it is the API server of an OpenShift cluster: security context constraints decide about pods.
    pub openshift: bool,
}

/// A Kubernetes API server. Clones share one state.
#[derive(Clone)]
pub struct ApiServer(Arc<Shared>);

struct Shared {
    core: Mutex<Core>,
    clock: Clock,
    /// Who keeps the logs of containers, if anybody does.
    logs: OnceLock<Arc<dyn LogSource>>,
    /// Who calls webhooks.
    webhooks: Mutex<Option<Webhooks>>,
    /// Carries the revision to the watches.
    revision: watch::Sender<(u64, u64)>,
    trouble: Trouble,
}

/// The whole state at one moment; keeping one costs nothing.
#[derive(Debug, Clone)]
pub struct Snapshot(State);

impl ApiServer {
    /// A server that holds nothing but Kubernetes' default RBAC policy.
    pub fn new(config: Config) -> Self {
        let rng = config.seed.derive("apiserver").rng();
        let mut core = Core::new(&config.minor, config.controllers, rng);
        bootstrap::policy(&mut core, config.clock.now());
        controllers::settle(&mut core, config.clock.now());
        if config.openshift {
            core.openshift = true;
            bootstrap::openshift(&mut core, config.clock.now());
        }
        let shell = Self::around(core, config.clock);
        shell.trouble().sow(config.seed);
        shell
    }

    /// A shell around a core.
    pub(crate) fn around(core: Core, clock: Clock) -> Self {
        let (revision, _) = watch::channel((0, core.revision()));
        Self(Arc::new(Shared {
            core: Mutex::new(core),
            clock,
            logs: OnceLock::new(),
            webhooks: Mutex::new(None),
            revision,
            trouble: Trouble::default(),
        }))
    }

    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        // The core is left whole by every request that returns; one that panicked failed its test anyway.
        self.0.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> Clock {
        self.0.clock
    }

    pub(crate) fn trouble(&self) -> &Trouble {
        &self.0.trouble
    }

    pub(crate) fn revisions(&self) -> watch::Receiver<(u64, u64)> {
        self.0.revision.subscribe()
    }

    /// Serves one request; without `user`, who asks is read from its `Authorization` header.
    pub(crate) fn serve(&self, request: &Incoming, user: Option<&User>) -> Reply {
        self.serve_at(request, user, self.0.clock.now())
    }

    /// Serves one request at an instant.
    pub(crate) fn serve_at(&self, request: &Incoming, user: Option<&User>, now: Timestamp) -> Reply {
        let mut core = self.core();
        let reply = dispatch::serve(&mut core, request, user, now);
        let state = (core.epoch, core.revision());
        drop(core);
        self.announce(state);
        reply
    }

    /// Says how admission webhooks are called. Without a way, and in requests of controllers in this process, which
    /// cannot wait, no webhook can be reached.
    pub fn call_webhooks(&self, webhooks: Option<Webhooks>) {
        *self.0.webhooks.lock().unwrap_or_else(PoisonError::into_inner) = webhooks;
    }

    /// Serves one request, calling the webhooks that have a word in it.
    pub(crate) async fn serve_asking(&self, request: &Incoming, user: Option<&User>) -> Reply {
        let webhooks = self
            .0
            .webhooks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(webhooks) = webhooks else {
            return self.serve(request, user);
        };
        let mut asking = Asking::default();
        loop {
            let Wanted { question, uid, call } = match self.attempt(request, user, &mut asking) {
                Ok(reply) => return reply,
                Err(wanted) => *wanted,
            };
            let timeout = call.timeout;
            let answer = self.0.clock.timeout(timeout, webhooks(call)).await;
            asking.learn((question, uid), answer.unwrap_or(Err(WebhookFault::Timeout)));
        }
    }

    /// Serves a request with the answers of webhooks that are known; the error is the next call to be made.
    fn attempt(
        &self,
        request: &Incoming,
        user: Option<&User>,
        asking: &mut Asking,
    ) -> Result<Reply, Box<Wanted>> {
        let now = self.0.clock.now();
        let mut core = self.core();
        core.attempt = asking.attempt();
        if asking.rng.is_none() && admission::asks_webhooks(&core) {
            asking.rng = Some(Seed(core.state.rng.number()).rng());
        }
        let shared = asking
            .rng
            .clone()
            .map(|own| std::mem::replace(&mut core.state.rng, own));
        let reply = dispatch::serve(&mut core, request, user, now);
        if let Some(shared) = shared {
            core.state.rng = shared;
        }
        let attempt = std::mem::take(&mut core.attempt);
        let state = (core.epoch, core.revision());
        drop(core);
        self.announce(state);
        match asking.end(attempt) {
            Some(wanted) => Err(Box::new(wanted)),
            None => Ok(reply),
        }
    }

    fn announce(&self, state: (u64, u64)) {
        self.0.revision.send_if_modified(|known| {
            let moved = *known != state;
            *known = state;
            moved
        });
    }

    /// A request of an in-process controller: same authorization, admission and audit as any other.
    pub fn call(
        &self,
        user: &User,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let agent = user.name.replace('/', "-");
        self.call_by((&agent, user), method, path, content_type, body)
    }

    /// The same by a program that calls itself `agent`, after which the fields that it writes are said to be managed.
    pub fn call_by(
        &self,
        (agent, user): (&str, &User),
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut headers = vec![("user-agent".to_owned(), agent.to_owned())];
        if !content_type.is_empty() {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        let request = Incoming {
            method: method.to_owned(),
            path: unescape(path, false),
            query: Query::parse(query),
            headers,
            body: body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
        };
        match self.serve(&request, Some(user)) {
            Reply::Object { code, object, .. } => (code, (*object).clone()),
            Reply::Raw { code, body, .. } => {
                (code, Value::String(String::from_utf8_lossy(&body).into_owned()))
            }
            Reply::Watch { .. } => (200, Value::Null),
        }
    }

    /// An object, without asking who looks.
    pub fn get(&self, gvr: &Gvr, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let core = self.core();
        let resource = core.resolve(gvr)?;
        let stored = core.stored(&resource.table, &Key::new(namespace, name))?;
        Some(view(&resource, &stored))
    }

    /// The objects of a namespace, or all, without asking who looks.
    pub fn list(&self, gvr: &Gvr, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let core = self.core();
        let Some(resource) = core.resolve(gvr) else {
            return Vec::new();
        };
        let table = core.table(&resource.table);
        in_namespace(&table, namespace.unwrap_or_default())
            .map(|(_, stored)| view(&resource, stored))
            .collect()
    }

    /// Every write from now on.
    pub fn changes(&self) -> Changes {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.core().subscribers.push(sender);
        Changes(receiver)
    }

    /// The release that the server plays, as `v1.36.2`.
    pub fn version(&self) -> String {
        self.core().version()
    }

    /// The newest `resourceVersion`.
    pub fn resource_version(&self) -> u64 {
        self.core().revision()
    }

    /// The writes that were asked for, oldest first.
    pub fn audit(&self) -> Vec<Entry> {
        self.core().audit.iter().cloned().collect()
    }

    /// The whole state.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.core().state.clone())
    }

    /// Goes back to a snapshot. Open watches end; their clients list again.
    pub fn restore(&self, snapshot: &Snapshot) {
        let mut core = self.core();
        core.state = snapshot.0.clone();
        core.epoch += 1;
        let state = (core.epoch, core.revision());
        drop(core);
        self.announce(state);
    }

    /// Forgets the past, so that old resource versions are answered with 410.
    pub fn compact(&self) {
        self.core().state.store.compact();
    }

    /// Tells every namespace that is yet to come by which authority the server is known.
    pub fn publish_ca(&self, pem: &str) {
        self.core().ca = Some(pem.to_owned());
    }

    /// Lets logs be read from a node; the first one stays.
    pub fn read_logs_from(&self, source: Arc<dyn LogSource>) {
        let _ = self.0.logs.set(source);
    }

    pub(crate) fn log_source(&self) -> Option<&Arc<dyn LogSource>> {
        self.0.logs.get()
    }

    /// Makes a bearer token stand for a user.
    pub fn register_token(&self, token: &str, user: User) {
        self.core().state.tokens.insert(token.to_owned(), user);
    }

    /// A bearer token of a ServiceAccount: signed and good for a year if the account is there, else one that stands
    /// for whoever will have this name.
    pub fn token_for(&self, namespace: &str, service_account: &str) -> String {
        let now = self.0.clock.now();
        let mut core = self.core();
        if let Some(token) = registry::long_lived(&mut core, now, namespace, service_account) {
            return token;
        }
        let token = format!("sa-{namespace}-{service_account}-{}", core.uid());
        let identity = User::service_account(namespace, service_account);
        core.state.tokens.insert(token.clone(), identity);
        token
    }

    /// Names who issues tokens, for clusters whose issuer the world outside looks up.
    pub fn set_issuer(&self, issuer: &str) {
        issuer.clone_into(&mut self.core().issuer);
    }
}

impl std::fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiServer")
            .field("revision", &self.resource_version())
            .finish()
    }
}
