//! Building a directory: read its kustomization, gather the objects, transform them.

use std::{
    cell::{OnceCell, RefCell},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    Error, Files, Options, Order,
    config::Config,
    crds, files, generate,
    limits::MAX_DEPTH,
    load,
    merge_keys::Table,
    openapi::Schema,
    order,
    origin::{self, Origin, Stamp},
    patches, references,
    set::Set,
    spec::Kustomization,
    transform, transformers, vars,
};

/// The names a kustomization file may have.
pub(crate) const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What a build gathers.
#[derive(Default)]
struct Gathered {
    set: Set,
    config: Arc<Config>,
    vars: vars::Vars,
}

impl Gathered {
    fn merge(&mut self, other: Self) -> Result<(), Error> {
        self.set.append_all(other.set.0)?;
        Config::merge_shared(&mut self.config, &other.config)?;
        vars::merge(&mut self.vars, other.vars)
    }
}

/// What all targets of a build share.
struct Shared {
    warnings: RefCell<Vec<String>>,
    /// The schema that the first kustomization with `openapi` names.
    schema: OnceCell<Schema>,
}

/// A directory that is being built, and those that led to it.
pub(crate) struct Target<'a> {
    pub(crate) files: &'a dyn Files,
    pub(crate) dir: String,
    pub(crate) spec: Kustomization,
    pub(crate) file_name: &'static str,
    /// The way here from the first directory, when objects are to say where they come from.
    pub(crate) origin: Option<Origin>,
    referrer: Option<&'a Target<'a>>,
    depth: usize,
    shared: &'a Shared,
}

/// Builds a directory of the tree; what there is to warn of is added to `warnings`, whatever comes of the build.
pub(crate) fn build(
    files: &dyn Files,
    dir: &str,
    options: Options,
    warnings: &mut Vec<String>,
) -> Result<Vec<Value>, Error> {
    let shared = Shared {
        warnings: RefCell::default(),
        schema: OnceCell::new(),
    };
    let built = build_with(files, dir, options, &shared);
    warnings.append(&mut shared.warnings.into_inner());
    built
}

fn build_with(files: &dyn Files, dir: &str, options: Options, shared: &Shared) -> Result<Vec<Value>, Error> {
    let dir = files.real(&files::join("", dir)?);
    if !files.is_dir(&dir) {
        return Err(not_a_directory(&dir));
    }
    let mut target = Target::load(files, &dir, None, shared)?;
    target.read_schema()?;
    let metadata = target.spec.build_metadata.clone();
    if !metadata.is_empty() {
        target.origin = Some(Origin::default());
    }
    let mut gathered = Gathered::default();
    target.accumulate(&mut gathered)?;
    let Gathered {
        mut set,
        config,
        vars,
    } = gathered;
    for resource in &mut set.0 {
        if resource.hashed {
            let hash = generate::hash(&resource.value);
            resource.remember();
            let name = resource.id().name;
            resource.set_name(&format!("{name}-{hash}"));
        }
    }
    references::fix(&mut set, &config.name_reference)?;
    let unused = vars::resolve(&mut set, &vars, &config.var_reference)?;
    shared.warnings.borrow_mut().extend(unused);
    set.0.retain(|resource| {
        let local = manifest::object::annotation(&resource.value, "config.kubernetes.io/local-config");
        local.is_none_or(|text| text == "false")
    });
    match (&target.spec.sort_options, options.order) {
        (Some(sort), _) => order::sort(&mut set, sort)?,
        (None, Order::ByKind) => order::by_kind(&mut set),
        (None, Order::AsFound) => {}
    }
    if metadata.iter().any(|option| option == "managedByLabel") {
        transform::managed_by(&mut set)?;
    }
    let built = set.0.into_iter().map(|mut resource| {
        origin::clean(&mut resource, &metadata);
        resource.finish()
    });
    Ok(built.collect())
}

fn not_a_directory(dir: &str) -> Error {
    let dir = files::shown(dir);
    Error::new(format!(
        "must build at directory: not a valid directory: evalsymlink failure on '{dir}' : lstat {dir}: no such file or directory"
    ))
}

