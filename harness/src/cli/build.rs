//! `gitops-conformance build`: what would come of a directory or a chart, without any cluster.

mod chart;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use kustomize::{Files, Options, Order, ReadError, RootOnly};

use super::{Exit, complain};

/// What `build` is asked for.
#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prints what `kubectl kustomize` prints.
    Kustomize {
        /// A directory with a kustomization file.
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Prints what `helm template` prints.
    Chart(Box<chart::ChartArgs>),
}

pub(super) fn run(args: &BuildArgs) -> io::Result<Exit> {
    let mut warnings = Vec::new();
    let built = match &args.what {
        What::Kustomize { dir } => kustomized(dir, &mut warnings).map_err(|error| format!("error: {error}")),
        What::Chart(args) => chart::rendered(args).map_err(|error| format!("Error: {error}")),
    };
    for warning in &warnings {
        complain(warning);
    }
    match built {
        Ok(text) => write(&text),
        Err(error) => {
            complain(&error);
            Ok(Exit::Broken)
        }
    }
}

/// Writes to stdout; a reader who has seen enough is no error.
fn write(text: &str) -> io::Result<Exit> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(Exit::Passed),
    }
}

fn kustomized(dir: &Path, warnings: &mut Vec<String>) -> Result<String, String> {
    let asked = dir.display();
    let absolute = std::path::absolute(dir).map_err(|error| error.to_string())?;
    let Ok(real) = fs::canonicalize(&absolute) else {
        return Err(format!(
            "must build at directory: not a valid directory: evalsymlink failure on '{asked}' : lstat {}: no such file or directory",
            absolute.display()
        ));
    };
    if !real.is_dir() {
        return Err(format!(
            "must build at directory: '{asked}': file is not directory"
        ));
    }
    let options = Options { order: Order::ByKind };
    let path = real.to_string_lossy();
    let built = kustomize::build_noting(&RootOnly(&Disk), path.trim_start_matches('/'), options, warnings);
    let objects = built.map_err(|error| error.to_string())?;
    Ok(kustomize::to_yaml(&objects))
}

/// The whole file system: kustomize's own rules say what is read of it.
struct Disk;

impl Disk {
    fn path(path: &str) -> PathBuf {
        Path::new("/").join(path)
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        fs::read(Self::path(path)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ReadError::NotFound,
            io::ErrorKind::IsADirectory => ReadError::IsDirectory,
            other => ReadError::Other(other.to_string()),
        })
    }

    fn is_dir(&self, path: &str) -> bool {
        Self::path(path).is_dir()
    }

    fn list(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(Self::path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    fn real(&self, path: &str) -> String {
        let real = fs::canonicalize(Self::path(path)).ok();
        let real = real.as_deref().and_then(Path::to_str);
        real.map_or_else(|| path.to_owned(), |real| real.trim_start_matches('/').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            (
                "app/kustomization.yaml",
                "resources: [cm.yaml, service.yaml]\nnamePrefix: p-\n",
            ),
            ("app/cm.yaml", OBJECT),
            (
                "app/service.yaml",
                "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n",
            ),
            (
                "linked/kustomization.yaml",
                "resources: [inside.yaml]\ncommonLabels: {a: b}\n",
            ),
            ("out/kustomization.yaml", "resources: [outside.yaml]\n"),
            ("other/cm.yaml", OBJECT),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::write(folder.path().join("linked/cm.yaml"), OBJECT).unwrap();
        symlink("cm.yaml", folder.path().join("linked/inside.yaml")).unwrap();
        symlink("../other/cm.yaml", folder.path().join("out/outside.yaml")).unwrap();
        folder
    }

    #[test]
    fn a_directory_is_printed_in_the_order_of_kubectl() {
        let folder = tree();
        let text = kustomized(&folder.path().join("app"), &mut Vec::new()).unwrap();
        assert_eq!(
            text,
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: n\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: p-x\n"
        );
    }

    #[test]
    fn links_may_not_lead_out_of_the_directory() {
        let folder = tree();
        let mut warnings = Vec::new();
        let text = kustomized(&folder.path().join("linked"), &mut warnings).unwrap();
        assert!(text.contains("a: b"), "{text}");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let error = kustomized(&folder.path().join("out"), &mut Vec::new()).unwrap_err();
        assert!(error.contains("security; file '"), "{error}");
        assert!(
            error.contains("/out/outside.yaml' is not in or below '"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_directory_is_refused() {
        let folder = tree();
        let error = kustomized(&folder.path().join("none"), &mut Vec::new()).unwrap_err();
        assert!(error.contains("evalsymlink failure on"), "{error}");
        let error = kustomized(&folder.path().join("app/cm.yaml"), &mut Vec::new()).unwrap_err();
        assert!(error.ends_with("': file is not directory"), "{error}");
    }
}
