//! How much one simulated cluster does before it says stop.

/// Pods that one controller creates in one pass; more are made in the next.
pub(crate) const PODS_PER_PASS: usize = 500;

/// The longest wait before a crashed process is started again, in seconds.
pub(crate) const MAX_RESTART_BACKOFF: u64 = 300;
