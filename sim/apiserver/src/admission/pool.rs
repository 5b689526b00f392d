//! Addresses and ports of Services.

use std::collections::BTreeSet;

use edges::Rng;
use serde_json::Value;

use crate::{core::Core, kinds::Pool, names};

const FIRST_PORT: i64 = 30_000;
const PORTS: u64 = 2_768;
/// Addresses of 10.96.0.0/16 below this are left to those who ask for one.
const STATIC: u64 = 256;

/// What the Services of the cluster have left.
pub(super) struct Services<'a> {
    rng: &'a mut Rng,
    addresses: BTreeSet<String>,
    ports: BTreeSet<i64>,
    /// Nothing is taken, so that anything will do.
    dry_run: bool,
}

impl<'a> Services<'a> {
    /// What `own`, the Service itself, holds already counts as free.
    pub(super) fn new(core: &'a mut Core, own: Option<&Value>, dry_run: bool) -> Self {
        let own = own.map(manifest::object::uid);
        let (mut addresses, mut ports) = (BTreeSet::new(), BTreeSet::new());
        for service in core.table(names::SERVICES).values() {
            if Some(manifest::object::uid(service)) == own {
                continue;
            }
            let listed = service.pointer("/spec/clusterIPs").and_then(Value::as_array);
            addresses.extend(
                listed
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned),
            );
            let listed = service.pointer("/spec/ports").and_then(Value::as_array);
            ports.extend(
                listed
                    .into_iter()
                    .flatten()
                    .filter_map(|port| port["nodePort"].as_i64()),
            );
            ports.extend(
                service
                    .pointer("/spec/healthCheckNodePort")
                    .and_then(Value::as_i64),
            );
        }
        Self {
            rng: &mut core.state.rng,
            addresses,
            ports,
            dry_run,
        }
    }
}

impl Pool for Services<'_> {
    fn address(&mut self) -> String {
        if self.dry_run {
            // The start of the range, which nobody ever gets.
            return "10.96.0.0".to_owned();
        }
        loop {
            let host = STATIC + self.rng.below(65_534 - STATIC);
            let address = format!("10.96.{}.{}", host / 256, host % 256);
            if self.addresses.insert(address.clone()) {
                return address;
            }
        }
    }

    fn take_address(&mut self, address: &str) -> Result<(), String> {
        let inside = address
            .strip_prefix("10.96.")
            .is_some_and(|rest| rest.split('.').all(|part| part.parse::<u8>().is_ok()));
        if !inside {
            return Err("the provided network does not match the current range".to_owned());
        }
        if self.addresses.insert(address.to_owned()) {
            return Ok(());
        }
        Err("provided IP is already allocated".to_owned())
    }

    fn port(&mut self) -> i64 {
        if self.dry_run {
            return FIRST_PORT;
        }
        loop {
            let port = FIRST_PORT + i64::try_from(self.rng.below(PORTS)).unwrap_or_default();
            if self.ports.insert(port) {
                return port;
            }
        }
    }

    fn take_port(&mut self, port: i64) -> Result<(), String> {
        if port < FIRST_PORT || port >= FIRST_PORT + i64::try_from(PORTS).unwrap_or_default() {
            return Err(
                "provided port is not in the valid range. The range of valid ports is 30000-32767".to_owned(),
            );
        }
        if self.ports.insert(port) {
            return Ok(());
        }
        Err("provided port is already allocated".to_owned())
    }
}
