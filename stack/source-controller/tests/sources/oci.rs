//! OCIRepository.

use base64::{Engine, prelude::BASE64_STANDARD};
use registry::{Access, Artifact, Layer, Trouble};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::world::{World, artifact, named};

const KIND: &str = "OCIRepository";
const URL: &str = "oci://registry.example.com/org/app";

fn apply(world: &World, spec: &Value) {
    let mut whole = json!({"url": URL, "interval": "1m", "insecure": true, "ref": {"tag": "v1"}});
    whole
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    world.apply(KIND, &whole);
}

fn ready(world: &World) -> String {
    world.condition(KIND, "Ready")
}

fn stored(revision: &str) -> String {
    format!("True Succeeded: stored artifact for digest '{revision}'")
}

// Covers: SC-32, SC-39.
#[tokio::test(start_paused = true)]
async fn a_tag_becomes_an_artifact_and_is_followed() {
    let world = World::start();
    let first = artifact(&[("a.yaml", "a: 1\n"), ("logo.png", "")])
        .annotate("org.opencontainers.image.source", "https://git.example.com/app")
        .annotate("org.opencontainers.image.revision", "main@sha1:abc");
    let first = world.registry.put("org/app", "v1", &first);
    apply(&world, &json!({}));
    world.wait(5).await;
    let revision = format!("v1@{first}");
    assert_eq!(ready(&world), stored(&revision));
    assert_eq!(world.condition(KIND, "ArtifactInStorage"), stored(&revision));
    let status = world.object(KIND)["status"].clone();
    assert_eq!(status["observedGeneration"], 1);
    assert_eq!(status["artifact"]["revision"], revision);
    assert_eq!(
        status["artifact"]["path"],
        format!("ocirepository/apps/app/{first}.tar.gz")
    );
    assert_eq!(
        status["url"],
        "http://source-controller/ocirepository/apps/app/latest.tar.gz"
    );
    assert_eq!(
        status["artifact"]["metadata"]["org.opencontainers.image.revision"],
        "main@sha1:abc"
    );
    assert_eq!(world.files(KIND).await, named(&[("a.yaml", "a: 1\n")]));
    assert_eq!(
        world.events(),
        [format!(
            "Normal NewArtifact: stored artifact with revision '{revision}' from '{URL}', origin source 'https://git.example.com/app', origin revision 'main@sha1:abc'"
        )]
    );

    let second = world
        .registry
        .put("org/app", "v1", &artifact(&[("a.yaml", "a: 2\n")]));
    world.wait(65).await;
    assert_eq!(ready(&world), stored(&format!("v1@{second}")));
    assert_eq!(world.files(KIND).await, named(&[("a.yaml", "a: 2\n")]));

    let before = world.object(KIND);
    let asked = world.registry.requests().len();
    world.wait(600).await;
    assert_eq!(world.object(KIND), before, "an idle repository is not written to");
    let since = world.registry.requests().split_off(asked);
    assert!(since.iter().all(|it| !it.contains("/blobs/")), "{since:?}");

    world.patch(KIND, &json!({"spec": {"ignore": "*.txt"}}));
    world.wait(5).await;
    assert_ne!(
        world.object(KIND)["status"]["artifact"],
        before["status"]["artifact"].clone()["x"]
    );
    assert_eq!(world.object(KIND)["status"]["observedIgnore"], "*.txt");
    world.delete(KIND);
    world.wait(5).await;
    assert_eq!(world.object(KIND), Value::Null);
    let url = before["status"]["artifact"]["url"].as_str().unwrap();
    assert_eq!(world.get(url).await.0, 404);
}

