//! Reconciles `HelmRelease`: wait for dependencies, find the chart, compose values, release, and keep it so.
//!
//! Never:
//! - computes a requeue; it returns a verdict and the shell does;
//! - acts on a release whose record it did not read in the same pass.

use std::{sync::Mutex, time::Duration};

use artifact::Fetcher;
use edges::{Edges, RemoteCluster};
use flux_api::{
    ConditionStatus, HelmRelease, HelmReleaseStatus,
    helm_release::ChartNameChangeStrategy,
    kustomization::KubeConfigReference,
    meta::{READY, RESET_AT},
    reason::{REST_CLIENT_ERROR, UNINSTALL_FAILED},
};
use flux_runtime::{Done, Failure, HealthExpressions, Progress, Reconciler, kubeconfig};
use kube::ResourceExt;
use manifest::{Gvk, ObjectRef, object};
use ssa::{ApiError, Cluster, ResourceManager};

use crate::{
    Config,
    action::{Actor, Wanted},
    atomic::{self, Pass},
    chart, chart_template,
    config::NAME,
    dependencies, perform,
    report::{reason_of, summarize},
    snapshot,
    storage::Storage,
    values,
};

/// The controller.
pub(crate) struct Helmsman {
    pub(crate) edges: Edges,
    pub(crate) config: Config,
    pub(crate) cluster: Cluster,
    pub(crate) fetcher: Fetcher,
}

/// Why there is no way to the cluster of a release.
enum NoAccess {
    /// What leads there is gone.
    Missing(String),
    Other(String),
}

impl Helmsman {
    pub(crate) fn new(edges: &Edges, config: Config) -> Self {
        Self {
            edges: edges.clone(),
            cluster: Cluster::new(edges.kube.clone()),
            fetcher: Fetcher::new(edges, config.http_retry),
            config,
        }
    }

    /// The account that releases are made as, if it is not the controller's own.
    fn account(&self, object: &HelmRelease) -> Option<String> {
        let filled = |name: &String| !name.is_empty();
        let own = object.spec.service_account_name.clone().filter(filled);
        own.or_else(|| Some(self.config.default_service_account.clone()))
            .filter(filled)
    }

    /// The cluster of a release, with the rights of its account.
    async fn target(&self, object: &HelmRelease) -> Result<Cluster, NoAccess> {
        let remote = match &object.spec.kube_config {
            Some(reference) => Some(self.remote(object, reference).await?),
            None => None,
        };
        let account = self.account(object);
        let namespace = object.namespace().unwrap_or_default();
        flux_runtime::target(&self.edges, &self.cluster, &namespace, account.as_deref(), remote)
            .map_err(NoAccess::Other)
    }

    /// The cluster that the object's kubeconfig leads to.
    async fn remote(
        &self,
        object: &HelmRelease,
        reference: &KubeConfigReference,
    ) -> Result<RemoteCluster, NoAccess> {
        let Some(secret) = &reference.secret_ref else {
            // DIFFERENCE: upstream asks AWS, Azure, Google Cloud or the API server for a token.
            return Err(NoAccess::Other(
                "kubeConfig.configMapRef is not supported".to_owned(),
            ));
        };
        let namespace = object.namespace().unwrap_or_default();
        let shown = format!("'{namespace}/{}'", secret.name);
        let source = ObjectRef {
            gvk: Gvk::new("v1", "Secret"),
            namespace,
            name: secret.name.clone(),
        };
        let found = self.cluster.get(&source).await.map_err(|error| {
            let text = format!("could not get KubeConfig secret {shown}: {error}");
            if error.is_not_found() {
                NoAccess::Missing(text)
            } else {
                NoAccess::Other(text)
            }
        })?;
        let insecure = self.config.insecure_kubeconfig_tls;
        kubeconfig::from_secret(&found, secret.key.as_deref(), &shown, insecure).map_err(NoAccess::Other)
    }

