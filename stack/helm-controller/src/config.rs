//! What flags can change.

use std::time::Duration;

use flux_runtime::Options;

/// The controller's name: source of events and field manager.
pub(crate) const NAME: &str = "helm-controller";

/// How the controller is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Queue, workers and watches.
    pub options: Options,
    /// How soon a missing dependency or artifact is looked for again.
    pub requeue_dependency: Duration,
    /// How often a download is tried again.
    pub http_retry: u32,
    /// Whether charts of other namespaces are refused.
    pub no_cross_namespace_refs: bool,
    /// ServiceAccount of HelmReleases that name none.
    pub default_service_account: String,
    /// Whether kubeconfigs may switch off the check of certificates.
    pub insecure_kubeconfig_tls: bool,
    /// Whether charts of kind ExternalArtifact are followed.
    pub external_artifact: bool,
    /// Labels of ConfigMaps and Secrets whose changes wake the HelmReleases that refer to them; none are watched when
    /// absent.
    pub config_selector: Option<String>,
    /// Whether a dependency has to pass the built-in rule besides its own expression.
    pub additive_dependency_check: bool,
    /// Whether the version of a chart from an OCI artifact tells the artifact's digest.
    pub digest_tracking: bool,
    /// Whether failed actions are tried again where a HelmRelease has no strategy, rather than remediated.
    pub default_to_retry: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            options: Options::default(),
            requeue_dependency: Duration::from_secs(30),
            http_retry: 9,
            no_cross_namespace_refs: false,
            default_service_account: String::new(),
            insecure_kubeconfig_tls: false,
            external_artifact: false,
            config_selector: Some(format!("{}=Enabled", flux_api::meta::WATCH_LABEL)),
            additive_dependency_check: false,
            digest_tracking: true,
            default_to_retry: false,
        }
    }
}