// Covers: SC-33.
#[tokio::test(start_paused = true)]
async fn versions_and_digests_are_found() {
    let world = World::start();
    for (tag, text) in [
        ("1.0.0", "a"),
        ("1.2.0", "b"),
        ("1.3.0-rc.1", "c"),
        ("2.0.0", "d"),
        ("latest", "e"),
    ] {
        world.registry.put("org/app", tag, &artifact(&[("a.yaml", text)]));
    }
    apply(&world, &json!({"ref": {"semver": "1.x"}}));
    world.wait(5).await;
    let digest = |tag: &str| world.registry.digest("org/app", tag).unwrap();
    assert_eq!(ready(&world), stored(&format!("1.2.0@{}", digest("1.2.0"))));
    for (reference, revision) in [
        (
            json!({"semver": ">=1.0.0-0", "semverFilter": ".*-rc.*"}),
            format!("1.3.0-rc.1@{}", digest("1.3.0-rc.1")),
        ),
        (
            json!({"semver": null, "semverFilter": null, "tag": "2.0.0"}),
            format!("2.0.0@{}", digest("2.0.0")),
        ),
        (json!({"digest": digest("1.0.0")}), digest("1.0.0")),
    ] {
        world.patch(KIND, &json!({"spec": {"ref": reference}}));
        world.wait(5).await;
        assert_eq!(ready(&world), stored(&revision));
    }
    world.patch(KIND, &json!({"spec": {"ref": null}}));
    world.wait(5).await;
    assert_eq!(ready(&world), stored(&format!("latest@{}", digest("latest"))));
    world.patch(KIND, &json!({"spec": {"ref": {"semver": ">9"}}}));
    world.wait(5).await;
    let failure = "False ReadOperationFailed: failed to determine the artifact tag for 'oci://registry.example.com/org/app': no match found for semver: >9";
    assert_eq!(ready(&world), failure);
    assert!(
        world.object(KIND)["status"]["artifact"].is_object(),
        "the old artifact stays"
    );
}

// Covers: SC-34.
#[tokio::test(start_paused = true)]
async fn what_the_registry_lacks_is_told() {
    let world = World::start();
    apply(&world, &json!({}));
    world.wait(5).await;
    let unknown = "False OCIArtifactPullFailed: failed to determine artifact digest: GET http://registry.example.com/v2/org/app/manifests/v1: MANIFEST_UNKNOWN: manifest unknown";
    assert_eq!(ready(&world), unknown);
    assert_eq!(
        world.condition(KIND, "FetchFailed"),
        unknown.replacen("False", "True", 1)
    );
    assert!(
        world
            .condition(KIND, "Reconciling")
            .starts_with("True ProgressingWithRetry: ")
    );
    world.registry.put("org/app", "v1", &artifact(&[("a.yaml", "a")]));
    world.wait(60).await;
    assert!(ready(&world).starts_with("True Succeeded"), "{}", ready(&world));
    assert_eq!(world.condition(KIND, "FetchFailed"), "");
}

// Covers: SC-35.
#[tokio::test(start_paused = true)]
async fn an_address_with_a_tag_stalls() {
    let world = World::start();
    apply(&world, &json!({"url": "oci://registry.example.com/org/app:v1"}));
    world.wait(5).await;
    let stalled = world.condition(KIND, "Stalled");
    assert!(
        stalled.starts_with(
            "True URLInvalid: URL validation failed for 'oci://registry.example.com/org/app:v1': "
        ),
        "{stalled}"
    );
    assert_eq!(world.object(KIND)["status"]["observedGeneration"], 1);
}

