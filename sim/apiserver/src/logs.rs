//! Logs of containers, which nodes keep: who may read them, and of which container.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    access,
    core::Core,
    dispatch::Reply,
    failure::{Failure, Outcome},
    request::{self, Incoming, Route, Target, Verb},
    server::{ApiServer, authenticate},
    store::Key,
    user::User,
};

/// A node that keeps logs.
pub trait LogSource: Send + Sync {
    /// What was asked for, as far as it is written and, if followed, as it is written. `None`: the node has no log of
    /// such a container.
    fn read(&self, wanted: &LogRequest) -> Option<LogStream>;
}

/// A log as it goes to the client.
pub type LogStream = BoxStream<'static, Bytes>;

/// Which part of which log is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogRequest {
    /// `metadata.uid` of the pod.
    pub uid: String,
    /// Name of the container.
    pub container: String,
    /// Whether the answer goes on until the container ends.
    pub follow: bool,
    /// Whether the run before the present one is meant.
    pub previous: bool,
    /// Whether each line begins with its time.
    pub timestamps: bool,
    /// How many of the last lines.
    pub tail: Option<u64>,
    /// Only lines written at or after this time.
    pub since: Option<Timestamp>,
    /// How many bytes at most.
    pub limit: Option<u64>,
}

/// A log that may be read.
pub(crate) enum Log {
    Open(LogStream),
    /// A simulated container, which says nothing, or one that was never placed.
    Silent,
}

impl ApiServer {
    /// The answer to a request for a log; `None` if it is for something else, or if no node keeps logs.
    pub(crate) fn log(&self, request: &Incoming, user: Option<&User>) -> Option<Result<Log, Reply>> {
        let source = self.log_source()?;
        let Route::Resource(target) = request::route(&request.method, &request.path, &request.query) else {
            return None;
        };
        let pods = target.gvr.group.is_empty() && target.gvr.resource == "pods";
        if !pods || target.subresource != "log" || target.verb != Verb::Get {
            return None;
        }
        let wanted = {
            let core = self.core();
            let identity = match user {
                Some(user) => Some(user.clone()),
                None => authenticate(&core, request.header("authorization")),
            };
            // Who is unknown is refused where everybody is.
            let identity = identity?;
            wanted(&core, request, &target, identity, self.clock().now())
        };
        Some(match wanted {
            Ok(None) => Ok(Log::Silent),
            Ok(Some(wanted)) => match source.read(&wanted) {
                Some(stream) => Ok(Log::Open(stream)),
                None if wanted.previous => Err(Reply::refusal(&Failure::bad_request(format!(
                    "previous terminated container {:?} in pod {:?} not found",
                    wanted.container, target.name
                )))),
                None => Ok(Log::Silent),
            },
            Err(failure) => Err(Reply::refusal(&failure)),
        })
    }
}

/// Whose log it is; `None` for a pod without a node.
fn wanted(
    core: &Core,
    request: &Incoming,
    target: &Target,
    user: User,
    now: Timestamp,
) -> Outcome<Option<LogRequest>> {
    let user = access::impersonate(core, request, user)?;
    access::authorize(core, &user, target)?;
    let key = Key::new(&target.namespace, &target.name);
    let pod: Arc<Value> = core
        .stored("pods", &key)
        .ok_or_else(|| Failure::not_found("", "pods", &target.name))?;
    let container = container(
        &pod,
        &target.name,
        request.query.get("container").unwrap_or_default(),
    )?;
    if pod
        .pointer("/spec/nodeName")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        return Ok(None);
    }
    let flag = |name: &str| matches!(request.query.get(name), Some("true" | "1"));
    let number = |name: &str| request.query.get(name).and_then(|text| text.parse::<u64>().ok());
    let previous = flag("previous");
    if !previous {
        has_begun(&pod, &target.name, &container)?;
    }
    let ago = number("sinceSeconds").and_then(|seconds| i64::try_from(seconds).ok());
    let since = ago
        .and_then(|seconds| now.checked_sub(jiff::SignedDuration::from_secs(seconds)).ok())
        .or_else(|| request.query.get("sinceTime")?.parse().ok());
    Ok(Some(LogRequest {
        uid: manifest::object::uid(&pod).to_owned(),
        container,
        follow: flag("follow"),
        previous,
        timestamps: flag("timestamps"),
        tail: number("tailLines"),
        since,
        limit: number("limitBytes"),
    }))
}

fn names<'a>(pod: &'a Value, list: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let list = pod
        .get("spec")
        .and_then(|spec| spec.get(list))
        .and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|container| container.get("name")?.as_str())
}

fn container(pod: &Value, name: &str, asked: &str) -> Outcome<String> {
    let own: Vec<&str> = names(pod, "containers").collect();
    let first: Vec<&str> = names(pod, "initContainers").collect();
    if asked.is_empty() {
        if let [only] = own[..] {
            return Ok(only.to_owned());
        }
        let mut text = format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            own.join(" ")
        );
        if !first.is_empty() {
            text += &format!(" or one of the init containers: [{}]", first.join(" "));
        }
        return Err(Failure::bad_request(text));
    }
    if own.contains(&asked) || first.contains(&asked) {
        return Ok(asked.to_owned());
    }
    Err(Failure::bad_request(format!(
        "container {asked} is not valid for pod {name}"
    )))
}

/// A container that waits for its first start has nothing to show.
fn has_begun(pod: &Value, name: &str, container: &str) -> Outcome<()> {
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    let status = statuses
        .into_iter()
        .flatten()
        .find(|status| status.get("name").and_then(Value::as_str) == Some(container));
    let waiting = status.and_then(|status| status.pointer("/state/waiting"));
    let ran = status.is_some_and(|status| status.pointer("/lastState/terminated").is_some());
    match waiting {
        Some(waiting) if !ran => {
            let reason = waiting.get("reason").and_then(Value::as_str).unwrap_or_default();
            Err(Failure::bad_request(format!(
                "container {container:?} in pod {name:?} is waiting to start: {reason}"
            )))
        }
        _ => Ok(()),
    }
}
