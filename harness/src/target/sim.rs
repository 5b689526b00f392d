//! The simulated world in this process.

use edges::Seed;

use super::{Logs, Started};
use crate::verdict::Miss;

/// Starts a world and installs the extension in it.
pub(crate) async fn start(_seed: Seed, _logs: Logs) -> Result<Started, Miss> {
    Err(Miss::broken("target.start", "no world"))
}
