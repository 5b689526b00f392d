//! Uninstall: a release goes, and its records unless they are to be kept.

use flux_api::helm_release::DeletionPropagation;
use helm::{Record, UNINSTALL, sort_by_kind};
use manifest::{ObjectRef, object};

use super::{Actor, Error, hooks};
use crate::{objects, wait};

/// How an uninstallation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Uninstalled {
    /// The release is gone.
    Done,
    /// There was none.
    NotFound,
    /// It was gone already, and its records are kept.
    Already,
}

/// Uninstalls a release by its name.
pub(crate) async fn run(actor: &Actor<'_>, name: &str) -> Result<Uninstalled, Error> {
    let spec = actor.object.uninstall();
    let timeout = actor.object.timeout(spec.timeout);
    let keep = spec.keep_history == Some(true);
    let mut history = actor.storage.history(name).await?;
    let Some(mut record) = history.pop() else {
        return Ok(Uninstalled::NotFound);
    };
    if record.info.status == "uninstalled" {
        if keep {
            return Ok(Uninstalled::Already);
        }
        purge(actor, &history, &record).await?;
        return Ok(Uninstalled::Done);
    }
    actor.note(format!("uninstall: deleting release {name}"));
    record.info.status = "uninstalling".to_owned();
    record.info.deleted = Some(actor.now());
    record.info.description = "Deletion in progress (or silently failed)".to_owned();
    let with_hooks = spec.disable_hooks != Some(true);
    if with_hooks {
        hooks::run(actor, &mut record, "pre-delete", timeout, |_| true).await?;
    }
    actor.storage.update(&record).await?;
    let deleted = delete_objects(actor, &record).await?;
    let mut errors = Vec::new();
    if spec.disable_wait != Some(true)
        && let Err(error) = wait::gone(&actor.manager, &deleted, timeout).await
    {
        errors.push(error);
    }
    if with_hooks && let Err(error) = hooks::run(actor, &mut record, "post-delete", timeout, |_| true).await {
        errors.push(error);
    }
    record.info.status = "uninstalled".to_owned();
    record.info.description = "Uninstallation complete".to_owned();
    if keep {
        actor.storage.update(&record).await?;
        for older in history
            .iter_mut()
            .filter(|record| record.info.status == "deployed")
        {
            older.info.status = "superseded".to_owned();
            actor.storage.update(older).await?;
        }
    } else {
        purge(actor, &history, &record).await?;
    }
    if errors.is_empty() {
        return Ok(Uninstalled::Done);
    }
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    Err(Error::new(format!(
        "uninstallation completed with {} error(s): {}",
        errors.len(),
        texts.join("; ")
    )))
}

async fn purge(actor: &Actor<'_>, older: &[Record], last: &Record) -> Result<(), Error> {
    for record in older.iter().chain([last]) {
        let failed = |error: Error| error.within("uninstall: Failed to purge the release");
        actor.storage.delete(record).await.map_err(failed)?;
    }
    Ok(())
}

/// Deletes the objects of a release, but for those that ask to be kept or belong to others.
async fn delete_objects(actor: &Actor<'_>, record: &Record) -> Result<Vec<ObjectRef>, Error> {
    let read = objects::read(&actor.cluster, &record.manifest, &record.namespace).await;
    let mut objects = read.map_err(|error| {
        actor.note(format!("unable to build kubernetes objects for delete: {error}"));
        Error::new(format!("failed to delete release: {}", record.name))
    })?;
    objects.retain(|object| !objects::is_kept(object));
    let mut owned = objects::owned(&actor.cluster, objects, record).await;
    sort_by_kind(&mut owned, &UNINSTALL, |object| object::kind(object));
    let propagation = match actor.object.uninstall().deletion_propagation {
        None | Some(DeletionPropagation::Background) => "Background",
        Some(DeletionPropagation::Foreground) => "Foreground",
        Some(DeletionPropagation::Orphan) => "Orphan",
    };
    let mut failed = false;
    let references: Vec<_> = owned.iter().map(ObjectRef::of).collect();
    for reference in &references {
        match actor.cluster.delete_with(reference, propagation).await {
            Err(error) if !error.is_absent() => {
                actor.note(format!("failed to delete {reference}: {error}"));
                failed = true;
            }
            _ => {}
        }
    }
    if failed {
        return Err(Error::new(format!("failed to delete release: {}", record.name)));
    }
    Ok(references)
}
