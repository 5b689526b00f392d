//! Leader election by a Lease, with the rules of Kubernetes' own clients: who holds it renews it in time, who wants it
//! waits until it was not renewed for as long as it lasts, by its own clock.

use std::time::Duration;

use edges::{Clock, Rng};
use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};

use crate::{api, limits};

/// How a leader is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How the one who runs for it calls itself; what makes it unique is added.
    pub identity: String,
    /// How long others wait for a renewal.
    pub lease: Duration,
    /// How long a leader tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// Between two tries.
    pub retry_period: Duration,
    /// Whether a leader that ends lets others take over at once.
    pub release: bool,
}

/// One who runs for leadership.
pub(crate) struct Candidate<'a> {
    client: &'a Client,
    clock: Clock,
    rng: Rng,
    election: &'a Election,
    /// The holder's record as last seen, and when that was.
    observed: Option<(Value, Timestamp)>,
}

/// Another holds the Lease, or the API server does not answer.
struct NotLeading;

impl<'a> Candidate<'a> {
    pub(crate) fn new(client: &'a Client, clock: Clock, rng: Rng, election: &'a Election) -> Self {
        Self {
            client,
            clock,
            rng,
            election,
            observed: None,
        }
    }

    /// Waits until the Lease is held.
    pub(crate) async fn acquire(&mut self) {
        while self.attempt().await.is_err() {
            // Candidates that began at once do not stay in step.
            let jitter = 1.0 + 1.2 * self.rng.fraction();
            self.clock.sleep(self.election.retry_period.mul_f64(jitter)).await;
        }
        tracing::info!(lease = self.election.name, "became leader");
    }

    /// Renews the Lease until that fails for too long.
    pub(crate) async fn keep(&mut self) {
        let mut renewed = self.clock.now();
        loop {
            self.clock.sleep(self.election.retry_period).await;
            let left = self
                .election
                .renew_deadline
                .saturating_sub(self.clock.since(renewed));
            let clock = self.clock;
            match clock.timeout(left, self.attempt()).await {
                Ok(Ok(())) => renewed = self.clock.now(),
                Ok(Err(NotLeading)) if self.clock.since(renewed) < self.election.renew_deadline => {}
                Ok(Err(NotLeading)) | Err(_) => return,
            }
        }
    }

    /// Gives the Lease back, if that is wanted.
    pub(crate) async fn release(&mut self) {
        if !self.election.release {
            return;
        }
        let released = async {
            let lease = api::get(self.client, &self.path()).await?;
            if holder(&lease) != self.election.identity {
                return Ok(());
            }
            let mut record = lease["spec"].clone();
            let now = micro(self.clock.now());
            record["holderIdentity"] = json!("");
            record["leaseDurationSeconds"] = json!(1);
            record["renewTime"] = json!(now);
            record["acquireTime"] = json!(now);
            self.replace(&lease, record).await
        };
        match self.clock.timeout(limits::RELEASE, released).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %api::explain(&error), "lease not released"),
            Err(elapsed) => tracing::warn!(error = %elapsed, "lease not released"),
        }
    }

    /// Takes or renews the Lease.
    async fn attempt(&mut self) -> Result<(), NotLeading> {
        self.try_attempt().await.unwrap_or_else(|error| {
            tracing::debug!(error = %api::explain(&error), "lease not written");
            Err(NotLeading)
        })
    }

    async fn try_attempt(&mut self) -> kube::Result<Result<(), NotLeading>> {
        let now = self.clock.now();
        let lease = match api::get(self.client, &self.path()).await {
            Ok(lease) => lease,
            Err(error) if api::is_not_found(&error) => {
                let record = self.record(now, now, 0);
                let Election { namespace, name, .. } = self.election;
                let lease = json!({
                    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": {"name": name, "namespace": namespace}, "spec": record,
                });
                api::create(self.client, &self.collection(), name, &lease).await?;
                return Ok(Ok(()));
            }
            Err(error) => return Err(error),
        };
        let present = &lease["spec"];
        if self.observed.as_ref().is_none_or(|(known, _)| known != present) {
            self.observed = Some((present.clone(), now));
        }
        let seen = self.observed.as_ref().map_or(now, |(_, at)| *at);
        let holder = holder(&lease);
        let mine = holder == self.election.identity;
        if !holder.is_empty() && !mine && self.clock.since(seen) < self.election.lease {
            return Ok(Err(NotLeading));
        }
        let transitions = present["leaseTransitions"].as_i64().unwrap_or_default();
        let mut record = self.record(now, now, transitions + i64::from(!mine));
        if mine {
            record["acquireTime"] = present["acquireTime"].clone();
        }
        self.replace(&lease, record).await?;
        Ok(Ok(()))
    }

    fn record(&self, acquired: Timestamp, renewed: Timestamp, transitions: i64) -> Value {
        json!({
            "holderIdentity": self.election.identity,
            "leaseDurationSeconds": self.election.lease.as_secs(),
            "acquireTime": micro(acquired),
            "renewTime": micro(renewed),
            "leaseTransitions": transitions,
        })
    }

    /// Writes the record, unless the Lease changed meanwhile.
    async fn replace(&self, lease: &Value, record: Value) -> kube::Result<()> {
        let mut lease = lease.clone();
        lease["spec"] = record;
        api::replace(self.client, &self.path(), &self.election.name, &lease).await?;
        Ok(())
    }

    fn collection(&self) -> String {
        format!(
            "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
            self.election.namespace
        )
    }

    fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.election.name)
    }
}

fn holder(lease: &Value) -> &str {
    lease
        .pointer("/spec/holderIdentity")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn micro(time: Timestamp) -> String {
    format!("{time:.6}")
}
