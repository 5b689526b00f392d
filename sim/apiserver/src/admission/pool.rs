//! Addresses and ports of Services.

use std::{collections::BTreeSet, ops::Range};

use edges::Rng;
use serde_json::Value;

use crate::{core::Core, kinds::Pool, names};

const FIRST_PORT: i64 = 30_000;
const PORTS: u64 = 2_768;
/// The first ports and the first addresses of 10.96.0.0/16 are left, while there are others, to those who ask for one.
const STATIC_PORTS: u64 = 86;
const STATIC: u64 = 256;
/// Addresses from the network's own to the last before the broadcast.
const ADDRESSES: u64 = 65_535;

/// What the genuine allocators say when nothing is left.
const FULL: &str = "range is full";

/// What the Services of the cluster have left.
pub(super) struct Services<'a> {
    rng: &'a mut Rng,
    addresses: BTreeSet<String>,
    ports: BTreeSet<i64>,
    /// Nothing is taken, so that anything will do.
    dry_run: bool,
    /// The highest port that this request was given.
    given: Option<i64>,
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
            given: None,
        }
    }
}

/// The first that can be taken of a range, from a place of chance on, once around.
fn any<T>(rng: &mut Rng, range: Range<u64>, take: &mut dyn FnMut(u64) -> Option<T>) -> Option<T> {
    let size = range.end - range.start;
    let first = rng.below(size);
    (0..size).find_map(|step| take(range.start + (first + step) % size))
}

impl Pool for Services<'_> {
    fn address(&mut self) -> Result<String, String> {
        if self.dry_run {
            // The start of the range, which nobody ever gets.
            return Ok("10.96.0.0".to_owned());
        }
        let taken = &mut self.addresses;
        let mut take = |host: u64| {
            let address = format!("10.96.{}.{}", host / 256, host % 256);
            taken.insert(address.clone()).then_some(address)
        };
        any(self.rng, STATIC..ADDRESSES, &mut take)
            .or_else(|| any(self.rng, 1..STATIC, &mut take))
            .ok_or_else(|| FULL.to_owned())
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

    fn port(&mut self) -> Result<i64, String> {
        if self.dry_run {
            // Numbers that nobody ever gets, each another one.
            let port = self
                .given
                .unwrap_or(FIRST_PORT + i64::try_from(PORTS).unwrap_or_default())
                + 1;
            self.given = Some(port);
            return Ok(port);
        }
        let taken = &mut self.ports;
        let mut take = |offset: u64| {
            let port = FIRST_PORT + i64::try_from(offset).ok()?;
            taken.insert(port).then_some(port)
        };
        any(self.rng, STATIC_PORTS..PORTS, &mut take)
            .or_else(|| any(self.rng, 0..STATIC_PORTS, &mut take))
            .ok_or_else(|| FULL.to_owned())
    }

    fn take_port(&mut self, port: i64) -> Result<(), String> {
        if port < FIRST_PORT || port >= FIRST_PORT + i64::try_from(PORTS).unwrap_or_default() {
            return Err(
                "provided port is not in the valid range. The range of valid ports is 30000-32767".to_owned(),
            );
        }
        if self.ports.insert(port) {
            self.given = self.given.max(Some(port));
            return Ok(());
        }
        Err("provided port is already allocated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use edges::Seed;

    use super::*;

    #[test]
    fn a_full_range_is_said_to_be_full() {
        let mut rng = Seed(1).rng();
        let mut pool = Services {
            rng: &mut rng,
            addresses: (1..ADDRESSES)
                .map(|host| format!("10.96.{}.{}", host / 256, host % 256))
                .collect(),
            ports: (30_000..32_768).collect(),
            dry_run: false,
            given: None,
        };
        assert_eq!(pool.port(), Err("range is full".to_owned()));
        assert_eq!(pool.address(), Err("range is full".to_owned()));
        pool.ports.remove(&30_005);
        pool.addresses.remove("10.96.0.7");
        assert_eq!(pool.port(), Ok(30_005));
        assert_eq!(pool.address(), Ok("10.96.0.7".to_owned()));
    }
}
