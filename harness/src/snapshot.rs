//! Snapshot files: in insta's format, so that `cargo insta review` reads them, without what differs from run to run.

mod redact;

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use serde_json::Value;

use crate::verdict::Miss;

/// What to do about snapshots that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotMode {
    /// They fail the scenario.
    Compare,
    /// They are rewritten.
    Update,
}

/// The snapshots of one scenario.
#[derive(Debug, Clone)]
pub(crate) struct Snapshots {
    /// `scenarios/snapshots`.
    pub(crate) folder: PathBuf,
    /// The scenario's name.
    pub(crate) scenario: String,
    /// The scenario's file, for the header.
    pub(crate) source: String,
    pub(crate) mode: SnapshotMode,
    /// Files that were written.
    pub(crate) written: Vec<PathBuf>,
}

impl Snapshots {
    /// Compares objects with the snapshot `name`, or rewrites it.
    ///
    /// # Errors
    /// When they differ, when there is no snapshot yet, or when the file cannot be read or written.
    pub(crate) fn compare(
        &mut self,
        name: &str,
        objects: &[Arc<Value>],
        commits: &BTreeMap<(String, String), String>,
    ) -> Result<(), Miss> {
        let body = self.body(objects, commits)?;
        let path = self.path(name);
        let old = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(Miss::broken(
                    "snapshot.read",
                    format!("{}: {error}", path.display()),
                ));
            }
        };
        if old.as_deref().map(content) == Some(body.as_str()) {
            return Ok(());
        }
        if self.mode == SnapshotMode::Update {
            return self.write(path, name, &body);
        }
        let remedy = "accept it with --update-snapshots if it is right".to_owned();
        match old {
            None => {
                let message = format!("snapshot {name:?} does not exist yet");
                Err(Miss::failed("snapshot.new", message).with([remedy]))
            }
            Some(old) => {
                let message = format!("snapshot {name:?} differs");
                let lines = difference(content(&old), &body);
                Err(Miss::failed("snapshot.differs", message)
                    .with(lines)
                    .with([remedy]))
            }
        }
    }

    fn write(&mut self, path: PathBuf, name: &str, body: &str) -> Result<(), Miss> {
        let text = format!("---\nsource: {}\nexpression: {name}\n---\n{body}", self.source);
        let written = fs::create_dir_all(&self.folder).and_then(|()| fs::write(&path, text));
        written.map_err(|error| Miss::broken("snapshot.write", format!("{}: {error}", path.display())))?;
        self.written.push(path);
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        file_of(&self.folder, &self.scenario, name)
    }

    fn body(
        &self,
        objects: &[Arc<Value>],
        commits: &BTreeMap<(String, String), String>,
    ) -> Result<String, Miss> {
        let documents: Result<Vec<String>, _> = objects
            .iter()
            .map(|object| serde_saphyr::to_string(&redact::redact(object, commits)))
            .collect();
        documents
            .map(|documents| documents.join("---\n"))
            .map_err(|error| Miss::broken("snapshot.print", error.to_string()))
    }
}

/// Where the snapshot `name` of a scenario lies.
pub(crate) fn file_of(folder: &std::path::Path, scenario: &str, name: &str) -> PathBuf {
    folder.join(format!("{}__{name}.snap", scenario.replace('/', "__")))
}

/// What follows insta's header.
fn content(text: &str) -> &str {
    text.strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .map_or(text, |(_, body)| body)
}

fn difference(old: &str, new: &str) -> Vec<String> {
    let diff = similar::TextDiff::from_lines(old, new);
    diff.unified_diff()
        .context_radius(2)
        .to_string()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_new_snapshot_is_refused_then_written_then_compared() {
        let folder = tempfile::tempdir().unwrap();
        let mut snapshots = Snapshots {
            folder: folder.path().join("snapshots"),
            scenario: "a/b/c".to_owned(),
            source: "scenarios/a/b/c.yaml".to_owned(),
            mode: SnapshotMode::Compare,
            written: Vec::new(),
        };
        let object = Arc::new(json!({"kind": "ConfigMap", "data": {"a": "1"}}));
        let none = BTreeMap::new();
        let refused = snapshots
            .compare("x", std::slice::from_ref(&object), &none)
            .unwrap_err();
        assert_eq!(refused.code, "snapshot.new");
        snapshots.mode = SnapshotMode::Update;
        snapshots
            .compare("x", std::slice::from_ref(&object), &none)
            .unwrap();
        let text = fs::read_to_string(&snapshots.written[0]).unwrap();
        assert!(
            text.starts_with("---\nsource: scenarios/a/b/c.yaml\nexpression: x\n---\n"),
            "{text}"
        );
        snapshots.mode = SnapshotMode::Compare;
        snapshots.compare("x", &[object], &none).unwrap();
        let other = Arc::new(json!({"kind": "ConfigMap", "data": {"a": "2"}}));
        let differs = snapshots.compare("x", &[other], &none).unwrap_err();
        assert!(
            differs
                .details
                .iter()
                .any(|line| line.starts_with("+  a: \"2\"") || line.contains("+  a:"))
        );
    }

    #[test]
    fn insta_reads_our_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut snapshots = Snapshots {
            folder: folder.path().to_owned(),
            scenario: "a/b".to_owned(),
            source: "scenarios/a/b.yaml".to_owned(),
            mode: SnapshotMode::Update,
            written: Vec::new(),
        };
        let object = Arc::new(json!({"kind": "ConfigMap", "data": {"text": "one\ntwo\n", "n": "1"}}));
        snapshots
            .compare("x", std::slice::from_ref(&object), &BTreeMap::new())
            .unwrap();
        let body = snapshots.body(&[object], &BTreeMap::new()).unwrap();
        let mut settings = insta::Settings::new();
        settings.set_snapshot_path(folder.path());
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!("a__b__x", body));
    }
}
