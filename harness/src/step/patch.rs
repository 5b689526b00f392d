//! `patch: { object, merge | json }` — what `kubectl patch` or another field manager does.

use kube::api::PatchParams;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Refusal, answered, api_for};
use crate::{
    scenario::{Object, ObjectRef},
    session::Session,
    verdict::Miss,
};

/// A change of one object in place.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Patch {
    /// The object.
    pub object: ObjectRef,
    /// A JSON merge patch (RFC 7386).
    #[serde(default)]
    pub merge: Option<Object>,
    /// A JSON patch (RFC 6902).
    #[serde(default)]
    pub json: Option<Vec<Object>>,
    /// Who makes the change.
    #[serde(default)]
    pub manager: PatchManager,
}

/// The field manager of a change.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PatchManager(pub String);

impl Default for PatchManager {
    fn default() -> Self {
        Self("kubectl-patch".to_owned())
    }
}

pub(super) async fn run(patch: &Patch, session: &mut Session) -> Result<(), Miss> {
    attempt(patch, session)
        .await?
        .map_err(|refusal| Miss::failed("patch.refused", format!("the API server refused: {refusal}")))
}

pub(super) async fn attempt(patch: &Patch, session: &mut Session) -> Result<Result<(), Refusal>, Miss> {
    let api = api_for(&patch.object, session).await?;
    let params = PatchParams {
        field_manager: Some(patch.manager.0.clone()),
        ..PatchParams::default()
    };
    session.keep(&patch.object);
    let name = &patch.object.name;
    let result = match (&patch.merge, &patch.json) {
        (Some(merge), None) => {
            let merge = session.resolve(merge);
            api.patch(name, &params, &kube::api::Patch::Merge(&merge)).await
        }
        (None, Some(operations)) => {
            let operations: Vec<Value> = operations.iter().map(|one| session.resolve(one)).collect();
            let operations = serde_json::from_value(Value::Array(operations))
                .map_err(|error| Miss::broken("patch.json", format!("not a JSON patch: {error}")))?;
            api.patch(name, &params, &kube::api::Patch::Json::<()>(operations))
                .await
        }
        _ => return Err(Miss::broken("patch.form", "give either `merge` or `json`")),
    };
    match answered(result)? {
        Ok(patched) => {
            session
                .see(&serde_json::to_value(patched).unwrap_or_default())
                .await?;
            Ok(Ok(()))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}
