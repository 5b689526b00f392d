//! What surrounds a run on a cluster that is there already.

use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::{
    run::Options,
    site::Site,
    target::attached::{self, Entered},
    verdict::Miss,
};

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A stay in a cluster; its client lives as long as the runtime that it was made on.
pub(super) struct Stay {
    entered: Entered,
    runtime: Runtime,
}

/// Enters the cluster, if the run takes place in one: takes its lock, and notes what it lacks.
pub(super) fn enter(options: &mut Options) -> io::Result<Option<Stay>> {
    let Site::Attached(site) = &options.site else {
        return Ok(None);
    };
    let runtime = runtime()?;
    let unusable = |miss: Miss| io::Error::other(format!("{} [{}]", miss.message, miss.code));
    let entered = runtime.block_on(attached::enter(site)).map_err(unusable)?;
    options.lacking.clone_from(&entered.lacking);
    // One namespace of a name, one scenario at a time.
    options.jobs = 1;
    Ok(Some(Stay { entered, runtime }))
}

/// Gives back what was taken.
pub(super) fn leave(stay: Option<Stay>) {
    if let Some(Stay { entered, runtime }) = stay {
        runtime.block_on(attached::leave(entered));
    }
}
