//! Running one case.

use std::collections::BTreeMap;

use edges::{Clock, Seed};
use jiff::{SignedDuration, Timestamp};
use kube_schema::Document;
use serde_json::{Value, json};

use super::{
    Environment, Environments,
    answer::Answer,
    archive::Case,
    compare::Bindings,
    environment::{ADDRESS, NAMESPACE_DELAY, controllers, well_known},
    request,
    template::Known,
    until,
    watching::Open,
};
use crate::{
    core::{Core, State},
    dispatch::Reply,
    request::Incoming,
    server::ApiServer,
    user::User,
};

/// A case on its own server.
struct Run {
    server: ApiServer,
    /// The controllers beside the server, if someone brought them.
    beside: Option<Box<dyn Environment>>,
    /// Moves by the sleeps of the case, so that a replay is the same on any machine. It starts on the day of the
    /// recordings: some of their texts are spans up to it.
    now: Timestamp,
    known: Known,
    bindings: Bindings,
    watches: BTreeMap<String, Open>,
    admin: User,
}

/// What a step takes, if there is someone beside the server who can use the time.
const STEP: SignedDuration = SignedDuration::from_millis(5);

/// How long the server is left alone between two looks at it.
const POLL: SignedDuration = SignedDuration::from_millis(50);

/// Servers with fixtures, to start cases from.
#[derive(Default)]
pub(super) struct Prepared(BTreeMap<String, State>);

/// Runs a case; the error says where it differs first.
pub(super) fn case(
    recorded: &Case,
    fixtures: &BTreeMap<String, Value>,
    prepared: &mut Prepared,
    environments: &dyn Environments,
) -> Result<(), String> {
    let case = &recorded.value;
    let environment = case["environment"].as_str().unwrap_or("bare");
    let rng = Seed(1).derive("corpus").rng();
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(498_732);
    let mut beside = environments.start(environment, now);
    let clock = beside
        .as_ref()
        .map_or_else(Clock::system, |beside| beside.clock());
    let mut core = Core::new("1.36", controllers(environment), rng);
    core.namespace_delay = NAMESPACE_DELAY;
    ADDRESS.clone_into(&mut core.address);
    let mut run = Run {
        server: ApiServer::around(core, clock),
        beside: None,
        now,
        known: Known::default(),
        bindings: Bindings::default(),
        watches: BTreeMap::new(),
        admin: User::admin(),
    };
    run.server.core().openshift = environment == "scc";
    let key = format!("{environment} {}", case["fixtures"]);
    match prepared.0.get(&key) {
        Some(state) => run.server.core().state = state.clone(),
        None => {
            run.prepare_server(case, fixtures)?;
            prepared.0.insert(key, run.server.core().state.clone());
        }
    }
    if let Some(beside) = &mut beside {
        beside.attach(&run.server);
    }
    run.beside = beside;
    run.prepare(case)?;
    let documents = match recorded.document.get("steps") {
        Some(Document::List(steps)) => steps.as_slice(),
        _ => &[],
    };
    for (step, document) in case["steps"].as_array().into_iter().flatten().zip(documents) {
        let id = step["id"].as_str().unwrap_or_default();
        let body = document.get("request").and_then(|request| request.get("body"));
        run.step(step, id, body)
            .map_err(|difference| format!("{id}{difference}"))?;
    }
    Ok(())
}

