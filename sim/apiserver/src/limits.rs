//! Bounds on what a client may send and on what the server keeps.

/// Bytes of a request body.
pub(crate) const BODY: usize = 3 * 1024 * 1024;
/// Events kept for watches that start in the past; older ones are compacted.
pub(crate) const EVENTS: usize = 50_000;
/// Entries of the audit log.
pub(crate) const AUDIT: usize = 50_000;
/// Rounds that the built-in controllers may need after one write before they are taken to oscillate.
pub(crate) const CONTROLLER_ROUNDS: usize = 100_000;
/// Permissions of a role that are compared, one by one, with those of whoever writes it.
pub(crate) const PERMISSIONS: usize = 100_000;
/// Calls of webhooks that one request may wait for; the deletion of a collection asks about each object.
pub(crate) const WEBHOOK_CALLS: usize = 1_000;
/// Pods that a stricter Pod Security level of their namespace is checked against.
pub(crate) const SECURITY_PODS: usize = 3_000;
/// Tokens that are remembered as good.
pub(crate) const REMEMBERED_TOKENS: usize = 10_000;
/// Seconds that a slow answer or a late event takes at most.
pub(crate) const SLOW_SECONDS: u64 = 20;
/// Seconds that a watch lasts at most while watches are cut.
pub(crate) const WATCH_LASTS_SECONDS: u64 = 30;
/// Seconds after which a client that was turned away may come back.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 1;
/// Characters of a user agent that name a field manager.
pub(crate) const MANAGER: usize = 128;
/// Bytes of a JSONPath.
pub(crate) const PATH_BYTES: usize = 4096;
/// Steps of a JSONPath.
pub(crate) const PATH_STEPS: usize = 100;
/// Values that one step of a JSONPath may lead to.
pub(crate) const PATH_VALUES: usize = 10_000;
/// Bytes of the automaton of a pattern in a schema.
pub(crate) const PATTERN: usize = 10 << 20;
/// What all rules of one object may cost to evaluate.
pub(crate) const RULES: u64 = 10_000_000;
/// What all match conditions of a policy or webhook may cost to evaluate.
pub(crate) const MATCH_CONDITIONS: u64 = RULES / 4;
/// Compiled expressions of policies and webhooks that are remembered.
pub(crate) const PROGRAMS: usize = 1_000;
/// Bytes of a message that a rule computes.
pub(crate) const MESSAGE: usize = 5 * 1024;
