//! Stage: what SOPS encrypted becomes readable. Pure but for reading keys and the tree.
//!
//! Upstream does not check the documents' authentication codes, since kustomize changes what they cover; nor do we.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use flux_api::Kustomization;
use kube::ResourceExt;
use kustomize::{Files, ReadError};
use manifest::{Gvk, ObjectRef, object};
use serde_json::Value;
use sops::{Format, Integrity, Keys};
use ssa::{Mark, is_marked};

use crate::{files::inside, reconcile::Kustomizer};

const DECRYPT_DISABLED: Mark = ("kustomize.toolkit.fluxcd.io/decrypt", "disabled");

/// Bytes of an encrypted file.
const MAX_FILE: usize = 5 << 20;

/// The keys that a Kustomization's documents are decrypted with; nothing when it does not ask for decryption.
pub(crate) async fn keys(cx: &Kustomizer, object: &Kustomization) -> Result<Option<Keys>, String> {
    let Some(decryption) = &object.spec.decryption else {
        return Ok(None);
    };
    let global = (&cx.config.runtime_namespace, &cx.config.sops_age_secret);
    let (secret, ages_only, what) = match (&decryption.secret_ref, global) {
        (Some(secret), _) => {
            let namespace = object.namespace().unwrap_or_default();
            ((namespace, secret.name.clone()), false, "sops decryption Secret")
        }
        (None, (Some(namespace), name)) if !name.is_empty() => (
            (namespace.clone(), name.clone()),
            true,
            "sops SOPS age decryption Secret",
        ),
        (None, _) => return Ok(Some(Keys::default())),
    };
    let (namespace, name) = secret;
    let shown = format!("{what} '{namespace}/{name}'");
    let reference = ObjectRef {
        gvk: Gvk::new("v1", "Secret"),
        namespace,
        name,
    };
    let found = cx.cluster.get(&reference).await.map_err(|error| {
        if error.is_not_found() {
            error.to_string()
        } else {
            format!("cannot get {shown}: {error}")
        }
    })?;
    import(&found, ages_only, &shown).map(Some)
}

/// The keys in a Secret, by the ends of their names.
pub(crate) fn import(secret: &Value, ages_only: bool, shown: &str) -> Result<Keys, String> {
    let mut keys = Keys::default();
    let data = secret
        .get("data")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    for (name, value) in data {
        let bytes = STANDARD
            .decode(value.as_str().unwrap_or_default())
            .unwrap_or_default();
        let imported = if name.ends_with(".agekey") {
            keys.import_age(&String::from_utf8_lossy(&bytes))
        } else if name.ends_with(".asc") && !ages_only {
            keys.import_pgp(&bytes)
        } else {
            // DIFFERENCE: upstream also takes credentials of AWS, Azure, Google Cloud and Vault.
            continue;
        };
        imported.map_err(|error| format!("failed to import '{name}' data from {shown}: {error}"))?;
    }
    Ok(keys)
}

/// A tree in which the encrypted files that kustomizations generate Secrets or patch with are readable.
pub(crate) struct Readable<'a> {
    below: &'a dyn Files,
    decrypted: BTreeMap<String, Vec<u8>>,
}

impl<'a> Readable<'a> {
    /// Decrypts what the kustomization of a directory refers to, and those that it builds on.
    pub(crate) fn new(
        below: &'a dyn Files,
        start: &str,
        root: &kustomize::flux::Generated,
        keys: &Keys,
    ) -> Result<Self, String> {
        let mut walk = Walk {
            files: below,
            keys,
            decrypted: BTreeMap::new(),
            visited: BTreeSet::new(),
        };
        walk.visited.insert(start.to_owned());
        walk.kustomization(start, &root.kustomization)?;
        Ok(Self {
            below,
            decrypted: walk.decrypted,
        })
    }
}

impl Files for Readable<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        match self.decrypted.get(path) {
            Some(content) => Ok(content.clone()),
            None => self.below.read(path),
        }
    }

    fn is_dir(&self, path: &str) -> bool {
        self.below.is_dir(path)
    }

    fn list(&self, path: &str) -> Vec<String> {
        self.below.list(path)
    }
}

