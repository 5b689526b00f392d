//! Stage: the HelmReleases that must be ready first.

use flux_api::{
    HelmRelease,
    helm_release::API_VERSION,
    meta::{READY, is_true},
    reason::{DEPENDENCY_NOT_READY, INVALID_CEL_EXPRESSION},
};
use flux_runtime::{Announce, Expression, Failure};
use kube::ResourceExt;
use manifest::{Gvk, Key, ObjectRef, object};
use serde_json::Value;

use crate::reconcile::Helmsman;

/// What is said of an expression that can never be evaluated.
pub(crate) fn terminal(error: &str) -> Failure {
    let text = format!("Reconciliation failed terminally due to configuration error: {error}");
    Failure::stalled(INVALID_CEL_EXPRESSION, text).announce(Announce::Warning(error.to_owned()))
}

/// Whether all dependencies are ready.
pub(crate) async fn check(cx: &Helmsman, object: &HelmRelease) -> Result<(), Failure> {
    for dependency in object.spec.depends_on.iter().flatten() {
        let expression = dependency.ready_expr.as_deref().filter(|text| !text.is_empty());
        let expression = expression
            .map(Expression::parse)
            .transpose()
            .map_err(|error| terminal(&format!("failed to parse expression: {error}")))?;
        let namespace = dependency
            .namespace
            .clone()
            .filter(|namespace| !namespace.is_empty());
        let key = ObjectRef {
            gvk: Gvk::new(API_VERSION, "HelmRelease"),
            namespace: namespace.or_else(|| object.namespace()).unwrap_or_default(),
            name: dependency.name.clone(),
        };
        let shown = Key::new(&key.namespace, &key.name);
        let unmet = match cx.cluster.get(&key).await {
            Err(error) => Some(format!("unable to get '{shown}' dependency: {error}")),
            Ok(found) => unmet(
                object,
                &found,
                &shown,
                expression.as_ref(),
                cx.config.additive_dependency_check,
            ),
        };
        if let Some(text) = unmet {
            return Err(Failure::waiting(
                cx.config.requeue_dependency,
                DEPENDENCY_NOT_READY,
                text,
            ));
        }
    }
    Ok(())
}

/// What is missing, if anything.
fn unmet(
    object: &HelmRelease,
    found: &Value,
    shown: &Key,
    expression: Option<&Expression>,
    additive: bool,
) -> Option<String> {
    if let Some(expression) = expression {
        let own = serde_json::to_value(object).unwrap_or_default();
        match expression.holds(&[("self", &own), ("dep", found)]) {
            Err(error) => return Some(error),
            Ok(false) => {
                return Some(format!(
                    "dependency '{shown}' is not ready according to readyExpr eval"
                ));
            }
            Ok(true) if !additive => return None,
            Ok(true) => {}
        }
    }
    let dependency = serde_json::from_value::<HelmRelease>(found.clone()).ok();
    let status = dependency.and_then(|found| found.status).unwrap_or_default();
    let observed = status.observed_generation == Some(object::generation(found));
    let ready = observed && is_true(status.conditions.as_deref().unwrap_or_default(), READY);
    (!ready).then(|| format!("dependency '{shown}' is not ready"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(status: Value) -> Value {
        json!({
            "apiVersion": API_VERSION, "kind": "HelmRelease",
            "metadata": {"name": "x", "namespace": "ns", "generation": 2, "labels": {"v": "1"}},
            "spec": {"interval": "1h"}, "status": status,
        })
    }

    // Covers: HC-17, HC-49.
    #[test]
    fn a_dependency_is_ready_at_its_generation_or_as_the_expression_says() {
        let object: HelmRelease = serde_json::from_value(release(json!({}))).unwrap();
        let key = Key::new("ns", "x");
        let of = |status: Value, text: Option<&str>, additive: bool| {
            let expression = text.map(|text| Expression::parse(text).unwrap());
            unmet(&object, &release(status), &key, expression.as_ref(), additive)
        };
        let ready = |observed: i64| {
            json!({"observedGeneration": observed, "conditions": [{"type": "Ready", "status": "True",
                "reason": "R", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}]})
        };
        let missing = Some("dependency 'ns/x' is not ready".to_owned());
        assert_eq!(of(ready(2), None, false), None);
        assert_eq!(of(ready(1), None, false), missing);
        assert_eq!(of(json!({}), None, false), missing);
        let same = Some("dep.metadata.labels.v == self.metadata.labels.v");
        assert_eq!(of(json!({}), same, false), None);
        assert_eq!(of(json!({}), same, true), missing);
        let text = of(ready(2), Some("dep.metadata.name == 'y'"), false).unwrap();
        assert_eq!(text, "dependency 'ns/x' is not ready according to readyExpr eval");
    }
}
