//! A pod's volumes as directories of the host.
//!
//! DIFFERENCE: ConfigMaps, Secrets and tokens are written when a container starts; the genuine kubelet also refreshes
//! them while it runs.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Component, Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Missing,
    environment::{entries, is_optional, list, not_found, text},
    limits,
    objects::Objects,
};

/// A directory or file of the host and where the container sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
}

/// Writes the volumes of a pod below `directory`; the answer is what the container mounts.
pub(crate) fn prepare(
    objects: &Objects,
    pod: &kubelet::Pod,
    container: &Value,
    directory: &Path,
) -> Result<Vec<Mount>, Missing> {
    let none = Value::Null;
    let spec = pod.object.get("spec").unwrap_or(&none);
    for volume in list(spec, "volumes") {
        let place = directory.join(plain(text(volume, "name"))?);
        write(objects, pod, volume, &place)?;
    }
    list(container, "volumeMounts")
        .map(|mount| {
            let mut source = directory.join(plain(text(mount, "name"))?);
            let part = text(mount, "subPath");
            if !part.is_empty() {
                source.push(plain(part)?);
                if !source.exists() {
                    fs::create_dir_all(&source).map_err(failed)?;
                }
            }
            let target = PathBuf::from(text(mount, "mountPath"));
            if target.components().any(|part| part == Component::ParentDir) {
                return Err(Missing(format!("mountPath {} is not allowed", target.display())));
            }
            Ok(Mount { source, target })
        })
        .collect()
}

fn write(objects: &Objects, pod: &kubelet::Pod, volume: &Value, place: &Path) -> Result<(), Missing> {
    let make = || {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o777)
            .create(place)
            .map_err(failed)
    };
    let mut files = Files {
        objects,
        pod,
        place,
        bytes: 0,
    };
    if volume.get("emptyDir").is_some() || volume.get("persistentVolumeClaim").is_some() {
        return make();
    }
    if let Some(source) = volume.get("configMap") {
        make()?;
        return files.object("configmaps", text(source, "name"), source);
    }
    if let Some(source) = volume.get("secret") {
        make()?;
        return files.object("secrets", text(source, "secretName"), source);
    }
    if let Some(source) = volume.get("downwardAPI") {
        make()?;
        return files.fields(source);
    }
    if let Some(projected) = volume.get("projected") {
        make()?;
        for source in list(projected, "sources") {
            files.projected(source)?;
        }
        return Ok(());
    }
    let kinds: Vec<&String> = volume
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key)
        .filter(|key| *key != "name")
        .collect();
    Err(Missing(format!(
        "volume {:?} of kind {kinds:?} cannot be made for a process",
        text(volume, "name")
    )))
}

/// Files that are written into one volume.
struct Files<'a> {
    objects: &'a Objects,
    pod: &'a kubelet::Pod,
    place: &'a Path,
    bytes: usize,
}

impl Files<'_> {
    fn projected(&mut self, source: &Value) -> Result<(), Missing> {
        if let Some(token) = source.get("serviceAccountToken") {
            let bytes = self.objects.token(self.pod);
            return self.put(text(token, "path"), bytes.as_bytes());
        }
        if let Some(map) = source.get("configMap") {
            return self.object("configmaps", text(map, "name"), map);
        }
        if let Some(secret) = source.get("secret") {
            return self.object("secrets", text(secret, "name"), secret);
        }
        match source.get("downwardAPI") {
            Some(fields) => self.fields(fields),
            None => Err(Missing(
                "a projected volume has a source that is unknown here".to_owned(),
            )),
        }
    }

    fn object(&mut self, resource: &str, name: &str, from: &Value) -> Result<(), Missing> {
        let Some(source) = self.objects.find(resource, &self.pod.namespace, name) else {
            if is_optional(from) {
                return Ok(());
            }
            return Err(not_found(resource, name));
        };
        let chosen: Vec<&Value> = list(from, "items").collect();
        for (key, value) in entries(&source) {
            if chosen.is_empty() {
                self.put(&key, &value)?;
            }
            for item in chosen.iter().filter(|item| text(item, "key") == key) {
                self.put(text(item, "path"), &value)?;
            }
        }
        Ok(())
    }

    fn fields(&mut self, source: &Value) -> Result<(), Missing> {
        for item in list(source, "items") {
            let field = item.pointer("/fieldRef/fieldPath").and_then(Value::as_str);
            let path = format!("/{}", field.unwrap_or_default().replace('.', "/"));
            let value = match self.pod.object.pointer(&path) {
                Some(Value::String(text)) => text.clone(),
                // Labels and annotations: one `key="value"` a line.
                Some(Value::Object(members)) => members
                    .iter()
                    .map(|(key, value)| format!("{key}={:?}\n", value.as_str().unwrap_or_default()))
                    .collect(),
                _ => String::new(),
            };
            self.put(text(item, "path"), value.as_bytes())?;
        }
        Ok(())
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Missing> {
        self.bytes += bytes.len();
        if self.bytes > limits::VOLUME {
            return Err(Missing(format!(
                "a volume is larger than {} bytes",
                limits::VOLUME
            )));
        }
        let file = self.place.join(plain(path)?);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        // A new file in place of the old one: who has that open reads on undisturbed.
        let next = file.with_extension("next");
        fs::write(&next, bytes).map_err(failed)?;
        fs::set_permissions(&next, fs::Permissions::from_mode(0o644)).map_err(failed)?;
        fs::rename(&next, &file).map_err(failed)
    }
}

/// A relative path that stays where it is joined.
fn plain(path: &str) -> Result<&Path, Missing> {
    let path = Path::new(path);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    if inside && path.components().next().is_some() {
        return Ok(path);
    }
    Err(Missing(format!(
        "path {} leads out of its volume",
        path.display()
    )))
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn failed(error: io::Error) -> Missing {
    Missing(error.to_string())
}
