//! `gitops-conformance build`: what would come of a directory or a chart, without any cluster.

mod chart;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use kustomize::{Files, Options, Order, ReadError, RootOnly};
use serde_json::Value;

use super::{Exit, complain};
use crate::target::offline;

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
    /// Prints what kustomize-controller would apply: overrides, decryption, variables and labels included.
    ///
    /// Nothing is asked of a cluster. Secrets are printed as they would be applied, in plain text.
    Kustomization {
        /// The Kustomization's name.
        name: String,
        /// The directory that it builds; that of its manifest does not count.
        #[arg(long, value_name = "DIR")]
        path: PathBuf,
        /// Manifests of the Kustomization and of the ConfigMaps and Secrets that it refers to; without any, the directory
        /// is built without overrides. May be repeated.
        #[arg(long, value_name = "FILE")]
        file: Vec<PathBuf>,
        /// What the source would hold; the Git repository around the directory if absent, else the directory.
        #[arg(long, value_name = "DIR")]
        source: Option<PathBuf>,
    },
    /// Prints what `helm template` prints.
    Chart(Box<chart::ChartArgs>),
    /// Prints what helm-controller would install: values, names, schemas, post-renderers and labels included.
    ///
    /// Nothing is asked of a cluster. Definitions come first and hooks last; Secrets are printed in plain text.
    Helmrelease {
        /// The HelmRelease's name.
        name: String,
        /// The chart that its source would hold: a folder or an archive.
        #[arg(long, value_name = "CHART")]
        chart: PathBuf,
        /// Manifests of the HelmRelease and of the ConfigMaps and Secrets that it refers to. May be repeated.
        #[arg(long, value_name = "FILE", required = true)]
        file: Vec<PathBuf>,
        /// The version of Kubernetes that templates see.
        #[arg(long, value_name = "VERSION")]
        kube_version: Option<String>,
        /// Versions of the API that templates see besides Helm's own.
        #[arg(short, long, value_name = "VERSION", value_delimiter = ',')]
        api_versions: Vec<String>,
    },
}

pub(super) fn run(args: &BuildArgs) -> io::Result<Exit> {
    let mut warnings = Vec::new();
    let built = match &args.what {
        What::Kustomize { dir } => kustomized(dir, &mut warnings).map_err(|error| format!("error: {error}")),
        What::Kustomization {
            name,
            path,
            file,
            source,
        } => kustomization(name, path, file, source.as_deref()).map_err(|error| format!("error: {error}")),
        What::Chart(args) => chart::rendered(args).map_err(|error| format!("Error: {error}")),
        What::Helmrelease {
            name,
            chart,
            file,
            kube_version,
            api_versions,
        } => chart::capabilities(kube_version.as_deref(), api_versions)
            .and_then(|capabilities| helm_release(name, chart, file, &capabilities))
            .map_err(|error| format!("error: {error}")),
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

fn kustomization(
    name: &str,
    path: &Path,
    files: &[PathBuf],
    source: Option<&Path>,
) -> Result<String, String> {
    let real = |path: &Path| fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()));
    let directory = real(path)?;
    let tree = match source {
        Some(source) => real(source)?,
        None => {
            let mut around = directory.ancestors();
            let repository = around.find(|folder| folder.join(".git").exists());
            repository.unwrap_or(&directory).to_owned()
        }
    };
    let below = directory
        .strip_prefix(&tree)
        .map_err(|_| format!("{} is not below {}", directory.display(), tree.display()))?;
    let manifests = manifests(files)?;
    let objects = offline::kustomization(name, &manifests, &tree, &below.to_string_lossy())?;
    Ok(kustomize::to_yaml(&objects))
}

fn helm_release(
    name: &str,
    chart: &Path,
    files: &[PathBuf],
    capabilities: &helm::Capabilities,
) -> Result<String, String> {
    let chart = chart::load(chart)?;
    let manifests = manifests(files)?;
    offline::helm_release(
        name,
        &manifests,
        &chart,
        capabilities,
        &mut chart::Offline::here(),
    )
}

/// The objects in files.
fn manifests(files: &[PathBuf]) -> Result<Vec<Value>, String> {
    let mut manifests = Vec::new();
    for file in files {
        let shown = file.display();
        let text = fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
        let documents = yaml::read_documents(&text, yaml::Dialect::Kubernetes);
        manifests.extend(documents.map_err(|error| format!("{shown}: {error}"))?);
    }
    Ok(manifests)
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
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: \"n\"\n---\n\
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
    fn a_kustomization_is_printed_as_it_would_be_applied() {
        let folder = tree();
        let file = folder.path().join("sync.yaml");
        let manifests = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
             metadata: {name: app, namespace: flux}\n\
             spec:\n  interval: 1h\n  prune: true\n  sourceRef: {kind: GitRepository, name: x}\n  \
             nameSuffix: -s\n  postBuild: {substituteFrom: [{kind: ConfigMap, name: vars}]}\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata: {name: vars}\ndata: {unused: x}\n";
        fs::write(&file, manifests).unwrap();
        let dir = folder.path().join("other");
        let text = kustomization("app", &dir, std::slice::from_ref(&file), None).unwrap();
        assert_eq!(
            text,
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels:\n    kustomize.toolkit.fluxcd.io/name: app\n    \
             kustomize.toolkit.fluxcd.io/namespace: flux\n  name: x-s\n"
        );
        let error = kustomization("app", &dir, &[file], Some(&folder.path().join("app"))).unwrap_err();
        assert!(error.contains(" is not below "), "{error}");
        let error = kustomization("app", &dir, &[folder.path().join("none")], None).unwrap_err();
        assert!(error.contains("none: "), "{error}");
    }

    #[test]
    fn a_release_is_printed_as_it_would_be_installed() {
        let folder = tree();
        for (path, text) in [
            ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
            ("c/values.yaml", "replicas: 1\n"),
            (
                "c/templates/a.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  v: {{ \
                 .Values.replicas | quote }}\n",
            ),
            (
                "release.yaml",
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n\
                 metadata: {name: web, namespace: flux}\nspec:\n  interval: 1h\n  targetNamespace: apps\n  \
                 chartRef: {kind: OCIRepository, name: web}\n  valuesFrom: [{kind: ConfigMap, name: v}]\n",
            ),
            (
                "v.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: v}\ndata: {values.yaml: \"replicas: 7\"}\n",
            ),
            ("broken.yaml", "a: b\nc: [\n"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let at = |name: &str| folder.path().join(name);
        let capabilities = helm::Capabilities::default();
        let files = [at("release.yaml"), at("v.yaml")];
        let text = helm_release("web", &at("c"), &files, &capabilities).unwrap();
        assert_eq!(
            text,
            "---\n# Source: c/templates/a.yaml\napiVersion: v1\ndata:\n  v: \"7\"\nkind: ConfigMap\nmetadata:\n  \
             labels:\n    helm.toolkit.fluxcd.io/name: web\n    helm.toolkit.fluxcd.io/namespace: flux\n  name: \
             apps-web\n"
        );
        let error = helm_release("web", &at("c"), &[at("broken.yaml")], &capabilities).unwrap_err();
        assert!(
            error.contains("broken.yaml: ") && error.contains("line "),
            "{error}"
        );
        let error = helm_release("web", &at("none"), &files, &capabilities).unwrap_err();
        assert!(error.contains("none not found"), "{error}");
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