// Covers: SC-36.
#[tokio::test(start_paused = true)]
async fn credentials_open_a_private_registry() {
    for access in [
        Access::Basic {
            username: "me".into(),
            password: "hunter2".into(),
        },
        Access::Token {
            username: "me".into(),
            password: "hunter2".into(),
        },
    ] {
        let world = World::start();
        world.registry.put("org/app", "v1", &artifact(&[("a.yaml", "a")]));
        world.registry.set_access(access);
        apply(&world, &json!({}));
        world.wait(5).await;
        assert!(
            ready(&world).contains("False OCIArtifactPullFailed: failed to determine artifact digest: "),
            "{}",
            ready(&world)
        );
        assert!(ready(&world).contains("UNAUTHORIZED"), "{}", ready(&world));
        world.patch(KIND, &json!({"spec": {"secretRef": {"name": "pull"}}}));
        world.wait(5).await;
        assert_eq!(
            ready(&world),
            "False AuthenticationFailed: failed to get credential: failed to get secret 'apps/pull': secrets \"pull\" not found"
        );
        let config = |password: &str| {
            let auth = BASE64_STANDARD.encode(format!("me:{password}"));
            json!({"auths": {"registry.example.com": {"auth": auth}}}).to_string()
        };
        world.secret("pull", &json!({".dockerconfigjson": config("wrong0rd")}));
        world.wait(120).await;
        assert!(ready(&world).contains("UNAUTHORIZED"), "{}", ready(&world));
        world.secret("right", &json!({".dockerconfigjson": config("hunter2")}));
        world.patch(KIND, &json!({"spec": {"secretRef": {"name": "right"}}}));
        world.wait(5).await;
        assert!(ready(&world).starts_with("True Succeeded"), "{}", ready(&world));

        world.create(
            "/api/v1/namespaces/apps/serviceaccounts",
            &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "puller"}, "imagePullSecrets": [{"name": "right"}]}),
        );
        world.patch(
            KIND,
            &json!({"spec": {"secretRef": null, "serviceAccountName": "puller", "ref": {"tag": "v2"}}}),
        );
        world.registry.put("org/app", "v2", &artifact(&[("a.yaml", "b")]));
        world.wait(5).await;
        assert!(ready(&world).contains("'v2@sha256:"), "{}", ready(&world));
        for secret in [
            "hunter2",
            "wrong0rd",
            BASE64_STANDARD.encode("me:hunter2").as_str(),
        ] {
            assert!(!world.shows(KIND, secret));
        }
    }
}

