//! Act: what Helm does to a release and its objects.

pub(crate) mod crds;
pub(crate) mod hooks;
pub(crate) mod install;
pub(crate) mod rollback;
pub(crate) mod test;
pub(crate) mod uninstall;
pub(crate) mod upgrade;

use std::{sync::Mutex, time::Duration};

use edges::Edges;
use flux_api::HelmRelease;
use flux_runtime::HealthExpressions;
use helm::{Chart, Record, SchemaValidation};
use serde_json::{Map, Value};
use ssa::{ApiError, Cluster, ResourceManager};

use crate::{objects, render, storage::Storage};

/// Why an action failed, in Helm's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Error(String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn within(self, what: &str) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self(error.to_string())
    }
}

/// What is to be released.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) chart: Chart,
    pub(crate) values: Map<String, Value>,
}

/// Everything that actions on one release share.
pub(crate) struct Actor<'a> {
    pub(crate) edges: &'a Edges,
    pub(crate) object: &'a HelmRelease,
    pub(crate) cluster: Cluster,
    pub(crate) manager: ResourceManager,
    pub(crate) storage: Storage,
    pub(crate) expressions: &'a HealthExpressions,
    pub(crate) log: Mutex<Vec<String>>,
}

/// How many lines of the log failures tell.
const LOG_LINES: usize = 10;

impl Actor<'_> {
    pub(crate) fn now(&self) -> String {
        self.edges.clock.now().to_string()
    }

    pub(crate) fn name(&self) -> String {
        self.object.shortened_release_name()
    }

    /// Notes what is done; the last lines are told with a failure.
    pub(crate) fn note(&self, line: impl Into<String>) {
        let mut log = self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if log.len() >= LOG_LINES {
            log.remove(0);
        }
        log.push(format!("{} {}", self.now(), line.into()));
    }

    /// The message with the last lines of the log.
    pub(crate) fn with_log(&self, message: &str) -> String {
        let log = self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if log.is_empty() {
            return message.to_owned();
        }
        format!("{message}\n\nLast Helm logs:\n\n{}", log.join("\n"))
    }

    /// Renders what is wanted as a revision of the release.
    async fn render(&self, wanted: &Wanted, revision: i64, upgrade: bool) -> Result<helm::Rendered, Error> {
        let release = helm::Release {
            name: self.name(),
            namespace: self.object.release_namespace(),
            revision,
            upgrade,
        };
        let disabled = match upgrade {
            true => self.object.upgrade().disable_schema_validation,
            false => self.object.install().disable_schema_validation,
        };
        let validation = match disabled {
            Some(true) => SchemaValidation::Skip,
            _ => SchemaValidation::Enforce,
        };
        let Wanted { chart, values } = wanted;
        let rendered = render::render(self.edges, &self.cluster, chart, values, &release, validation).await?;
        crate::post_render::apply(self.object, rendered).map_err(Error::new)
    }

    /// The objects of a record, marked as those of the release.
    async fn objects(&self, record: &Record, which: &str) -> Result<Vec<Value>, Error> {
        let mut objects = objects::read(&self.cluster, &record.manifest, &record.namespace)
            .await
            .map_err(|error| {
                Error::new(format!(
                    "unable to build kubernetes objects from {which} manifest: {error}"
                ))
            })?;
        objects::mark(&mut objects, record);
        Ok(objects)
    }

    /// Waits for objects, unless that is switched off.
    async fn wait(
        &self,
        objects: &[Value],
        disable_wait: Option<bool>,
        disable_jobs: Option<bool>,
        timeout: Duration,
    ) -> Result<(), Error> {
        if disable_wait == Some(true) {
            return Ok(());
        }
        self.note(format!(
            "waiting for {} resources with a timeout of {}",
            objects.len(),
            stdx::duration::format(timeout)
        ));
        let jobs = disable_jobs != Some(true);
        crate::wait::ready(&self.manager, objects, self.expressions, timeout, jobs).await
    }

    /// Writes a failed record; that this fails too changes nothing.
    async fn record_failure(&self, record: &mut Record, description: String) {
        record.info.status = "failed".to_owned();
        record.info.description = description;
        if let Err(error) = self.storage.update(record).await {
            self.note(format!("failed to record the release: {error}"));
        }
    }
}
