//! The flags of the components. A flag is here only if it has an effect.

use std::{collections::BTreeMap, time::Duration};

use clap::{ArgAction, Args, Parser};
use flux_runtime::{EventReceiver, Limits, Metrics, Options, Process};
use stdx::duration::GoDuration;

use crate::{Error, Log, gates};

mod helm;
mod process;

pub(crate) use helm::helm_controller;

/// Flags of all controllers.
#[derive(Debug, Args)]
struct Common {
    /// Objects that are worked on at once.
    #[arg(long)]
    concurrent: Option<usize>,
    /// Whether all namespaces are watched, or only the one the controller runs in.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true")]
    watch_all_namespaces: bool,
    /// Labels that objects must have to be reconciled.
    #[arg(long, default_value = "")]
    watch_label_selector: String,
    /// Delay after the first failure.
    #[arg(long, default_value = "750ms")]
    min_retry_delay: GoDuration,
    /// Longest delay after failures.
    #[arg(long, default_value = "15m")]
    max_retry_delay: GoDuration,
    /// Share of intervals that is left to chance, in percent.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=99))]
    interval_jitter_percentage: u8,
    /// URL to which events are posted.
    #[arg(long, default_value = "")]
    events_addr: String,
    #[command(flatten)]
    process: process::Flags,
}

impl Common {
    fn options(self, concurrent: usize, env: &BTreeMap<String, String>, metrics: &Metrics) -> Options {
        let namespace = env
            .get("RUNTIME_NAMESPACE")
            .filter(|_| !self.watch_all_namespaces);
        let receiver = Some(self.events_addr).filter(|address| !address.is_empty());
        Options {
            events: receiver.map(|address| EventReceiver {
                address,
                instance: env.get("HOSTNAME").cloned().unwrap_or_default(),
            }),
            metrics: metrics.clone(),
            concurrent: self.concurrent.unwrap_or(concurrent),
            limits: Limits {
                min: self.min_retry_delay.0,
                max: self.max_retry_delay.0,
            },
            jitter_percentage: self.interval_jitter_percentage,
            namespace: namespace.cloned(),
            labels: Some(self.watch_label_selector).filter(|labels| !labels.is_empty()),
        }
    }

    fn process(&self, component: &str, env: &BTreeMap<String, String>) -> Process {
        self.process.process(component, &self.watch_label_selector, env)
    }

    fn log(&self) -> Log {
        Log {
            level: self.process.log_level,
            encoding: self.process.log_encoding,
        }
    }
}

/// What the flags of a component say.
#[derive(Debug)]
pub(crate) struct Flags<T> {
    pub(crate) options: T,
    pub(crate) process: Process,
    pub(crate) log: Log,
}

/// Fetches sources and serves their artifacts.
#[derive(Debug, Parser)]
#[command(name = "source-controller")]
struct SourceController {
    #[command(flatten)]
    common: Common,
    /// Address at which artifacts are served; its port counts.
    #[arg(long, default_value = ":9090", value_parser = port)]
    storage_addr: u16,
    /// Host at which consumers find the artifacts.
    #[arg(long, default_value = "")]
    storage_adv_addr: String,
    /// How long artifacts that are no longer current are kept.
    #[arg(long, default_value = "1m")]
    artifact_retention_ttl: GoDuration,
    /// How many artifacts are kept at most.
    #[arg(long, default_value_t = 2)]
    artifact_retention_records: usize,
    /// How digests of artifacts are computed.
    #[arg(long, default_value = "sha256")]
    artifact_digest_algo: String,
    /// Key exchanges that are offered over SSH, instead of the client's own choice.
    #[arg(long, value_delimiter = ',')]
    ssh_kex_algos: Vec<String>,
    /// Algorithms of host keys that are offered over SSH, instead of those of the known keys.
    #[arg(long, value_delimiter = ',')]
    ssh_hostkey_algos: Vec<String>,
    /// How soon a source that is included and not ready is looked for again.
    #[arg(long, default_value = "30s")]
    requeue_dependency: GoDuration,
}

