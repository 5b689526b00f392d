//! What goes wrong between the server and some of its clients, on request.
//!
//! Faults concern only the users they are aimed at, and only requests that come through the service: whoever judges
//! the cluster, and the controllers and nodes inside it, never notice.

use std::{
    collections::BTreeSet,
    future::{Future, pending},
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use edges::{BoxError, Clock, Rng, Seed};
use http::{HeaderValue, Response, header};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    access::bearer,
    dispatch::Reply,
    failure::Failure,
    limits,
    request::{self, Incoming, Route, Target, Verb},
    server::ApiServer,
    service::ResponseBody,
    user::User,
};

/// Something that goes wrong until it is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No connection: requests are lost before they arrive, open watches end.
    Down,
    /// Half of the writes to single objects are refused because somebody else was faster.
    Conflict,
    /// Half of the requests are turned away until later.
    TooManyRequests,
    /// Half of the requests fail in the storage; every other failed write was carried out nevertheless.
    InternalError,
    /// Half of the requests take too long; every other such write was carried out nevertheless.
    Timeout,
    /// No credentials are accepted.
    Unauthorized,
    /// Answers come late.
    Slow,
    /// Watches are cut soon after they were opened, sometimes in the middle of an event.
    WatchesCut,
    /// Watches tell late what happened.
    WatchesDelayed,
    /// Watches are never told how far the server has come.
    BookmarksMissing,
    /// Watches are cut and cannot be opened; when it is over, the server has forgotten what happened before.
    Compaction,
}

/// The faults of a server. They begin with [`Faults::set`], for the users that [`Faults::aim`] names.
#[derive(Clone, Debug)]
pub struct Faults(ApiServer);

/// What a server remembers of its faults.
pub(crate) struct Trouble {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

struct State {
    users: Vec<String>,
    active: BTreeSet<Fault>,
    rng: Rng,
    /// By what delays are divided.
    haste: u32,
}

impl Default for Trouble {
    fn default() -> Self {
        let state = State {
            users: Vec::new(),
            active: BTreeSet::new(),
            rng: Seed(0).rng(),
            haste: 1,
        };
        Self {
            state: Mutex::new(state),
            changed: watch::channel(0).0,
        }
    }
}

impl Trouble {
    /// Says where chance comes from.
    pub(crate) fn sow(&self, seed: Seed) {
        self.state().rng = seed.derive("faults").rng();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn concerns(&self, name: &str) -> bool {
        self.users.iter().any(|prefix| name.starts_with(prefix.as_str()))
    }

    fn is(&self, fault: Fault) -> bool {
        self.active.contains(&fault)
    }

    /// Whether a fault that meets every other request meets this one.
    fn meets(&mut self, fault: Fault) -> bool {
        self.is(fault) && self.rng.below(2) == 0
    }

    fn seconds(&mut self, most: u64) -> Duration {
        Duration::from_secs(1 + self.rng.below(most)) / self.haste.max(1)
    }
}

/// What becomes of one request.
enum Fate {
    Served,
    /// The connection broke before the request arrived.
    Lost,
    Late(Duration),
    Refused(Reply),
    /// It is carried out, but the client hears something else.
    Unheard(Reply),
}

impl Faults {
    /// Faults concern users whose name begins with this, too.
    pub fn aim(&self, prefix: &str) {
        self.0.trouble().state().users.push(prefix.to_owned());
    }

    /// Makes delays and the lives of watches so many times shorter, for worlds in which an hour takes an hour.
    pub fn hurry(&self, times: u32) {
        self.0.trouble().state().haste = times;
    }

    /// Begins or ends a fault.
    pub fn set(&self, fault: Fault, broken: bool) {
        let trouble = self.0.trouble();
        let mut state = trouble.state();
        let changed = if broken {
            state.active.insert(fault)
        } else {
            state.active.remove(&fault)
        };
        drop(state);
        if changed && !broken && fault == Fault::Compaction {
            self.0.compact();
        }
        trouble.changed.send_modify(|version| *version += 1);
    }

    fn is(&self, fault: Fault) -> bool {
        self.0.trouble().state().is(fault)
    }
}

impl ApiServer {
    /// The way to make requests fail.
    pub fn faults(&self) -> Faults {
        Faults(self.clone())
    }

    /// Serves a request as far as the faults let it.
    pub(crate) async fn serve_disturbed(
        &self,
        request: &Incoming,
        user: Option<&User>,
    ) -> Result<Response<ResponseBody>, BoxError> {
        match self.fate(request, user) {
            Fate::Served => Ok(self.answer(request, user).await),
            Fate::Lost => Err("connection reset by peer".into()),
            Fate::Late(delay) => {
                self.clock().sleep(delay).await;
                Ok(self.answer(request, user).await)
            }
            Fate::Refused(reply) => Ok(self.refusal(reply)),
            Fate::Unheard(reply) => {
                let _ = self.answer(request, user).await;
                Ok(self.refusal(reply))
            }
        }
    }

