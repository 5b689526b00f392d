//! HelmRepository and HelmChart.

use registry::{Access, Artifact, Trouble};
use serde_json::{Value, json};

use crate::world::{World, chart, files, tree};

const REPOSITORY: &str = "HelmRepository";
const CHART: &str = "HelmChart";
const URL: &str = "http://registry.example.com/charts";

fn packed(version: &str, more: &[(&str, &str)]) -> bytes::Bytes {
    let yaml = format!("apiVersion: v2\nname: web\nversion: {version}\n");
    let mut all = vec![
        ("Chart.yaml", yaml.as_str()),
        ("values.yaml", "a: 1\nb: {c: 2}\n"),
        ("prod.yaml", "b: {c: 3}\n"),
    ];
    all.extend(more);
    chart(tree(&all).path(), "web")
}

fn repository(world: &World, spec: &Value) {
    let mut whole = json!({"url": URL, "interval": "1m"});
    whole
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    world.apply_as(REPOSITORY, "app", &whole);
}

fn helm_chart(world: &World, spec: &Value) {
    let mut whole =
        json!({"chart": "web", "interval": "10m", "sourceRef": {"kind": REPOSITORY, "name": "app"}});
    whole
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    world.apply_as(CHART, "app", &whole);
}

fn ready(world: &World, kind: &str) -> String {
    world.condition(kind, "Ready")
}

// Covers: SC-42, SC-46, SC-51.
#[tokio::test(start_paused = true)]
async fn an_index_becomes_an_artifact_and_charts_follow_it() {
    let world = World::start();
    world.registry.add_chart(packed("1.0.0", &[])).unwrap();
    world.registry.add_chart(packed("1.1.0-rc.1", &[])).unwrap();
    repository(&world, &json!({}));
    helm_chart(&world, &json!({"version": "1.x"}));
    world.wait(10).await;
    let status = world.object(REPOSITORY)["status"].clone();
    let revision = status["artifact"]["revision"].as_str().unwrap();
    assert_eq!(
        ready(&world, REPOSITORY),
        format!("True Succeeded: stored artifact: revision '{revision}'")
    );
    let hex = revision.strip_prefix("sha256:").unwrap();
    assert_eq!(
        status["artifact"]["path"],
        format!("helmrepository/apps/app/index-{hex}.yaml")
    );
    assert_eq!(
        status["url"],
        "http://source-controller/helmrepository/apps/app/index.yaml"
    );
    let index: Value = serde_json::from_slice(&world.bytes(REPOSITORY).await).unwrap();
    assert_eq!(index["entries"]["web"][0]["version"], "1.1.0-rc.1");
    let events = world.events();
    assert!(
        events[0].starts_with("Normal NewArtifact: stored fetched index of size "),
        "{events:?}"
    );
    assert!(events[0].ends_with(&format!(" from '{URL}'")), "{events:?}");

    let pulled = "ChartPullSucceeded: pulled 'web' chart with version '1.0.0'";
    assert_eq!(ready(&world, CHART), format!("True {pulled}"));
    assert_eq!(
        world.condition(CHART, "ArtifactInStorage"),
        format!("True {pulled}")
    );
    assert!(events.contains(&format!("Normal {pulled}")), "{events:?}");
    let status = world.object(CHART)["status"].clone();
    assert_eq!(status["artifact"]["path"], "helmchart/apps/app/web-1.0.0.tgz");
    assert_eq!(status["artifact"]["revision"], "1.0.0");
    assert_eq!(status["observedSourceArtifactRevision"], revision);
    assert_eq!(
        world.bytes(CHART).await,
        packed("1.0.0", &[]),
        "the chart's own bytes"
    );

    let idle = world.object(CHART);
    world.wait(300).await;
    assert_eq!(world.object(CHART), idle);
    world.registry.add_chart(packed("1.2.0", &[])).unwrap();
    world.wait(70).await;
    assert_eq!(
        ready(&world, CHART),
        "True ChartPullSucceeded: pulled 'web' chart with version '1.2.0'",
        "long before the chart's own interval"
    );
}

// Covers: SC-43.
#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_an_index_is_told() {
    let world = World::start();
    world.registry.set_index(Some("entries: [\n".into()));
    repository(&world, &json!({}));
    world.wait(5).await;
    assert!(
        ready(&world, REPOSITORY).starts_with(
            "False IndexationFailed: failed to load Helm repository from index YAML: failed to load index: "
        ),
        "{}",
        ready(&world, REPOSITORY)
    );
    world.patch(
        REPOSITORY,
        &json!({"spec": {"url": "http://registry.example.com/nowhere"}}),
    );
    world.wait(5).await;
    assert_eq!(
        ready(&world, REPOSITORY),
        "False Failed: failed to fetch Helm repository index: failed to cache index to temporary file: failed to fetch http://registry.example.com/nowhere/index.yaml : 404 Not Found"
    );
    world.registry.set_index(Some(vec![b'#'; 52_428_801].into()));
    world.patch(REPOSITORY, &json!({"spec": {"url": URL}}));
    world.wait(5).await;
    assert_eq!(
        ready(&world, REPOSITORY),
        "False Failed: failed to fetch Helm repository index: failed to cache index to temporary file: index exceeds the maximum index file size of 52428800 bytes"
    );
    world.patch(
        REPOSITORY,
        &json!({"spec": {"url": "oci://registry.example.com/charts"}}),
    );
    world.wait(5).await;
    assert_eq!(
        world.condition(REPOSITORY, "Stalled"),
        "True URLInvalid: invalid Helm repository URL: 'oci' URL scheme cannot be used with 'default' HelmRepository type"
    );
}

