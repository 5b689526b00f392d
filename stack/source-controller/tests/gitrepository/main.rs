//! The controller against an API server and a Git server, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod world;

use std::{fs, path::Path};

use serde_json::{Value, json};

use world::{MERGE, OBJECT, World, one_file};

// Covers: SC-01, SC-02, SC-06.
#[tokio::test(start_paused = true)]
async fn a_repository_becomes_ready_and_follows_pushes() {
    let world = World::start();
    let first = world.push("a: 1\n", "First commit\n\nWith a body");
    world.apply(&json!({"interval": "30s"}));
    world.wait(5).await;
    assert_eq!(world.condition("Ready"), World::ready(first));
    assert_eq!(world.condition("ArtifactInStorage"), World::ready(first));
    assert_eq!(world.conditions(), ["Ready", "ArtifactInStorage"]);
    let object = world.object();
    assert_eq!(object["status"]["observedGeneration"], 1);
    assert_eq!(object["metadata"]["finalizers"], json!(["finalizers.fluxcd.io"]));
    let artifact = &object["status"]["artifact"];
    assert_eq!(artifact["revision"], format!("main@sha1:{first}"));
    assert_eq!(artifact["path"], format!("gitrepository/apps/app/{first}.tar.gz"));
    assert_eq!(
        artifact["url"],
        format!("http://source-controller/gitrepository/apps/app/{first}.tar.gz")
    );
    assert_eq!(artifact["lastUpdateTime"], "2026-01-01T00:00:00Z");
    assert_eq!(world.consume().await, one_file("a: 1\n"));
    assert_eq!(
        world.events(),
        ["Normal NewArtifact: stored artifact for commit 'First commit' x1"]
    );

    let second = world.push("a: 2\n", "Second commit");
    world.wait(34).await;
    assert_eq!(world.condition("Ready"), World::ready(second));
    assert_eq!(world.conditions(), ["Ready", "ArtifactInStorage"]);
    assert_eq!(world.consume().await, one_file("a: 2\n"));
    assert_eq!(world.stored(), 2, "the older artifact is kept for a while");
    world.wait(3600).await;
    assert_eq!(world.stored(), 1);
    let events = world.events();
    assert_eq!(
        events[1],
        "Normal NewArtifact: stored artifact for commit 'Second commit' x1"
    );
    assert!(events[2..].iter().any(|it| it.starts_with("Normal GitOperationSucceeded: no changes since last reconciliation: observed revision 'main@sha1:")), "{events:?}");
    assert!(
        events
            .iter()
            .any(|it| it.starts_with("Normal GarbageCollectionSucceeded: garbage collected 1 artifacts x1")),
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_repository_is_not_written_to() {
    let world = World::start();
    world.push("a: 1\n", "First");
    world.apply(&json!({"interval": "10m"}));
    world.wait(60).await;
    let before = world.object();
    world.wait(24 * 3600).await;
    assert_eq!(world.object(), before);
}

#[tokio::test(start_paused = true)]
async fn a_missing_branch_is_reported_and_its_return_noticed() {
    let world = World::start();
    let first = world.push("a: 1\n", "First");
    world.git.delete_branch("app", "main").unwrap();
    world.git.reset_branch("app", "other", first).unwrap();
    world.apply(&json!({}));
    world.wait(5).await;
    let message = "failed to checkout and determine revision: unable to clone: couldn't find remote ref \"refs/heads/main\": git repository: 'http://git.example.com/app.git'";
    assert_eq!(
        world.condition("Ready"),
        format!("False GitOperationFailed: {message}")
    );
    assert_eq!(
        world.condition("FetchFailed"),
        format!("True GitOperationFailed: {message}")
    );
    assert_eq!(
        world.condition("Reconciling"),
        "True ProgressingWithRetry: building artifact"
    );
    assert_ne!(world.object()["status"]["observedGeneration"], 1);
    assert!(world.object()["status"]["artifact"].is_null());
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert!(
        events[0].starts_with(&format!("Warning GitOperationFailed: {message} x")),
        "{events:?}"
    );

    world.git.reset_branch("app", "main", first).unwrap();
    world.wait(30).await;
    assert_eq!(world.condition("Ready"), World::ready(first));
    assert_eq!(world.conditions(), ["Ready", "ArtifactInStorage"]);
    assert_eq!(world.object()["status"]["observedGeneration"], 1);
}

// Covers: SC-08.
#[tokio::test(start_paused = true)]
async fn an_outage_keeps_the_artifact_and_ends_by_itself() {
    let world = World::start();
    let first = world.push("a: 1\n", "First");
    world.apply(&json!({}));
    world.wait(5).await;
    let artifact = world.object()["status"]["artifact"].clone();
    world.git.set_available(false);
    world.wait(3600).await;
    let message = "failed to checkout and determine revision: unable to list remote for 'http://git.example.com/app.git': Get \"http://git.example.com/app.git/info/refs?service=git-upload-pack\": dial tcp: connect: connection refused";
    assert_eq!(
        world.condition("Ready"),
        format!("False GitOperationFailed: {message}")
    );
    assert_eq!(
        world.condition("Reconciling"),
        "True ProgressingWithRetry: reconciliation in progress"
    );
    assert_eq!(world.condition("ArtifactInStorage"), World::ready(first));
    assert_eq!(world.object()["status"]["artifact"], artifact);
    assert_eq!(world.consume().await, one_file("a: 1\n"));

    world.git.set_available(true);
    world.wait(15 * 60).await;
    assert_eq!(world.condition("Ready"), World::ready(first));
    assert_eq!(world.condition("FetchFailed"), "");
    assert_eq!(world.object()["status"]["artifact"], artifact);
    let recovery = format!("Normal Succeeded: stored artifact for commit 'main@sha1:{first}' x1");
    assert!(world.events().contains(&recovery), "{:?}", world.events());
}

// Covers: SC-16.
#[tokio::test(start_paused = true)]
async fn settings_make_another_artifact_of_the_same_revision() {
    let world = World::start();
    let first = world.push("a: 1\n", "First");
    world.apply(&json!({"interval": "1h"}));
    world.wait(5).await;
    world.patch(&json!({"spec": {"ignore": "a.yaml\n"}}));
    world.wait(5).await;
    assert_eq!(world.condition("Ready"), World::ready(first));
    let files = world.consume().await;
    assert_eq!(files, [("logo.png".to_owned(), String::new())]);
    assert_eq!(world.object()["status"]["observedIgnore"], "a.yaml\n");
    assert_eq!(world.object()["status"]["observedGeneration"], 2);
    assert_eq!(
        world.events(),
        ["Normal NewArtifact: stored artifact for commit 'First' x2"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_at_once_and_suspension_is_kept() {
    let world = World::start();
    world.push("a: 1\n", "First");
    world.apply(&json!({"interval": "1h"}));
    world.wait(5).await;
    let second = world.push("a: 2\n", "Second");
    world.patch(&json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}));
    world.wait(1).await;
    assert_eq!(world.condition("Ready"), World::ready(second));
    assert_eq!(world.object()["status"]["lastHandledReconcileAt"], "now");

    world.patch(&json!({"spec": {"suspend": true}}));
    world.wait(1).await;
    let third = world.push("a: 3\n", "Third");
    world.wait(7200).await;
    assert_eq!(world.condition("Ready"), World::ready(second));
    world.patch(&json!({"spec": {"suspend": false}}));
    world.wait(1).await;
    assert_eq!(world.condition("Ready"), World::ready(third));
}

#[tokio::test(start_paused = true)]
async fn a_restart_finds_or_rebuilds_what_is_in_storage() {
    let mut world = World::start();
    let first = world.push("a: 1\n", "First");
    world.apply(&json!({"interval": "1h"}));
    world.wait(5).await;
    let artifact = world.object()["status"]["artifact"].clone();
    world.restart();
    world.wait(5).await;
    assert_eq!(world.object()["status"]["artifact"], artifact);

    let file = world.edges.disk.path().join(artifact["path"].as_str().unwrap());
    fs::write(&file, "rot").unwrap();
    world.restart();
    world.wait(5).await;
    assert_eq!(world.consume().await, one_file("a: 1\n"));
    fs::remove_dir_all(world.edges.disk.path().join("gitrepository")).unwrap();
    world.restart();
    world.wait(5).await;
    assert_eq!(world.condition("Ready"), World::ready(first));
    assert_eq!(world.consume().await, one_file("a: 1\n"));
    let rotten = format!(
        "Warning ArtifactVerificationFailed: failed to verify integrity of artifact: computed digest doesn't match '{}' x1",
        artifact["digest"].as_str().unwrap()
    );
    assert!(world.events().contains(&rotten), "{:?}", world.events());
}

// Covers: SC-20.
#[tokio::test(start_paused = true)]
async fn a_deleted_object_takes_its_artifacts_along() {
    let world = World::start();
    world.push("a: 1\n", "First");
    world.apply(&json!({}));
    world.wait(5).await;
    assert_eq!(world.stored(), 1);
    world.call("DELETE", OBJECT, "", None);
    world.wait(5).await;
    assert_eq!(world.object(), Value::Null);
    assert_eq!(world.stored(), 0);
    assert!(!Path::new(&world.edges.disk.path().join("gitrepository/apps/app")).exists());
    let last = "Normal GarbageCollectionSucceeded: garbage collected artifacts for deleted resource x1";
    assert!(world.events().contains(&last.to_owned()));
}

// Covers: SC-09, SC-10.
#[tokio::test(start_paused = true)]
async fn secrets_authenticate() {
    let world = World::start();
    let first = world.push("a: 1\n", "First");
    let credentials = git_server::Credentials::Basic {
        username: "git".into(),
        password: "hunter2".into(),
    };
    world.git.require("app", Some(credentials)).unwrap();
    world.apply(&json!({"secretRef": {"name": "auth"}}));
    world.wait(1).await;
    assert_eq!(
        world.condition("FetchFailed"),
        "True AuthenticationFailed: failed to get secret 'apps/auth': secrets \"auth\" not found"
    );
    world.create(
        "/api/v1/namespaces/apps/secrets",
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "auth"}, "data": {"username": "Z2l0", "password": "d3Jvbmc="}}),
    );
    world.wait(10).await;
    assert_eq!(
        world.condition("Ready"),
        "False GitOperationFailed: failed to checkout and determine revision: unable to clone 'http://git.example.com/app.git': authentication required"
    );
    let patch = json!({"data": {"password": "aHVudGVyMg=="}});
    world.call(
        "PATCH",
        "/api/v1/namespaces/apps/secrets/auth",
        MERGE,
        Some(&patch),
    );
    world.wait(60).await;
    assert_eq!(world.condition("Ready"), World::ready(first));
    assert!(!world.object().to_string().contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_implemented_is_said() {
    let world = World::start();
    world.push("a: 1\n", "First");
    world.apply(&json!({"provider": "azure"}));
    world.wait(5).await;
    let message =
        "NotImplemented: authentication by a provider (spec.provider) is not implemented by this controller";
    assert_eq!(world.condition("Ready"), format!("False {message}"));
    assert_eq!(world.condition("Stalled"), format!("True {message}"));
    assert_eq!(world.condition("FetchFailed"), format!("True {message}"));
    assert_eq!(world.object()["status"]["observedGeneration"], 1);
    world.patch(&json!({"spec": {"provider": "generic"}}));
    world.wait(5).await;
    assert_eq!(world.conditions(), ["Ready", "ArtifactInStorage"]);
}

// Covers: SC-22.
#[tokio::test(start_paused = true)]
async fn a_sparse_checkout_needs_its_directories() {
    let world = World::start();
    world.push("a: 1\n", "First");
    world.apply(&json!({"sparseCheckout": ["./deploy/"]}));
    world.wait(1).await;
    assert_eq!(
        world.condition("FetchFailed"),
        "True GitOperationFailed: failed to sparse checkout directories : sparse checkout dir './deploy/' does not exist in repository: lstat deploy: no such file or directory"
    );
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir(tree.path().join("deploy")).unwrap();
    fs::write(tree.path().join("deploy/b.yaml"), "b: 1\n").unwrap();
    fs::write(tree.path().join("a.yaml"), "a: 1\n").unwrap();
    let second = world.git.push("app", "main", tree.path(), "Directories").unwrap();
    world.wait(60).await;
    assert_eq!(world.condition("Ready"), World::ready(second));
    assert_eq!(
        world.object()["status"]["observedSparseCheckout"],
        json!(["./deploy/"])
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_repository_is_reported() {
    let world = World::start();
    world.git.create_empty("app").unwrap();
    world.apply(&json!({}));
    world.wait(5).await;
    assert_eq!(
        world.condition("FetchFailed"),
        "True EmptyGitRepository: git repository is empty"
    );
}

/// A file that the genuine programs made.
fn genuine(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../lib/git/vectors")
        .join(name);
    fs::read(path).unwrap()
}

#[tokio::test(start_paused = true)]
async fn signed_commits_and_tags_are_accepted_by_their_keys() {
    let world = World::start();
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("a.yaml"), "a: 1\n").unwrap();
    world.git.create_empty("app").unwrap();
    let commit = genuine("pgp-ed25519.commit");
    let signed = world.git.put_commit("app", "main", tree.path(), &commit).unwrap();
    let tag = world
        .git
        .put_tag("app", "v1.0.0", signed, &genuine("pgp-ed25519.tag"))
        .unwrap();
    let key = String::from_utf8(genuine("fixture.asc")).unwrap();
    let ssh = String::from_utf8(genuine("signer.pub")).unwrap();
    world.create(
        "/api/v1/namespaces/apps/secrets",
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"a.asc": key, "b.sshpub": ssh}}),
    );
    world.apply(&json!({"interval": "1h", "ref": {"tag": "v1.0.0"}, "verify": {"mode": "TagAndHEAD", "secretRef": {"name": "keys"}}}));
    world.wait(5).await;
    let message = format!(
        "verified signature of\n\t- tag 'v1.0.0@{tag}' with key 'A985C63B11A2BC93'\n\t- commit '{signed}' with key 'A985C63B11A2BC93'"
    );
    assert_eq!(
        world.condition("SourceVerified"),
        format!("True Succeeded: {message}")
    );
    assert_eq!(
        world.conditions(),
        ["Ready", "ArtifactInStorage", "SourceVerified"]
    );
    assert_eq!(world.object()["status"]["sourceVerificationMode"], "TagAndHEAD");
    assert!(
        world
            .events()
            .contains(&format!("Normal Succeeded: {message} x1")),
        "{:?}",
        world.events()
    );

    let second = world
        .git
        .put_commit("app", "main", tree.path(), &genuine("ssh.commit"))
        .unwrap();
    world.patch(&json!({"spec": {"ref": {"tag": null, "branch": "main"}, "verify": {"mode": "HEAD"}}}));
    world.wait(5).await;
    let fingerprint = "SHA256:RP0ZV742BQ1NX+OkSfM8FGaUBfi23nIVOUGRD9awkpY";
    assert_eq!(
        world.condition("SourceVerified"),
        format!("True Succeeded: verified signature of\n\t- commit '{second}' with key '{fingerprint}'")
    );

    let third = world
        .git
        .put_commit("app", "main", tree.path(), &genuine("unsigned.commit"))
        .unwrap();
    world.patch(&json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}));
    world.wait(5).await;
    let refused = format!(
        "InvalidCommitSignature: signature verification of commit '{third}' failed: unsupported signature type: empty"
    );
    assert_eq!(world.condition("SourceVerified"), format!("False {refused}"));
    assert_eq!(world.condition("Ready"), format!("False {refused}"));
    let stored = world.object()["status"]["artifact"]["revision"].clone();
    assert_eq!(
        stored,
        format!("main@sha1:{second}"),
        "the accepted artifact is kept"
    );
}