    fn actor<'a>(
        &'a self,
        object: &'a HelmRelease,
        cluster: Cluster,
        storage_namespace: String,
        expressions: &'a HealthExpressions,
    ) -> Actor<'a> {
        Actor {
            edges: &self.edges,
            object,
            manager: ResourceManager::new(cluster.clone(), self.edges.clock, NAME),
            storage: Storage::new(cluster.clone(), storage_namespace, self.edges.clock),
            cluster,
            expressions,
            log: Mutex::default(),
        }
    }

    /// Whether the account that the release was made as is gone, with its namespace perhaps.
    async fn account_is_gone(&self, object: &HelmRelease) -> Result<bool, ApiError> {
        let Some(account) = self.account(object).filter(|_| object.spec.kube_config.is_none()) else {
            return Ok(false);
        };
        let reference = ObjectRef {
            gvk: Gvk::new("v1", "ServiceAccount"),
            namespace: object.namespace().unwrap_or_default(),
            name: account,
        };
        match self.cluster.get(&reference).await {
            Ok(_) => Ok(false),
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) => Err(error),
        }
    }
}

impl Reconciler for Helmsman {
    type Object = HelmRelease;
    type Status = HelmReleaseStatus;

    const CONTROLLER: &'static str = NAME;

    fn interval(&self, object: &HelmRelease) -> Duration {
        object.spec.interval.0
    }

    fn suspended(&self, object: &HelmRelease) -> bool {
        object.spec.suspend == Some(true)
    }

    async fn reconcile(
        &self,
        object: &HelmRelease,
        status: &mut HelmReleaseStatus,
        progress: &Progress,
    ) -> Result<Done, Failure> {
        let checks = object.spec.health_check_exprs.as_deref().unwrap_or_default();
        let expressions = HealthExpressions::parse(checks).map_err(|error| dependencies::terminal(&error))?;
        chart_template::sync(self, object, status, progress).await?;
        progress.report(status, "Fulfilling prerequisites").await?;
        dependencies::check(self, object).await?;
        let (kind, artifact) = chart::resolve(self, object).await?;
        let values = values::compose(&self.cluster, object).await?;
        let found = chart::load(self, kind, &artifact).await?;
        let cluster = self.target(object).await.map_err(|error| match error {
            NoAccess::Missing(text) | NoAccess::Other(text) => {
                Failure::retry(REST_CLIENT_ERROR, text).silent()
            }
        })?;
        forget_prerequisites(progress);

        let metadata = found.chart.metadata.clone();
        if target_changed(object, status, &metadata.name) {
            let namespace = status.storage_namespace.clone().unwrap_or_default();
            let actor = self.actor(object, cluster, namespace, &expressions);
            return Err(give_up_old_target(&actor, status, progress).await);
        }
        let config_digest = snapshot::config_digest(&values);
        status.storage_namespace = Some(object.storage_namespace());
        let generation = object::generation(progress.object());
        if must_reset_failures(progress, status, generation, &metadata.version, &config_digest) {
            status.clear_failures();
        }
        status.last_attempted_generation = Some(generation);
        status.last_attempted_revision = Some(metadata.version.clone());
        status.last_attempted_revision_digest = found.oci_digest.clone();
        status.last_attempted_config_digest = Some(config_digest.clone());
        status.last_attempted_values_checksum = None;
        status.last_release_revision = None;
        progress.annotate("revision", &metadata.version);
        progress.annotate("token", &config_digest);
        if !metadata.app_version.is_empty() {
            progress.annotate("app-version", &metadata.app_version);
        }
        if let Some(digest) = &found.oci_digest {
            progress.annotate("oci-digest", digest);
        }

        let wanted = Wanted {
            chart: found.chart,
            values,
        };
        let actor = self.actor(object, cluster, object.storage_namespace(), &expressions);
        let pass = Pass {
            actor: &actor,
            wanted: &wanted,
            config_digest: &config_digest,
            progress,
            default_to_retry: self.config.default_to_retry,
        };
        atomic::run(&pass, status).await
    }

    async fn finalize(
        &self,
        object: &HelmRelease,
        status: &mut HelmReleaseStatus,
        progress: &Progress,
    ) -> Result<(), Failure> {
        if self.suspended(object) {
            return Ok(());
        }
        if let Some(namespace) = status.storage_namespace.clone() {
            self.uninstall(object, namespace, status, progress).await?;
        }
        chart_template::delete(self, status, progress).await
    }
}

