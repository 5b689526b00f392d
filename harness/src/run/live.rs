//! A scenario where time is real: on a world behind sockets, or on a cluster that is there already.

use std::panic::AssertUnwindSafe;

use edges::Seed;
use futures::FutureExt;
use tokio::{runtime::Builder, sync::watch};

use super::{Course, Options, in_session, panicked, prepare, undisturbed};
use crate::{
    event::Event,
    scenario::Source,
    site::Site,
    target::{Started, attached, local},
    verdict::Miss,
};

/// Hears of the end that was asked for.
pub(crate) type Cancelled = watch::Receiver<bool>;

/// Runs one scenario; when the run is cancelled, it takes back what it made.
pub(super) fn play(
    source: &Source,
    options: &Options,
    mut cancelled: Cancelled,
    emit: &mut dyn FnMut(Event),
) -> Course {
    let runtime = match Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Course::missed(Miss::broken("target.start", format!("no runtime: {error}"))),
    };
    runtime.block_on(async {
        let started = tokio::select! {
            biased;
            () = ended(&mut cancelled) => return interrupted(),
            started = start(source, options) => started,
        };
        match started {
            Ok(started) => follow(source, options, started, cancelled, emit).await,
            Err(miss) => Course::missed(miss),
        }
    })
}

async fn start(source: &Source, options: &Options) -> Result<Started, Miss> {
    match &options.site {
        Site::Attached(site) => attached::start(site, options.max_hold).await,
        Site::Local(isolation) => {
            let seed = Seed(options.seed).derive(&source.name);
            local::start(seed, *isolation, source.needs_openshift(), options.max_hold).await
        }
        Site::Sim => Err(Miss::broken("target.start", "target sim has no real time")),
    }
}

async fn follow(
    source: &Source,
    options: &Options,
    started: Started,
    mut cancelled: Cancelled,
    emit: &mut dyn FnMut(Event),
) -> Course {
    let clock = started.cluster.clock;
    let mut cancelled_before = cancelled.clone();
    let prepared = async {
        tokio::select! {
            biased;
            () = ended(&mut cancelled_before) => Err(interrupted()),
            prepared = prepare(source, options, started) => prepared,
        }
    };
    in_session(prepared, clock, async |session| {
        // Whatever happens in the steps, what they made is taken back.
        let steps = AssertUnwindSafe(undisturbed(source, options, session, emit)).catch_unwind();
        let mut course = tokio::select! {
            biased;
            () = ended(&mut cancelled) => interrupted(),
            course = steps => course.unwrap_or_else(|panic| panicked(&*panic)),
        };
        if matches!(options.site, Site::Attached(_)) {
            attached::Lock::renew(&session.cluster.kube).await;
            let cleaned = session.clean().await;
            if let (None, Err(miss)) = (&course.miss, cleaned) {
                course.miss = Some((miss, source.scenario.steps.len().saturating_sub(1)));
            }
        }
        course
    })
    .await
}

async fn ended(cancelled: &mut Cancelled) {
    // Nobody is left to ask for the end: it goes on.
    if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn interrupted() -> Course {
    Course::missed(Miss::broken("run.interrupted", "the run was interrupted"))
}
