//! From a request to its answer: who asks, may they, and what is there to do it.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    access::{self, bearer},
    audit,
    call::Call,
    controllers,
    core::Core,
    discovery,
    failure::{Failure, Outcome},
    limits,
    media::{self, Encoding, Form},
    registry::Plan,
    request::{self, Incoming, Route, Target, Verb},
    resource::Resource,
    strategy,
    user::User,
};

/// An answer before it is written.
pub(crate) enum Reply {
    Object {
        code: u16,
        object: Arc<Value>,
        warnings: Vec<String>,
        encoding: Encoding,
    },
    Watch {
        plan: Box<Plan>,
        warnings: Vec<String>,
    },
    Raw {
        code: u16,
        content_type: String,
        body: Bytes,
        headers: Vec<(&'static str, String)>,
    },
}

impl Reply {
    pub(crate) fn refusal(failure: &Failure) -> Self {
        Self::refusal_in(failure, Encoding::Json)
    }

    fn refusal_in(failure: &Failure, encoding: Encoding) -> Self {
        Self::Object {
            code: failure.code,
            object: Arc::new(failure.status()),
            warnings: Vec::new(),
            encoding,
        }
    }

    /// The same with warnings before its own.
    fn warned(mut self, mut first: Vec<String>) -> Self {
        if let Self::Object { warnings, .. } | Self::Watch { warnings, .. } = &mut self {
            first.append(warnings);
            *warnings = first;
        }
        self
    }

