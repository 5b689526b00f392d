//! What a HelmRelease would install, without a cluster: everything that is otherwise read there is given.

use flux_api::{HelmRelease, helm_release::CrdsPolicy};
use gotemplate::World;
use helm::{Capabilities, Chart, Release, Rendered, SchemaValidation};
use manifest::{ObjectRef, object};
use serde_json::{Value, json};

use crate::{post_render, values};

/// What is rendered, and from what.
#[derive(Debug, Clone, Copy)]
pub struct Offline<'a> {
    /// The HelmRelease's name.
    pub name: &'a str,
    /// It, and the ConfigMaps and Secrets that it refers to.
    pub manifests: &'a [Value],
    /// The chart that its source would hold.
    pub chart: &'a Chart,
    /// What the cluster could do.
    pub capabilities: &'a Capabilities,
}

/// The text of what the first revision of the release would hold: definitions, objects, and hooks last.
///
/// # Errors
/// A text in the words of the condition that a cluster would show; also when something is referred to and not given.
pub fn offline(asked: &Offline<'_>, world: &mut (dyn World + Send)) -> Result<String, String> {
    let object = find(asked)?;
    let values = values::compose_from(&object, |reference| given(asked.manifests, reference))?;
    let release = Release {
        name: object.shortened_release_name(),
        namespace: object.release_namespace(),
        revision: 1,
        upgrade: false,
    };
    let install = object.install();
    let validation = match install.disable_schema_validation {
        Some(true) => SchemaValidation::Skip,
        _ => SchemaValidation::Enforce,
    };
    let rendered = helm::render(
        asked.chart,
        &values,
        &release,
        asked.capabilities,
        validation,
        world,
    );
    let rendered = rendered.map_err(|error| error.to_string())?;
    let rendered: Rendered = post_render::apply(&object, rendered)?;
    let skips_crds = match install.crds {
        Some(policy) => policy == CrdsPolicy::Skip,
        None => install.skip_crds == Some(true),
    };
    Ok(rendered.text(!skips_crds))
}

fn find(asked: &Offline<'_>) -> Result<HelmRelease, String> {
    let is_one = |value: &&Value| {
        object::kind(value) == "HelmRelease"
            && object::api_version(value).starts_with("helm.toolkit.fluxcd.io/")
    };
    let all: Vec<&Value> = asked.manifests.iter().filter(is_one).collect();
    let Some(found) = all.iter().find(|value| object::name(value) == asked.name) else {
        let names: Vec<_> = all.iter().map(|value| object::name(value)).collect();
        return Err(match names.is_empty() {
            true => format!(
                "no HelmRelease {:?} is given: name its file with --file",
                asked.name
            ),
            false => format!("no HelmRelease {:?}, only: {}", asked.name, names.join(", ")),
        });
    };
    let mut value = (*found).clone();
    if object::namespace(&value).is_empty() {
        value["metadata"]["namespace"] = json!("default");
    }
    let object: HelmRelease =
        serde_json::from_value(value).map_err(|error| format!("HelmRelease {:?}: {error}", asked.name))?;
    let chart = object.spec.chart.as_ref();
    let files = chart.and_then(|chart| chart.spec.values_files.as_ref());
    if files.is_some_and(|files| !files.is_empty()) {
        return Err(format!(
            "HelmRelease {:?}: spec.chart.spec.valuesFiles is merged by source-controller and not here: put into \
             spec.values what the files hold",
            asked.name
        ));
    }
    Ok(object)
}

/// What would be read from the cluster.
fn given(manifests: &[Value], reference: &ObjectRef) -> Option<Value> {
    let found = manifests.iter().find(|value| {
        let namespace = object::namespace(value);
        object::kind(value) == reference.gvk.kind
            && object::api_version(value) == reference.gvk.api_version()
            && object::name(value) == reference.name
            && (namespace.is_empty() || namespace == reference.namespace)
    });
    let mut found = found?.clone();
    ssa::normalize::normalize(&mut found);
    Some(found)
}

#[cfg(test)]
mod tests {
    use gotemplate::Nowhere;
    use helm::File;

    use super::*;

