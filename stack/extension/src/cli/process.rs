//! The flags about the process rather than its controllers.

use std::{collections::BTreeMap, time::Duration};

use clap::{ArgAction, Args};
use flux_runtime::{Election, Metrics, Process};
use stdx::duration::GoDuration;

use crate::log::{LogEncoding, LogLevel};

/// Ports and leader election.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Address of `/metrics`; its port counts, 0 opens none.
    #[arg(long, default_value = ":8080", value_parser = port_or_none)]
    metrics_addr: u16,
    /// Address of `/healthz` and `/readyz`; its port counts, 0 opens none.
    #[arg(long, default_value = ":9440", value_parser = port_or_none)]
    health_addr: u16,
    /// Whether of several replicas one works.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    enable_leader_election: bool,
    /// Whether a leader that ends lets others take over at once.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true")]
    leader_election_release_on_cancel: bool,
    /// How long others wait for the leader's renewal.
    #[arg(long, default_value = "35s")]
    leader_election_lease_duration: GoDuration,
    /// How long a leader tries to renew before it gives up.
    #[arg(long, default_value = "30s")]
    leader_election_renew_deadline: GoDuration,
    /// Time between two tries.
    #[arg(long, default_value = "5s")]
    leader_election_retry_period: GoDuration,
    /// How much is logged.
    #[arg(long, default_value = "info")]
    pub(super) log_level: LogLevel,
    /// In which form.
    #[arg(long, default_value = "json")]
    pub(super) log_encoding: LogEncoding,
}

/// Digits of a selector's digest in the name of a lease.
const DIGEST: usize = 8;

impl Flags {
    /// How the process of `component` is run.
    pub(super) fn process(&self, component: &str, selector: &str, env: &BTreeMap<String, String>) -> Process {
        let of = |name: &str| env.get(name).cloned().unwrap_or_default();
        let mut name = format!("{component}-leader-election");
        // Shards have leaders of their own.
        if !selector.is_empty() {
            let digest = stdx::sha256_hex(selector.as_bytes());
            name.extend(["-", digest.get(..DIGEST).unwrap_or_default()]);
        }
        let election = self.enable_leader_election.then(|| Election {
            namespace: of("RUNTIME_NAMESPACE"),
            name,
            identity: of("HOSTNAME"),
            lease: self.leader_election_lease_duration.0,
            renew_deadline: self.leader_election_renew_deadline.0,
            retry_period: self
                .leader_election_retry_period
                .0
                .max(Duration::from_millis(100)),
            release: self.leader_election_release_on_cancel,
        });
        let port = |port: u16| Some(port).filter(|port| *port != 0);
        Process {
            metrics_port: port(self.metrics_addr),
            health_port: port(self.health_addr),
            metrics: Metrics::default(),
            election,
        }
    }
}

fn port_or_none(address: &str) -> Result<u16, String> {
    match address {
        "0" => Ok(0),
        address => super::port(address),
    }
}
