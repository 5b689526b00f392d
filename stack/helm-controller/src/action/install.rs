//! Install: the first revision of a release.

use flux_api::helm_release::CrdsPolicy;
use helm::{Info, Record};
use manifest::ObjectRef;
use serde_json::{Value, json};

use super::{Actor, Error, Wanted, crds, hooks};
use crate::{
    config::NAME,
    objects::{self, Method},
};

/// Installs what is wanted. Once there is a record of it, a failure leaves that behind as failed.
pub(crate) async fn run(actor: &Actor<'_>, wanted: &Wanted) -> Result<(), Error> {
    let spec = actor.object.install();
    let timeout = actor.object.timeout(spec.timeout);
    let method = Method {
        server_side: spec.server_side_apply.unwrap_or(true),
        replace: false,
    };
    let policy = match spec.crds {
        Some(policy) => policy,
        None if spec.skip_crds == Some(true) => CrdsPolicy::Skip,
        None => CrdsPolicy::Create,
    };
    crds::apply(actor, wanted, policy, method, timeout)
        .await
        .map_err(|error| error.within("failed to apply CustomResourceDefinitions"))?;
    let before = available_name(actor, spec.replace == Some(true)).await?;
    let version = before.as_ref().map_or(0, |record| record.version) + 1;
    let rendered = actor.render(wanted, 1, false).await?;
    let now = actor.now();
    let mut record = Record {
        name: actor.name(),
        namespace: actor.object.release_namespace(),
        version,
        chart: wanted.chart.to_record(),
        config: wanted.values.clone(),
        manifest: rendered.manifest(),
        info: Info {
            first_deployed: Some(now.clone()),
            last_deployed: Some(now),
            deleted: None,
            description: "Initial install underway".to_owned(),
            status: "pending-install".to_owned(),
            rollback_revision: 0,
            notes: rendered.notes,
        },
        hooks: rendered.hooks.into_iter().map(Into::into).collect(),
        apply_method: method.word().to_owned(),
    };
    let objects = actor.objects(&record, "release").await?;
    if spec.disable_take_ownership == Some(true) {
        let refused = objects::refuse_others(&actor.cluster, &objects, &record).await;
        refused.map_err(|error| Error::new(format!("unable to continue with install: {error}")))?;
    }
    if actor.object.spec.target_namespace.is_some() && spec.create_namespace == Some(true) {
        create_namespace(actor).await?;
    }
    if let Some(mut before) = before {
        before.info.status = "superseded".to_owned();
        actor.storage.update(&before).await?;
    }
    actor.storage.create(&record, 0).await?;
    actor.note(format!("creating {} resource(s)", objects.len()));
    match perform(actor, &mut record, &objects, method).await {
        Ok(()) => {
            record.info.status = "deployed".to_owned();
            record.info.description = "Install complete".to_owned();
            actor.storage.update(&record).await
        }
        Err(error) => {
            let text = format!("Release {:?} failed: {error}", record.name);
            actor.record_failure(&mut record, text).await;
            Err(error)
        }
    }
}

async fn perform(
    actor: &Actor<'_>,
    record: &mut Record,
    objects: &[Value],
    method: Method,
) -> Result<(), Error> {
    let spec = actor.object.install();
    let timeout = actor.object.timeout(spec.timeout);
    let with_hooks = spec.disable_hooks != Some(true);
    if with_hooks {
        hooks::run(actor, record, "pre-install", timeout, |_| true)
            .await
            .map_err(|error| error.within("failed pre-install"))?;
    }
    objects::update(&actor.cluster, &[], objects, method)
        .await
        .map_err(|(_, error)| error)?;
    actor
        .wait(objects, spec.disable_wait, spec.disable_wait_for_jobs, timeout)
        .await?;
    if with_hooks {
        hooks::run(actor, record, "post-install", timeout, |_| true)
            .await
            .map_err(|error| error.within("failed post-install"))?;
    }
    Ok(())
}

/// The record that the new one takes the place of, if the name was used before.
async fn available_name(actor: &Actor<'_>, replace: bool) -> Result<Option<Record>, Error> {
    let Some(last) = actor.storage.last(&actor.name()).await? else {
        return Ok(None);
    };
    if replace && matches!(last.info.status.as_str(), "uninstalled" | "failed") {
        return Ok(Some(last));
    }
    Err(Error::new(
        "release name check failed: cannot reuse a name that is still in use",
    ))
}

async fn create_namespace(actor: &Actor<'_>) -> Result<(), Error> {
    let name = actor.object.release_namespace();
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"name": name}},
    });
    if actor.cluster.get(&ObjectRef::of(&namespace)).await.is_ok() {
        return Ok(());
    }
    match actor.cluster.create(&namespace, NAME).await {
        Err(error) if !error.is_conflict() => Err(error.into()),
        _ => Ok(()),
    }
}
