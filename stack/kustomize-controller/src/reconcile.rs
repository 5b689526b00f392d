//! Reconciles `Kustomization`: resolve, wait for dependencies, fetch, build, apply, prune, check health.
//!
//! Never:
//! - sets Ready, computes a requeue or retries; it returns a verdict and the shell does;
//! - drops an object from the inventory while its deletion is wanted and unconfirmed.

use std::time::Duration;

use artifact::Fetcher;
use edges::{Edges, RemoteCluster};
use flux_api::{
    Artifact, Kustomization, KustomizationStatus,
    kustomization::{DeletionPolicy, KubeConfigReference},
    meta::ORIGIN_REVISION,
    reason::{
        BUILD_FAILED, FEATURE_GATE_DISABLED, INVALID_CEL_EXPRESSION, RECONCILIATION_FAILED,
        RECONCILIATION_SUCCEEDED,
    },
};
use flux_runtime::{
    Announce, Disposition::Retry, Done, EventType, Failure, HealthExpressions, OrFail, Progress, Reconciler,
    RetryPolicy, kubeconfig,
};
use kube::ResourceExt;
use manifest::ObjectRef;
use ssa::{Cluster, ResourceManager, inventory};
use stdx::duration::format as go;

use crate::{
    Config, apply, build,
    build::{Built, Inputs},
    config::NAME,
    decryption, dependencies, health,
    history::{self, Entry},
    source, variables,
};

/// The controller.
pub(crate) struct Kustomizer {
    pub(crate) edges: Edges,
    pub(crate) config: Config,
    pub(crate) cluster: Cluster,
    pub(crate) fetcher: Fetcher,
}

impl Kustomizer {
    pub(crate) fn new(edges: &Edges, config: Config) -> Self {
        Self {
            edges: edges.clone(),
            cluster: Cluster::new(edges.kube.clone()),
            fetcher: Fetcher::new(edges, config.http_retry),
            config,
        }
    }

    /// The account that objects are applied as, if it is not the controller's own.
    pub(crate) fn account(&self, object: &Kustomization) -> Option<String> {
        let own = object
            .spec
            .service_account_name
            .clone()
            .filter(|name| !name.is_empty());
        own.or_else(|| Some(self.config.default_service_account.clone()))
            .filter(|name| !name.is_empty())
    }

    /// What applies and deletes for an object, in its cluster and with the rights of its account.
    async fn manager(&self, object: &Kustomization) -> Result<ResourceManager, String> {
        let remote = match &object.spec.kube_config {
            Some(reference) => Some(self.remote(object, reference).await?),
            None => None,
        };
        let account = self.account(object);
        let namespace = object.namespace().unwrap_or_default();
        let cluster =
            flux_runtime::target(&self.edges, &self.cluster, &namespace, account.as_deref(), remote)?;
        Ok(ResourceManager::new(cluster, self.edges.clock, NAME))
    }

    /// The cluster that the object's kubeconfig leads to.
    async fn remote(
        &self,
        object: &Kustomization,
        reference: &KubeConfigReference,
    ) -> Result<RemoteCluster, String> {
        let Some(secret) = &reference.secret_ref else {
            // DIFFERENCE: upstream asks AWS, Azure, Google Cloud or the API server for a token.
            return Err("kubeConfig.configMapRef is not supported".to_owned());
        };
        let namespace = object.namespace().unwrap_or_default();
        let shown = format!("'{namespace}/{}'", secret.name);
        let source = ObjectRef {
            gvk: manifest::Gvk::new("v1", "Secret"),
            namespace,
            name: secret.name.clone(),
        };
        let found = self.cluster.get(&source).await;
        let found =
            found.map_err(|error| format!("unable to read KubeConfig secret {shown} error: {error}"))?;
        let insecure = self.config.insecure_kubeconfig_tls;
        kubeconfig::from_secret(&found, secret.key.as_deref(), &shown, insecure)
    }
}

impl Reconciler for Kustomizer {
    type Object = Kustomization;
    type Status = KustomizationStatus;

    const CONTROLLER: &'static str = NAME;

    fn interval(&self, object: &Kustomization) -> Duration {
        object.spec.interval.0
    }

    fn suspended(&self, object: &Kustomization) -> bool {
        object.spec.suspend == Some(true)
    }

    fn retry(&self, object: &Kustomization) -> RetryPolicy {
        RetryPolicy::After(object.retry_interval())
    }

