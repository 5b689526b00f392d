//! Where a run takes place, as the command line says it, and which scenarios can take place there.

use std::path::PathBuf;

use world::Isolation;

use crate::scenario::{Source, Step};

/// Hosts that only the simulated network leads to, as scenarios write them.
const HOSTS: [&str; 6] = [
    "ssh://",
    "https://git.example.com",
    "https://mtls.example.com",
    "basic.example.com",
    "bearer.example.com",
    "inner.example.com",
];

/// Where scenarios run.
#[derive(Debug, Clone, Default)]
pub enum Site {
    /// A simulated cluster for each, in this process, in virtual time.
    #[default]
    Sim,
    /// A world for each, in real time behind sockets, the extension's pods as processes that are kept apart so.
    Local(Isolation),
    /// A cluster that is there already, one scenario after the other.
    Attached(Attached),
}

/// A cluster that is there already.
#[derive(Debug, Clone)]
pub struct Attached {
    /// The kubeconfig's file.
    pub kubeconfig: PathBuf,
    /// The context in it; never the default one.
    pub context: String,
    /// The Git server.
    pub git: GitSite,
}

/// A Git server that the genuine `git` pushes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSite {
    /// Its repositories' parent, as this machine sees it.
    pub here: String,
    /// The same, as the cluster sees it.
    pub inside: String,
}

impl std::str::FromStr for GitSite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (here, inside) = text.split_once('=').unwrap_or((text, text));
        for url in [here, inside] {
            if !["http://", "https://", "ssh://"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
            {
                return Err(format!(
                    "{url:?} is no URL: expected HOST_URL or HOST_URL=IN_CLUSTER_URL"
                ));
            }
        }
        let trimmed = |url: &str| url.trim_end_matches('/').to_owned();
        Ok(Self {
            here: trimmed(here),
            inside: trimmed(inside),
        })
    }
}

impl Site {
    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Local(_) => "local",
            Self::Attached(_) => "attached",
        }
    }

    /// The words of the command line that mean it.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Sim => String::new(),
            Self::Local(Isolation::Auto) => " --target local".to_owned(),
            Self::Local(Isolation::Namespaces) => " --target local --isolation namespaces".to_owned(),
            Self::Local(Isolation::Loopback) => " --target local --isolation loopback".to_owned(),
            Self::Attached(Attached {
                kubeconfig,
                context,
                git,
            }) => format!(
                " --target attached --kubeconfig {} --context {context} --git {}={}",
                kubeconfig.display(),
                git.here,
                git.inside
            ),
        }
    }

    /// Whether an hour takes an hour.
    pub(crate) fn is_real_time(&self) -> bool {
        !matches!(self, Self::Sim)
    }

    /// Whether faults can be caused there.
    fn causes_faults(&self) -> bool {
        match self {
            Self::Local(_) | Self::Sim => true,
            Self::Attached(_) => false,
        }
    }

    /// Why a scenario cannot take place there, a word for machines.
    pub(crate) fn obstacle(&self, source: &Source) -> Option<&'static str> {
        if self.is_real_time() && HOSTS.iter().any(|host| source.text.contains(host)) {
            return Some("target.hosts");
        }
        source.scenario.steps.iter().find_map(|step| match &step.value {
            Step::Break(_) | Step::Heal(_) if !self.causes_faults() => Some("target.faults"),
            Step::Behave(_) if !self.causes_faults() => Some("target.behaviours"),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;

    fn source(steps: &str) -> Source {
        let text = format!("title: T\nrequirements: []\nfeatures: []\nsteps:\n{steps}");
        parse("a.yaml".to_owned(), "a".to_owned(), text).unwrap()
    }

    #[test]
    fn what_needs_faults_is_known_before_the_run() {
        let attached = Site::Attached(Attached {
            kubeconfig: PathBuf::new(),
            context: String::new(),
            git: "http://a".parse().unwrap(),
        });
        for (steps, sim, local, there) in [
            ("  - advance: 1s\n", None, None, None),
            ("  - break: apiSlow\n", None, None, Some("target.faults")),
            ("  - heal: networkParted\n", None, None, Some("target.faults")),
            (
                "  - behave: { pods: { kind: Deployment, name: a }, like: neverReady }\n",
                None,
                None,
                Some("target.behaviours"),
            ),
        ] {
            let source = source(steps);
            assert_eq!(Site::Sim.obstacle(&source), sim, "{steps}");
            assert_eq!(Site::Local(Isolation::Auto).obstacle(&source), local, "{steps}");
            assert_eq!(attached.obstacle(&source), there, "{steps}");
        }
    }

    #[test]
    fn a_git_server_has_one_address_or_two() {
        let one: GitSite = "https://git.example.com/".parse().unwrap();
        assert_eq!(one.here, one.inside);
        let two: GitSite = "http://127.0.0.1:1=http://git.example.com".parse().unwrap();
        assert_eq!(
            (two.here.as_str(), two.inside.as_str()),
            ("http://127.0.0.1:1", "http://git.example.com")
        );
        assert!("git.example.com".parse::<GitSite>().is_err());
    }
}
