//! `delete: { kind, name }` — what `kubectl delete --wait=false` does.

use kube::api::{DeleteParams, PropagationPolicy};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Refusal, answered, api_for};
use crate::{scenario::ObjectRef, session::Session, verdict::Miss};

/// An object to delete.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delete {
    /// Its `apiVersion`; needed only when two groups have the kind.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace, `default` if absent.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl Delete {
    fn object(&self) -> ObjectRef {
        ObjectRef {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
        }
    }
}

pub(super) async fn run(delete: &Delete, session: &mut Session) -> Result<(), Miss> {
    attempt(delete, session)
        .await?
        .map_err(|refusal| Miss::failed("delete.refused", format!("the API server refused: {refusal}")))
}

pub(super) async fn attempt(delete: &Delete, session: &mut Session) -> Result<Result<(), Refusal>, Miss> {
    let object = delete.object();
    let api = api_for(&object, session).await?;
    let params = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        ..DeleteParams::default()
    };
    Ok(answered(api.delete(&object.name, &params).await)?.map(|_| ()))
}
