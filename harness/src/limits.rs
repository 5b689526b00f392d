//! Every number that bounds a run, with its reason.

use std::time::Duration;

/// How long an `expect` waits when it does not say: longer than Flux's slowest fixed retry (30 s), four times.
pub(crate) const EXPECT_WITHIN: Duration = Duration::from_secs(120);

/// How long the extension may take to become ready, in the cluster's time.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(300);

/// How long a scenario's end may take to calm down before nothing may be written any more.
pub(crate) const SETTLE_WITHIN: Duration = Duration::from_secs(1800);

/// How long nothing may have been written for the world to count as calm.
pub(crate) const CALM_AFTER: Duration = Duration::from_secs(60);

/// How long nothing may be written after that: three of the ten-minute intervals that most scenarios use, with jitter.
pub(crate) const QUIET_FOR: Duration = Duration::from_secs(35 * 60);

/// How long an `expect` waits for the world to recover while faults are drawn: twice Flux's longest back-off.
pub(crate) const RECOVER_WITHIN: Duration = Duration::from_secs(30 * 60);

/// How long everything may take to converge after the last fault was healed: the longest interval of a scenario (1h)
/// after the longest back-off.
pub(crate) const CONVERGE_WITHIN: Duration = Duration::from_secs(80 * 60);

/// How long a `hold` is driven while faults are drawn: what it asserts is not judged then.
pub(crate) const STORMY_HOLD: Duration = Duration::from_secs(5 * 60);

/// The latest start of a fault after its step began, in milliseconds.
pub(crate) const GUST_AFTER_MS: u64 = 60_000;

/// The length of most faults, in seconds; some last five times as long.
pub(crate) const GUST_SECONDS: u64 = 120;

/// The longest `hold` where time is real, unless the command line says otherwise.
pub(crate) const MAX_HOLD: Duration = Duration::from_secs(5);

/// The longest that a scenario may ask to wait where time is real.
pub(crate) const REAL_WAIT_MAX: Duration = Duration::from_secs(60);

/// How long every kind of a cluster may take to be listed.
pub(crate) const LISTED_WITHIN: Duration = Duration::from_secs(60);

/// How long news are collected before they are put in order: longer than one watch lags behind another.
pub(crate) const ORDERED_WITHIN: Duration = Duration::from_millis(250);

/// How late news of one kind may come after those of another that they explain; less than a scenario's end takes.
pub(crate) const LATE_NEWS: Duration = Duration::from_secs(5);

/// How long a write may take to be seen by the watches.
pub(crate) const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// Where time is real, how long an `expect` waits before it asks for a reconciliation, and between two requests.
pub(crate) const REQUEST_AFTER: Duration = Duration::from_secs(5);
/// See above.
pub(crate) const REQUEST_EVERY: Duration = Duration::from_secs(10);

/// Where time is real, how long nothing may have been written for the cluster to count as calm.
pub(crate) const REAL_CALM_AFTER: Duration = Duration::from_secs(3);

/// Where time is real, how long a scenario's end may take to calm down.
pub(crate) const REAL_SETTLE_WITHIN: Duration = Duration::from_secs(120);

/// How long each part of cleaning up may take.
pub(crate) const CLEAN_WITHIN: Duration = Duration::from_secs(60);

/// How long an interrupted run may take to clean up: both waits for what is deleted, and the extension's recovery.
pub(crate) const LEAVE_WITHIN: Duration =
    Duration::from_secs(2 * CLEAN_WITHIN.as_secs() + READY_WITHIN.as_secs() + 30);

/// After how long without renewal a lock counts as abandoned: longer than a scenario may go on without news.
pub(crate) const LOCK_EXPIRES: Duration = Duration::from_secs(REAL_SILENCE_MAX.as_secs() + 15 * 60);

/// Observed changes a scenario may cause; a controller that writes in a loop reaches it within a second.
pub(crate) const CHANGES_MAX: usize = 50_000;

/// Changes at one instant of virtual time: time stands still for a loop without waits.
pub(crate) const CHANGES_AT_ONCE_MAX: usize = 5_000;

/// Real time without any sign of life after which a simulated scenario is ended.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(120);

/// How much later it is given up where it does not hear of its end: its thread computes without a wait.
pub(crate) const END_WITHIN: Duration = Duration::from_secs(30);

/// How much virtual time passes between two signs of life.
pub(crate) const BEAT_EVERY: Duration = Duration::from_secs(60);

/// How often the running scenarios are looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The same where time is real: an `expect` may wait that long without news.
pub(crate) const REAL_SILENCE_MAX: Duration = Duration::from_secs(45 * 60);

/// Names listed after "expected one of"; a longer list hides more than it tells.
pub(crate) const NAMES_LISTED: usize = 24;

/// Recent changes and events shown with a failure.
pub(crate) const CONTEXT_LINES: usize = 12;

/// Log lines shown with a failure.
pub(crate) const LOG_LINES: usize = 12;

/// Bytes of logs that are kept and searched.
pub(crate) const LOG_BYTES_MAX: usize = 64 << 20;

/// Secret values shorter than this are not searched for: `true` or `admin` would be found everywhere.
pub(crate) const SECRET_BYTES_MIN: usize = 8;

/// Differences shown of each area of a corpus.
pub(crate) const DIFFERENCES_SHOWN: usize = 3;
