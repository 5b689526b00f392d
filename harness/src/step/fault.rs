//! `break: gitServerDown` and `heal: gitServerDown` — what goes wrong in the world.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{session::Session, verdict::Miss};

/// Something of the world that can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// The Git server refuses connections.
    GitServerDown,
}

pub(super) fn set(fault: Fault, broken: bool, session: &mut Session) -> Result<(), Miss> {
    match fault {
        Fault::GitServerDown => session.cluster.git.set_available(!broken),
    }
    Ok(())
}
