//! Logs of containers, which nodes keep: who may read them, and of which container.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    core::Core,
    dispatch::Reply,
    failure::{Failure, Outcome},
    request::{self, Incoming, Route, Target, Verb},
    server::ApiServer,
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
    /// A simulated container, which says nothing.
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
        // Everything that the server judges by itself comes first; 503 says that only the node is missing.
        let judged = self.serve(request, user);
        if judged.code() != 503 {
            return Some(Err(judged));
        }
        let wanted = wanted(&self.core(), request, &target, self.clock().now());
        Some(match wanted {
            Ok(wanted) => match source.read(&wanted) {
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

/// Which log it is.
fn wanted(core: &Core, request: &Incoming, target: &Target, now: Timestamp) -> Outcome<LogRequest> {
    let key = Key::new(&target.namespace, &target.name);
    let pod: Arc<Value> = core
        .stored("pods", &key)
        .ok_or_else(|| Failure::not_found("", "pods", &target.name))?;
    let only = || pod.pointer("/spec/containers/0/name").and_then(Value::as_str);
    let asked = request.query.get("container").or_else(only);
    let container = asked.unwrap_or_default().to_owned();
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
    Ok(LogRequest {
        uid: manifest::object::uid(&pod).to_owned(),
        container,
        follow: flag("follow"),
        previous,
        timestamps: flag("timestamps"),
        tail: number("tailLines"),
        since,
        limit: number("limitBytes"),
    })
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
