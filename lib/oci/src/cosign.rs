//! Signatures as cosign leaves them beside an artifact: a tag `sha256-<hex>.sig`, a layer for each.

use std::{io::Read, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::{Descriptor, Error, PublicKey, Remote, Target, limits};

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// Whether the owner of one of the keys signed the manifest with this digest.
///
/// # Errors
/// When the registry does not give the signatures; that there are none is no error.
// DIFFERENCE: upstream also looks for signatures in Sigstore bundles that are referrers of the artifact.
pub async fn verify(
    remote: &Remote,
    digest: &str,
    keys: &[PublicKey],
    scratch: &Path,
) -> Result<bool, Error> {
    let tag = format!("{}.sig", digest.replacen(':', "-", 1));
    let manifest = match remote.manifest(&Target::Tag(tag)).await {
        Ok(manifest) => manifest,
        Err(error) if error.status() == Some(http::StatusCode::NOT_FOUND) => return Ok(false),
        Err(error) => return Err(error),
    };
    for layer in manifest.layers.iter().take(limits::SIGNATURES) {
        if signed(remote, layer, digest, keys, scratch).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn signed(
    remote: &Remote,
    layer: &Descriptor,
    digest: &str,
    keys: &[PublicKey],
    scratch: &Path,
) -> Result<bool, Error> {
    let signature = layer
        .annotations
        .get(SIGNATURE)
        .and_then(|it| BASE64_STANDARD.decode(it).ok());
    let Some(signature) = signature.filter(|_| layer.media_type == PAYLOAD) else {
        return Ok(false);
    };
    let mut payload = Vec::new();
    remote
        .blob(layer, scratch, limits::PAYLOAD)
        .await?
        .read_to_end(&mut payload)?;
    Ok(names(&payload, digest) && keys.iter().any(|key| key.verifies(&payload, &signature)))
}

/// Whether the payload speaks of the manifest with this digest.
fn names(payload: &[u8], digest: &str) -> bool {
    let Ok(payload) = serde_json::from_slice::<Value>(payload) else {
        return false;
    };
    let text = |path: &str| payload.pointer(path).and_then(Value::as_str);
    text("/critical/image/docker-manifest-digest") == Some(digest)
}
