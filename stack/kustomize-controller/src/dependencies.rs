//! Stage: the Kustomizations that must be ready first.

use flux_api::{
    Artifact, Kustomization,
    kustomization::{API_VERSION, DependencyReference},
    meta::{READY, is_true},
    reason::DEPENDENCY_NOT_READY,
};
use flux_runtime::{Announce, Expression, Failure};
use kube::ResourceExt;
use manifest::{Gvk, ObjectRef, object};
use serde_json::Value;
use stdx::duration::format as go;

use crate::reconcile::{Kustomizer, terminal};

/// Whether all dependencies are ready.
pub(crate) async fn check(
    cx: &Kustomizer,
    object: &Kustomization,
    artifact: &Artifact,
) -> Result<(), Failure> {
    for dependency in object.spec.depends_on.iter().flatten() {
        let expression = dependency.ready_expr.as_deref().filter(|text| !text.is_empty());
        let expression = expression.map(Expression::parse).transpose().map_err(|error| {
            terminal(&format!(
                "failed to parse expression for dependency {}: {error}",
                dependency.name
            ))
        })?;
        let key = namespaced(object, dependency);
        let unmet = match find(cx, &key).await {
            Err(error) => Some(format!(
                "dependency '{}/{}' not found: {error}",
                key.namespace, key.name
            )),
            Ok(found) => {
                let question = Question {
                    object,
                    artifact,
                    dependency: &found,
                    key: &key,
                    expression: expression.as_ref(),
                    additive: cx.config.additive_dependency_check,
                };
                question.unmet()
            }
        };
        if let Some(text) = unmet {
            let delay = cx.config.requeue_dependency;
            let event = format!(
                "Dependencies do not meet ready condition, retrying in {}",
                go(delay)
            );
            return Err(Failure::waiting(delay, DEPENDENCY_NOT_READY, text).announce(Announce::Normal(event)));
        }
    }
    Ok(())
}

fn namespaced(object: &Kustomization, dependency: &DependencyReference) -> ObjectRef {
    let namespace = dependency
        .namespace
        .clone()
        .filter(|namespace| !namespace.is_empty());
    ObjectRef {
        gvk: Gvk::new(API_VERSION, "Kustomization"),
        namespace: namespace.or_else(|| object.namespace()).unwrap_or_default(),
        name: dependency.name.clone(),
    }
}

async fn find(cx: &Kustomizer, key: &ObjectRef) -> Result<Value, ssa::ApiError> {
    cx.cluster.get(key).await
}

/// Everything that decides about one dependency.
struct Question<'a> {
    object: &'a Kustomization,
    artifact: &'a Artifact,
    dependency: &'a Value,
    key: &'a ObjectRef,
    expression: Option<&'a Expression>,
    additive: bool,
}

impl Question<'_> {
    /// What is missing, if anything.
    fn unmet(&self) -> Option<String> {
        let name = format!("'{}/{}'", self.key.namespace, self.key.name);
        if let Some(expression) = self.expression {
            let dependent = serde_json::to_value(self.object).unwrap_or_default();
            match expression.holds(&[("self", &dependent), ("dep", self.dependency)]) {
                Err(error) => {
                    return Some(format!(
                        "failed to evaluate dependency {}: {error}",
                        self.key.name
                    ));
                }
                Ok(false) => {
                    return Some(format!(
                        "dependency {name} is not ready according to readyExpr eval"
                    ));
                }
                Ok(true) if !self.additive => return None,
                Ok(true) => {}
            }
        }
        let Ok(dependency) = serde_json::from_value::<Kustomization>(self.dependency.clone()) else {
            return Some(format!("dependency {name} is not ready"));
        };
        let status = dependency.status.clone().unwrap_or_default();
        let observed = status.observed_generation == Some(object::generation(self.dependency));
        if !observed || !is_true(status.conditions.as_deref().unwrap_or_default(), READY) {
            return Some(format!("dependency {name} is not ready"));
        }
        let same_source = dependency.spec.source_ref.kind == self.object.spec.source_ref.kind
            && dependency.spec.source_ref.name == self.object.spec.source_ref.name
            && dependency.source_namespace() == self.object.source_namespace();
        if same_source && status.last_applied_revision.as_deref() != Some(self.artifact.revision.as_str()) {
            return Some(format!("dependency {name} revision is not up to date"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kustomization(source: &str, status: Value) -> Value {
        json!({
            "apiVersion": API_VERSION, "kind": "Kustomization",
            "metadata": {"name": "x", "namespace": "ns", "generation": 2, "labels": {"v": "1"}},
            "spec": {"interval": "1h", "prune": true, "sourceRef": {"kind": "GitRepository", "name": source}},
            "status": status,
        })
    }

    fn ready(generation: i64, revision: &str) -> Value {
        json!({"observedGeneration": generation, "lastAppliedRevision": revision, "conditions": [{
            "type": "Ready", "status": "True", "reason": "X", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}]})
    }

    // Covers: KC-74, KC-76.
    #[test]
    fn dependencies_are_met_or_say_why_not() {
        let object: Kustomization = serde_json::from_value(kustomization("repo", json!({}))).unwrap();
        let artifact: Artifact = serde_json::from_value(json!({
            "digest": "", "lastUpdateTime": "2024-01-01T00:00:00Z", "path": "", "revision": "r2", "url": ""}))
        .unwrap();
        let key = ObjectRef {
            gvk: Gvk::new(API_VERSION, "Kustomization"),
            namespace: "ns".to_owned(),
            name: "x".to_owned(),
        };
        for (dependency, expression, expected) in [
            (kustomization("repo", ready(2, "r2")), None, None),
            (kustomization("other", ready(2, "r1")), None, None),
            (
                kustomization("repo", ready(2, "r1")),
                None,
                Some("dependency 'ns/x' revision is not up to date"),
            ),
            (
                kustomization("repo", ready(1, "r2")),
                None,
                Some("dependency 'ns/x' is not ready"),
            ),
            (
                kustomization("repo", json!({"observedGeneration": -1})),
                None,
                Some("dependency 'ns/x' is not ready"),
            ),
            (
                kustomization("repo", json!({})),
                Some("dep.metadata.labels['v'] == self.metadata.labels['v']"),
                None,
            ),
            (
                kustomization("repo", ready(2, "r2")),
                Some("dep.metadata.labels['v'] == 'other'"),
                Some("dependency 'ns/x' is not ready according to readyExpr eval"),
            ),
        ] {
            let expression = expression.map(|text| Expression::parse(text).unwrap());
            let question = Question {
                object: &object,
                artifact: &artifact,
                dependency: &dependency,
                key: &key,
                expression: expression.as_ref(),
                additive: false,
            };
            assert_eq!(question.unmet().as_deref(), expected, "{dependency}");
        }
    }
}