    pub(crate) fn text(code: u16, body: impl Into<Bytes>) -> Self {
        Self::Raw {
            code,
            content_type: "text/plain; charset=utf-8".to_owned(),
            body: body.into(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::Object { code, .. } | Self::Raw { code, .. } => *code,
            Self::Watch { .. } => 200,
        }
    }
}

/// Serves one request.
pub(crate) fn serve(core: &mut Core, request: &Incoming, user: Option<&User>, now: Timestamp) -> Reply {
    if let Some(problem) = request::unreadable(&request.path) {
        return Reply::text(500, problem);
    }
    let refused =
        |failure: &Failure| Reply::refusal_in(failure, media::of_refusals(request.header("accept")));
    let route = request::route(&request.method, &request.path, &request.query);
    if let Err(failure) = deadline(request, &route) {
        return refused(&failure);
    }
    controllers::wake(core, now);
    let mut warnings = Vec::new();
    let identity = match user {
        Some(user) => Ok(user.clone()),
        None => bearer::authenticate(core, request.header("authorization"), now, &mut warnings),
    };
    let Ok(identity) = identity else {
        return refused(&Failure::new(401, "Unauthorized", "Unauthorized"));
    };
    let answer = route_to(core, request, route, identity, now);
    let reply = answer.unwrap_or_else(|failure| refused(&failure));
    reply.warned(warnings)
}

fn route_to(
    core: &mut Core,
    request: &Incoming,
    route: Route,
    identity: User,
    now: Timestamp,
) -> Outcome<Reply> {
    let attributes = access::Attributes::of(&route, &request.method, &request.path);
    let user = access::impersonate(core, request, &attributes, identity)?;
    match route {
        Route::Resource(target) => serve_resource(core, request, target, &user, now),
        Route::Other => {
            access::authorize_path(core, &user, &request.method, &request.path)?;
            discovery::serve(core, request)
        }
    }
}

/// The time that a client gives a request has to be one; watches have none.
fn deadline(request: &Incoming, route: &Route) -> Outcome<()> {
    let watching = matches!(route, Route::Resource(target) if target.verb == Verb::Watch);
    match request.query.get("timeout") {
        Some(text) if !watching && !request::is_duration(text) => Err(Failure::bad_request(
            "invalid timeout specified in the request URL",
        )),
        _ => Ok(()),
    }
}

fn serve_resource(
    core: &mut Core,
    request: &Incoming,
    target: Target,
    user: &User,
    now: Timestamp,
) -> Outcome<Reply> {
    access::authorize(core, user, &named(&target, request))?;
    let Some(resource) = core.resolve(&target.gvr) else {
        return discovery::missing(core, &target);
    };
    check(request, &target, &resource)?;
    let negotiated = media::negotiate(
        request.header("accept"),
        request.query.get("includeObject"),
        resource.is_custom(),
    );
    let (encoding, form) = match negotiated {
        Ok(negotiated) => negotiated,
        Err(failure) => {
            return Ok(Reply::Object {
                code: failure.code,
                object: Arc::new(failure.status()),
                warnings: strategy::deprecation(&resource).into_iter().collect(),
                encoding: Encoding::Json,
            });
        }
    };
    let before = core.revision();
    let mut call = Call::new(core, resource, target, user, request, now);
    call.warnings.extend(strategy::deprecation(&call.resource));
    let result = run(&mut call, &form);
    let shown = Arc::clone(&call.resource);
    let (target, warnings, dry_run) = (call.target, call.warnings, call.dry_run);
    let whole = match &result {
        Ok(Done::Object(_, object)) => Some(Arc::clone(object)),
        _ => None,
    };
    let answer = result.and_then(|done| match done {
        Done::Object(code, object) => Ok(Done::Object(code, form.answer(&shown, &object, now)?)),
        Done::Watch(_) if encoding == Encoding::Yaml => Err(media::no_stream()),
        other => Ok(other),
    });
    let reply = reply(answer, warnings, encoding);
    let asked = Asked {
        target: &target,
        user,
        dry_run,
    };
    record(core, asked, now, before, (&reply, whole.as_deref()));
    if core.revision() != before {
        controllers::settle(core, now);
    }
    Ok(reply)
}

/// Refuses what the resource does not have, and bodies that are too large.
fn check(request: &Incoming, target: &Target, resource: &Resource) -> Outcome<()> {
    let scoped = !target.namespace.is_empty();
    if scoped && !resource.namespaced || target.tail {
        return Err(Failure::no_resource());
    }
    if !target.subresource.is_empty() && !resource.has_subresource(&target.subresource) {
        if resource.is_custom() {
            return Err(Failure::not_found(
                &target.gvr.group,
                &target.gvr.resource,
                &target.name,
            ));
        }
        return Err(Failure::no_resource());
    }
    if request.body.len() > limits::BODY {
        let message = format!("Request entity too large: limit is {}", limits::BODY);
        return Err(Failure::new(413, "RequestEntityTooLarge", message));
    }
    let named = !target.name.is_empty();
    let served = match target.verb {
        Verb::Create => !named || !target.subresource.is_empty(),
        Verb::Update | Verb::Patch => named,
        _ => true,
    };
    let placed = !resource.namespaced || scoped || matches!(target.verb, Verb::List | Verb::Watch);
    if named && !placed {
        // Names are below namespaces only.
        return Err(Failure::no_resource());
    }
    let known = request.method != "HEAD" && target.verb != Verb::Other;
    if !known || !served || !placed || !resource.allows(target.verb.name(), &target.subresource) {
        if resource.is_custom() && known {
            let gvr = &target.gvr;
            let kind = crate::gvr::qualified(&gvr.group, &gvr.resource);
            let message = format!(
                "{} is not supported on resources of kind {kind:?}",
                target.verb.name()
            );
            let failure = Failure::new(405, "MethodNotAllowed", message);
            return Err(failure.about("", &gvr.group, &gvr.resource));
        }
        return Err(Failure::not_allowed());
    }
    if !resource.is_custom() {
        media::producible(request.header("accept"), target.verb, &target.subresource)?;
    }
    Ok(())
}

fn reply(answer: Outcome<Done>, warnings: Vec<String>, encoding: Encoding) -> Reply {
    let (code, object) = match answer {
        Ok(Done::Watch(plan)) => return Reply::Watch { plan, warnings },
        Ok(Done::Nothing) => {
            return Reply::Raw {
                code: 204,
                content_type: String::new(),
                body: Bytes::new(),
                headers: Vec::new(),
            };
        }
        Ok(Done::Object(code, object)) => (code, object),
        Err(failure) => (failure.code, Arc::new(failure.status())),
    };
    Reply::Object {
        code,
        object,
        warnings,
        encoding,
    }
}

/// A collection that is asked for one name is judged as that object.
fn named(target: &Target, request: &Incoming) -> Target {
    let mut target = target.clone();
    if target.name.is_empty() && matches!(target.verb, Verb::List | Verb::Watch | Verb::DeleteCollection) {
        let selector = request.query.get("fieldSelector").unwrap_or_default();
        let terms = selector
            .split(',')
            .filter_map(|term| term.strip_prefix("metadata.name="));
        if let Some(name) = terms.map(|name| name.trim_start_matches('=')).next() {
            name.clone_into(&mut target.name);
        }
    }
    target
}

enum Done {
    /// There is nothing to say.
    Nothing,
    Object(u16, Arc<Value>),
    Watch(Box<Plan>),
}

fn run(call: &mut Call<'_>, form: &Form) -> Outcome<Done> {
    if call.connects() {
        return call.connect().map(|()| Done::Nothing);
    }
    let (code, object) = match call.target.verb {
        Verb::Get => (200, call.get()?),
        Verb::List => (200, Arc::new(call.list()?)),
        Verb::Watch => return call.watch(form).map(|plan| Done::Watch(Box::new(plan))),
        Verb::Create => call.create()?,
        Verb::Update => call.update()?,
        Verb::Patch => call.patch()?,
        Verb::Delete => call.delete()?,
        Verb::DeleteCollection => call.delete_collection()?,
        Verb::Other => return Err(Failure::not_allowed()),
    };
    Ok(Done::Object(code, object))
}

/// What a finished request was.
struct Asked<'a> {
    target: &'a Target,
    user: &'a User,
    dry_run: bool,
}

/// Notes a write; beside the answer stands the object it shows.
fn record(
    core: &mut Core,
    asked: Asked<'_>,
    now: Timestamp,
    before: u64,
    (reply, object): (&Reply, Option<&Value>),
) {
    let Asked {
        target,
        user,
        dry_run,
    } = asked;
    if matches!(target.verb, Verb::Get | Verb::List | Verb::Watch) || core.attempt.given_up() {
        return;
    }
    let name = match object {
        Some(object) if target.name.is_empty() => manifest::object::name(object).to_owned(),
        _ => target.name.clone(),
    };
    let revision = core.revision();
    core.record(audit::Entry {
        time: now,
        user: user.name.clone(),
        verb: target.verb.name(),
        gvr: target.gvr.clone(),
        namespace: target.namespace.clone(),
        name,
        subresource: target.subresource.clone(),
        dry_run,
        code: reply.code(),
        resource_version: (revision != before).then_some(revision),
    });
}
