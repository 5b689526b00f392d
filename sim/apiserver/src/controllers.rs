//! The controllers that run inside the server, right after each write.

use jiff::Timestamp;

use crate::core::Core;

/// Lets every controller see what was written, until nothing moves.
pub(crate) fn settle(core: &mut Core, now: Timestamp) {
    let _ = now;
    core.state.settled = core.revision();
}