/// Applies what sources hold.
#[derive(Debug, Parser)]
#[command(name = "kustomize-controller")]
struct KustomizeController {
    #[command(flatten)]
    common: Common,
    /// Dry runs that one Kustomization has under way at once.
    #[arg(long, default_value_t = 4)]
    concurrent_ssa: usize,
    /// How soon a missing dependency is looked for again.
    #[arg(long, default_value = "30s")]
    requeue_dependency: GoDuration,
    /// How often a download is tried again.
    #[arg(long, default_value_t = 9)]
    http_retry: u32,
    /// Whether sources of other namespaces are refused.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    no_cross_namespace_refs: bool,
    /// ServiceAccount of Kustomizations that name none.
    #[arg(long, default_value = "")]
    default_service_account: String,
    /// Whether remote bases are refused. They always are.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", value_parser = refused)]
    no_remote_bases: bool,
    /// Whether kubeconfigs may start programs. They never may.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_parser = forbidden)]
    insecure_kubeconfig_exec: bool,
    /// Whether kubeconfigs may switch off the check of certificates.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    insecure_kubeconfig_tls: bool,
    /// Secret in the controller's namespace with the age keys of Kustomizations that name no Secret.
    #[arg(long, default_value = "")]
    sops_age_secret: String,
    /// Field manager whose changes are undone; may be repeated.
    #[arg(long)]
    override_manager: Vec<String>,
    /// Kinds that are applied in a stage of their own, as group/Kind.
    #[arg(long, value_delimiter = ',')]
    custom_apply_stage_kinds: Vec<String>,
    /// Labels of ConfigMaps and Secrets whose changes wake those that refer to them.
    #[arg(long, default_value = "reconcile.fluxcd.io/watch=Enabled")]
    watch_configs_label_selector: String,
    /// Features that are turned on or off.
    #[arg(long, default_value = "")]
    feature_gates: String,
}

/// The one value of a flag whose other value is not supported.
fn only(wanted: bool, text: &str, why: &str) -> Result<bool, String> {
    match text.parse::<bool>() {
        Ok(value) if value == wanted => Ok(value),
        Ok(_) => Err(why.to_owned()),
        Err(_) => Err("expected true or false".to_owned()),
    }
}

fn refused(text: &str) -> Result<bool, String> {
    only(true, text, "remote bases are not supported")
}

fn forbidden(text: &str) -> Result<bool, String> {
    only(false, text, "programs in kubeconfigs are not supported")
}

fn port(address: &str) -> Result<u16, String> {
    let (_, port) = address.rsplit_once(':').ok_or("an address is [host]:port")?;
    port.parse().map_err(|_| format!("{port:?} is no port"))
}

fn arguments<'a>(component: &'a str, args: &'a [String]) -> impl Iterator<Item = &'a str> + Clone {
    std::iter::once(component).chain(args.iter().map(String::as_str))
}

/// An empty list is written as an empty text too.
fn named(list: Vec<String>) -> Vec<String> {
    let trimmed = list.into_iter().map(|it| it.trim().to_owned());
    trimmed.filter(|it| !it.is_empty()).collect()
}

/// Reads the flags of source-controller.
pub(crate) fn source_controller(
    args: &[String],
    env: &BTreeMap<String, String>,
) -> Result<Flags<source_controller::Options>, Error> {
    let flags = SourceController::try_parse_from(arguments("source-controller", args))?;
    let process = flags.common.process("source-controller", env);
    let log = flags.common.log();
    let defaults = source_controller::Options::default();
    let adv_addr = if flags.storage_adv_addr.is_empty() {
        defaults.storage_adv_addr
    } else {
        flags.storage_adv_addr
    };
    let options = source_controller::Options {
        controller: flags.common.options(2, env, &process.metrics),
        storage_port: flags.storage_addr,
        storage_adv_addr: adv_addr,
        retention: artifact::Retention {
            ttl: flags.artifact_retention_ttl.0,
            records: flags.artifact_retention_records,
        },
        digest: flags
            .artifact_digest_algo
            .parse()
            .map_err(|_| Error::Digest(flags.artifact_digest_algo.clone()))?,
        ssh: source_controller::SshAlgorithms {
            host_keys: named(flags.ssh_hostkey_algos),
            key_exchanges: named(flags.ssh_kex_algos),
        },
        requeue_dependency: flags.requeue_dependency.0.max(Duration::from_secs(1)),
    };
    Ok(Flags {
        options,
        process,
        log,
    })
}

const STRICT: &str = "StrictPostBuildSubstitutions";
const NO_FAIL_FAST: &str = "DisableFailFastBehavior";
const ADDITIVE: &str = "AdditiveCELDependencyCheck";
const CANCEL: &str = "CancelHealthCheckOnNewRevision";
const EXTERNAL: &str = "ExternalArtifact";
const NO_CONFIG_WATCHERS: &str = "DisableConfigWatchers";