impl Helmsman {
    /// Uninstalls the release of an object that goes, unless nobody is left who may.
    async fn uninstall(
        &self,
        object: &HelmRelease,
        namespace: String,
        status: &mut HelmReleaseStatus,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let failed = |text: String| {
            progress.set(READY, ConditionStatus::False, UNINSTALL_FAILED, &text);
            Failure::retry(UNINSTALL_FAILED, text).silent()
        };
        let cluster = match self.target(object).await {
            Ok(cluster) => cluster,
            Err(NoAccess::Missing(error)) => {
                tracing::warn!(error, "skipping Helm release uninstallation");
                return Ok(());
            }
            Err(NoAccess::Other(error)) => {
                let text = format!("failed to build REST client getter to uninstall release: {error}");
                return Err(failed(text));
            }
        };
        match self.account_is_gone(object).await {
            Ok(false) => {}
            Ok(true) => {
                tracing::warn!("skipping Helm release uninstallation: the ServiceAccount is gone");
                return Ok(());
            }
            Err(error) => {
                let text =
                    format!("failed to confirm ServiceAccount can be used to uninstall release: {error}");
                return Err(failed(text));
            }
        }
        let expressions = HealthExpressions::default();
        let actor = self.actor(object, cluster, namespace, &expressions);
        let outcome = perform::uninstall(&actor, status, progress).await;
        summarize(object, status, progress);
        if let Err(error) = outcome {
            progress.save(status).await?;
            return Err(Failure::retry(UNINSTALL_FAILED, error.to_string()).silent());
        }
        status.storage_namespace = None;
        Ok(())
    }
}

/// What a prerequisite said of being unfulfilled is no longer true.
fn forget_prerequisites(progress: &Progress) {
    const PREREQUISITES: [&str; 7] = [
        "DependencyNotReady",
        "AccessDenied",
        "ArtifactFailed",
        "SourceNotReady",
        "ValuesError",
        "ChartMutateError",
        "RESTClientError",
    ];
    let ready = progress.condition(READY);
    if ready.is_some_and(|ready| PREREQUISITES.contains(&ready.reason.as_str())) {
        progress.unready("reconciliation in progress");
    }
}

/// Whether the release is to be another one than it was.
fn target_changed(object: &HelmRelease, status: &HelmReleaseStatus, chart: &str) -> bool {
    let (Some(namespace), Some(current)) = (&status.storage_namespace, status.latest()) else {
        return false;
    };
    let strategy = object.upgrade().chart_name_change_strategy;
    let reinstalls =
        strategy.unwrap_or(ChartNameChangeStrategy::Reinstall) == ChartNameChangeStrategy::Reinstall;
    *namespace != object.storage_namespace()
        || current.namespace != object.release_namespace()
        || current.name != object.shortened_release_name()
        || (reinstalls && current.chart_name != chart)
}

/// Uninstalls the release that was, so that the next pass installs the one that is to be.
async fn give_up_old_target(
    actor: &Actor<'_>,
    status: &mut HelmReleaseStatus,
    progress: &Progress,
) -> Failure {
    let outcome = perform::uninstall(actor, status, progress).await;
    summarize(actor.object, status, progress);
    let ready = progress.condition(READY);
    let (reason, text) = ready.map_or_else(
        || (UNINSTALL_FAILED, String::new()),
        |ready| (reason_of(&ready), ready.message),
    );
    if outcome.is_ok() {
        status.history = None;
        status.clear_failures();
        status.storage_namespace = None;
    }
    Failure::retry(reason, text).silent()
}

/// Whether failures are of the past: something changed since, or it is asked for by annotation.
fn must_reset_failures(
    progress: &Progress,
    status: &mut HelmReleaseStatus,
    generation: i64,
    version: &str,
    config_digest: &str,
) -> bool {
    let reset = atomic::requested(
        progress.object(),
        RESET_AT,
        &mut status.last_handled_reset_at,
        status.last_handled_reconcile_at.as_deref(),
    );
    let other_values = status
        .last_attempted_config_digest
        .as_deref()
        .is_some_and(|digest| digest != config_digest);
    status.last_attempted_generation != Some(generation)
        || status.last_attempted_revision.as_deref() != Some(version)
        || other_values
        || reset
}
