//! How much one simulated cluster does before it says stop.

/// Pods that one controller creates in one pass; more are made in the next.
pub(crate) const PODS_PER_PASS: usize = 500;

/// The longest wait before a crashed process is started again, in seconds.
pub(crate) const MAX_RESTART_BACKOFF: u64 = 300;

/// Events remembered for being counted up.
pub(crate) const KNOWN_EVENTS: usize = 4096;

/// Endpoints in one slice.
pub(crate) const ENDPOINTS_PER_SLICE: usize = 100;

/// Minutes looked at in search of a CronJob's next time: a schedule may name a day that comes every eighth year.
pub(crate) const CRON_DAYS: usize = 366 * 9;

/// Nodes of one cluster.
pub(crate) const NODES: usize = 1000;

/// Looks at one object in one instant of virtual time.
pub(crate) const LOOKS_PER_INSTANT: u32 = 2000;
