//! Bucket.

use base64::{Engine, prelude::BASE64_STANDARD};
use bucket_server::Trouble;
use serde_json::{Value, json};

use crate::world::{World, named};

const KIND: &str = "Bucket";

fn apply(world: &World, spec: &Value) {
    let mut whole =
        json!({"bucketName": "config", "endpoint": "s3.example.com", "insecure": true, "interval": "1m"});
    whole
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    world.apply(KIND, &whole);
}

fn ready(world: &World) -> String {
    world.condition(KIND, "Ready")
}

// Covers: SC-55, SC-57.
#[tokio::test(start_paused = true)]
async fn objects_become_an_artifact_and_are_followed() {
    let world = World::start();
    world.buckets.set_page(2);
    for (key, text) in [
        ("apps/a.yaml", "a"),
        ("apps/b & c.yaml", "b"),
        ("apps/x.txt", "x"),
        ("apps/", ""),
        ("other/d.yaml", "d"),
        (".sourceignore", "*.txt\n"),
    ] {
        world.buckets.put("config", key, text);
    }
    world.buckets.set_keys("AKIA", "s3cr3t/key");
    world.secret("keys", &json!({"accesskey": "AKIA", "secretkey": "s3cr3t/key"}));
    apply(
        &world,
        &json!({"secretRef": {"name": "keys"}, "prefix": "apps/", "region": "eu-west-1"}),
    );
    world.wait(5).await;
    let revision = world.object(KIND)["status"]["artifact"]["revision"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        ready(&world),
        format!("True Succeeded: stored artifact: revision '{revision}'")
    );
    let hex = revision.strip_prefix("sha256:").unwrap();
    let path = &world.object(KIND)["status"]["artifact"]["path"];
    assert_eq!(*path, format!("bucket/apps/app/{hex}.tar.gz"));
    assert_eq!(
        world.files(KIND).await,
        named(&[("apps/a.yaml", "a"), ("apps/b & c.yaml", "b")])
    );
    assert_eq!(
        world.events(),
        ["Normal NewArtifact: stored artifact with 2 fetched files from 'config' bucket"]
    );

    let before = world.object(KIND);
    let asked = world.buckets.requests().len();
    world.wait(600).await;
    assert_eq!(
        world.object(KIND),
        before,
        "an unchanged bucket is not written about"
    );
    let since = world.buckets.requests().split_off(asked);
    assert!(since.iter().all(|it| !it.ends_with(".yaml")), "{since:?}");

    world.buckets.put("config", "apps/a.yaml", "new");
    world.wait(65).await;
    assert_ne!(world.object(KIND)["status"]["artifact"]["revision"], revision);
    world.patch(KIND, &json!({"spec": {"ignore": "a.yaml"}}));
    world.wait(5).await;
    assert_eq!(world.files(KIND).await, named(&[("apps/b & c.yaml", "b")]));
    for secret in ["s3cr3t/key", "s3cr3t"] {
        assert!(!world.shows(KIND, secret));
    }
}

// Covers: SC-56.
#[tokio::test(start_paused = true)]
async fn what_the_server_refuses_is_told() {
    let world = World::start();
    apply(&world, &json!({}));
    world.wait(5).await;
    assert_eq!(
        ready(&world),
        "False BucketOperationFailed: bucket 'config' not found"
    );
    world.buckets.put("config", "a.yaml", "a");
    world.buckets.set_keys("AKIA", "right");
    world.wait(60).await;
    assert_eq!(
        ready(&world),
        "False BucketOperationFailed: failed to confirm existence of 'config' bucket: Access Denied."
    );
    world.patch(KIND, &json!({"spec": {"secretRef": {"name": "keys"}}}));
    world.wait(5).await;
    assert_eq!(
        ready(&world),
        "False AuthenticationFailed: failed to get secret 'apps/keys': secrets \"keys\" not found"
    );
    world.secret("keys", &json!({"accesskey": "AKIA"}));
    world.wait(120).await;
    assert_eq!(
        ready(&world),
        "False AuthenticationFailed: invalid 'keys' secret data: required fields 'accesskey' and 'secretkey'"
    );
    assert_eq!(
        world.condition(KIND, "FetchFailed"),
        ready(&world).replacen("False", "True", 1)
    );
    world.secret("right", &json!({"accesskey": "AKIA", "secretkey": "right"}));
    world.patch(KIND, &json!({"spec": {"secretRef": {"name": "right"}}}));
    world.wait(5).await;
    assert!(ready(&world).starts_with("True Succeeded"), "{}", ready(&world));
}

