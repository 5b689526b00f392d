//! Building a directory: read its kustomization, gather the objects, transform them.

use serde_json::Value;

use crate::{
    Error, Files, files, generate, limits::MAX_DEPTH, load, patches, references, set::Set,
    spec::Kustomization, transform,
};

/// The names a kustomization file may have.
pub(crate) const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A directory that is being built, and those that led to it.
struct Target<'a> {
    files: &'a dyn Files,
    dir: String,
    spec: Kustomization,
    file_name: &'static str,
    referrer: Option<&'a Target<'a>>,
    depth: usize,
    /// The way here from the first directory, when objects are to say where they come from.
    origin: Option<String>,
}

/// Builds a directory of the tree.
pub(crate) fn build(files: &dyn Files, dir: &str) -> Result<Vec<Value>, Error> {
    let dir = files::join("", dir)?;
    if !files.is_dir(&dir) {
        return Err(not_a_directory(&dir));
    }
    let mut target = Target::load(files, &dir, None)?;
    let metadata = &target.spec.build_metadata;
    if let Some(other) = metadata.iter().find(|it| *it != "originAnnotations") {
        return Err(Error::new(format!(
            "buildMetadata option '{other}' is not supported"
        )));
    }
    if !metadata.is_empty() {
        target.origin = Some(String::new());
    }
    if let Some(sort) = target
        .spec
        .sort_options
        .as_ref()
        .filter(|sort| !matches!(sort.order.as_str(), "" | "fifo"))
    {
        return Err(Error::new(format!(
            "sortOptions order '{}' is not supported",
            sort.order
        )));
    }
    let mut set = Set::default();
    target.accumulate(&mut set)?;
    for resource in &mut set.0 {
        if resource.hashed {
            let hash = generate::hash(&resource.value);
            resource.remember();
            let name = resource.id().name;
            resource.set_name(&format!("{name}-{hash}"));
        }
    }
    references::fix(&mut set)?;
    let built = set.0.into_iter().filter(|resource| {
        let local = manifest::object::annotation(&resource.value, "config.kubernetes.io/local-config");
        local.is_none_or(|text| text == "false")
    });
    Ok(built.map(crate::resource::Resource::finish).collect())
}

fn not_a_directory(dir: &str) -> Error {
    let dir = files::shown(dir);
    Error::new(format!(
        "must build at directory: not a valid directory: evalsymlink failure on '{dir}' : lstat {dir}: no such file or directory"
    ))
}

impl<'a> Target<'a> {
    fn load(files: &'a dyn Files, dir: &str, referrer: Option<&'a Self>) -> Result<Self, Error> {
        let mut found = FILE_NAMES.into_iter().filter_map(|name| {
            let path = files::join(dir, name).ok()?;
            files.read(&path).ok().map(|content| (name, content))
        });
        let Some((file_name, content)) = found.next() else {
            return Err(Error::new(format!(
                "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{}'",
                files::shown(dir)
            )));
        };
        if found.next().is_some() {
            let dir = files::shown(dir);
            return Err(Error::new(format!(
                "Found multiple kustomization files under: {dir}\n"
            )));
        }
        let text =
            String::from_utf8(content).map_err(|_| Error::new("invalid Kustomization: invalid UTF-8"))?;
        let spec = Kustomization::parse(&text)?;
        if is_empty(&text) {
            return Err(Error::new("kustomization.yaml is empty"));
        }
        enforce(&spec, dir)?;
        if let Some(field) = spec.unsupported() {
            return Err(Error::new(format!(
                "field '{field}' of the kustomization in {} is not supported",
                files::shown(dir)
            )));
        }
        let depth = referrer.map_or(0, |referrer| referrer.depth + 1);
        if depth > MAX_DEPTH {
            return Err(Error::new(format!(
                "more than {MAX_DEPTH} directories below one another"
            )));
        }
        Ok(Self {
            files,
            dir: dir.to_owned(),
            spec,
            file_name,
            referrer,
            depth,
            origin: None,
        })
    }

