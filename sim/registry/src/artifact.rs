//! Artifacts made of fixture trees, and signatures beside them.

use std::{collections::BTreeMap, fs, io, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use serde_json::json;
use tar::{Builder, EntryType, Header};

use crate::{Error, RegistryServer, limits::MAX_DEPTH, store::Stored};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.cncf.flux.config.v1+json";
const CONTENT: &str = "application/vnd.cncf.flux.content.v1.tar+gzip";

/// A layer of an artifact.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What it is.
    pub media_type: String,
    /// Its bytes.
    pub content: Bytes,
    /// Further facts.
    pub annotations: BTreeMap<String, String>,
}

/// An artifact.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// What its configuration is.
    pub config_media_type: String,
    /// The configuration.
    pub config: Bytes,
    /// Its layers.
    pub layers: Vec<Layer>,
    /// Further facts.
    pub annotations: BTreeMap<String, String>,
}

impl Layer {
    /// A layer without annotations.
    pub fn new(media_type: &str, content: impl Into<Bytes>) -> Self {
        Self {
            media_type: media_type.to_owned(),
            content: content.into(),
            annotations: BTreeMap::new(),
        }
    }
}

impl Artifact {
    /// An artifact of these layers, with a configuration as `flux push artifact` makes it.
    pub fn new(layers: Vec<Layer>) -> Self {
        Self {
            config_media_type: CONFIG.to_owned(),
            config: Bytes::from_static(b"{}"),
            layers,
            annotations: BTreeMap::new(),
        }
    }

    /// A tree as `flux push artifact` packs it.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn of_tree(tree: &Path) -> Result<Self, Error> {
        Ok(Self::new(vec![Layer::new(CONTENT, layer_of_tree(tree)?)]))
    }

    /// A chart as `helm push` pushes it.
    pub fn of_chart(tarball: impl Into<Bytes>) -> Self {
        let layer = Layer::new("application/vnd.cncf.helm.chart.content.v1.tar+gzip", tarball);
        Self {
            config_media_type: "application/vnd.cncf.helm.config.v1+json".to_owned(),
            ..Self::new(vec![layer])
        }
    }

    /// With a further fact.
    #[must_use]
    pub fn annotate(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }
}

impl RegistryServer {
    /// Stores an artifact under a tag. Returns its digest.
    pub fn put(&self, repository: &str, tag: &str, artifact: &Artifact) -> String {
        let mut state = self.state();
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        let mut part = |media_type: &str, content: &Bytes, annotations: &BTreeMap<String, String>| {
            let digest = repository.put_blob(content.clone());
            let mut part = json!({"mediaType": media_type, "digest": digest, "size": content.len()});
            if !annotations.is_empty() {
                part["annotations"] = json!(annotations);
            }
            part
        };
        let config = part(&artifact.config_media_type, &artifact.config, &BTreeMap::new());
        let layers = artifact.layers.iter();
        let layers: Vec<_> = layers
            .map(|it| part(&it.media_type, &it.content, &it.annotations))
            .collect();
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        if !artifact.annotations.is_empty() {
            manifest["annotations"] = json!(artifact.annotations);
        }
        let content = Bytes::from(manifest.to_string());
        repository.put_manifest(
            tag,
            Stored {
                media_type: MANIFEST.to_owned(),
                content,
            },
        )
    }

    /// Signs what a tag names as cosign does with a key pair (PKCS #8, ECDSA on P-256).
    ///
    /// # Errors
    /// When nothing has the tag, or the key cannot sign.
    pub fn sign(&self, repository: &str, tag: &str, key: &[u8]) -> Result<(), Error> {
        let digest = self.digest(repository, tag);
        let digest = digest.ok_or_else(|| Error::Unknown(format!("{repository}:{tag}")))?;
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key, &random);
        let pair = pair.map_err(|_| Error::Key)?;
        let payload = json!({
            "critical": {
                "identity": {"docker-reference": repository},
                "image": {"docker-manifest-digest": digest},
                "type": "cosign container image signature",
            },
            "optional": null,
        });
        let payload = payload.to_string();
        let signature = pair.sign(&random, payload.as_bytes()).map_err(|_| Error::Key)?;
        let mut layer = Layer::new("application/vnd.dev.cosign.simplesigning.v1+json", payload);
        let signature = BASE64_STANDARD.encode(signature);
        layer
            .annotations
            .insert("dev.cosignproject.cosign/signature".to_owned(), signature);
        self.put(
            repository,
            &format!("{}.sig", digest.replacen(':', "-", 1)),
            &Artifact::new(vec![layer]),
        );
        Ok(())
    }

    /// The digest of the first layer of what a tag names.
    pub fn first_layer(&self, repository: &str, tag: &str) -> Option<String> {
        let state = self.state();
        let (_, stored) = state.repositories.get(repository)?.find(tag)?;
        let manifest: serde_json::Value = serde_json::from_slice(&stored.content).ok()?;
        Some(manifest.pointer("/layers/0/digest")?.as_str()?.to_owned())
    }
}

/// A tree as a gzipped tarball: the same tree gives the same bytes.
///
/// # Errors
/// When the tree cannot be read.
pub fn layer_of_tree(tree: &Path) -> Result<Bytes, Error> {
    pack(tree, "")
}

/// A chart's directory as `helm package` packs it: everything below a directory of the chart's name.
///
/// # Errors
/// When the tree cannot be read.
pub fn chart_tarball(tree: &Path, name: &str) -> Result<Bytes, Error> {
    pack(tree, &format!("{name}/"))
}

fn pack(tree: &Path, prefix: &str) -> Result<Bytes, Error> {
    let mut files = Vec::new();
    walk(tree, "", 0, &mut files)?;
    let gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::default());
    let mut builder = Builder::new(gzip);
    for (name, content) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, format!("{prefix}{name}"), &content[..])?;
    }
    Ok(builder.into_inner()?.finish()?.into())
}

fn walk(directory: &Path, prefix: &str, depth: usize, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other("directories nested too deeply"));
    }
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{name}/"), depth + 1, files)?;
        } else if kind.is_file() {
            files.push((name, fs::read(entry.path())?));
        }
    }
    Ok(())
}
