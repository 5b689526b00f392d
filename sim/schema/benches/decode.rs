//! How long it takes to decode the built-in kinds of one minor, a custom resource's schema, and an object.

use criterion::{Criterion, criterion_group, criterion_main};
use kube_schema::codec::{self, Package};
use kube_schema::{Document, decode, structural};
use serde_json::json;
use std::hint::black_box;

fn schemas(criterion: &mut Criterion) {
    let Some(kinds) = kube_schema::builtin("1.36") else {
        return;
    };
    let named = kinds
        .kinds()
        .map(|((group, version, kind), ty)| ((group.to_owned(), version.to_owned(), kind.to_owned()), ty));
    let bytes = codec::encode(&Package {
        schema: kinds.schema.clone(),
        kinds: named.collect(),
    });
    criterion.bench_function("builtin kinds of one minor", |bencher| {
        bencher.iter(|| codec::decode(black_box(&bytes)));
    });
    let openapi = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "items": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}}}}}});
    criterion.bench_function("structural schema", |bencher| {
        bencher.iter(|| structural(black_box(&openapi)))
    });
}

fn objects(criterion: &mut Criterion) {
    let Some(kinds) = kube_schema::builtin("1.36") else {
        return;
    };
    let Some(ty) = kinds.kind(("apps", "v1", "Deployment")) else {
        return;
    };
    let container =
        json!({"name": "app", "image": "web:1", "ports": [{"containerPort": 80, "protocol": "TCP"}]});
    let text = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [container]}}}})
    .to_string();
    criterion.bench_function("deployment", |bencher| {
        bencher.iter(|| {
            let document = Document::parse(black_box(text.as_bytes()));
            document.map(|document| decode(&document, &kinds.schema, ty))
        });
    });
}

criterion_group!(benches, schemas, objects);
criterion_main!(benches);
