//! The life of a pod on its node: pulled, started, ready, ended, started again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{Health, behaviours::Behaviour, limits::MAX_RESTART_BACKOFF};

/// How long the states of an undisturbed pod last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delays {
    pub(crate) ready_after: Duration,
    pub(crate) completes_after: Duration,
}

/// `spec.restartPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Always,
    OnFailure,
    Never,
}

/// How a run of the containers ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: i32,
    pub(crate) reason: &'static str,
    pub(crate) started: Timestamp,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The first start: nothing runs yet.
    Creating,
    /// The image could not be pulled just now.
    PullError,
    /// The next attempt to pull waits.
    PullBackOff,
    Up {
        ready: bool,
    },
    /// The next start waits.
    BackOff,
    /// No start will follow.
    Over,
}

/// What has to happen beside the change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The containers start.
    Start,
    /// The containers were killed.
    Kill,
    PullFailed,
    PullWaits,
    RestartWaits,
    ProbeFailed,
}

/// What the node knows of a pod beyond the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) ip: String,
    pub(crate) stage: Stage,
    /// Since when it is at this stage.
    pub(crate) since: Timestamp,
    /// When the present run began.
    pub(crate) started: Timestamp,
    pub(crate) restarts: u32,
    pub(crate) last: Option<Exit>,
    /// Failed attempts to pull.
    pulls: u32,
    /// Whether the containers were started for the first time.
    launched: bool,
    /// Whether a real process runs in it: that one decides when it ends.
    pub(crate) real: bool,
    /// How that process is, if its launcher knows.
    pub(crate) health: Option<Health>,
}

/// Seconds until the next attempt: nothing after the first failure, then 10, doubled each time.
pub(crate) fn backoff(failures: u32) -> Duration {
    if failures == 0 {
        return Duration::ZERO;
    }
    let seconds = 10_u64.saturating_mul(1 << (failures - 1).min(10));
    Duration::from_secs(seconds.min(MAX_RESTART_BACKOFF))
}

/// From the report that a pull failed to the report that the next one waits.
const REPORT: Duration = Duration::from_secs(1);

impl Local {
    pub(crate) fn new(ip: String, now: Timestamp) -> Self {
        Self {
            ip,
            stage: Stage::Creating,
            since: now,
            started: now,
            restarts: 0,
            last: None,
            pulls: 0,
            launched: false,
            real: false,
            health: None,
        }
    }

    /// Moves on as far as the time allows; says what that brought about, and when the next move is due.
    pub(crate) fn advance(
        &mut self,
        now: Timestamp,
        behaviour: Option<Behaviour>,
        policy: Policy,
        delays: Delays,
    ) -> (Vec<Effect>, Option<Duration>) {
        let mut effects = Vec::new();
        // No chain of moves at one instant is longer than this, unless a process ends as soon as it starts.
        for _ in 0..8 {
            match self.next(behaviour, policy, delays) {
                Some((wait, next)) => {
                    let due = later(self.since, wait);
                    if due > now {
                        let left = Duration::try_from(due.duration_since(now)).unwrap_or_default();
                        return (effects, Some(left));
                    }
                    self.enter(next, now, policy, &mut effects);
                }
                None => return (effects, None),
            }
        }
        (effects, Some(Duration::from_secs(1)))
    }

