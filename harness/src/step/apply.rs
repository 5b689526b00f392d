//! `apply: [manifest, …]` — what `kubectl apply --server-side` does, in the order given.

use kube::api::PatchParams;
use manifest::object;
use serde_json::Value;

use super::{Refusal, answered, api_of};
use crate::{scenario::Object, session::Session, verdict::Miss};

/// The field manager of `kubectl apply --server-side`.
const MANAGER: &str = "kubectl";

pub(super) async fn run(objects: &[Object], session: &mut Session) -> Result<(), Miss> {
    attempt(objects, session)
        .await?
        .map_err(|refusal| Miss::failed("apply.refused", format!("the API server refused: {refusal}")))
}

/// Applies until one is refused.
pub(super) async fn attempt(objects: &[Object], session: &mut Session) -> Result<Result<(), Refusal>, Miss> {
    for object in objects {
        let value = session.resolve(object);
        let refused = |refusal: Refusal| Refusal {
            message: format!(
                "{}/{}: {}",
                object::kind(&value),
                object::name(&value),
                refusal.message
            ),
            ..refusal
        };
        let api = match api_of(&value, session).await? {
            Ok(api) => api,
            Err(refusal) => return Ok(Err(refused(refusal))),
        };
        let params = PatchParams::apply(MANAGER);
        let patch = kube::api::Patch::Apply::<&Value>(&value);
        session.remember(&value);
        match answered(api.patch(object::name(&value), &params, &patch).await)? {
            Ok(applied) => {
                session
                    .see(&serde_json::to_value(applied).unwrap_or_default())
                    .await?
            }
            Err(refusal) => return Ok(Err(refused(refusal))),
        }
    }
    Ok(Ok(()))
}
