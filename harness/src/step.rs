//! The verbs, one file each: what a scenario author writes, and what it does.

mod advance;
mod apply;
mod delete;
mod expect;
mod fails;
mod fault;
mod hold;
mod never;
mod patch;
mod push;
mod restart;
mod snapshot;

pub(crate) use advance::Advance;
pub(crate) use delete::Delete;
pub(crate) use expect::Expect;
pub(crate) use fails::{Action, Fails};
pub(crate) use hold::Hold;
pub(crate) use hold::changed;
pub(crate) use never::Never;
pub(crate) use patch::Patch;
pub(crate) use push::Push;
pub(crate) use push::default_message;
pub(crate) use snapshot::Snapshot;

use kube::{
    Api,
    api::{ApiResource, DynamicObject},
    core::{GroupVersionKind, Status},
    discovery::Scope,
};
use manifest::object;
use serde_json::Value;

use crate::{
    scenario::{ObjectRef, Step},
    session::Session,
    verdict::Miss,
};

/// Executes one step.
pub(crate) async fn run(step: &Step, session: &mut Session) -> Result<(), Miss> {
    if step.acts() {
        session.journal.catch_up()?;
        session.since = session.journal.history().len();
    }
    match step {
        Step::Apply(objects) => apply::run(objects, session).await,
        Step::Delete(delete) => delete::run(delete, session).await,
        Step::Patch(patch) => patch::run(patch, session).await,
        Step::Push(push) => push::run(push, session),
        Step::Expect(expect) => expect::run(expect, session).await,
        Step::Hold(hold) => hold::run(hold, session).await,
        Step::Never(never) => never::run(never, session).await,
        Step::Fails(fails) => fails::run(fails, session).await,
        Step::Snapshot(snapshot) => snapshot::run(snapshot, session).await,
        Step::Restart(component) => restart::run(&component.value, session).await,
        Step::Advance(advance) => advance::run(*advance, session).await,
        Step::Break(fault) => fault::set(*fault, true, session),
        Step::Heal(fault) => fault::set(*fault, false, session),
    }
}

/// What the API server said when it refused.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.code, self.reason, self.message)
    }
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        Self {
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
        }
    }
}

/// Separates the API server's refusal from everything else that may go wrong.
fn answered<T>(result: kube::Result<T>) -> Result<Result<T, Refusal>, Miss> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(kube::Error::Api(status)) => Ok(Err(Refusal::from(&*status))),
        Err(error) => Err(Miss::broken(
            "target.api",
            format!("the API server cannot be used: {error}"),
        )),
    }
}

/// The API for an object, given as a manifest.
pub(crate) async fn api_of(
    value: &Value,
    session: &Session,
) -> Result<Result<Api<DynamicObject>, Refusal>, Miss> {
    let (group, version) = manifest::split_api_version(object::api_version(value));
    let gvk = GroupVersionKind::gvk(group, version, object::kind(value));
    Ok(discover(&gvk, session)
        .await?
        .map(|(resource, scope)| api(session, &resource, &scope, object::namespace(value))))
}

/// The API for an object that a scenario refers to by kind and name.
async fn api_for(reference: &ObjectRef, session: &mut Session) -> Result<Api<DynamicObject>, Miss> {
    session.journal.catch_up()?;
    let known = session
        .journal
        .objects()
        .iter()
        .find(|(key, _)| key.is(reference))
        .map(|(_, object)| object::api_version(object).to_owned());
    let Some(version) = known.or_else(|| reference.api_version.clone()) else {
        return Err(Miss::failed(
            "object.missing",
            format!("{reference} does not exist"),
        ));
    };
    let (group, version) = manifest::split_api_version(&version);
    let gvk = GroupVersionKind::gvk(group, version, &reference.kind);
    match discover(&gvk, session).await? {
        Ok((resource, scope)) => Ok(api(session, &resource, &scope, reference.namespace())),
        Err(refusal) => Err(Miss::failed("kind.unknown", format!("{reference}: {refusal}"))),
    }
}

async fn discover(
    gvk: &GroupVersionKind,
    session: &Session,
) -> Result<Result<(ApiResource, Scope), Refusal>, Miss> {
    match kube::discovery::pinned_kind(&session.cluster.kube, gvk).await {
        Ok((resource, capabilities)) => Ok(Ok((resource, capabilities.scope))),
        Err(kube::Error::Discovery(_)) => Ok(Err(no_match(gvk))),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Err(no_match(gvk))),
        Err(error) => answered(Err(error)),
    }
}

fn no_match(gvk: &GroupVersionKind) -> Refusal {
    let version = gvk.api_version();
    Refusal {
        code: 404,
        reason: "NotFound".to_owned(),
        message: format!("no matches for kind {:?} in version {version:?}", gvk.kind),
    }
}

fn api(session: &Session, resource: &ApiResource, scope: &Scope, namespace: &str) -> Api<DynamicObject> {
    let client = session.cluster.kube.clone();
    match scope {
        Scope::Cluster => Api::all_with(client, resource),
        Scope::Namespaced if namespace.is_empty() => Api::namespaced_with(client, "default", resource),
        Scope::Namespaced => Api::namespaced_with(client, namespace, resource),
    }
}
