//! A cluster that is there already, with whatever implementation runs on it.
//!
//! Scenarios take place one after the other, and each takes back what it made. Two runs at once would meddle with each
//! other's namespaces, so a run holds a lock: the Lease `gitops-conformance` in `default`.

mod lock;
mod publish;

use edges::Clock;
use git_server::GitServer;
use k8s_openapi::{
    api::apps::v1::Deployment,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, Client, api::ListParams, config::Kubeconfig};

use super::{Cluster, Logs, NAMESPACE, Started, live};
use crate::{scenario::OPENSHIFT, site::Attached, verdict::Miss};

pub(crate) use lock::Lock;
pub(crate) use publish::Publisher;

/// A client for the context that was named, and no other.
///
/// # Errors
/// When the file, the context or what it names is not there.
pub(crate) async fn client(site: &Attached) -> Result<Client, Miss> {
    let broken = |error: &dyn std::fmt::Display| {
        let message = format!(
            "{}, context {:?}: {error}",
            site.kubeconfig.display(),
            site.context
        );
        Miss::broken("target.kubeconfig", message)
    };
    let file = Kubeconfig::read_from(&site.kubeconfig).map_err(|error| broken(&error))?;
    if !file.contexts.iter().any(|context| context.name == site.context) {
        let names: Vec<&str> = file
            .contexts
            .iter()
            .map(|context| context.name.as_str())
            .collect();
        return Err(broken(&format!("no such context; there is {}", names.join(", "))));
    }
    live::client(file, Some(&site.context))
        .await
        .map_err(|error| broken(&error))
}

/// The cluster for one scenario.
///
/// # Errors
/// When it cannot be used.
pub(crate) async fn start(site: &Attached, max_hold: std::time::Duration) -> Result<Started, Miss> {
    let clock = Clock::system();
    let kube = client(site).await?;
    let git = GitServer::new().map_err(|error| Miss::broken("target.start", error.to_string()))?;
    let changes = live::changes(kube.clone(), clock).await?;
    let log = Logs::default();
    let following = live::follow_logs(kube.clone(), clock, log.clone());
    let cluster = Cluster {
        kube,
        clock,
        git,
        git_url: site.git.inside.clone(),
        log,
        faults: None,
        publisher: Some(Publisher::to(&site.git.here)),
        audit: None,
        max_hold: Some(max_hold),
        _alive: Box::new(following),
    };
    Ok(Started { cluster, changes })
}

/// What a run on a cluster needs before its first scenario, and gives back after the last.
pub(crate) struct Entered {
    lock: Lock,
    /// The beginnings of the features that the cluster lacks.
    pub(crate) lacking: Vec<&'static str>,
}

/// Takes the lock and looks what there is.
///
/// # Errors
/// When the cluster cannot be used, somebody else uses it, or nothing is installed.
pub(crate) async fn enter(site: &Attached) -> Result<Entered, Miss> {
    let client = client(site).await?;
    let broken = |error: kube::Error| Miss::broken("target.api", error.to_string());
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let installed = deployments.list(&ListParams::default()).await.map_err(broken)?;
    if installed.items.is_empty() {
        let message = format!("nothing is installed: namespace {NAMESPACE} has no Deployment");
        return Err(Miss::broken("target.install", message));
    }
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut lacking = Vec::new();
    for (features, definition) in NEEDS {
        if definitions.get_opt(definition).await.map_err(broken)?.is_none() {
            lacking.push(features);
        }
    }
    let groups = client.list_api_groups().await.map_err(broken)?;
    if !groups.groups.iter().any(|group| group.name == SCC_GROUP) {
        lacking.push(OPENSHIFT);
    }
    let lock = Lock::take(&client).await?;
    Ok(Entered { lock, lacking })
}

/// Gives the lock back.
pub(crate) async fn leave(entered: Entered) {
    entered.lock.release().await;
}

/// The group that every cluster of OpenShift serves.
const SCC_GROUP: &str = "security.openshift.io";

/// Features by the definition without which they cannot be there.
const NEEDS: [(&str, &str); 2] = [
    ("git.", "gitrepositories.source.toolkit.fluxcd.io"),
    ("kustomize.", "kustomizations.kustomize.toolkit.fluxcd.io"),
];
