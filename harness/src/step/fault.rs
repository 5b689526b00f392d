//! `break: gitServerDown` and `heal: gitServerDown` — what goes wrong in the world.

use crate::{fault::Fault, session::Session, verdict::Miss};

pub(super) fn set(fault: Fault, broken: bool, session: &mut Session) -> Result<(), Miss> {
    let Some(faults) = &session.cluster.faults else {
        let message = format!("{fault} cannot be caused on this target");
        return Err(Miss::broken("target.faults", message));
    };
    if broken {
        faults.begin(fault);
    } else {
        faults.end(fault);
    }
    Ok(())
}
