//! What `helm template` does.

use std::collections::BTreeMap;

use serde_json::Value;
use version::{Constraint, Version};

use gotemplate::World;

use crate::{
    capabilities::Capabilities,
    chart::{Chart, File},
    dependencies, engine,
    error::Error,
    schema::{self, SchemaValidation},
    sorted::{self, Hook, Manifest},
    values::{Table, coalesce},
};

/// What templates learn of the release.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Where it goes.
    pub namespace: String,
    /// How often it was installed or upgraded, this time counted.
    pub revision: i64,
    /// Whether it is there already.
    pub upgrade: bool,
}

impl Default for Release {
    fn default() -> Self {
        Self {
            name: "release-name".to_owned(),
            namespace: "default".to_owned(),
            revision: 1,
            upgrade: false,
        }
    }
}

/// What a chart came to.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The objects in the order of their installation.
    pub manifests: Vec<Manifest>,
    /// The hooks in the order of their kinds.
    pub hooks: Vec<Hook>,
    /// What `crds/` holds.
    pub crds: Vec<File>,
    /// What the chart tells its user.
    pub notes: String,
}

impl Rendered {
    /// What a post-renderer made of what was rendered: it is given and gives texts by the templates that printed them.
    ///
    /// # Errors
    /// What the post-renderer says, or what is wrong with its texts.
    pub fn post_rendered(
        mut self,
        with: impl FnOnce(Vec<(String, String)>) -> Result<BTreeMap<String, String>, String>,
    ) -> Result<Self, Error> {
        let failed = |text: String| Error::new(format!("error while running post render on files: {text}"));
        let manifests = self.manifests.drain(..).map(|it| (it.path, it.text));
        let mut texts: Vec<(String, String)> = manifests.collect();
        texts.extend(self.hooks.drain(..).map(|it| (it.path, it.text)));
        let files = with(texts).map_err(failed)?;
        (self.hooks, self.manifests) = sorted::sort(&files)?;
        Ok(self)
    }

    /// The text that records keep as the manifest of a release.
    pub fn manifest(&self) -> String {
        let one = |it: &Manifest| format!("---\n# Source: {}\n{}\n", it.path, it.text);
        self.manifests.iter().map(one).collect()
    }

    /// The text that `helm template` prints.
    pub fn text(&self, include_crds: bool) -> String {
        let mut text = String::new();
        for file in self.crds.iter().filter(|_| include_crds) {
            let data = String::from_utf8_lossy(&file.data);
            text.push_str(&format!("---\n# Source: {}\n{data}\n", file.name));
        }
        for manifest in &self.manifests {
            text.push_str(&format!("---\n# Source: {}\n{}\n", manifest.path, manifest.text));
        }
        let mut text = format!("{}\n", text.trim());
        for hook in &self.hooks {
            text.push_str(&format!("---\n# Source: {}\n{}\n", hook.path, hook.text));
        }
        text
    }
}

/// Renders a chart with values.
///
/// # Errors
/// What Helm says, see [`Error::shown`].
pub fn render(
    chart: &Chart,
    values: &Table,
    release: &Release,
    capabilities: &Capabilities,
    validation: SchemaValidation,
    world: &mut (dyn World + Send),
) -> Result<Rendered, Error> {
    // Templates may be nested deeper than the stack of the caller.
    gotemplate::deep(|| rendered(chart, values, release, capabilities, validation, world))
        .map_err(|error| Error::new(error.to_string()))?
}

/// The files of `crds/` of a chart and of those inside it that values switch on.
///
/// # Errors
/// What Helm says of the dependencies.
pub fn crds(chart: &Chart, values: &Table) -> Result<Vec<File>, Error> {
    let mut chart = chart.clone();
    dependencies::process(&mut chart, values)
        .map_err(|error| error.context("failed to process chart dependencies"))?;
    Ok(chart.crds())
}

fn rendered(
    chart: &Chart,
    values: &Table,
    release: &Release,
    capabilities: &Capabilities,
    validation: SchemaValidation,
    world: &mut dyn World,
) -> Result<Rendered, Error> {
    if !matches!(chart.metadata.kind.as_str(), "" | "application") {
        return Err(Error::new(format!(
            "{} charts are not installable",
            chart.metadata.kind
        )));
    }
    dependencies::check(chart)?;
    let mut chart = chart.clone();
    dependencies::process(&mut chart, values)
        .map_err(|error| error.context("chart dependencies processing failed"))?;
    let mut values = coalesce(&chart, values.clone(), false)?;
    if validation == SchemaValidation::Enforce {
        // The validator wants a value, the engine a table.
        let whole = Value::Object(values);
        schema::check(&chart, &whole)?;
        values = match whole {
            Value::Object(values) => values,
            _ => Table::new(),
        };
    }
    check_kube_version(&chart, capabilities)?;
    let mut files = engine::render(&chart, &values, release, capabilities, world)?;
    let own_notes = format!("{}/templates/NOTES.txt", chart.name());
    let notes = files.get(&own_notes).cloned().unwrap_or_default();
    files.retain(|name, _| !name.ends_with("NOTES.txt"));
    let (hooks, manifests) = sorted::sort(&files).map_err(Error::while_rendering)?;
    Ok(Rendered {
        manifests,
        hooks,
        crds: chart.crds(),
        notes,
    })
}

fn check_kube_version(chart: &Chart, capabilities: &Capabilities) -> Result<(), Error> {
    let wanted = &chart.metadata.kube_version;
    if wanted.is_empty() {
        return Ok(());
    }
    let kube = &capabilities.kube_version;
    let fits = match (wanted.parse::<Constraint>(), kube.normalized().parse::<Version>()) {
        (Ok(range), Ok(version)) => range.matches(&version),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let text = format!(
        "chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {}",
        kube.version()
    );
    Err(Error::new(text).while_rendering())
}