struct Walk<'a> {
    files: &'a dyn Files,
    keys: &'a Keys,
    decrypted: BTreeMap<String, Vec<u8>>,
    visited: BTreeSet<String>,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &str) -> Result<(), String> {
        // What is no directory is a manifest, a URL or a mistake that the build will name.
        if !self.files.is_dir(dir) || !self.visited.insert(dir.to_owned()) {
            return Ok(());
        }
        let mut found = None;
        for name in ["kustomization.yaml", "kustomization.yml", "Kustomization"] {
            if let Ok(content) = self.files.read(&inside(dir, name))
                && found.replace(content).is_some()
            {
                return Err("found multiple kustomization files".to_owned());
            }
        }
        let content = found.ok_or("no kustomization file found")?;
        let text = String::from_utf8_lossy(&content);
        let kustomization = yaml::read(&text, yaml::Dialect::Kubernetes)
            .map_err(|error| format!("failed to unmarshal kustomization file from '/{dir}': {error}"))?;
        self.kustomization(dir, &kustomization)
    }

    fn kustomization(&mut self, dir: &str, kustomization: &Value) -> Result<(), String> {
        for generator in list(kustomization, "secretGenerator") {
            for source in texts(generator, "files") {
                let (key, path) = source.split_once('=').unwrap_or((source, source));
                self.file(dir, path, Format::for_path(key))?;
            }
            let single = generator.get("env").and_then(Value::as_str);
            for path in texts(generator, "envs").chain(single) {
                let format = match Format::for_path(path) {
                    Format::Binary => Format::Dotenv,
                    other => other,
                };
                self.file(dir, path, format)?;
            }
        }
        for patch in list(kustomization, "patches") {
            let path = patch
                .get("path")
                .and_then(Value::as_str)
                .filter(|path| !path.is_empty());
            if let Some(path) = path.filter(|path| !path.contains("://")) {
                self.file(dir, path, Format::for_path(path))?;
            }
        }
        for field in ["resources", "components"] {
            for path in texts(kustomization, field) {
                self.directory(&inside(dir, path))?;
            }
        }
        Ok(())
    }

    fn file(&mut self, dir: &str, path: &str, format: Format) -> Result<(), String> {
        let path = inside(dir, path);
        if self.decrypted.contains_key(&path) {
            return Ok(());
        }
        let content = match self.files.read(&path) {
            Ok(content) => content,
            Err(ReadError::IsDirectory) => {
                return Err("cannot decrypt irregular file as it has file mode type bits set".to_owned());
            }
            Err(error) => return Err(format!("lstat {path}: {error}")),
        };
        if content.len() > MAX_FILE {
            let size = content.len();
            return Err(format!(
                "cannot decrypt file with size ({size} bytes) exceeding limit ({MAX_FILE})"
            ));
        }
        if format.marks(&content) {
            let plain = sops::decrypt(&content, format, format, self.keys, Integrity::Ignored)
                .map_err(|error| error.to_string())?;
            self.decrypted.insert(path, plain);
        }
        Ok(())
    }
}

fn list<'a>(map: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    map.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn texts<'a>(map: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    list(map, field).filter_map(Value::as_str)
}

/// An object as it was before SOPS encrypted it, or a Secret with its values so.
pub(crate) fn decrypt(mut document: Value, keys: &Keys) -> Result<Value, String> {
    if is_marked(&document, &[DECRYPT_DISABLED]) {
        return Ok(document);
    }
    let name = format!("{}/{}", object::namespace(&document), object::name(&document));
    let kind = object::kind(&document).to_owned();
    let has_code = document
        .pointer("/sops/mac")
        .is_some_and(|code| code.as_str() != Some("") && !code.is_null());
    if has_code {
        let text = document.to_string();
        let plain = sops::decrypt(
            text.as_bytes(),
            Format::Json,
            Format::Json,
            keys,
            Integrity::Ignored,
        )
        .map_err(|error| format!("failed to decrypt and format '{name}' {kind} data: {error}"))?;
        return serde_json::from_slice(&plain)
            .map_err(|_| format!("failed to unmarshal decrypted '{name}' {kind} to JSON"));
    }
    if kind != "Secret" {
        return Ok(document);
    }
    let data = document.get_mut("data").and_then(Value::as_object_mut);
    for (key, value) in data.into_iter().flatten() {
        // What is no base64 is the user's mistake, and the API server will name it.
        let Some(bytes) = value.as_str().and_then(|text| STANDARD.decode(text).ok()) else {
            continue;
        };
        if let Some(from) = Format::detect(&bytes) {
            let plain = sops::decrypt(&bytes, from, Format::for_path(key), keys, Integrity::Ignored)
                .map_err(|error| {
                    format!("failed to decrypt and format '{name}' Secret field '{key}': {error}")
                })?;
            *value = Value::String(STANDARD.encode(plain));
        }
    }
    Ok(document)
}

/// Whether a Secret is still encrypted although nobody asked to leave it so.
///
/// DIFFERENCE: upstream 1.9.6 asks this after its normalization has dropped the field, and applies the ciphertext.
pub(crate) fn is_left_encrypted(document: &Value) -> bool {
    object::kind(document) == "Secret"
        && object::api_version(document) == "v1"
        && document.get("sops").is_some()
        && !is_marked(document, &[DECRYPT_DISABLED])
}

/// What is said of such a Secret.
pub(crate) fn left_encrypted(document: &Value) -> String {
    format!(
        "{} is SOPS encrypted, configuring decryption is required for this secret to be reconciled",
        ObjectRef::of(document)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Covers: KC-40.
    #[test]
    fn a_secret_that_stays_encrypted_is_refused_with_a_hint() {
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "n"},
            "stringData": {"password": "ENC[...]"}, "sops": {"version": "3.11.0"},
        });
        assert!(is_left_encrypted(&secret));
        assert_eq!(
            left_encrypted(&secret),
            "Secret/n/a is SOPS encrypted, configuring decryption is required for this secret to be reconciled"
        );
        secret["metadata"]["annotations"] = json!({ (DECRYPT_DISABLED.0): DECRYPT_DISABLED.1 });
        assert!(!is_left_encrypted(&secret));
        let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "sops": {}});
        assert!(!is_left_encrypted(&other));
    }
}
