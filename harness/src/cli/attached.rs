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

/// Enters the cluster, if the run takes place in one: takes its lock, and notes what it lacks.
pub(super) fn enter(options: &mut Options) -> io::Result<Option<Entered>> {
    let Site::Attached(site) = &options.site else {
        return Ok(None);
    };
    let entered = runtime()?.block_on(attached::enter(site)).map_err(unusable)?;
    options.lacking.clone_from(&entered.lacking);
    // One namespace of a name, one scenario at a time.
    options.jobs = 1;
    Ok(Some(entered))
}

/// Gives back what was taken.
pub(super) fn leave(options: &Options, entered: Option<Entered>) -> io::Result<()> {
    let (Some(entered), Site::Attached(site)) = (entered, &options.site) else {
        return Ok(());
    };
    runtime()?
        .block_on(attached::leave(site, entered))
        .map_err(unusable)
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn unusable(miss: Miss) -> io::Error {
    io::Error::other(format!("{} [{}]", miss.message, miss.code))
}
