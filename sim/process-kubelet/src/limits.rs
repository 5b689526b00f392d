//! How much of a process is kept, and how long it is waited for.

use std::time::Duration;

/// Bytes of one container's log; the oldest lines go first.
pub(crate) const LOG: usize = 4 << 20;
/// Bytes of one line; a longer one is split.
pub(crate) const LINE: usize = 16 << 10;
/// Bytes of the answer to a probe that are read.
pub(crate) const PROBE_BODY: usize = 10 << 10;
/// Bytes of one volume made of ConfigMaps and Secrets.
pub(crate) const VOLUME: usize = 8 << 20;
/// From one question for readiness to the next until the first that is answered well.
pub(crate) const EAGER_PERIOD: Duration = Duration::from_millis(500);
/// From one attempt to start a container to the next, while something it needs is missing.
pub(crate) const CONFIG_RETRY: Duration = Duration::from_secs(1);