    /// A real process ended.
    pub(crate) fn exited(&mut self, code: i32, now: Timestamp, policy: Policy) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.end(code, "Error", now, policy, &mut effects);
        effects
    }

    /// The machine went off and on again: what ran starts anew.
    pub(crate) fn interrupted(&mut self, now: Timestamp) -> Vec<Effect> {
        if !matches!(self.stage, Stage::Up { .. }) {
            return Vec::new();
        }
        self.last = Some(Exit {
            code: 255,
            reason: "Unknown",
            started: self.started,
            at: now,
        });
        self.restart(now);
        vec![Effect::Start]
    }

    /// The next move: how long after the last one, and whereto.
    fn next(&self, behaviour: Option<Behaviour>, policy: Policy, delays: Delays) -> Option<(Duration, Move)> {
        let ready_after = match behaviour {
            Some(Behaviour::ReadyAfter(wait)) => wait,
            _ => delays.ready_after,
        };
        let pulls = behaviour == Some(Behaviour::ImagePullFailure);
        let ran = |wait: Duration| {
            let passed = self.since.duration_since(self.started);
            wait.saturating_sub(Duration::try_from(passed).unwrap_or_default())
        };
        match self.stage {
            Stage::Over => None,
            Stage::Creating if pulls && !self.launched => Some((Duration::ZERO, Move::To(Stage::PullError))),
            Stage::Creating if !self.launched => Some((Duration::ZERO, Move::Launch)),
            Stage::PullError => Some((REPORT, Move::To(Stage::PullBackOff))),
            Stage::PullBackOff if pulls => Some((backoff(self.pulls), Move::To(Stage::PullError))),
            Stage::PullBackOff => Some((backoff(self.pulls), Move::To(Stage::Creating))),
            Stage::BackOff => Some((backoff(self.restarts), Move::Restart)),
            Stage::Creating | Stage::Up { .. } => {
                let ends = !self.real && policy != Policy::Always;
                let end = match behaviour {
                    Some(Behaviour::CrashLoop { exit_code, after }) => Some((after, exit_code, "Error")),
                    Some(Behaviour::OutOfMemory { after }) => Some((after, 137, "OOMKilled")),
                    _ if ends => Some((delays.completes_after, 0, "Completed")),
                    _ => None,
                };
                let end = end.map(|(after, code, reason)| (ran(after), Move::End(code, reason)));
                let change = self.readiness(behaviour, ready_after);
                match (change, end) {
                    (Some(change), Some(end)) => Some(if change.0 < end.0 { change } else { end }),
                    (change, end) => change.or(end),
                }
            }
        }
    }

    /// When the running containers change their readiness.
    fn readiness(&self, behaviour: Option<Behaviour>, ready_after: Duration) -> Option<(Duration, Move)> {
        let never = behaviour == Some(Behaviour::NeverReady);
        if let Some(health) = self.health.filter(|_| !never) {
            let stage = match (health.running, health.ready) {
                (true, ready) => Stage::Up { ready },
                (false, _) if self.restarts == 0 => Stage::Creating,
                (false, _) => Stage::Up { ready: false },
            };
            return (stage != self.stage).then_some((Duration::ZERO, Move::To(stage)));
        }
        match self.stage {
            Stage::Up { ready: true } if never => {
                Some((Duration::ZERO, Move::To(Stage::Up { ready: false })))
            }
            Stage::Up { ready: true } => None,
            Stage::Up { ready: false } if never => None,
            Stage::Up { ready: false } => Some((ready_after, Move::To(Stage::Up { ready: true }))),
            Stage::Creating if never => Some((ready_after, Move::To(Stage::Up { ready: false }))),
            _ => Some((ready_after, Move::To(Stage::Up { ready: true }))),
        }
    }

    fn enter(&mut self, next: Move, now: Timestamp, policy: Policy, effects: &mut Vec<Effect>) {
        match next {
            Move::Launch => {
                self.launched = true;
                self.started = now;
                self.since = now;
                effects.push(Effect::Start);
            }
            Move::Restart => {
                self.restart(now);
                effects.push(Effect::Start);
            }
            Move::End(code, reason) => {
                effects.push(Effect::Kill);
                self.end(code, reason, now, policy, effects);
            }
            Move::To(stage) => {
                match stage {
                    Stage::PullError => effects.push(Effect::PullFailed),
                    Stage::PullBackOff => {
                        self.pulls += 1;
                        effects.push(Effect::PullWaits);
                    }
                    Stage::Up { ready: false } if self.health.is_none() => effects.push(Effect::ProbeFailed),
                    _ => {}
                }
                self.stage = stage;
                self.since = now;
            }
        }
    }

    fn restart(&mut self, now: Timestamp) {
        self.restarts += 1;
        self.launched = true;
        self.stage = Stage::Up { ready: false };
        self.since = now;
        self.started = now;
    }

    fn end(
        &mut self,
        code: i32,
        reason: &'static str,
        now: Timestamp,
        policy: Policy,
        effects: &mut Vec<Effect>,
    ) {
        let reason = if code == 0 { "Completed" } else { reason };
        self.last = Some(Exit {
            code,
            reason,
            started: self.started,
            at: now,
        });
        self.since = now;
        let again = match policy {
            Policy::Always => true,
            Policy::OnFailure => code != 0,
            Policy::Never => false,
        };
        self.stage = if again { Stage::BackOff } else { Stage::Over };
        if again && self.restarts > 0 {
            effects.push(Effect::RestartWaits);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Launch,
    To(Stage),
    Restart,
    End(i32, &'static str),
}

fn later(time: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAYS: Delays = Delays {
        ready_after: Duration::from_secs(2),
        completes_after: Duration::from_secs(3),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn stage(local: &mut Local, seconds: i64, behaviour: Option<Behaviour>, policy: Policy) -> Stage {
        local.advance(at(seconds), behaviour, policy, DELAYS);
        local.stage
    }

    #[test]
    fn an_undisturbed_pod_becomes_ready_or_completes() {
        let mut local = Local::new(String::new(), at(0));
        assert_eq!(stage(&mut local, 0, None, Policy::Always), Stage::Creating);
        assert_eq!(
            stage(&mut local, 2, None, Policy::Always),
            Stage::Up { ready: true }
        );
        let mut local = Local::new(String::new(), at(0));
        stage(&mut local, 0, None, Policy::Never);
        stage(&mut local, 2, None, Policy::Never);
        assert_eq!(stage(&mut local, 3, None, Policy::Never), Stage::Over);
        assert_eq!(local.last.map(|exit| exit.code), Some(0));
    }

    #[test]
    fn a_crashing_pod_waits_longer_each_time_and_recovers_when_healed() {
        let crash = Some(Behaviour::CrashLoop {
            exit_code: 1,
            after: Duration::from_secs(5),
        });
        let mut local = Local::new(String::new(), at(0));
        stage(&mut local, 0, crash, Policy::Always);
        stage(&mut local, 2, crash, Policy::Always);
        // The first restart comes at once, the second after ten seconds.
        assert_eq!(
            stage(&mut local, 5, crash, Policy::Always),
            Stage::Up { ready: false }
        );
        assert_eq!(local.restarts, 1);
        assert_eq!(stage(&mut local, 10, crash, Policy::Always), Stage::BackOff);
        assert_eq!(stage(&mut local, 19, crash, Policy::Always), Stage::BackOff);
        stage(&mut local, 20, crash, Policy::Always);
        assert_eq!(local.restarts, 2);
        assert_eq!(
            stage(&mut local, 22, None, Policy::Always),
            Stage::Up { ready: true }
        );
        assert_eq!(
            [1, 2, 5, 6, 60].map(|n| backoff(n).as_secs()),
            [10, 20, 160, 300, 300]
        );
    }

    #[test]
    fn a_pod_without_its_image_tries_again() {
        let missing = Some(Behaviour::ImagePullFailure);
        let mut local = Local::new(String::new(), at(0));
        assert_eq!(stage(&mut local, 0, missing, Policy::Always), Stage::PullError);
        assert_eq!(stage(&mut local, 1, missing, Policy::Always), Stage::PullBackOff);
        assert_eq!(stage(&mut local, 11, missing, Policy::Always), Stage::PullError);
        assert_eq!(stage(&mut local, 12, None, Policy::Always), Stage::PullBackOff);
        assert_eq!(stage(&mut local, 32, None, Policy::Always), Stage::Creating);
        assert_eq!(
            stage(&mut local, 34, None, Policy::Always),
            Stage::Up { ready: true }
        );
    }

    #[test]
    fn readiness_follows_the_probe() {
        let mut local = Local::new(String::new(), at(0));
        let never = Some(Behaviour::NeverReady);
        stage(&mut local, 0, never, Policy::Always);
        assert_eq!(
            stage(&mut local, 9, never, Policy::Always),
            Stage::Up { ready: false }
        );
        assert_eq!(
            stage(&mut local, 11, None, Policy::Always),
            Stage::Up { ready: true }
        );
        assert_eq!(
            stage(&mut local, 12, never, Policy::Always),
            Stage::Up { ready: false }
        );
    }
}
