//! The simulated world in this process: a cluster of its own for every scenario, in virtual time.

mod install;

use std::io;

use apiserver::{ApiServer, ChangeKind, Entry, Gvr, kinds};
use edges::Seed;
use futures::{StreamExt, stream};
use world::{GIT_HOST, World};

pub(super) use install::install;

use super::{Cluster, Logs, Started, Write};
use crate::{
    journal::{Change, What},
    verdict::Miss,
};

/// Starts a world and installs the extension in it.
///
/// # Errors
/// When the world cannot be made.
pub(crate) async fn start(seed: Seed, logs: Logs) -> Result<Started, Miss> {
    let broken = |error: io::Error| Miss::broken("target.start", format!("no world: {error}"));
    let config = world::Config {
        seed,
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
    let launcher = install::launcher(world.gate());
    world.start_nodes(&config, Some(launcher));
    install(&world.api)?;
    let api = world.api.clone();
    let cluster = Cluster {
        kube: world.admin(),
        clock: world.clock,
        git: world.git.clone(),
        git_url: format!("http://{GIT_HOST}"),
        log: logs,
        audit: Box::new(move |from| writes(&api, from)),
        _alive: Box::new(world),
    };
    Ok(Started {
        cluster,
        changes: stream::iter(existing).chain(new).boxed_local(),
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

fn writes(api: &ApiServer, from: usize) -> Vec<Write> {
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
