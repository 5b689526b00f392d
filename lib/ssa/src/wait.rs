//! Waits until objects are as wanted.

use std::time::Duration;

use manifest::ObjectRef;
use serde_json::Value;

use crate::{
    ResourceManager,
    kstatus::{self, Status},
};

/// Judges the status of some kinds instead of the built-in rules.
pub trait StatusReader: Send + Sync {
    /// The status of a live object; nothing if the reader does not know the kind.
    fn read(&self, object: &Value) -> Option<Result<Status, String>>;
}

/// How to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitOptions {
    /// How often to look.
    pub interval: Duration,
    /// How long at most.
    pub timeout: Duration,
    /// Whether one failed object ends the wait.
    pub fail_fast: bool,
}

/// The objects are not as wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The time is up.
    #[error("timeout waiting for: [{}]", .0.join(", "))]
    Timeout(Vec<String>),
    /// Some failed for good.
    #[error("failed early due to stalled resources: [{}]", .0.join(", "))]
    Stalled(Vec<String>),
}

struct Report {
    status: Status,
    error: Option<String>,
}

impl ResourceManager {
    /// Waits until every object is as wanted.
    ///
    /// # Errors
    /// When one failed, or the time is up; the text names those that are not as wanted.
    pub async fn wait(
        &self,
        objects: &[ObjectRef],
        options: &WaitOptions,
        readers: &[&dyn StatusReader],
    ) -> Result<(), WaitError> {
        let started = self.clock.now();
        loop {
            let mut reports = Vec::new();
            for object in objects {
                reports.push((object, self.report(object, readers).await));
            }
            let all = |wanted: &[Status]| reports.iter().all(|(_, report)| wanted.contains(&report.status));
            if all(&[Status::Current]) {
                return Ok(());
            }
            let any_failed = reports.iter().any(|(_, report)| report.status == Status::Failed);
            if (options.fail_fast && any_failed) || all(&[Status::Current, Status::Failed]) {
                return Err(WaitError::Stalled(unready(&reports)));
            }
            let left = options.timeout.saturating_sub(self.clock.since(started));
            if left.is_zero() {
                return Err(WaitError::Timeout(unready(&reports)));
            }
            self.clock.sleep(options.interval.min(left)).await;
        }
    }

    async fn report(&self, object: &ObjectRef, readers: &[&dyn StatusReader]) -> Report {
        let status = |status| Report { status, error: None };
        let live = match self.cluster.get(object).await {
            Ok(live) => live,
            Err(error) if error.is_not_found() => return status(Status::NotFound),
            Err(error) => {
                return Report {
                    status: Status::Unknown,
                    error: Some(error.to_string()),
                };
            }
        };
        match readers.iter().find_map(|reader| reader.read(&live)) {
            Some(Ok(found)) => status(found),
            Some(Err(error)) => Report {
                status: Status::Unknown,
                error: Some(error),
            },
            None => status(kstatus::status(&live, self.clock.now())),
        }
    }
}

fn unready(reports: &[(&ObjectRef, Report)]) -> Vec<String> {
    let unready = reports
        .iter()
        .filter(|(_, report)| report.status != Status::Current);
    unready
        .map(|(object, report)| {
            let status = report.status.as_str();
            match &report.error {
                Some(error) => format!("{object} status: '{status}': {error}"),
                None => format!("{object} status: '{status}'"),
            }
        })
        .collect()
}