    fn refusal(&self, reply: Reply) -> Response<ResponseBody> {
        let code = reply.code();
        let mut response = self.respond(reply, false);
        if code == 429 {
            let seconds = HeaderValue::from(limits::RETRY_AFTER_SECONDS);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }

    /// Whether faults concern who asks.
    pub(crate) fn is_concerned(&self, request: &Incoming, user: Option<&User>) -> bool {
        if self.trouble().state().users.is_empty() {
            return false;
        }
        let name = match user {
            Some(user) => user.name.clone(),
            None => {
                let (header, now) = (request.header("authorization"), self.clock().now());
                match bearer::authenticate(&mut self.core(), header, now, &mut Vec::new()) {
                    Ok(user) => user.name,
                    Err(_) => return false,
                }
            }
        };
        self.trouble().state().concerns(&name)
    }

    fn fate(&self, request: &Incoming, user: Option<&User>) -> Fate {
        if self.trouble().state().active.is_empty() || !self.is_concerned(request, user) {
            return Fate::Served;
        }
        let route = request::route(&request.method, &request.path, &request.query);
        let target = match &route {
            Route::Resource(target) => Some(target),
            Route::Other => None,
        };
        let verb = target.map(|target| target.verb);
        let mut state = self.trouble().state();
        let opens_watch = verb == Some(Verb::Watch);
        if state.is(Fault::Down) || opens_watch && state.is(Fault::Compaction) {
            return Fate::Lost;
        }
        if state.is(Fault::Unauthorized) {
            return refused(&Failure::new(401, "Unauthorized", "Unauthorized"));
        }
        if state.meets(Fault::TooManyRequests) {
            return Fate::Refused(Reply::text(429, "Too many requests, please try again later.\n"));
        }
        if let Some(target) = target.filter(|target| can_conflict(target))
            && state.meets(Fault::Conflict)
        {
            let gvr = &target.gvr;
            return refused(&Failure::modified(&gvr.group, &gvr.resource, &target.name));
        }
        let unheard = verb.is_some_and(|verb| !matches!(verb, Verb::Get | Verb::List | Verb::Watch));
        for (fault, failure) in [
            (Fault::InternalError, storage_failed()),
            (Fault::Timeout, timed_out()),
        ] {
            if state.meets(fault) {
                let reply = Reply::refusal(&failure);
                return if unheard && state.rng.below(2) == 0 {
                    Fate::Unheard(reply)
                } else {
                    Fate::Refused(reply)
                };
            }
        }
        if state.is(Fault::Slow) {
            return Fate::Late(state.seconds(limits::SLOW_SECONDS));
        }
        Fate::Served
    }
}

fn refused(failure: &Failure) -> Fate {
    Fate::Refused(Reply::refusal(failure))
}

fn can_conflict(target: &Target) -> bool {
    !target.name.is_empty() && matches!(target.verb, Verb::Update | Verb::Patch | Verb::Delete)
}

fn storage_failed() -> Box<Failure> {
    Failure::plain("etcdserver: request timed out")
}

fn timed_out() -> Box<Failure> {
    let message = "Timeout: request did not complete within requested timeout - context deadline exceeded";
    let mut failure = Failure::new(504, "Timeout", message);
    failure.details = json!({}).as_object().cloned();
    failure
}

/// A watch's ear for faults.
pub(crate) struct Ear {
    faults: Faults,
    changed: watch::Receiver<u64>,
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Ear {
    pub(crate) fn new(server: &ApiServer) -> Self {
        Self {
            faults: server.faults(),
            changed: server.trouble().changed.subscribe(),
            end: None,
        }
    }

    /// Resolves when the connection breaks; whether in the middle of an event.
    pub(crate) async fn broken(&mut self) {
        loop {
            let lasts = self.faults.connection_lasts();
            let clock: Clock = self.faults.0.clock();
            match (lasts, &mut self.end) {
                (None, end) => {
                    *end = None;
                    if self.changed.changed().await.is_err() {
                        pending::<()>().await;
                    }
                }
                (Some(Duration::ZERO), _) => return,
                (Some(lasts), None) => self.end = Some(Box::pin(async move { clock.sleep(lasts).await })),
                (Some(_), Some(end)) => {
                    tokio::select! {
                        biased;
                        () = end => return,
                        changed = self.changed.changed() => if changed.is_err() { pending::<()>().await },
                    }
                }
            }
        }
    }

    /// How late news arrive.
    pub(crate) fn delay(&self) -> Option<Duration> {
        let mut state = self.faults.0.trouble().state();
        let delayed = state.is(Fault::WatchesDelayed);
        delayed.then(|| state.seconds(limits::SLOW_SECONDS))
    }

    /// Whether no bookmarks are sent.
    pub(crate) fn is_starved(&self) -> bool {
        self.faults.is(Fault::BookmarksMissing)
    }
}

impl Faults {
    /// How long an open connection lasts, if not for ever.
    fn connection_lasts(&self) -> Option<Duration> {
        let mut state = self.0.trouble().state();
        if state.is(Fault::Down) || state.is(Fault::Compaction) {
            return Some(Duration::ZERO);
        }
        let cut = state.is(Fault::WatchesCut);
        cut.then(|| state.seconds(limits::WATCH_LASTS_SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::{FutureExt, StreamExt};
    use http::Request;
    use http_body_util::BodyExt;
    use jiff::Timestamp;
    use serde_json::Value;
    use tower::Service;

    use super::*;
    use crate::Config;

    const VICTIM: &str = "system:serviceaccount:flux-system:a";

    fn server() -> ApiServer {
        let server = ApiServer::new(Config {
            minor: "1.36".to_owned(),
            clock: Clock::starting_at(Timestamp::UNIX_EPOCH),
            seed: Seed(1),
            controllers: crate::Controllers::All,
            openshift: false,
        });
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
        let (code, _) = server.call(
            &User::admin(),
            "POST",
            "/api/v1/namespaces",
            "application/json",
            Some(&namespace),
        );
        assert!(code == 201 || code == 409, "{code}");
        server.faults().aim("system:serviceaccount:flux-system:");
        server
    }

    fn victim() -> User {
        User::new(VICTIM, &["system:masters", "system:authenticated"])
    }

    async fn ask(
        server: &ApiServer,
        user: &User,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<u16, String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(http_body_util::Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let answer = server.service_as(user.clone()).call(request).await;
        answer
            .map(|answer| answer.status().as_u16())
            .map_err(|error| error.to_string())
    }

    async fn codes(fault: Fault, user: &User) -> Vec<Result<u16, String>> {
        let server = server();
        server.faults().set(fault, true);
        let mut codes = Vec::new();
        for _ in 0..20 {
            codes.push(ask(&server, user, "GET", "/api/v1/namespaces/default", &Value::Null).await);
        }
        codes
    }

    #[tokio::test(start_paused = true)]
    async fn only_those_aimed_at_are_met_and_half_of_their_requests_get_through() {
        for (fault, code) in [
            (Fault::TooManyRequests, 429),
            (Fault::InternalError, 500),
            (Fault::Timeout, 504),
        ] {
            let met = codes(fault, &victim()).await;
            assert!(
                met.contains(&Ok(200)) && met.contains(&Ok(code)),
                "{fault:?}: {met:?}"
            );
            let spared = codes(fault, &User::admin()).await;
            assert!(
                spared.iter().all(|code| *code == Ok(200)),
                "{fault:?}: {spared:?}"
            );
        }
        assert!(
            codes(Fault::Unauthorized, &victim())
                .await
                .iter()
                .all(|code| *code == Ok(401))
        );
        assert!(codes(Fault::Down, &victim()).await.iter().all(Result::is_err));
        // Reads conflict with nothing.
        assert!(
            codes(Fault::Conflict, &victim())
                .await
                .iter()
                .all(|code| *code == Ok(200))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn some_writes_happen_although_the_client_hears_of_a_failure() {
        let server = server();
        server.faults().set(Fault::Timeout, true);
        let (mut unheard, mut refused) = (0, 0);
        for number in 0..40 {
            let body =
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{number}")}});
            let path = "/api/v1/namespaces/default/configmaps";
            let code = ask(&server, &victim(), "POST", path, &body).await.unwrap();
            let there = server.get(
                &crate::Gvr::new("", "v1", "configmaps"),
                "default",
                &format!("c{number}"),
            );
            match (code, there.is_some()) {
                (504, true) => unheard += 1,
                (504, false) => refused += 1,
                other => assert_eq!(other, (201, true)),
            }
        }
        assert!(unheard > 0 && refused > 0, "{unheard} {refused}");
    }

    async fn watch(server: &ApiServer, from: u64) -> ResponseBody {
        let uri = format!("/api/v1/namespaces/default/configmaps?watch=1&resourceVersion={from}");
        let request = Request::get(uri)
            .body(http_body_util::Full::new(Bytes::new()))
            .unwrap();
        server
            .service_as(victim())
            .call(request)
            .await
            .unwrap()
            .into_body()
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_comes_back_after_a_compaction_has_to_list_again() {
        let server = server();
        let from = server.resource_version();
        let mut stream = watch(&server, from).await.into_data_stream();
        assert!(stream.next().now_or_never().is_none(), "nothing to tell yet");
        server.faults().set(Fault::Compaction, true);
        assert!(stream.next().await.is_none(), "the watch is cut");
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "missed"}});
        let path = "/api/v1/namespaces/default/configmaps";
        assert_eq!(ask(&server, &User::admin(), "POST", path, &body).await, Ok(201));
        server.faults().set(Fault::Compaction, false);
        let line = watch(&server, from)
            .await
            .into_data_stream()
            .next()
            .await
            .unwrap()
            .unwrap();
        let event: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(
            (&event["type"], &event["object"]["code"]),
            (&json!("ERROR"), &json!(410))
        );
    }
}
