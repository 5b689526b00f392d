//! From a request to its answer: who asks, may they, and what is there to do it.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    access, audit,
    call::Call,
    controllers,
    core::Core,
    discovery,
    failure::{Failure, Outcome},
    limits,
    media::{self, Encoding, Form},
    registry::Plan,
    request::{self, Incoming, Route, Target, Verb},
    server::authenticate,
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
        Self::Object {
            code: failure.code,
            object: Arc::new(failure.status()),
            warnings: Vec::new(),
            encoding: Encoding::Json,
        }
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
    let identity = match user {
        Some(user) => Some(user.clone()),
        None => authenticate(core, request.header("authorization")),
    };
    let Some(identity) = identity else {
        return Reply::refusal(&Failure::new(401, "Unauthorized", "Unauthorized"));
    };
    let answer = access::impersonate(core, request, identity).and_then(|user| {
        let route = request::route(&request.method, &request.path, &request.query);
        match route {
            Route::Resource(target) => serve_resource(core, request, target, &user, now),
            Route::Other => {
                access::authorize_path(core, &user, &request.method, &request.path)?;
                discovery::serve(core, request)
            }
        }
    });
    answer.unwrap_or_else(|failure| Reply::refusal(&failure))
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
    if !served || !placed || !resource.allows(target.verb.name(), &target.subresource) {
        return Err(Failure::generic(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        ));
    }
    if !resource.is_custom() {
        media::producible(request.header("accept"), target.verb, &target.subresource)?;
    }
    let (encoding, form) = media::negotiate(request.header("accept"), resource.is_custom())?;
    let before = core.revision();
    let mut call = Call::new(core, resource, target, user, request, now);
    call.warnings.extend(strategy::deprecation(&call.resource));
    let result = run(&mut call, &form);
    let (target, warnings, dry_run) = (call.target, call.warnings, call.dry_run);
    let reply = match result {
        Ok(Done::Watch(_)) if encoding == Encoding::Yaml => Reply::Object {
            code: 406,
            object: Arc::new(media::no_stream().status()),
            warnings,
            encoding,
        },
        Ok(Done::Watch(plan)) => Reply::Watch { plan, warnings },
        Ok(Done::Object(code, object)) => Reply::Object {
            code,
            object: form.answer(&object),
            warnings,
            encoding,
        },
        Err(failure) => Reply::Object {
            code: failure.code,
            object: Arc::new(failure.status()),
            warnings,
            encoding,
        },
    };
    let asked = Asked {
        target: &target,
        user,
        dry_run,
    };
    record(core, asked, now, before, &reply);
    if core.revision() != before {
        controllers::settle(core, now);
    }
    Ok(reply)
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
    Object(u16, Arc<Value>),
    Watch(Box<Plan>),
}

fn run(call: &mut Call<'_>, form: &Form) -> Outcome<Done> {
    let (code, object) = match call.target.verb {
        Verb::Get => (200, call.get()?),
        Verb::List => (200, Arc::new(call.list()?)),
        Verb::Watch => return call.watch(form).map(|plan| Done::Watch(Box::new(plan))),
        Verb::Create => call.create()?,
        Verb::Update => call.update()?,
        Verb::Patch => call.patch()?,
        Verb::Delete => call.delete()?,
        Verb::DeleteCollection => call.delete_collection()?,
    };
    Ok(Done::Object(code, object))
}

/// What a finished request was.
struct Asked<'a> {
    target: &'a Target,
    user: &'a User,
    dry_run: bool,
}

fn record(core: &mut Core, asked: Asked<'_>, now: Timestamp, before: u64, reply: &Reply) {
    let Asked {
        target,
        user,
        dry_run,
    } = asked;
    if matches!(target.verb, Verb::Get | Verb::List | Verb::Watch) {
        return;
    }
    let name = match reply {
        Reply::Object { object, .. } if target.name.is_empty() => manifest::object::name(object).to_owned(),
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