// Covers: SC-38, SC-40.
#[tokio::test(start_paused = true)]
async fn layers_are_chosen_and_copied() {
    let world = World::start();
    let chart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    let layers = vec![
        Layer::new("application/x", "first"),
        Layer::new(chart, "exactly these bytes"),
    ];
    world.registry.put("org/app", "v1", &Artifact::new(layers));
    apply(
        &world,
        &json!({"layerSelector": {"mediaType": chart, "operation": "copy"}}),
    );
    world.wait(5).await;
    assert!(ready(&world).starts_with("True Succeeded"), "{}", ready(&world));
    assert_eq!(&world.bytes(KIND).await[..], b"exactly these bytes");
    world.patch(
        KIND,
        &json!({"spec": {"layerSelector": {"mediaType": "text/plain", "operation": "extract"}}}),
    );
    world.wait(5).await;
    assert_eq!(
        ready(&world),
        "False OCIArtifactLayerOperationFailed: failed to find layer with media type 'text/plain' in artifact"
    );
    world.patch(
        KIND,
        &json!({"spec": {"layerSelector": {"mediaType": "application/x"}}}),
    );
    world.wait(5).await;
    assert!(
        ready(&world).starts_with(
            "False OCIArtifactLayerOperationFailed: failed to extract layer contents from artifact: "
        ),
        "{}",
        ready(&world)
    );
    world.registry.put("org/app", "v1", &Artifact::new(Vec::new()));
    world.wait(120).await;
    assert_eq!(
        ready(&world),
        "False OCIArtifactLayerOperationFailed: no layers found in artifact"
    );
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_those_of_the_digest_are_refused() {
    for (trouble, words) in [
        (
            Trouble::Corrupted,
            "error verifying sha256 checksum after reading",
        ),
        (Trouble::TooManyRequests, "TOOMANYREQUESTS"),
        (Trouble::InternalError, "UNKNOWN: unknown error"),
        (Trouble::Slow, "context deadline exceeded"),
        (Trouble::Down, "connection refused"),
        (Trouble::Truncated, "unexpected EOF"),
    ] {
        let world = World::start();
        world.registry.put("org/app", "v1", &artifact(&[("a.yaml", "a")]));
        world.registry.set_trouble(trouble, true);
        apply(&world, &json!({}));
        let said = world.ready_says(KIND, words).await;
        assert!(said.contains(words), "{trouble:?}: {said}");
        assert_eq!(world.object(KIND)["status"]["artifact"], Value::Null);
        world.registry.set_trouble(trouble, false);
        world.wait(1000).await;
        assert!(
            ready(&world).starts_with("True Succeeded"),
            "{trouble:?}: {}",
            ready(&world)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn hostile_archives_are_refused() {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    let mut header = tar::Header::new_ustar();
    header.set_size(1);
    header.as_mut_bytes()[..9].copy_from_slice(b"../../etc");
    header.set_cksum();
    builder.append(&header, &b"x"[..]).unwrap();
    let hostile = builder.into_inner().unwrap().finish().unwrap();
    let world = World::start();
    world.registry.put(
        "org/app",
        "v1",
        &Artifact::new(vec![Layer::new("application/gzip", hostile)]),
    );
    apply(&world, &json!({}));
    world.wait(5).await;
    assert_eq!(
        ready(&world),
        "False OCIArtifactLayerOperationFailed: failed to extract layer contents from artifact: tar contained invalid name error \"../../etc\""
    );
    let left = std::fs::read_dir(world.edges.disk.path()).unwrap();
    assert_eq!(left.count(), 0, "nothing is left behind");
}

fn pair() -> (Vec<u8>, String) {
    let random = ring::rand::SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random).unwrap();
    let mut der = vec![
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    ];
    der.extend([
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ]);
    der.extend_from_slice(pair.public_key().as_ref());
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        BASE64_STANDARD.encode(der)
    );
    (key.as_ref().to_vec(), pem)
}

// Covers: SC-41.
#[tokio::test(start_paused = true)]
async fn only_what_a_trusted_key_signed_is_stored() {
    let world = World::start();
    let ((key, public), (other, _)) = (pair(), pair());
    world.secret("keys", &json!({"cosign.pub": public, "readme.txt": "no key"}));
    let digest = world.registry.put("org/app", "v1", &artifact(&[("a.yaml", "a")]));
    world.registry.sign("org/app", "v1", &other).unwrap();
    apply(
        &world,
        &json!({"verify": {"provider": "cosign", "secretRef": {"name": "keys"}}}),
    );
    world.wait(5).await;
    let refused = format!(
        "False VerificationError: failed to verify the signature using provider 'cosign': no matching signatures were found for 'registry.example.com/org/app@{digest}'"
    );
    assert_eq!(ready(&world), refused);
    assert_eq!(world.condition(KIND, "SourceVerified"), refused);
    assert_eq!(world.object(KIND)["status"]["artifact"], Value::Null);
    world.registry.sign("org/app", "v1", &key).unwrap();
    world.wait(60).await;
    assert_eq!(ready(&world), stored(&format!("v1@{digest}")));
    assert_eq!(
        world.condition(KIND, "SourceVerified"),
        format!("True Succeeded: verified signature of revision v1@{digest}")
    );
    world
        .registry
        .put("org/app", "v1", &artifact(&[("a.yaml", "unsigned")]));
    world.wait(70).await;
    assert!(
        ready(&world).contains("no matching signatures were found"),
        "{}",
        ready(&world)
    );
    assert_eq!(
        world.files(KIND).await,
        named(&[("a.yaml", "a")]),
        "the signed artifact stays"
    );
    world.patch(KIND, &json!({"spec": {"verify": null}}));
    world.wait(5).await;
    assert_eq!(world.condition(KIND, "SourceVerified"), "");
    assert_eq!(world.files(KIND).await, named(&[("a.yaml", "unsigned")]));
}