/// Reads the flags of kustomize-controller.
pub(crate) fn kustomize_controller(
    args: &[String],
    env: &BTreeMap<String, String>,
) -> Result<Flags<kustomize_controller::Config>, Error> {
    let flags = KustomizeController::try_parse_from(arguments("kustomize-controller", args))?;
    let process = flags.common.process("kustomize-controller", env);
    let log = flags.common.log();
    let mut config = kustomize_controller::Config {
        options: flags.common.options(4, env, &process.metrics),
        concurrent_ssa: flags.concurrent_ssa,
        requeue_dependency: flags.requeue_dependency.0.max(Duration::from_secs(1)),
        http_retry: flags.http_retry,
        no_cross_namespace_refs: flags.no_cross_namespace_refs,
        default_service_account: flags.default_service_account,
        insecure_kubeconfig_tls: flags.insecure_kubeconfig_tls,
        runtime_namespace: env.get("RUNTIME_NAMESPACE").cloned(),
        sops_age_secret: flags.sops_age_secret,
        override_managers: flags.override_manager,
        custom_stage_kinds: flags.custom_apply_stage_kinds,
        config_selector: Some(flags.watch_configs_label_selector),
        ..kustomize_controller::Config::default()
    };
    let known = [
        STRICT,
        NO_FAIL_FAST,
        ADDITIVE,
        CANCEL,
        EXTERNAL,
        NO_CONFIG_WATCHERS,
    ];
    for (name, on) in gates::parse(&flags.feature_gates, &known)? {
        match name.as_str() {
            STRICT => config.strict_substitution = on,
            NO_FAIL_FAST => config.fail_fast = !on,
            CANCEL => config.cancel_health_checks = on,
            EXTERNAL => config.external_artifact = on,
            ADDITIVE => config.additive_dependency_check = on,
            _ if on => config.config_selector = None,
            _ => {}
        }
    }
    Ok(Flags {
        options: config,
        process,
        log,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(list: &[&str]) -> Vec<String> {
        list.iter().map(|arg| (*arg).to_owned()).collect()
    }

    #[test]
    fn defaults_are_upstreams() {
        let flags = kustomize_controller(&[], &BTreeMap::new()).unwrap();
        let (config, process) = (flags.options, flags.process);
        assert_eq!(config, kustomize_controller::Config::default());
        assert_eq!(
            (process.metrics_port, process.health_port),
            (Some(8080), Some(9440))
        );
        assert_eq!(process.election, None);
        let options = super::source_controller(&[], &BTreeMap::new()).unwrap().options;
        assert_eq!(options.controller.concurrent, 2);
        assert_eq!(options.storage_port, 9090);
        assert_eq!(options.ssh, source_controller::SshAlgorithms::default());
        let list = args(&[
            "--ssh-hostkey-algos=rsa-sha2-512,rsa-sha2-256",
            "--ssh-kex-algos=",
        ]);
        let options = super::source_controller(&list, &BTreeMap::new()).unwrap().options;
        assert_eq!(options.ssh.host_keys, ["rsa-sha2-512", "rsa-sha2-256"]);
        assert!(options.ssh.key_exchanges.is_empty());
    }

    #[test]
    fn flags_reach_the_controllers() {
        let env = BTreeMap::from([("RUNTIME_NAMESPACE".to_owned(), "flux-system".to_owned())]);
        let flags = kustomize_controller(
            &args(&[
                "--events-addr=http://notification-controller./",
                "--metrics-addr=0",
                "--enable-leader-election",
                "--watch-label-selector=a=b",
                "--watch-all-namespaces=false",
                "--concurrent=9",
                "--no-cross-namespace-refs",
                "--override-manager=a",
                "--override-manager=b",
                "--feature-gates=StrictPostBuildSubstitutions=false,DisableConfigWatchers=true",
            ]),
            &env,
        )
        .unwrap();
        let (config, process) = (flags.options, flags.process);
        assert_eq!(config.options.namespace.as_deref(), Some("flux-system"));
        assert_eq!(config.options.concurrent, 9);
        assert!(config.no_cross_namespace_refs && !config.strict_substitution);
        assert_eq!(config.override_managers, ["a", "b"]);
        assert_eq!(config.config_selector, None);
        let receiver = config.options.events.unwrap();
        assert_eq!(receiver.address, "http://notification-controller./");
        assert_eq!(process.metrics_port, None);
        let election = process.election.unwrap();
        assert_eq!(election.namespace, "flux-system");
        // The digest of a=b.
        assert_eq!(election.name, "kustomize-controller-leader-election-42144f39");
    }

    // Covers: RT-13.
    #[test]
    fn what_is_unknown_is_refused() {
        for list in [
            &["--nonsense"][..],
            &["--feature-gates=Nonsense=true"],
            &["--min-retry-delay=soon"],
        ] {
            assert!(
                kustomize_controller(&args(list), &BTreeMap::new()).is_err(),
                "{list:?}"
            );
        }
        let blake = args(&["--artifact-digest-algo=md5"]);
        assert!(super::source_controller(&blake, &BTreeMap::new()).is_err());
    }
}