impl<'a> Target<'a> {
    fn load(
        files: &'a dyn Files,
        dir: &str,
        referrer: Option<&'a Self>,
        shared: &'a Shared,
    ) -> Result<Self, Error> {
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
        let spec = Kustomization::parse(&text, &mut shared.warnings.borrow_mut())?;
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
            shared,
        })
    }

    /// Reads the schema of `openapi`; the first kustomization that names one decides for all.
    fn read_schema(&self) -> Result<(), Error> {
        if self.spec.openapi.is_empty() {
            return Ok(());
        }
        let text = match self.spec.openapi.get("path") {
            Some(path) => Some(files::load_text(self.files, &self.dir, path)?),
            None => None,
        };
        if self.shared.schema.get().is_none()
            && let Some(schema) = Schema::read(&self.spec.openapi, text.as_deref())?
        {
            // Only the first is kept.
            let _ = self.shared.schema.set(schema);
        }
        Ok(())
    }

    fn accumulate(&self, gathered: &mut Gathered) -> Result<(), Error> {
        for path in &self.spec.resources {
            self.resource(gathered, path)
                .map_err(|error| error.within("accumulating resources"))?;
        }
        let config = Config::load(self.files, &self.dir, &self.spec.configurations)?;
        Config::merge_shared(&mut gathered.config, &config)?;
        if !self.spec.crds.is_empty() {
            let config = crds::config(self.files, &self.dir, &self.spec.crds)
                .map_err(|error| error.within(format!("loading CRDs [{}]", self.spec.crds.join(" "))))?;
            Arc::make_mut(&mut gathered.config).merge(config)?;
        }
        self.generate(&mut gathered.set)?;
        for path in &self.spec.components {
            self.component(gathered, path)
                .map_err(|error| error.within("accumulating components"))?;
        }
        let config = gathered.config.clone();
        let keys = match self.shared.schema.get() {
            Some(schema) => &schema.0,
            None => Table::built_in(),
        };
        transformers::run(self, &mut gathered.set, &config, keys)?;
        vars::gather(&mut gathered.vars, &mut gathered.set, &self.spec.vars)
    }

    /// A path of `resources`: tried as a file first, then as a directory.
    fn resource(&self, gathered: &mut Gathered, path: &str) -> Result<(), Error> {
        let Err(as_file) = self.file(&mut gathered.set, path) else {
            return Ok(());
        };
        let within = format!("accumulation err='{as_file}'");
        let dir = match self.directory(path) {
            Ok(dir) => dir,
            Err(_) if as_file.is_malformed() => return Err(as_file),
            Err(error) => return Err(error.within(within)),
        };
        self.base(gathered, &dir, path)
            .map_err(|error| error.within(within))
    }

    fn file(&self, set: &mut Set, path: &str) -> Result<(), Error> {
        let from = |error: Error| error.within(format!("accumulating resources from '{path}'"));
        let text = files::load_text(self.files, &self.dir, path).map_err(from)?;
        let mut resources = load::resources(&text).map_err(|error| from(patches::in_file(error, path)))?;
        if let Some(origin) = &self.origin {
            let origin = origin.below(path);
            resources.iter_mut().for_each(|resource| origin.mark(resource));
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
        let dir = self.files.real(&dir);
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
        let target = Target::load(self.files, dir, Some(self), self.shared)
            .map_err(|error| error.within(format!("couldn't make target for path '{shown}'")))?;
        target.read_schema()?;
        let origin = self.origin.as_ref().map(|origin| origin.below(path));
        Ok(Target { origin, ..target })
    }

    fn base(&self, gathered: &mut Gathered, dir: &str, path: &str) -> Result<(), Error> {
        let shown = files::shown(dir);
        let target = self.below(dir, path)?;
        if target.spec.kind == "Component" {
            return Err(Error::new(format!(
                "expected kind != 'Component' for path '{shown}'"
            )));
        }
        let mut own = Gathered::default();
        target
            .accumulate(&mut own)
            .map_err(|error| error.within(format!("recursed accumulation of path '{shown}'")))?;
        gathered
            .merge(own)
            .map_err(|error| error.within(format!("recursed merging from path '{shown}'")))
    }

    /// A component changes the objects gathered so far.
    fn component(&self, gathered: &mut Gathered, path: &str) -> Result<(), Error> {
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
                .accumulate(gathered)
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
                let file = transformers::origin_file(self, origin);
                Stamp::builtin(&format!("{}Generator", kind.name()), &file).mark(&mut made);
            }
            set.absorb(made)
                .map_err(|error| error.within("merging from generator"))?;
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