// Covers: SC-45, SC-47.
#[tokio::test(start_paused = true)]
async fn a_repository_of_type_oci_is_only_data() {
    let world = World::start();
    world.registry.add_chart(packed("1.0.0", &[])).unwrap();
    repository(&world, &json!({}));
    world.wait(5).await;
    let url = world.object(REPOSITORY)["status"]["artifact"]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    world.patch(
        REPOSITORY,
        &json!({"spec": {"type": "oci", "url": "oci://registry.example.com/org"}}),
    );
    world.wait(5).await;
    assert_eq!(world.object(REPOSITORY)["status"], json!({}));
    assert_eq!(world.object(REPOSITORY)["metadata"]["finalizers"], Value::Null);
    assert_eq!(world.get(&url).await.0, 404);

    world
        .registry
        .put("org/web", "1.0.0", &Artifact::of_chart(packed("1.0.0", &[])));
    world.registry.put(
        "org/web",
        "1.3.0_build",
        &Artifact::of_chart(packed("1.3.0+build", &[])),
    );
    world.patch(REPOSITORY, &json!({"spec": {"insecure": true}}));
    helm_chart(&world, &json!({"version": ">=1.0.0"}));
    world.wait(5).await;
    assert_eq!(
        ready(&world, CHART),
        "True ChartPullSucceeded: pulled 'web' chart with version '1.3.0+build'"
    );
    world.patch(CHART, &json!({"spec": {"version": "9.x"}}));
    world.wait(5).await;
    assert_eq!(
        world.condition(CHART, "Stalled"),
        "True InvalidChartReference: invalid chart reference: failed to get chart version for remote reference: could not locate a version matching provided version string 9.x"
    );
}

// Covers: SC-44.
#[tokio::test(start_paused = true)]
async fn credentials_open_a_private_repository() {
    let world = World::start();
    world.registry.add_chart(packed("1.0.0", &[])).unwrap();
    world.registry.set_access(Access::Basic {
        username: "me".into(),
        password: "hunter2".into(),
    });
    repository(&world, &json!({}));
    helm_chart(&world, &json!({}));
    world.wait(5).await;
    assert!(
        ready(&world, REPOSITORY).ends_with("/index.yaml : 401 Unauthorized"),
        "{}",
        ready(&world, REPOSITORY)
    );
    assert_eq!(
        ready(&world, CHART),
        "False NoSourceArtifact: no artifact available for HelmRepository source 'app'"
    );
    world.secret("half", &json!({"username": "me"}));
    world.patch(REPOSITORY, &json!({"spec": {"secretRef": {"name": "half"}}}));
    world.wait(5).await;
    assert_eq!(
        ready(&world, REPOSITORY),
        "False AuthenticationFailed: failed to detect authentication methods: secret 'apps/half': malformed basic auth - has 'username' but missing 'password'"
    );
    world.secret("whole", &json!({"username": "me", "password": "hunter2"}));
    world.patch(REPOSITORY, &json!({"spec": {"secretRef": {"name": "whole"}}}));
    world.wait(5).await;
    assert!(
        ready(&world, REPOSITORY).starts_with("True"),
        "{}",
        ready(&world, REPOSITORY)
    );
    world.wait(30).await;
    assert!(
        ready(&world, CHART).starts_with("True ChartPullSucceeded"),
        "{}",
        ready(&world, CHART)
    );
    assert!(!world.shows(REPOSITORY, "hunter2") && !world.shows(CHART, "hunter2"));
}

