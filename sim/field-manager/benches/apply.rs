//! Applying a Deployment: again without change, with one change, with something given up; and updating it.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use field_manager::{ConvertError, FieldManager, Filter, ResetFields, Set, Typed, Versions};
use jiff::Timestamp;
use kube_schema::{Builtin, builtin};
use serde_json::{Value, json};

struct Deployments(&'static Builtin);

impl Versions for Deployments {
    fn typed(&self, _: &str) -> Option<Typed<'_>> {
        let ty = self.0.kind(("apps", "v1", "Deployment"))?;
        Some(Typed {
            schema: &self.0.schema,
            ty,
        })
    }

    fn convert(&self, _: &Value, _: &str) -> Result<Value, ConvertError> {
        Err(ConvertError::MissingVersion)
    }
}

fn config() -> Value {
    let container = |name: &str| {
        json!({
            "name": name, "image": format!("registry.example.com/{name}:1.2.3"), "args": ["--verbose", "--port=8080"],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}],
            "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "64Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}],
        })
    };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "app", "namespace": "apps", "labels": {"app": "app", "kustomize.toolkit.fluxcd.io/name": "apps"}},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "app"}},
            "template": {
                "metadata": {"labels": {"app": "app"}},
                "spec": {
                    "containers": [container("app"), container("side")],
                    "volumes": [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
                },
            },
        },
    })
}

fn bench(criterion: &mut Criterion) {
    let Some(kinds) = builtin("1.36") else { return };
    let kind = Deployments(kinds);
    let empty = json!({"apiVersion": "apps/v1", "kind": "Deployment"});
    let reset: ResetFields = [(
        "apps/v1".to_owned(),
        Filter::Exclude(Set::of_fields(&[&["status"]])),
    )]
    .into();
    let manager = FieldManager {
        versions: &kind,
        api_version: "apps/v1",
        kind: "Deployment",
        subresource: "",
        reset: &reset,
        empty: Ok(&empty),
    };
    let now = Timestamp::UNIX_EPOCH;
    let config = config();
    let Ok(Some(mut live)) = manager.apply(None, &config, "kustomize-controller", false, now) else {
        return;
    };
    live["metadata"]["uid"] = json!("1");
    let mut scaled = live.clone();
    scaled["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
    scaled["status"] = json!({"replicas": 2, "observedGeneration": 1});
    let live = manager.update(Some(&live), scaled, "kube-controller-manager", now);

    let mut changed = config.clone();
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example.com/app:1.2.4");
    let mut less = config.clone();
    if let Some(spec) = less["spec"].as_object_mut() {
        spec.remove("replicas");
    }
    let mut written = live.clone();
    written["spec"]["replicas"] = json!(5);
    for (name, config) in [("unchanged", &config), ("changed", &changed), ("pruned", &less)] {
        criterion.bench_function(&format!("apply/{name}"), |bencher| {
            bencher.iter(|| {
                manager.apply(
                    black_box(Some(&live)),
                    black_box(config),
                    "kustomize-controller",
                    true,
                    now,
                )
            });
        });
    }
    criterion.bench_function("update", |bencher| {
        bencher.iter(|| manager.update(black_box(Some(&live)), written.clone(), "kubectl", now));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
