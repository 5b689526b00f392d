//! What becomes of rendered objects before they are written: patches, images, common metadata, labels of origin.

use std::collections::BTreeMap;

use flux_api::{
    HelmRelease,
    helm_release::{GROUP, PostRenderStrategy, PostRendererKustomize},
};
use helm::Rendered;
use kube::ResourceExt;
use kustomize::{Tree, flux};
use manifest::object::{self, map_at};
use serde_json::{Value, json};
use yaml::Dialect;

/// Tells, while kustomize has them, which template printed an object.
const PATH: &str = "postrenderer.helm.sh/postrender-filename";
const RESOURCES: &str = "resources.yaml";

/// The labels that say whose an object is.
pub(crate) fn origin_labels(object: &HelmRelease) -> [(String, String); 2] {
    [
        (format!("{GROUP}/name"), object.name_any()),
        (
            format!("{GROUP}/namespace"),
            object.namespace().unwrap_or_default(),
        ),
    ]
}

/// Post-renders all that was rendered, hooks included unless the strategy leaves them out.
pub(crate) fn apply(object: &HelmRelease, mut rendered: Rendered) -> Result<Rendered, String> {
    let strategy = object
        .spec
        .post_render_strategy
        .unwrap_or(PostRenderStrategy::Combined);
    let shown = |error: helm::Error| error.shown();
    match strategy {
        PostRenderStrategy::Combined => rendered.post_rendered(|texts| run(object, texts)).map_err(shown),
        PostRenderStrategy::NoHooks => {
            let hooks = std::mem::take(&mut rendered.hooks);
            let mut rendered = rendered
                .post_rendered(|texts| run(object, texts))
                .map_err(shown)?;
            rendered.hooks = hooks;
            Ok(rendered)
        }
        PostRenderStrategy::Separate => {
            let hooks = Rendered {
                manifests: Vec::new(),
                hooks: std::mem::take(&mut rendered.hooks),
                ..rendered.clone()
            };
            let mut rendered = rendered
                .post_rendered(|texts| run(object, texts))
                .map_err(shown)?;
            rendered.hooks = hooks
                .post_rendered(|texts| run(object, texts))
                .map_err(shown)?
                .hooks;
            Ok(rendered)
        }
    }
}

fn run(object: &HelmRelease, texts: Vec<(String, String)>) -> Result<BTreeMap<String, String>, String> {
    let mut objects = Vec::new();
    for (path, text) in texts {
        let read = yaml::read_documents(&text, Dialect::Kubernetes).map_err(|error| error.to_string())?;
        for mut document in read.into_iter().filter(Value::is_object) {
            map_at(&mut document, &["metadata", "annotations"]).insert(PATH.to_owned(), json!(path));
            objects.push(document);
        }
    }
    for renderer in object.spec.post_renderers.iter().flatten() {
        if let Some(kustomize) = &renderer.kustomize {
            objects = kustomized(kustomize, &objects)?;
        }
    }
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for mut document in objects {
        let path = object::annotation(&document, PATH)
            .unwrap_or("post-rendered.yaml")
            .to_owned();
        unmark(&mut document);
        label(object, &mut document);
        let text = files.entry(path).or_default();
        text.push_str("---\n");
        text.push_str(&yaml::to_string(&document));
    }
    Ok(files)
}

fn kustomized(spec: &PostRendererKustomize, objects: &[Value]) -> Result<Vec<Value>, String> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let mut tree = Tree::new();
    tree.insert(RESOURCES, yaml::to_documents(objects));
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [RESOURCES],
    });
    tree.insert("kustomization.yaml", yaml::to_string(&kustomization));
    let spec = serde_json::to_value(spec).map_err(|error| error.to_string())?;
    flux::build(&tree, ".", &spec).map_err(|error| error.to_string())
}

fn unmark(document: &mut Value) {
    let annotations = map_at(document, &["metadata", "annotations"]);
    annotations.remove(PATH);
    if annotations.is_empty() {
        map_at(document, &["metadata"]).remove("annotations");
    }
}

fn label(object: &HelmRelease, document: &mut Value) {
    let common = object.spec.common_metadata.clone().unwrap_or_default();
    let labels = map_at(document, &["metadata", "labels"]);
    for (key, value) in common.labels.into_iter().flatten() {
        labels.insert(key, json!(value));
    }
    for (key, value) in origin_labels(object) {
        labels.insert(key, json!(value));
    }
    if let Some(annotations) = common.annotations.filter(|annotations| !annotations.is_empty()) {
        let target = map_at(document, &["metadata", "annotations"]);
        target.extend(annotations.into_iter().map(|(key, value)| (key, json!(value))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(spec: Value) -> HelmRelease {
        let mut all = json!({"interval": "1h"});
        for (key, value) in spec.as_object().unwrap() {
            all[key] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "apps"}, "spec": all,
        }))
        .unwrap()
    }

    fn text(name: &str) -> (String, String) {
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n");
        (format!("c/templates/{name}.yaml"), text)
    }

    fn read(files: &BTreeMap<String, String>, name: &str) -> Value {
        yaml::read(
            &files[&format!("c/templates/{name}.yaml")][4..],
            Dialect::Kubernetes,
        )
        .unwrap()
    }

    // Covers: HC-34, HC-55.
    #[test]
    fn objects_say_whose_they_are() {
        let common = json!({"commonMetadata": {"labels": {"team": "x"}, "annotations": {"a": "b"}}});
        let files = run(&object(common), vec![text("a")]).unwrap();
        assert_eq!(
            read(&files, "a")["metadata"],
            json!({"name": "a", "annotations": {"a": "b"}, "labels": {
                "helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "apps", "team": "x"}})
        );
    }

    #[test]
    fn patches_reach_their_target_and_objects_keep_their_template() {
        let patch = json!({"postRenderers": [{"kustomize": {"patches": [{
            "target": {"kind": "ConfigMap", "name": "b"},
            "patch": "- op: add\n  path: /data\n  value: {k: v}\n"}]}}]});
        let files = run(&object(patch), vec![text("a"), text("b")]).unwrap();
        assert_eq!(read(&files, "b")["data"], json!({"k": "v"}));
        assert_eq!(read(&files, "a").get("data"), None);
        assert_eq!(read(&files, "b")["metadata"].get("annotations"), None);
    }
}