// Covers: SC-47, SC-50.
#[tokio::test(start_paused = true)]
async fn values_files_are_merged_and_mistakes_stall() {
    let world = World::start();
    world.registry.add_chart(packed("1.0.0", &[])).unwrap();
    repository(&world, &json!({}));
    world.wait(5).await;
    helm_chart(&world, &json!({"valuesFiles": ["values.yaml", "prod.yaml"]}));
    world.wait(5).await;
    assert_eq!(
        ready(&world, CHART),
        "True ChartPackageSucceeded: packaged 'web' chart with version '1.0.0+1' and merged values files [values.yaml prod.yaml]"
    );
    let found = files(&world.bytes(CHART).await);
    let values = found.iter().find(|(name, _)| name == "web/values.yaml").unwrap();
    assert_eq!(values.1, "a: 1\nb:\n  c: 3\n");
    world.patch(
        CHART,
        &json!({"spec": {"valuesFiles": ["prod.yaml", "none.yaml"]}}),
    );
    world.wait(5).await;
    assert_eq!(
        world.condition(CHART, "Stalled"),
        "True ValuesFilesError: values files merge error: failed to merge chart values: no values file found at path 'none.yaml'"
    );
    assert_eq!(
        world.condition(CHART, "BuildFailed"),
        world.condition(CHART, "Stalled")
    );
    world.patch(CHART, &json!({"spec": {"ignoreMissingValuesFiles": true}}));
    world.wait(5).await;
    assert!(
        ready(&world, CHART).ends_with("with version '1.0.0+3' and merged values files [prod.yaml]"),
        "{}",
        ready(&world, CHART)
    );
    assert_eq!(
        world.object(CHART)["status"]["observedValuesFiles"],
        json!(["prod.yaml"])
    );
    world.patch(CHART, &json!({"spec": {"chart": "other"}}));
    world.wait(5).await;
    assert_eq!(
        world.condition(CHART, "Stalled"),
        "True InvalidChartReference: invalid chart reference: failed to get chart version for remote reference: no chart name found"
    );
}

// Covers: SC-49, SC-52.
#[tokio::test(start_paused = true)]
async fn charts_of_a_tree_are_packaged() {
    let world = World::start();
    let source = tree(&[
        (
            "charts/web/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies:\n- {name: lib, version: 1.x, repository: \"file://../lib\"}\n- {name: cache, version: 2.x, repository: \"http://registry.example.com/charts\"}\n",
        ),
        ("charts/web/values.yaml", "a: 1\n"),
        ("charts/web/.helmignore", "*.md\n"),
        ("charts/web/README.md", "left out"),
        ("charts/web/templates/a.yaml", "x"),
        (
            "charts/lib/Chart.yaml",
            "apiVersion: v2\nname: lib\nversion: 1.2.3\n",
        ),
    ]);
    let cache = tree(&[("Chart.yaml", "apiVersion: v2\nname: cache\nversion: 2.5.0\n")]);
    world.registry.add_chart(chart(cache.path(), "cache")).unwrap();
    let commit = world
        .git
        .create("app", source.path(), "First")
        .unwrap()
        .to_string();
    world.apply_as(
        "GitRepository",
        "app",
        &json!({"url": "http://git.example.com/app.git", "interval": "1m", "ref": {"branch": "main"}}),
    );
    helm_chart(
        &world,
        &json!({"chart": "./charts/web", "sourceRef": {"kind": "GitRepository", "name": "app"}}),
    );
    world.wait(30).await;
    assert_eq!(
        ready(&world, CHART),
        "True ChartPackageSucceeded: packaged 'web' chart with version '0.1.0'"
    );
    let names: Vec<String> = files(&world.bytes(CHART).await)
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(
        names,
        [
            "web/Chart.yaml",
            "web/.helmignore",
            "web/templates/a.yaml",
            "web/values.yaml",
            "web/charts/cache/Chart.yaml",
            "web/charts/lib/Chart.yaml"
        ]
    );
    world.patch(CHART, &json!({"spec": {"reconcileStrategy": "Revision"}}));
    world.wait(5).await;
    let short: String = commit.chars().take(12).collect();
    assert_eq!(
        world.object(CHART)["status"]["artifact"]["revision"],
        format!("0.1.0+{short}")
    );
    world.patch(CHART, &json!({"spec": {"chart": "../../etc"}}));
    world.wait(5).await;
    assert!(
        world
            .condition(CHART, "Stalled")
            .starts_with("True InvalidChartReference: invalid chart reference: ")
    );
}

// Covers: SC-48.
#[tokio::test(start_paused = true)]
async fn a_source_that_is_missing_is_waited_for() {
    let world = World::start();
    helm_chart(&world, &json!({}));
    world.wait(5).await;
    assert!(
        ready(&world, CHART).starts_with("False SourceUnavailable: failed to get source: "),
        "{}",
        ready(&world, CHART)
    );
    assert!(
        ready(&world, CHART).ends_with("not found"),
        "{}",
        ready(&world, CHART)
    );
    world.registry.add_chart(packed("1.0.0", &[])).unwrap();
    repository(&world, &json!({}));
    world.wait(60).await;
    assert!(
        ready(&world, CHART).starts_with("True"),
        "{}",
        ready(&world, CHART)
    );
    world.registry.set_trouble(Trouble::Truncated, true);
    world.patch(CHART, &json!({"spec": {"version": "1.0.0"}}));
    world.wait(5).await;
    assert!(
        ready(&world, CHART).starts_with(
            "False ChartPullError: chart pull error: failed to download chart for remote reference: "
        ),
        "{}",
        ready(&world, CHART)
    );
    assert!(world.object(CHART)["status"]["artifact"].is_object());
}