    fn chart(more: &[(&str, &str)]) -> Chart {
        let own = [
            ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
            ("values.yaml", "a: 1\nb: 1\nc: 1\n"),
            (
                "templates/a.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n  namespace: {{ \
                 .Release.Namespace }}\ndata: {v: \"{{ .Values.a }}{{ .Values.b }}{{ .Values.c }}\"}\n",
            ),
            ("crds/x.yaml", "kind: CustomResourceDefinition\n"),
        ];
        let file = |(name, text): &(&str, &str)| File {
            name: (*name).to_owned(),
            data: text.as_bytes().to_vec(),
        };
        Chart::load(own.iter().chain(more).map(file).collect()).unwrap()
    }

    fn release(spec: Value) -> Value {
        let mut value = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {"interval": "1h", "chartRef": {"kind": "OCIRepository", "name": "web"}},
        });
        for (key, member) in spec.as_object().unwrap() {
            value["spec"][key] = member.clone();
        }
        value
    }

    fn printed(name: &str, manifests: &[Value], chart: &Chart) -> Result<String, String> {
        let asked = Offline {
            name,
            manifests,
            chart,
            capabilities: &Capabilities::default(),
        };
        offline(&asked, &mut Nowhere)
    }

    #[test]
    fn values_names_and_labels_are_those_of_the_cluster() {
        let manifests = [
            release(json!({
                "targetNamespace": "shop", "install": {"crds": "Skip"}, "values": {"c": 4},
                "valuesFrom": [
                    {"kind": "ConfigMap", "name": "base"},
                    {"kind": "Secret", "name": "more", "valuesKey": "b", "targetPath": "b"},
                    {"kind": "Secret", "name": "none", "optional": true}],
                "postRenderers": [{"kustomize": {"patches": [{
                    "target": {"kind": "ConfigMap"},
                    "patch": "- op: add\n  path: /data/w\n  value: x\n"}]}}],
            })),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "base", "namespace": "apps"},
                "data": {"values.yaml": "{a: 2, b: 2, c: 2}"}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "more"}, "stringData": {"b": "3"}}),
        ];
        assert_eq!(
            printed("web", &manifests, &chart(&[])).unwrap(),
            "---\n# Source: web/templates/a.yaml\napiVersion: v1\ndata:\n  v: \"234\"\n  w: x\nkind: ConfigMap\n\
             metadata:\n  labels:\n    helm.toolkit.fluxcd.io/name: web\n    helm.toolkit.fluxcd.io/namespace: \
             apps\n  name: shop-web\n  namespace: shop\n"
        );
    }

    #[test]
    fn schemas_count_unless_the_release_says_otherwise() {
        let chart = chart(&[(
            "values.schema.json",
            r#"{"properties": {"a": {"type": "string"}}}"#,
        )]);
        assert_eq!(
            printed("web", &[release(json!({}))], &chart).unwrap_err(),
            "values don't meet the specifications of the schema(s) in the following chart(s):\nweb:\n- at '/a': got \
             number, want string\n"
        );
        let lax = release(json!({"install": {"disableSchemaValidation": true}}));
        let text = printed("web", &[lax], &chart).unwrap();
        assert!(text.starts_with("---\n# Source: web/crds/x.yaml\n"), "{text}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let chart = chart(&[]);
        let from = release(json!({"valuesFrom": [{"kind": "ConfigMap", "name": "base"}]}));
        let files = json!({"chart": {"spec": {"chart": "web", "valuesFiles": ["x.yaml"],
            "sourceRef": {"kind": "HelmRepository", "name": "r"}}}});
        for (name, manifests, expected) in [
            (
                "web",
                vec![from],
                "could not resolve ConfigMap chart values reference 'apps/base' with key 'values.yaml': it is not \
                 given",
            ),
            (
                "other",
                vec![release(json!({}))],
                "no HelmRelease \"other\", only: web",
            ),
            (
                "web",
                Vec::new(),
                "no HelmRelease \"web\" is given: name its file with --file",
            ),
            (
                "web",
                vec![release(files)],
                "HelmRelease \"web\": spec.chart.spec.valuesFiles is merged by source-controller and not here: put \
                 into spec.values what the files hold",
            ),
        ] {
            assert_eq!(printed(name, &manifests, &chart).unwrap_err(), expected);
        }
    }
}
