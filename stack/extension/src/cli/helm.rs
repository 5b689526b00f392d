//! The flags of helm-controller.

use std::{collections::BTreeMap, time::Duration};

use clap::{ArgAction, Parser};
use stdx::duration::GoDuration;

use super::{Common, Flags, arguments, forbidden};
use crate::{Error, gates};

/// Releases charts.
#[derive(Debug, Parser)]
#[command(name = "helm-controller")]
struct HelmController {
    #[command(flatten)]
    common: Common,
    /// How soon a missing dependency or artifact is looked for again.
    #[arg(long, default_value = "30s")]
    requeue_dependency: GoDuration,
    /// How often a download is tried again.
    #[arg(long, default_value_t = 9)]
    http_retry: u32,
    /// Whether charts of other namespaces are refused.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    no_cross_namespace_refs: bool,
    /// ServiceAccount of HelmReleases that name none.
    #[arg(long, default_value = "")]
    default_service_account: String,
    /// Whether kubeconfigs may start programs. They never may.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", value_parser = forbidden)]
    insecure_kubeconfig_exec: bool,
    /// Whether kubeconfigs may switch off the check of certificates.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    insecure_kubeconfig_tls: bool,
    /// Labels of ConfigMaps and Secrets whose changes wake those that refer to them.
    #[arg(long, default_value = "reconcile.fluxcd.io/watch=Enabled")]
    watch_configs_label_selector: String,
    /// Features that are turned on or off.
    #[arg(long, default_value = "")]
    feature_gates: String,
}

const ADDITIVE: &str = "AdditiveCELDependencyCheck";
const EXTERNAL: &str = "ExternalArtifact";
const NO_CONFIG_WATCHERS: &str = "DisableConfigWatchers";
const NO_DIGESTS: &str = "DisableChartDigestTracking";
const RETRY: &str = "DefaultToRetryOnFailure";
/// Those that upstream accepts and that change nothing any more.
const INERT: [&str; 3] = ["DetectDrift", "CorrectDrift", "AdoptLegacyReleases"];

/// Reads the flags of helm-controller.
pub(crate) fn helm_controller(
    args: &[String],
    env: &BTreeMap<String, String>,
) -> Result<Flags<helm_controller::Config>, Error> {
    let flags = HelmController::try_parse_from(arguments("helm-controller", args))?;
    let process = flags.common.process("helm-controller", env);
    let log = flags.common.log();
    let mut config = helm_controller::Config {
        options: flags.common.options(4, env, &process.metrics),
        requeue_dependency: flags.requeue_dependency.0.max(Duration::from_secs(1)),
        http_retry: flags.http_retry,
        no_cross_namespace_refs: flags.no_cross_namespace_refs,
        default_service_account: flags.default_service_account,
        insecure_kubeconfig_tls: flags.insecure_kubeconfig_tls,
        config_selector: Some(flags.watch_configs_label_selector),
        ..helm_controller::Config::default()
    };
    let mut known = vec![ADDITIVE, EXTERNAL, NO_CONFIG_WATCHERS, NO_DIGESTS, RETRY];
    known.extend(INERT);
    for (name, on) in gates::parse(&flags.feature_gates, &known)? {
        match name.as_str() {
            ADDITIVE => config.additive_dependency_check = on,
            EXTERNAL => config.external_artifact = on,
            NO_DIGESTS => config.digest_tracking = !on,
            RETRY => config.default_to_retry = on,
            NO_CONFIG_WATCHERS if on => config.config_selector = None,
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

    fn read(list: &[&str]) -> Result<helm_controller::Config, Error> {
        let args: Vec<String> = list.iter().map(|arg| (*arg).to_owned()).collect();
        helm_controller(&args, &BTreeMap::new()).map(|flags| flags.options)
    }

    #[test]
    fn flags_reach_the_controller() {
        assert_eq!(read(&[]).unwrap(), helm_controller::Config::default());
        let config = read(&[
            "--no-cross-namespace-refs",
            "--default-service-account=deployer",
            "--feature-gates=DisableChartDigestTracking=true,DefaultToRetryOnFailure=true,DetectDrift=true",
        ])
        .unwrap();
        assert!(config.no_cross_namespace_refs && config.default_to_retry && !config.digest_tracking);
        assert_eq!(config.default_service_account, "deployer");
        assert!(read(&["--feature-gates=OOMWatch=true"]).is_err());
        assert!(read(&["--insecure-kubeconfig-exec"]).is_err());
    }
}
