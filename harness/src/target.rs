//! Where a scenario runs: a cluster with the extension installed, as the steps see it.
//!
//! Steps judge through the Kubernetes API, the Git server's control and the world's faults, never through a component
//! of the extension.

pub(crate) mod attached;
mod live;
pub(crate) mod local;
mod logs;
pub(crate) mod offline;
pub(crate) mod open;
pub(crate) mod sim;

use std::{collections::BTreeSet, time::Duration};

use edges::Clock;
use futures::stream::LocalBoxStream;
use git_server::GitServer;
use jiff::Timestamp;
use kubelet::Behaviours;
use serde::Serialize;
use serde_json::Value;

use crate::{
    fault::Faults,
    journal::{Change, Journal, later},
    limits,
    verdict::Miss,
};
pub(crate) use live::version;
pub(crate) use logs::Logs;

/// The namespace the extension lives in.
pub(crate) const NAMESPACE: &str = "flux-system";

/// A request that changed something, or tried to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Write {
    /// When, in the cluster's time; the trace writes it beside the entry.
    #[serde(skip)]
    pub(crate) at: Timestamp,
    /// As whom.
    pub(crate) user: String,
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The HTTP status of the answer.
    pub(crate) code: u16,
    /// The cluster's resource version after it, if it moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u64>,
}

/// A cluster with the extension installed.
pub(crate) struct Cluster {
    /// The Kubernetes API as a cluster administrator.
    pub(crate) kube: kube::Client,
    /// The cluster's time.
    pub(crate) clock: Clock,
    /// Control over the Git server that the cluster can reach.
    pub(crate) git: GitServer,
    /// Where that server's repositories are, without a slash at the end.
    pub(crate) git_url: String,
    /// What the extension's components logged.
    pub(crate) log: Logs,
    /// What can be made to go wrong, if anything.
    pub(crate) faults: Option<Faults>,
    /// What simulated pods and nodes can be told to do.
    pub(crate) behaviours: Option<Behaviours>,
    /// Where changed repositories are pushed to, if the Git server is not in this process.
    pub(crate) publisher: Option<attached::Publisher>,
    /// The cluster's audit log from a position on, if it can be read.
    pub(crate) audit: Option<Box<dyn Fn(usize) -> Vec<Write>>>,
    /// Where time is real, the longest hold.
    pub(crate) max_hold: Option<Duration>,
    /// What must live as long as the cluster.
    pub(crate) _alive: Box<dyn std::any::Any>,
}

/// A cluster and its stream of changes.
pub(crate) struct Started {
    pub(crate) cluster: Cluster,
    /// Every change; what exists already comes first.
    pub(crate) changes: LocalBoxStream<'static, Change>,
}

/// Waits until the extension runs: every Deployment in its namespace is available.
///
/// # Errors
/// When it does not in good time.
pub(crate) async fn ready(journal: &mut Journal, clock: Clock) -> Result<(), Miss> {
    let deadline = later(clock.now(), limits::READY_WITHIN);
    loop {
        journal.catch_up()?;
        let waiting: Vec<String> = journal
            .objects()
            .iter()
            .filter(|(key, object)| {
                key.kind == "Deployment" && key.namespace == NAMESPACE && !available(object)
            })
            .map(|(key, _)| key.name.clone())
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        if !journal.next(deadline).await? {
            let message = format!("the extension did not become ready: {}", waiting.join(", "));
            return Err(Miss::failed("target.ready", message));
        }
    }
}

fn available(deployment: &Value) -> bool {
    let number = |path: &str| {
        deployment
            .pointer(path)
            .and_then(Value::as_i64)
            .unwrap_or_default()
    };
    number("/status/observedGeneration") == number("/metadata/generation")
        && number("/status/availableReplicas") >= number("/spec/replicas").max(1)
}

impl Cluster {
    /// Whether an hour takes an hour.
    pub(crate) fn is_real_time(&self) -> bool {
        self.max_hold.is_some()
    }

    /// The URL of a fixture repository as the cluster sees it.
    pub(crate) fn repo_url(&self, repo: &str) -> String {
        format!("{}/{repo}.git", self.git_url)
    }

    /// Every commit that a client could fetch so far.
    pub(crate) fn served(&self) -> BTreeSet<String> {
        let served = self.git.served().into_iter().map(|(_, oid)| oid.to_string());
        let published = self.publisher.iter().flat_map(attached::Publisher::published);
        served.chain(published).collect()
    }

    /// Makes a changed repository known to the cluster.
    ///
    /// # Errors
    /// When it cannot be pushed.
    pub(crate) fn publish(&self, repo: &str) -> Result<(), Miss> {
        match &self.publisher {
            Some(publisher) => publisher.push(&self.git, repo),
            None => Ok(()),
        }
    }

    /// The writes from a position of the audit log on.
    pub(crate) fn writes(&self, from: usize) -> Vec<Write> {
        self.audit.as_ref().map(|audit| audit(from)).unwrap_or_default()
    }

    /// What the components logged so far.
    pub(crate) fn logs(&self) -> Vec<String> {
        self.log.lines()
    }
}
