//! Bounds on what a client may send and on what the server keeps.

/// Bytes of a request body.
pub(crate) const BODY: usize = 3 * 1024 * 1024;
/// Events kept for watches that start in the past; older ones are compacted.
pub(crate) const EVENTS: usize = 50_000;
/// Entries of the audit log.
pub(crate) const AUDIT: usize = 50_000;
/// Rounds that the built-in controllers may need after one write before they are taken to oscillate.
pub(crate) const CONTROLLER_ROUNDS: usize = 100_000;
/// Seconds that a slow answer or a late event takes at most.
pub(crate) const SLOW_SECONDS: u64 = 20;
/// Seconds that a watch lasts at most while watches are cut.
pub(crate) const WATCH_LASTS_SECONDS: u64 = 30;
/// Seconds after which a client that was turned away may come back.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 1;
/// Pods that a stricter Pod Security level of their namespace is checked against.
pub(crate) const SECURITY_PODS: usize = 3_000;
/// Characters of a user agent that name a field manager.
pub(crate) const MANAGER: usize = 128;
