//! What flags can change.

use std::time::Duration;

use flux_runtime::Options;

/// The controller's name: source of events and field manager.
pub(crate) const NAME: &str = "kustomize-controller";

/// How the controller is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Queue, workers and watches.
    pub options: Options,
    /// How many dry runs one Kustomization has under way at once.
    pub concurrent_ssa: usize,
    /// How soon a missing dependency or artifact is looked for again.
    pub requeue_dependency: Duration,
    /// How often a download is tried again.
    pub http_retry: u32,
    /// Whether sources of other namespaces are refused.
    pub no_cross_namespace_refs: bool,
    /// ServiceAccount of Kustomizations that name none.
    pub default_service_account: String,
    /// Whether kubeconfigs may switch off the check of certificates.
    pub insecure_kubeconfig_tls: bool,
    /// Whether sources of kind ExternalArtifact are followed.
    pub external_artifact: bool,
    /// Where the controller runs, if it knows.
    pub runtime_namespace: Option<String>,
    /// Secret there with the age keys of Kustomizations that name no Secret.
    pub sops_age_secret: String,
    /// Further managers whose fields are taken over.
    pub override_managers: Vec<String>,
    /// Kinds that are applied in a stage of their own, as `group/Kind`.
    pub custom_stage_kinds: Vec<String>,
    /// Labels of ConfigMaps and Secrets whose changes wake the Kustomizations that refer to them; none are watched
    /// when absent.
    pub config_selector: Option<String>,
    /// Whether one failed object ends the wait for the others.
    pub fail_fast: bool,
    /// Whether a call for the next pass ends the wait for health.
    pub cancel_health_checks: bool,
    /// Whether a variable that is not defined fails the build.
    pub strict_substitution: bool,
    /// Whether a dependency has to pass the built-in rule besides its own expression.
    pub additive_dependency_check: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            options: Options::default(),
            concurrent_ssa: 4,
            requeue_dependency: Duration::from_secs(30),
            http_retry: 9,
            no_cross_namespace_refs: false,
            default_service_account: String::new(),
            insecure_kubeconfig_tls: false,
            external_artifact: false,
            runtime_namespace: None,
            sops_age_secret: String::new(),
            override_managers: Vec::new(),
            custom_stage_kinds: Vec::new(),
            config_selector: Some(format!("{}=Enabled", flux_api::meta::WATCH_LABEL)),
            fail_fast: true,
            cancel_health_checks: false,
            strict_substitution: true,
            additive_dependency_check: false,
        }
    }
}
