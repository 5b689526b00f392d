//! Renders charts with what the cluster can do and holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use edges::{Edges, Rng};
use gotemplate::{CertificateRequest, World};
use helm::{Capabilities, Chart, KubeVersion, Release, Rendered, SchemaValidation};
use jiff::Timestamp;
use manifest::{Gvk, ObjectRef};
use serde_json::{Map, Value, json};
use ssa::Cluster;

use crate::action::Error;

/// How often templates may ask for objects that they did not ask for the time before.
const MAX_ROUNDS: usize = 10;

/// What a template asks of the cluster: API version, kind, namespace and name.
type Question = (String, String, String, String);

/// Renders a chart. Templates cannot wait for the cluster, so they are rendered, then what they asked for is read,
/// and then they are rendered again, until they ask for nothing new.
pub(crate) async fn render(
    edges: &Edges,
    cluster: &Cluster,
    chart: &Chart,
    values: &Map<String, Value>,
    release: &Release,
    validation: SchemaValidation,
) -> Result<Rendered, Error> {
    let capabilities = capabilities(cluster).await?;
    let seed = edges.seed.derive("helm").derive(&format!(
        "{}/{}/{}",
        release.namespace, release.name, release.revision
    ));
    let mut known = BTreeMap::new();
    for _ in 0..MAX_ROUNDS {
        let mut world = Live {
            now: edges.clock.now(),
            rng: seed.rng(),
            known: &known,
            asked: BTreeSet::new(),
        };
        let rendered = helm::render(chart, values, release, &capabilities, validation, &mut world);
        let asked = world.asked;
        if asked.is_empty() {
            return rendered.map_err(|error| Error::new(error.to_string()));
        }
        for question in asked {
            let answer = answer(cluster, &question).await;
            known.insert(question, answer);
        }
    }
    Err(Error::new(format!(
        "templates look up new objects after {MAX_ROUNDS} rounds"
    )))
}

async fn answer(cluster: &Cluster, question: &Question) -> Result<Value, String> {
    let (api_version, kind, namespace, name) = question;
    let gvk = Gvk::new(api_version, kind);
    let empty = Value::Object(Map::new());
    if name.is_empty() {
        return match cluster.list(&gvk, namespace, "").await {
            Ok(items) => {
                Ok(json!({"apiVersion": api_version, "kind": format!("{kind}List"), "items": items}))
            }
            Err(error) if error.is_absent() => Ok(empty),
            Err(error) => Err(error.to_string()),
        };
    }
    let reference = ObjectRef {
        gvk,
        namespace: namespace.clone(),
        name: name.clone(),
    };
    match cluster.get(&reference).await {
        Ok(found) => Ok(found),
        Err(error) if error.is_absent() => Ok(empty),
        Err(error) => Err(error.to_string()),
    }
}

/// What the cluster can do.
async fn capabilities(cluster: &Cluster) -> Result<Capabilities, Error> {
    let failed = |what: &str, error: &dyn Display| {
        Error::new(format!("could not get {what} from Kubernetes: {error}"))
    };
    let client = cluster.client();
    let version = client.apiserver_version().await;
    let version = version.map_err(|error| failed("server version", &error))?;
    let kube_version =
        KubeVersion::parse(&version.git_version).map_err(|error| failed("server version", &error))?;
    let mut api_versions = Vec::new();
    let mut add = |group_version: &str, kinds: Vec<String>| {
        api_versions.push(group_version.to_owned());
        api_versions.extend(kinds.into_iter().map(|kind| format!("{group_version}/{kind}")));
    };
    let core = client.list_core_api_resources("v1").await;
    let core = core.map_err(|error| failed("apiVersions", &error))?;
    add(
        "v1",
        core.resources.into_iter().map(|resource| resource.kind).collect(),
    );
    let groups = client.list_api_groups().await;
    let groups = groups.map_err(|error| failed("apiVersions", &error))?;
    for version in groups.groups.into_iter().flat_map(|group| group.versions) {
        let listed = client.list_api_group_resources(&version.group_version).await;
        // A group whose server does not answer is as good as absent.
        let resources = listed.map(|list| list.resources).unwrap_or_default();
        let kinds = resources.into_iter().map(|resource| resource.kind).collect();
        add(&version.group_version, kinds);
    }
    api_versions.sort();
    api_versions.dedup();
    Ok(Capabilities {
        kube_version,
        api_versions,
    })
}

/// The controller's world as templates see it.
struct Live<'a> {
    now: Timestamp,
    rng: Rng,
    known: &'a BTreeMap<Question, Result<Value, String>>,
    asked: BTreeSet<Question>,
}

impl World for Live<'_> {
    fn now(&mut self) -> (i64, u32) {
        (self.now.as_second(), self.now.subsec_nanosecond().unsigned_abs())
    }

    fn random(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.rng.number().to_le_bytes();
            chunk
                .iter_mut()
                .zip(drawn)
                .for_each(|(byte, drawn)| *byte = drawn);
        }
    }

    fn lookup(
        &mut self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Value, String> {
        let question = (
            api_version.to_owned(),
            kind.to_owned(),
            namespace.to_owned(),
            name.to_owned(),
        );
        match self.known.get(&question) {
            Some(answer) => answer.clone(),
            None => {
                self.asked.insert(question);
                Ok(Value::Object(Map::new()))
            }
        }
    }

    /// DIFFERENCE: upstream's feature AllowDNSLookups is not there; by default it is off too.
    fn host(&mut self, _: &str) -> String {
        String::new()
    }

    /// DIFFERENCE: genPrivateKey makes keys with upstream.
    fn private_key(&mut self, _: &str) -> Result<String, String> {
        Err("private keys are not supported".to_owned())
    }

    /// DIFFERENCE: genCA, genSelfSignedCert and genSignedCert make certificates with upstream.
    fn certificate(&mut self, _: &CertificateRequest) -> Result<(String, String), String> {
        Err("certificates are not supported".to_owned())
    }
}
