//! The simulated world in this process: a cluster of its own for every scenario, in virtual time.

mod install;

use std::io;

use apiserver::{ApiServer, ChangeKind, Entry, Gvr, kinds};
use edges::Seed;
use futures::{StreamExt, stream};
use git_server::Trouble;
use world::{GIT_URL, World};

use super::{Cluster, Logs, NAMESPACE, Started, Write};
use crate::{
    fault::{Fault, Faults},
    journal::{Change, What},
    verdict::Miss,
};
pub(super) use install::install;
pub(crate) use install::launcher;

/// The runtime that a simulated cluster needs.
///
/// # Errors
/// When the system gives none.
pub(crate) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        // No sockets in a simulated run. The interval of one: the judge is polled right after the task that woke it,
        // not after some number of others that depends on what ran before.
        .enable_time()
        .event_interval(1)
        .start_paused(true)
        .build()
}

/// Starts a world and installs the extension in it.
///
/// # Errors
/// When the world cannot be made.
pub(crate) async fn start(seed: Seed, openshift: bool, logs: Logs) -> Result<Started, Miss> {
    let broken = |error: io::Error| Miss::broken("target.start", format!("no world: {error}"));
    let config = world::Config {
        seed,
        openshift,
        ..world::Config::default()
    };
    let mut world = World::start(&config).map_err(broken)?;
    let existing = existing(&world.api);
    let new = stream::unfold(world.api.changes(), |mut changes| async {
        let change = changes.next().await;
        let what = match change.kind {
            ChangeKind::Added => What::Added,
            ChangeKind::Modified => What::Modified,
            ChangeKind::Deleted => What::Deleted,
        };
        let object = change.object;
        Some((Change { what, object }, changes))
    });
    let launcher = launcher(world.gate());
    world.start_nodes(&config, Some(launcher));
    install(&world.api, openshift)?;
    let api = world.api.clone();
    let cluster = Cluster {
        kube: world.admin(),
        clock: world.clock,
        git: world.git.clone(),
        git_url: GIT_URL.to_owned(),
        log: logs,
        faults: Some(switches(&world)),
        publisher: None,
        audit: Some(Box::new(move |from| writes(&api, from))),
        max_hold: None,
        _alive: Box::new(world),
    };
    Ok(Started {
        cluster,
        changes: stream::iter(existing).chain(new).boxed_local(),
    })
}

/// The world's switches behind the faults that scenarios know.
pub(super) fn switches(world: &World) -> Faults {
    let (api, git, net) = (world.api.faults(), world.git.clone(), world.net.clone());
    api.aim(&format!("system:serviceaccount:{NAMESPACE}:"));
    Faults::new(move |fault, broken| match fault {
        Fault::GitServerDown => git.set_available(!broken),
        Fault::GitServerSlow => git.set_trouble(Trouble::Slow, broken),
        Fault::GitAnswersTruncated => git.set_trouble(Trouble::Truncated, broken),
        Fault::NetworkParted => net.part(broken),
        Fault::ApiDown => api.set(apiserver::Fault::Down, broken),
        Fault::ApiConflicts => api.set(apiserver::Fault::Conflict, broken),
        Fault::ApiTooManyRequests => api.set(apiserver::Fault::TooManyRequests, broken),
        Fault::ApiInternalErrors => api.set(apiserver::Fault::InternalError, broken),
        Fault::ApiTimeouts => api.set(apiserver::Fault::Timeout, broken),
        Fault::ApiSlow => api.set(apiserver::Fault::Slow, broken),
        Fault::TokensExpired => api.set(apiserver::Fault::Unauthorized, broken),
        Fault::WatchesCut => api.set(apiserver::Fault::WatchesCut, broken),
        Fault::WatchesDelayed => api.set(apiserver::Fault::WatchesDelayed, broken),
        Fault::BookmarksMissing => api.set(apiserver::Fault::BookmarksMissing, broken),
        Fault::Compaction => api.set(apiserver::Fault::Compaction, broken),
    })
}

/// What a fresh cluster holds.
fn existing(api: &ApiServer) -> Vec<Change> {
    kinds::all()
        .iter()
        .filter(|kind| kind.storage == (kind.group, kind.version))
        .flat_map(|kind| api.list(&Gvr::new(kind.group, kind.version, kind.resource), None))
        .map(|object| Change {
            what: What::Added,
            object,
        })
        .collect()
}

pub(super) fn writes(api: &ApiServer, from: usize) -> Vec<Write> {
    let entries = api.audit();
    let real = entries.into_iter().filter(|entry| !entry.dry_run);
    real.skip(from).map(write).collect()
}

fn write(entry: Entry) -> Write {
    let resource = if entry.subresource.is_empty() {
        entry.gvr.resource
    } else {
        format!("{}/{}", entry.gvr.resource, entry.subresource)
    };
    Write {
        at: entry.time,
        user: entry.user,
        verb: entry.verb.to_owned(),
        group: entry.gvr.group,
        resource,
        namespace: entry.namespace,
        name: entry.name,
        code: entry.code,
        version: entry.resource_version,
    }
}