impl Run {
    fn prepare_server(&mut self, case: &Value, fixtures: &BTreeMap<String, Value>) -> Result<(), String> {
        let openshift = self.server.core().openshift;
        crate::bootstrap::policy(&mut self.server.core(), self.now);
        if openshift {
            crate::bootstrap::openshift(&mut self.server.core(), self.now);
        }
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            self.create_as("kube-apiserver", &namespace)?;
        }
        if case["environment"].as_str().is_some_and(|name| name != "bare") {
            for object in well_known() {
                self.create(&object)?;
            }
        }
        for name in case["fixtures"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let objects = fixtures
                .get(name)
                .and_then(|fixture| fixture["objects"].as_array());
            for object in objects.ok_or_else(|| format!("no fixture {name}"))? {
                self.create(object)?;
            }
        }
        Ok(())
    }

    fn prepare(&mut self, case: &Value) -> Result<(), String> {
        self.add_users(case);
        let name = case["name"].as_str().unwrap_or_default();
        name.clone_into(&mut self.known.namespace);
        if let Some(namespace) = case["namespace"].as_str() {
            self.create_namespace(
                namespace,
                case.get("namespaceLabels"),
                case.get("namespaceAnnotations"),
            )?;
        }
        self.pass(SignedDuration::from_secs(1));
        Ok(())
    }

    fn add_users(&mut self, case: &Value) {
        let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, groups) in [
            ("admin", &["system:masters"][..]),
            ("alice", &["qa"]),
            ("bob", &["dev"]),
            ("carol", &["ops"]),
            ("dave", &["team-a", "team-b"]),
        ] {
            users.insert(
                name.to_owned(),
                groups.iter().map(|group| (*group).to_owned()).collect(),
            );
        }
        for (name, groups) in case["users"].as_object().into_iter().flatten() {
            let groups = groups
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned);
            users.insert(name.clone(), groups.collect());
        }
        for (name, mut groups) in users {
            groups.push("system:authenticated".to_owned());
            let uid = if name == "admin" {
                "admin".to_owned()
            } else {
                format!("{name}-uid")
            };
            let user = User {
                name: name.clone(),
                groups,
                uid,
                ..User::default()
            };
            self.server.register_token(&format!("{name}token"), user);
        }
    }

    fn create_namespace(
        &mut self,
        name: &str,
        labels: Option<&Value>,
        annotations: Option<&Value>,
    ) -> Result<(), String> {
        let mut meta = json!({ "name": name });
        if let Some(labels) = labels {
            meta["labels"] = labels.clone();
        }
        if let Some(annotations) = annotations {
            meta["annotations"] = annotations.clone();
        }
        self.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}))
    }

    fn create(&mut self, object: &Value) -> Result<(), String> {
        self.create_as("vectors", object)
    }

    fn create_as(&mut self, agent: &str, object: &Value) -> Result<(), String> {
        let (group, version) = manifest::split_api_version(manifest::object::api_version(object));
        let kind = manifest::object::kind(object);
        let resource = self
            .server
            .core()
            .resource_of_kind(manifest::object::api_version(object), kind)
            .ok_or_else(|| format!("fixture of unknown kind {kind}"))?;
        let plural = &resource.gvr.resource;
        let root = if group.is_empty() {
            "/api/v1".to_owned()
        } else {
            format!("/apis/{group}/{version}")
        };
        let namespace = manifest::object::namespace(object);
        let path = if namespace.is_empty() {
            format!("{root}/{plural}")
        } else {
            format!("{root}/namespaces/{namespace}/{plural}")
        };
        let incoming = crate::request::Incoming {
            method: "POST".to_owned(),
            path,
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("user-agent".to_owned(), agent.to_owned()),
            ],
            body: object.to_string().into(),
            ..crate::request::Incoming::default()
        };
        let user = self.admin.clone();
        match self.server.serve_at(&incoming, Some(&user), self.now) {
            Reply::Object { code: 201, .. } => Ok(()),
            Reply::Object { object, .. } => Err(format!("fixture refused: {object}")),
            Reply::Raw { .. } | Reply::Watch { .. } => Err("fixture refused".to_owned()),
        }
    }

    fn step(&mut self, step: &Value, id: &str, body: Option<&Document>) -> Result<(), String> {
        if step.get("compact").is_some() {
            // The recorded server's caches outlived it.
            self.server.core().state.store.compact_storage();
            return Ok(());
        }
        if let Some(watch) = step.get("collect").and_then(Value::as_str) {
            return self.collect(watch, step);
        }
        if let Some(seconds) = step.get("sleepSeconds").and_then(Value::as_f64) {
            self.pass(SignedDuration::from_secs_f64(seconds));
        }
        let Some(request) = step.get("request") else {
            return Ok(());
        };
        let (incoming, _) = request::build(request, body, &self.known)?;
        let reply = self.awaited(step, &incoming);
        if step["watch"] == Value::Bool(true) {
            self.watches.insert(id.to_owned(), Open::new(&reply, self.now));
        }
        let event = self.only_event(step, &reply, &incoming);
        let mut answer = Answer::new(reply);
        answer.body = answer.body.or(event);
        if let Some(body) = &answer.body {
            self.known.bodies.insert(id.to_owned(), body.clone());
        }
        let prefix = request
            .pointer("/body/metadata/generateName")
            .and_then(Value::as_str);
        self.bindings
            .generates(&self.known.text(prefix.unwrap_or_default()));
        if self.beside.is_some() {
            self.pass(STEP);
        }
        answer.compare(&step["response"], &mut self.bindings)
    }

    /// What a watch that was read like any other answer brought until its time was over, if it is one event.
    fn only_event(&mut self, step: &Value, reply: &Reply, incoming: &Incoming) -> Option<Value> {
        if step["watch"] == Value::Bool(true) || !matches!(reply, Reply::Watch { .. }) {
            return None;
        }
        let mut open = Open::new(reply, self.now);
        let seconds = incoming.query.number("timeoutSeconds").ok().flatten();
        self.pass(SignedDuration::from_secs(seconds.unwrap_or(0)));
        open.look(&self.server.core(), self.now);
        let mut events = open.take(self.now);
        events.pop().filter(|_| events.is_empty())
    }

    /// Lets time pass for the server and for what acts beside it.
    fn pass(&mut self, by: SignedDuration) {
        self.look();
        match &mut self.beside {
            Some(beside) => {
                beside.advance(by.unsigned_abs());
                self.now = beside.clock().now();
            }
            None => self.now += by,
        }
        self.look();
    }

    /// The answer to a request; where a step says `until`, the first that meets its conditions, as far as time brings
    /// it about.
    fn awaited(&mut self, step: &Value, incoming: &Incoming) -> Reply {
        let conditions = step.get("until").and_then(Value::as_array);
        // Alone, a server needs no time: what does not hold now never will.
        let waits = self.beside.is_some() || !self.server.core().state.waiting.is_empty();
        let Some(conditions) = conditions.filter(|_| waits) else {
            return self.server.serve_at(incoming, None, self.now);
        };
        let seconds = |key: &str, absent: f64| {
            SignedDuration::from_secs_f64(step.get(key).and_then(Value::as_f64).unwrap_or(absent))
        };
        let deadline = self.now + seconds("timeoutSeconds", 20.0);
        loop {
            let reply = self.server.serve_at(incoming, None, self.now);
            let seen = match &reply {
                Reply::Object { code, object, .. } => until::Seen {
                    code: *code,
                    body: Some(object),
                },
                Reply::Raw { code, .. } => until::Seen {
                    code: *code,
                    body: None,
                },
                Reply::Watch { .. } => return reply,
            };
            let known = &self.known;
            if conditions.iter().all(|condition| seen.meets(condition, known)) {
                break;
            }
            if self.now >= deadline {
                return reply;
            }
            self.pass(POLL);
        }
        self.pass(seconds("settleSeconds", 0.0));
        self.server.serve_at(incoming, None, self.now)
    }

    /// Compares the events of an open watch, which come as time passes.
    fn collect(&mut self, id: &str, step: &Value) -> Result<(), String> {
        let seconds = step.get("timeoutSeconds").and_then(Value::as_f64).unwrap_or(0.0);
        let deadline = self.now + SignedDuration::from_secs_f64(seconds);
        let enough = step.get("events").and_then(Value::as_u64);
        let mut events = Vec::new();
        let mut settled = false;
        let closed = loop {
            self.look();
            let open = self
                .watches
                .get_mut(id)
                .ok_or_else(|| format!(" no watch {id}"))?;
            events.extend(open.take(self.now));
            if open.is_over() || self.now >= deadline || settled {
                break open.is_over();
            }
            // Enough came: a moment more for what should not come.
            settled = enough.is_some_and(|enough| events.len() as u64 >= enough);
            self.pass(if settled { POLL * 3 } else { POLL });
        };
        let wanted = &step["response"];
        self.bindings
            .document(&wanted["events"], &Value::Array(events), " events")?;
        self.bindings
            .document(&wanted["closed"], &Value::Bool(closed), " closed")
    }

    /// Lets the open watches see what was written, and how late it is.
    fn look(&mut self) {
        let core = self.server.core();
        for open in self.watches.values_mut() {
            open.look(&core, self.now);
        }
    }
}
