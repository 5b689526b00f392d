//! Waits until what was written is as wanted, hooks are done, or what was deleted is gone.

use std::time::Duration;

use flux_runtime::HealthExpressions;
use manifest::{ObjectRef, object};
use serde_json::Value;
use ssa::{ResourceManager, StatusReader, WaitOptions, kstatus::Status};

use crate::action::Error;

/// How often the objects are looked at.
const POLL: Duration = Duration::from_secs(5);
/// How often hooks, and objects that are deleted, are looked at.
const FAST_POLL: Duration = Duration::from_secs(2);

/// Waits until objects are as wanted; Jobs until they end, unless `jobs` is false.
pub(crate) async fn ready(
    manager: &ResourceManager,
    objects: &[Value],
    expressions: &HealthExpressions,
    timeout: Duration,
    jobs: bool,
) -> Result<(), Error> {
    let waited = objects
        .iter()
        .filter(|object| jobs || object::kind(object) != "Job");
    let references: Vec<_> = waited.map(ObjectRef::of).collect();
    let options = WaitOptions {
        interval: POLL,
        timeout,
        fail_fast: true,
    };
    let readers: [&dyn StatusReader; 1] = [expressions];
    let verdict = manager.wait(&references, &options, &readers).await;
    verdict.map_err(|error| Error::new(error.to_string()))
}

/// Waits until Jobs and Pods ended well; anything else has only to be there.
pub(crate) async fn done(
    manager: &ResourceManager,
    objects: &[Value],
    timeout: Duration,
) -> Result<(), Error> {
    let references: Vec<_> = objects.iter().map(ObjectRef::of).collect();
    let options = WaitOptions {
        interval: FAST_POLL,
        timeout,
        fail_fast: false,
    };
    let readers: [&dyn StatusReader; 1] = [&Ending];
    let verdict = manager.wait(&references, &options, &readers).await;
    verdict.map_err(|error| Error::new(error.to_string()))
}

/// Waits until objects are gone.
pub(crate) async fn gone(
    manager: &ResourceManager,
    objects: &[ObjectRef],
    timeout: Duration,
) -> Result<(), Error> {
    let verdict = manager.wait_for_termination(objects, FAST_POLL, timeout).await;
    verdict.map_err(|error| Error::new(error.to_string()))
}

/// The status of what runs to an end.
struct Ending;

impl StatusReader for Ending {
    fn read(&self, live: &Value) -> Option<Result<Status, String>> {
        let status = match object::kind(live) {
            // The built-in rule says it.
            "Job" => return None,
            "Pod" => match live.pointer("/status/phase").and_then(Value::as_str) {
                Some("Succeeded") => Status::Current,
                Some("Failed") => Status::Failed,
                _ => Status::InProgress,
            },
            _ => Status::Current,
        };
        Some(Ok(status))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_that_is_a_hook_has_to_end() {
        let pod = |phase: &str| Ending.read(&json!({"kind": "Pod", "status": {"phase": phase}}));
        assert_eq!(pod("Running"), Some(Ok(Status::InProgress)));
        assert_eq!(pod("Succeeded"), Some(Ok(Status::Current)));
        assert_eq!(pod("Failed"), Some(Ok(Status::Failed)));
        assert_eq!(
            Ending.read(&json!({"kind": "ConfigMap"})),
            Some(Ok(Status::Current))
        );
        assert_eq!(Ending.read(&json!({"kind": "Job"})), None);
    }
}