    async fn reconcile(
        &self,
        object: &Kustomization,
        status: &mut KustomizationStatus,
        progress: &Progress,
    ) -> Result<Done, Failure> {
        let expressions =
            HealthExpressions::parse(object.spec.health_check_exprs.as_deref().unwrap_or_default())
                .map_err(|error| terminal(&error))?;
        refuse_gated_features(object)?;

        let artifact = source::resolve(self, object).await?;
        let revision = artifact.revision.clone();
        let origin = origin_revision(&artifact);
        progress.annotate("revision", &revision);
        if let Some(origin) = &origin {
            progress.annotate("originRevision", origin);
        }
        dependencies::check(self, object, &artifact).await?;

        let limit = go(object.timeout());
        progress.unready("Reconciliation in progress");
        let message = format!("Fetching manifests for revision {revision} with a timeout of {limit}");
        progress.report(status, message).await?;
        let tree = source::fetch(self, object, &artifact).await?;

        status.last_attempted_revision = Some(revision.clone());
        let message = format!("Building manifests for revision {revision} with a timeout of {limit}");
        progress.report(status, message).await?;
        let manager = self.manager(object).await.map_err(|error| {
            let event = format!("failed to build kube client: {error}");
            Failure::retry(RECONCILIATION_FAILED, error).announce(Announce::Warning(event))
        })?;
        let inputs = Inputs {
            variables: variables::of(self, object).await,
            keys: decryption::keys(self, object)
                .await
                .or_fail(Retry, BUILD_FAILED)?,
        };
        let built = build::build(object, &tree, tree.start(), &inputs, &self.config);
        let built = built.or_fail(Retry, BUILD_FAILED)?;

        let message = format!("Detecting drift for revision {revision} with a timeout of {limit}");
        progress.report(status, message).await?;
        let pass = Pass {
            object,
            progress,
            manager,
            revision: &revision,
            expressions,
        };
        let verdict = self.carry_out(&pass, status, &built).await;

        let entry = Entry {
            digest: built.digest,
            now: self.edges.clock.now(),
            took: self.edges.clock.since(progress.started()),
            reason: verdict
                .as_ref()
                .err()
                .map_or(RECONCILIATION_SUCCEEDED, Failure::reason),
            revision: revision.clone(),
            origin: origin.clone(),
        };
        history::record(&mut status.history, entry);
        verdict?;

        status.last_applied_revision = Some(revision.clone());
        status.last_applied_origin_revision = origin;
        let took = go(self.edges.clock.since(progress.started()));
        let next = object.spec.interval;
        Ok(
            Done::new(RECONCILIATION_SUCCEEDED, format!("Applied revision: {revision}"))
                .event(format!("Reconciliation finished in {took}, next run in {next}"))
                .annotate("commit_status", "update"),
        )
    }

    async fn finalize(
        &self,
        object: &Kustomization,
        status: &mut KustomizationStatus,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let applied = status.inventory.clone().unwrap_or_default();
        let objects: Vec<ObjectRef> = applied.entries.iter().filter_map(inventory::object).collect();
        if objects.is_empty() || !takes_objects_along(object) {
            return Ok(());
        }
        if let Some(revision) = &status.last_applied_revision {
            progress.annotate("revision", revision);
        }
        if let Some(account) = self.account(object)
            && self.account_is_gone(object, &account).await?
        {
            // Nobody is left who may delete; the objects stay rather than the Kustomization for ever.
            let list: Vec<_> = objects.iter().map(ToString::to_string).collect();
            let message = format!("unable to prune objects: \n{}", list.join("\n"));
            progress.event(EventType::Warning, None, message).await;
            return Ok(());
        }
        let manager = self
            .manager(object)
            .await
            .map_err(|error| pruning_failed(&error))?;
        apply::delete_all(&manager, object, &objects, progress)
            .await
            .map_err(|error| pruning_failed(&error))
    }
}

/// What the stages after the build share.
pub(crate) struct Pass<'a> {
    pub(crate) object: &'a Kustomization,
    pub(crate) progress: &'a Progress,
    pub(crate) manager: ResourceManager,
    pub(crate) revision: &'a str,
    pub(crate) expressions: HealthExpressions,
}

impl Kustomizer {
    /// Brings the cluster to what was built.
    async fn carry_out(
        &self,
        pass: &Pass<'_>,
        status: &mut KustomizationStatus,
        built: &Built,
    ) -> Result<(), Failure> {
        let changes = apply::apply(self, pass, built).await?;

        let new = inventory::of(&changes);
        let old = status.inventory.replace(new.clone()).unwrap_or_default();
        if pass.object.spec.prune {
            let pruned = apply::prune(pass, &inventory::stale(&old, &new)).await;
            // A fact, whatever the verdict: what is still there is still ours.
            inventory::merge(status.inventory.get_or_insert_default(), &pruned.survivors);
            pruned.verdict?;
        }

        health::check(self, pass, status, &changes).await
    }

    async fn account_is_gone(&self, object: &Kustomization, account: &str) -> Result<bool, Failure> {
        let reference = ObjectRef {
            gvk: manifest::Gvk::new("v1", "ServiceAccount"),
            namespace: object.namespace().unwrap_or_default(),
            name: account.to_owned(),
        };
        match self.cluster.get(&reference).await {
            Ok(_) => Ok(false),
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) => Err(pruning_failed(&error)),
        }
    }
}

/// What is said of an expression that can never be evaluated.
pub(crate) fn terminal(error: &str) -> Failure {
    let text = format!("Reconciliation failed terminally due to configuration error: {error}");
    Failure::stalled(INVALID_CEL_EXPRESSION, text)
}

/// Decryption with the identity of an account needs a feature that is off, as it is by default upstream.
fn refuse_gated_features(object: &Kustomization) -> Result<(), Failure> {
    let account = object.spec.decryption.as_ref();
    let account = account.and_then(|decryption| decryption.service_account_name.as_deref());
    if account.is_none_or(str::is_empty) {
        return Ok(());
    }
    let text = "to use spec.decryption.serviceAccountName for decryption authentication please enable the \
                ObjectLevelWorkloadIdentity feature gate in the controller";
    Err(Failure::stalled(FEATURE_GATE_DISABLED, text).unobserved())
}

fn origin_revision(artifact: &Artifact) -> Option<String> {
    artifact.metadata.as_ref()?.get(ORIGIN_REVISION).cloned()
}

/// Whether the applied objects go when the Kustomization goes.
fn takes_objects_along(object: &Kustomization) -> bool {
    if object.spec.suspend == Some(true) {
        return false;
    }
    match object.spec.deletion_policy.unwrap_or(DeletionPolicy::MirrorPrune) {
        DeletionPolicy::MirrorPrune => object.spec.prune,
        DeletionPolicy::Delete | DeletionPolicy::WaitForTermination => true,
        DeletionPolicy::Orphan => false,
    }
}

fn pruning_failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::retry(RECONCILIATION_FAILED, error.to_string()).announce(Announce::Warning(
        "pruning for deleted resource failed".to_owned(),
    ))
}