#[tokio::test(start_paused = true)]
async fn troubles_pass() {
    for (trouble, words) in [
        (Trouble::Busy, "failed to confirm existence of 'config' bucket: "),
        (Trouble::Slow, "context deadline exceeded"),
        (Trouble::Down, "connection refused"),
        (Trouble::Truncated, "unexpected EOF"),
    ] {
        let world = World::start();
        world.buckets.put("config", "a.yaml", "a");
        world.buckets.set_trouble(trouble, true);
        apply(&world, &json!({}));
        let said = world.ready_says(KIND, words).await;
        assert!(said.contains(words), "{trouble:?}: {said}");
        world.buckets.set_trouble(trouble, false);
        world.wait(1000).await;
        assert_eq!(world.files(KIND).await, named(&[("a.yaml", "a")]), "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_lead_out_are_refused() {
    let world = World::start();
    world.buckets.put("config", "a/../../../evil", "x");
    apply(&world, &json!({}));
    world.wait(5).await;
    assert!(
        ready(&world).starts_with("False BucketOperationFailed: fetch from bucket 'config' failed: failed to resolve path for 'a/../../../evil' object"),
        "{}",
        ready(&world)
    );
}

#[tokio::test(start_paused = true)]
async fn azure_is_opened_by_the_accounts_key_or_a_signature() {
    for (secret, refused) in [
        (
            json!({"accountKey": BASE64_STANDARD.encode("azure account key")}),
            json!({"accountKey": BASE64_STANDARD.encode("other")}),
        ),
        (
            json!({"sasKey": "?sv=2023&sig=abc%3D"}),
            json!({"sasKey": "sv=2023&sig=other"}),
        ),
    ] {
        let world = World::start();
        world.buckets.set_page(1);
        world.buckets.put("config", "a.yaml", "a");
        world.buckets.put("config", "b/c.yaml", "c");
        world.buckets.set_account("account", b"azure account key");
        world.buckets.set_signature("sv=2023&sig=abc%3D");
        world.secret("wrong", &refused);
        world.secret("right", &secret);
        let spec = json!({"provider": "azure", "endpoint": "http://account.blob.example.com", "secretRef": {"name": "wrong"}});
        apply(&world, &spec);
        world.wait(5).await;
        assert!(
            ready(&world).starts_with("False BucketOperationFailed: failed to confirm existence of 'config' bucket: Server failed to authenticate the request."),
            "{}",
            ready(&world)
        );
        world.patch(KIND, &json!({"spec": {"secretRef": {"name": "right"}}}));
        world.wait(5).await;
        assert!(ready(&world).starts_with("True Succeeded"), "{}", ready(&world));
        assert_eq!(
            world.files(KIND).await,
            named(&[("a.yaml", "a"), ("b/c.yaml", "c")])
        );
    }
    let world = World::start();
    world.secret("none", &json!({"other": "x"}));
    apply(
        &world,
        &json!({"provider": "azure", "secretRef": {"name": "none"}}),
    );
    world.wait(5).await;
    assert!(ready(&world).starts_with("False AuthenticationFailed: invalid 'none' secret data: requires a 'clientId' or 'accountKey' field"), "{}", ready(&world));
}
