//! How long a strategic merge of a Deployment takes.

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use std::hint::black_box;

fn deployment(images: &[(usize, &str)]) -> Value {
    let containers: Vec<_> = images
        .iter()
        .map(|(at, image)| json!({"name": format!("c{at}"), "image": image}))
        .collect();
    json!({"spec": {"template": {"spec": {"containers": containers}}}})
}

fn merge(criterion: &mut Criterion) {
    let Some(kinds) = kube_schema::builtin("1.36") else {
        return;
    };
    let Some(ty) = kinds.kind(("apps", "v1", "Deployment")) else {
        return;
    };
    let target = deployment(&(0..10).map(|at| (at, "old")).collect::<Vec<_>>());
    let patch = deployment(&[(7, "new"), (11, "new")]);
    criterion.bench_function("strategic merge of a deployment", |bencher| {
        bencher
            .iter(|| kube_patch::strategic_merge(&kinds.schema, ty, black_box(&target), black_box(&patch)));
    });
}

criterion_group!(benches, merge);
criterion_main!(benches);
