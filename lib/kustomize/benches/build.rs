//! How long builds of 8, 200 and 2,000 objects take that have a base, patches, generators and renamed references.

use criterion::{Criterion, criterion_group, criterion_main};
use kustomize::Tree;

/// Four objects each.
const APPS: [usize; 3] = [2, 50, 500];

fn tree(apps: usize) -> Tree {
    let mut tree = Tree::new();
    let mut resources = String::from("resources:\n");
    for app in 0..apps {
        resources.push_str(&format!("- app{app}.yaml\n"));
        tree.insert(format!("base/app{app}.yaml"), objects(app));
    }
    tree.insert("base/kustomization.yaml", resources);
    let patch = "apiVersion: apps/v1\\nkind: Deployment\\nmetadata: {name: x}\\nspec: {replicas: 3}\\n";
    tree.insert(
        "overlay/kustomization.yaml",
        format!(
            "resources: [../base]\nnamePrefix: prod-\nnamespace: prod\nimages: [{{name: nginx, newTag: v2}}]\n\
             labels: [{{pairs: {{env: prod}}, includeSelectors: true}}]\n\
             configMapGenerator: [{{name: generated, literals: [a=b]}}]\n\
             patches: [{{patch: \"{patch}\", target: {{kind: Deployment}}}}]\n"
        ),
    );
    tree
}

fn objects(app: usize) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app{app}}}\nspec:\n  template:\n    spec:\n\
         \x20     containers:\n      - name: main\n        image: nginx:1\n\
         \x20       envFrom: [{{configMapRef: {{name: app{app}}}}}, {{secretRef: {{name: app{app}}}}}]\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {{name: app{app}}}\nspec: {{selector: {{app: app{app}}}}}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app{app}}}\ndata: {{a: b}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: app{app}}}\nstringData: {{a: b}}\n"
    )
}

fn build(criterion: &mut Criterion) {
    for apps in APPS {
        let tree = tree(apps);
        criterion.bench_function(&format!("build {} objects", apps * 4), |bencher| {
            bencher.iter(|| kustomize::build(&tree, "overlay").map(|objects| kustomize::to_yaml(&objects)));
        });
    }
}

criterion_group!(benches, build);
criterion_main!(benches);
