//! A scenario where time is real: on a world behind sockets, or on a cluster that is there already.

use edges::Seed;
use tokio::{runtime::Builder, sync::watch};

use super::{Course, Options, prepare, undisturbed};
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
        Site::Local | Site::Sim => {
            local::start(Seed(options.seed).derive(&source.name), options.max_hold).await
        }
    }
}

async fn follow(
    source: &Source,
    options: &Options,
    started: Started,
    mut cancelled: Cancelled,
    emit: &mut dyn FnMut(Event),
) -> Course {
    let begin = started.cluster.clock.now();
    let prepared = tokio::select! {
        biased;
        () = ended(&mut cancelled) => Err(interrupted()),
        prepared = prepare(source, options, started) => prepared,
    };
    let mut session = match prepared {
        Ok(session) => session,
        Err(course) => return course,
    };
    let mut course = tokio::select! {
        biased;
        () = ended(&mut cancelled) => interrupted(),
        course = undisturbed(source, options, &mut session, emit) => course,
    };
    if matches!(options.site, Site::Attached(_)) {
        attached::Lock::renew(&session.cluster.kube).await;
        let cleaned = session.clean().await;
        if let (None, Err(miss)) = (&course.miss, cleaned) {
            course.miss = Some((miss, source.scenario.steps.len().saturating_sub(1)));
        }
    }
    course.closed(session, begin)
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