    fn accumulate(&self, set: &mut Set) -> Result<(), Error> {
        for path in &self.spec.resources {
            self.resource(set, path)
                .map_err(|error| error.within("accumulating resources"))?;
        }
        self.generate(set)?;
        for path in &self.spec.components {
            self.component(set, path)
                .map_err(|error| error.within("accumulating components"))?;
        }
        self.transform(set)
    }

    /// A path of `resources`: tried as a file first, then as a directory.
    fn resource(&self, set: &mut Set, path: &str) -> Result<(), Error> {
        let Err(as_file) = self.file(set, path) else {
            return Ok(());
        };
        let within = format!("accumulation err='{as_file}'");
        let dir = match self.directory(path) {
            Ok(dir) => dir,
            Err(_) if as_file.is_malformed() => return Err(as_file),
            Err(error) => return Err(error.within(within)),
        };
        self.base(set, &dir, path).map_err(|error| error.within(within))
    }

    fn file(&self, set: &mut Set, path: &str) -> Result<(), Error> {
        let from = |error: Error| error.within(format!("accumulating resources from '{path}'"));
        let text = files::load_text(self.files, &self.dir, path).map_err(from)?;
        let mut resources = load::resources(&text).map_err(|error| from(patches::in_file(error, path)))?;
        if let Some(origin) = &self.origin {
            let origin = format!("path: {}\n", files::way(origin, path));
            resources
                .iter_mut()
                .for_each(|resource| resource.set_origin(&origin));
        }
        set.append_all(resources)
            .map_err(|error| error.within(format!("merging resources from '{path}'")))
    }

    /// A directory that is not this one, nor above one that led here.
    fn directory(&self, path: &str) -> Result<String, Error> {
        if path.is_empty() {
            return Err(Error::new("new root cannot be empty"));
        }
        if files::is_remote(path) {
            return Err(Error::new(format!(
                "remote base '{path}' is refused: loading from a URL is not supported"
            )));
        }
        if path.starts_with('/') {
            return Err(Error::new(format!("new root '{path}' cannot be absolute")));
        }
        let dir = files::join(&self.dir, path).map_err(|error| {
            let text = error.to_string().replacen(" read ", " abs ", 1);
            Error::new(text).within("must build at directory: not a valid directory")
        })?;
        if self.files.read(&dir).is_ok() {
            let dir = files::shown(&dir);
            return Err(Error::new(format!(
                "must build at directory: '{dir}': file is not directory"
            )));
        }
        if !self.files.is_dir(&dir) {
            return Err(not_a_directory(&dir));
        }
        let mut visited = Some(self);
        while let Some(target) = visited {
            if files::has_prefix(&target.dir, &dir) {
                return Err(Error::new(format!(
                    "cycle detected: candidate root '{}' contains visited root '{}'",
                    files::shown(&dir),
                    files::shown(&target.dir)
                )));
            }
            visited = target.referrer;
        }
        Ok(dir)
    }

