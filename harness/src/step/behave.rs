//! `behave: { pods, like }` — what the simulated pods of a workload do instead of becoming ready after the usual time.

use std::time::Duration;

use kubelet::Selector;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    scenario::{ObjectRef, Span},
    session::Session,
    verdict::Miss,
};

/// How pods behave from now on, those that run and those that come.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Behave {
    /// The pods: those of a workload, or the one of this name for kind `Pod`. It need not exist yet.
    pub pods: ObjectRef,
    /// What they do.
    pub like: Behaviour,
}

/// What pods do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Behaviour {
    /// What they always do: they become ready two seconds after their start.
    Usual,
    /// They become ready after this time.
    ReadyAfter(Span),
    /// They run and do not become ready.
    NeverReady,
    /// Their containers end, and are started again later each time.
    CrashLoop(Crash),
    /// Their image cannot be pulled.
    ImagePullFailure,
    /// Their containers take more memory than they may, and are killed.
    OutOfMemory(End),
}

/// How a container ends that should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Crash {
    /// The exit code.
    #[serde(default = "one")]
    pub exit_code: u8,
    /// How long after its start, 1s if absent.
    #[serde(default = "second")]
    pub after: Span,
}

/// When a container is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct End {
    /// How long after its start, 1s if absent.
    #[serde(default = "second")]
    pub after: Span,
}

fn one() -> u8 {
    1
}

fn second() -> Span {
    Span(Duration::from_secs(1))
}

impl Behaviour {
    fn of_pods(self) -> Option<kubelet::Behaviour> {
        match self {
            Self::Usual => None,
            Self::ReadyAfter(span) => Some(kubelet::Behaviour::ReadyAfter(span.0)),
            Self::NeverReady => Some(kubelet::Behaviour::NeverReady),
            Self::CrashLoop(crash) => Some(kubelet::Behaviour::CrashLoop {
                exit_code: i32::from(crash.exit_code),
                after: crash.after.0,
            }),
            Self::ImagePullFailure => Some(kubelet::Behaviour::ImagePullFailure),
            Self::OutOfMemory(end) => Some(kubelet::Behaviour::OutOfMemory { after: end.after.0 }),
        }
    }
}

pub(super) fn run(behave: &Behave, session: &mut Session) -> Result<(), Miss> {
    let Some(behaviours) = &session.cluster.behaviours else {
        let message = "pods cannot be told how to behave on this target";
        return Err(Miss::broken("target.behaviours", message));
    };
    let selector = selector(&behave.pods);
    match behave.like.of_pods() {
        Some(behaviour) => behaviours.set(selector, behaviour),
        // They may never have behaved otherwise.
        None => drop(behaviours.heal(&selector)),
    }
    Ok(())
}

fn selector(pods: &ObjectRef) -> Selector {
    let namespace = Some(pods.namespace().to_owned());
    if pods.kind == "Pod" {
        return Selector {
            namespace,
            name: Some(pods.name.clone()),
            ..Selector::default()
        };
    }
    Selector {
        namespace,
        owner: Some((pods.kind.clone(), pods.name.clone())),
        ..Selector::default()
    }
}
