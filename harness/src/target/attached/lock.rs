//! One run at a time: a Lease that others respect.

use edges::Clock;
use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::{Value, json};

use crate::{limits, verdict::Miss};

const NAME: &str = "gitops-conformance";

/// A lock that is held; [`Lock::release`] gives it back.
///
/// It holds no client: one does not outlive the runtime that it was made on.
pub(crate) struct Lock {
    holder: String,
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// When somebody else holds it.
    pub(crate) async fn take(client: &Client) -> Result<Self, Miss> {
        let leases = leases(client);
        let broken = |error: kube::Error| Miss::broken("target.lock", error.to_string());
        let clock = Clock::system();
        let holder = format!("{NAME}-{}-{}", std::process::id(), clock.now().as_millisecond());
        let lock = Self { holder };
        let mut wanted = lock.lease(clock.now());
        match leases.get_opt(NAME).await.map_err(broken)? {
            None => {
                let lease = serde_json::from_value(wanted).map_err(|error| wrong(&error))?;
                leases
                    .create(&PostParams::default(), &lease)
                    .await
                    .map_err(broken)?;
            }
            Some(held) if is_fresh(&held.data, clock) => {
                let by = held.data["spec"]["holderIdentity"].as_str().unwrap_or("somebody");
                let message = format!(
                    "{by} holds Lease default/{NAME}: one run at a time; delete it if that run is gone"
                );
                return Err(Miss::broken("target.lock", message));
            }
            Some(abandoned) => {
                wanted["metadata"]["resourceVersion"] = json!(abandoned.metadata.resource_version);
                let lease = serde_json::from_value(wanted).map_err(|error| wrong(&error))?;
                let replaced = leases.replace(NAME, &PostParams::default(), &lease).await;
                replaced.map_err(broken)?;
            }
        }
        Ok(lock)
    }

    fn lease(&self, now: Timestamp) -> Value {
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NAME, "namespace": "default"},
            "spec": {
                "holderIdentity": self.holder,
                "leaseDurationSeconds": limits::LOCK_EXPIRES.as_secs(),
                "renewTime": micro(now),
            },
        })
    }

    /// Says that the run goes on.
    pub(crate) async fn renew(client: &Client) {
        let patch = json!({"spec": {"renewTime": micro(Clock::system().now())}});
        // A lock that could not be renewed once is renewed by the next scenario.
        let _ = leases(client)
            .patch(NAME, &PatchParams::default(), &Patch::Merge(&patch))
            .await;
    }

    /// Gives the lock back, if nobody took it over meanwhile.
    ///
    /// # Errors
    /// When the cluster does not take it; it expires by itself then.
    pub(crate) async fn release(self, client: &Client) -> Result<(), Miss> {
        let broken = |error: kube::Error| Miss::broken("target.lock", error.to_string());
        let leases = leases(client);
        let Some(lease) = leases.get_opt(NAME).await.map_err(broken)? else {
            return Ok(());
        };
        if lease.data["spec"]["holderIdentity"] != self.holder {
            return Ok(());
        }
        let as_seen = Preconditions {
            resource_version: lease.metadata.resource_version,
            uid: lease.metadata.uid,
        };
        let params = DeleteParams::default().preconditions(as_seen);
        leases.delete(NAME, &params).await.map_err(broken)?;
        Ok(())
    }
}

fn leases(client: &Client) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<k8s_openapi::api::coordination::v1::Lease>(&());
    Api::namespaced_with(client.clone(), "default", &resource)
}

fn wrong(error: &serde_json::Error) -> Miss {
    Miss::broken("target.lock", error.to_string())
}

fn micro(now: Timestamp) -> String {
    format!("{now:.6}")
}

fn is_fresh(lease: &Value, clock: Clock) -> bool {
    let renewed = lease["spec"]["renewTime"]
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    renewed.is_some_and(|renewed| clock.since(renewed) < limits::LOCK_EXPIRES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_nobody_renewed_is_abandoned() {
        let clock = Clock::system();
        let lease = |at: Timestamp| json!({"spec": {"renewTime": micro(at)}});
        assert!(is_fresh(&lease(clock.now()), clock));
        assert!(!is_fresh(&lease(Timestamp::UNIX_EPOCH), clock));
        assert!(!is_fresh(&json!({"spec": {}}), clock));
    }
}