    /// The target of a directory that this one names.
    fn below<'b>(&'b self, dir: &str, path: &str) -> Result<Target<'b>, Error> {
        let shown = files::shown(dir);
        let target = Target::load(self.files, dir, Some(self))
            .map_err(|error| error.within(format!("couldn't make target for path '{shown}'")))?;
        let origin = self.origin.as_ref().map(|origin| files::way(origin, path));
        Ok(Target { origin, ..target })
    }

    fn base(&self, set: &mut Set, dir: &str, path: &str) -> Result<(), Error> {
        let shown = files::shown(dir);
        let target = self.below(dir, path)?;
        if target.spec.kind == "Component" {
            return Err(Error::new(format!(
                "expected kind != 'Component' for path '{shown}'"
            )));
        }
        let mut own = Set::default();
        target
            .accumulate(&mut own)
            .map_err(|error| error.within(format!("recursed accumulation of path '{shown}'")))?;
        set.append_all(own.0)
            .map_err(|error| error.within(format!("recursed merging from path '{shown}'")))
    }

    /// A component changes the objects gathered so far.
    fn component(&self, set: &mut Set, path: &str) -> Result<(), Error> {
        let quoted = |error: &Error| crate::error::quoted(&error.to_string());
        let dir = self
            .directory(path)
            .map_err(|error| Error::new(format!("loader.New {}", quoted(&error))))?;
        let shown = files::shown(&dir);
        let mut built = || {
            let target = self.below(&dir, path)?;
            if target.spec.kind != "Component" {
                let kind = &target.spec.kind;
                let error = format!("expected kind 'Component' for path '{shown}' but got '{kind}'");
                return Err(Error::new(error));
            }
            target
                .accumulate(set)
                .map_err(|error| error.within(format!("recursed accumulation of path '{shown}'")))
        };
        built().map_err(|error| Error::new(format!("accumulateDirectory: {}", quoted(&error))))
    }

    fn generate(&self, set: &mut Set) -> Result<(), Error> {
        let spec = &self.spec;
        let configs = spec
            .config_map_generator
            .iter()
            .map(|it| (generate::Kind::ConfigMap, it));
        let secrets = spec
            .secret_generator
            .iter()
            .map(|it| (generate::Kind::Secret, it));
        for (kind, generator) in configs.chain(secrets) {
            let global = spec.generator_options.as_ref();
            let mut made = generate::generate(self.files, &self.dir, kind, generator, global)?;
            if let Some(origin) = &self.origin {
                let file = files::way(origin, self.file_name);
                let by = format!(
                    "configuredBy:\n  apiVersion: builtin\n  kind: {}Generator\n",
                    kind.name()
                );
                made.set_origin(&format!("configuredIn: {file}\n{by}"));
            }
            set.absorb(made)
                .map_err(|error| error.within("merging from generator"))?;
        }
        Ok(())
    }

    fn transform(&self, set: &mut Set) -> Result<(), Error> {
        let spec = &self.spec;
        let ready: Result<Vec<_>, _> = spec
            .patches
            .iter()
            .map(|patch| patches::ready(self.files, &self.dir, patch))
            .collect();
        let ready = ready?;
        patches::strategic_merge(self.files, &self.dir, set, &spec.patches_strategic_merge)?;
        for patch in &ready {
            patch.apply(set)?;
            set.drop_deleted();
        }
        transform::namespace(set, &spec.namespace)?;
        transform::affixes(set, &spec.name_prefix, &spec.name_suffix);
        transform::labels(set, spec)?;
        transform::annotations(set, &spec.common_annotations)?;
        for patch in &spec.patches_json6902 {
            patches::json6902(self.files, &self.dir, set, patch)?;
        }
        for replica in &spec.replicas {
            transform::replicas(set, replica)?;
        }
        for image in &spec.images {
            transform::image(set, image)?;
        }
        Ok(())
    }
}

/// Whether a kustomization says nothing but what it is.
fn is_empty(text: &str) -> bool {
    let value = yaml::read(text, yaml::Dialect::Kubernetes).unwrap_or(Value::Null);
    value.as_object().is_none_or(|map| {
        map.iter()
            .all(|(key, value)| value.is_null() || key == "kind" || key == "apiVersion")
    })
}

fn enforce(spec: &Kustomization, dir: &str) -> Result<(), Error> {
    let mut wrong = Vec::new();
    let component = spec.kind == "Component";
    if !component && spec.kind != "Kustomization" {
        wrong.push("kind should be Kustomization or Component".to_owned());
    }
    let version = if component {
        "kustomize.config.k8s.io/v1alpha1"
    } else {
        "kustomize.config.k8s.io/v1beta1"
    };
    if !spec.api_version.is_empty() && spec.api_version != version {
        wrong.push(format!("apiVersion for {} should be {version}", spec.kind));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let dir = files::shown(dir);
    Err(Error::new(format!(
        "Failed to read kustomization file under {dir}:\n{}",
        wrong.join("\n")
    )))
}
