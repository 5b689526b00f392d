//! `restart: kustomize-controller` — kills a component's pods at once; its Deployment starts new ones.

use kube::{
    Api,
    api::{DeleteParams, DynamicObject},
};

use super::answered;
use crate::{session::Session, target::NAMESPACE, verdict::Miss};

pub(super) async fn run(component: &str, session: &mut Session) -> Result<(), Miss> {
    session.journal.catch_up()?;
    let pods: Vec<String> = session
        .journal
        .objects()
        .iter()
        .filter(|(key, object)| {
            key.kind == "Pod"
                && key.namespace == NAMESPACE
                && object["metadata"]["labels"]["app"] == component
        })
        .map(|(key, _)| key.name.clone())
        .collect();
    if pods.is_empty() {
        let message = format!("no pod labelled app={component} in {NAMESPACE}");
        return Err(Miss::failed("restart.missing", message));
    }
    let resource = kube::api::ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(session.cluster.kube.clone(), NAMESPACE, &resource);
    let params = DeleteParams {
        grace_period_seconds: Some(0),
        ..DeleteParams::default()
    };
    for pod in pods {
        if let Err(refusal) = answered(api.delete(&pod, &params).await)? {
            return Err(Miss::failed("restart.refused", format!("pod {pod}: {refusal}")));
        }
    }
    Ok(())
}
