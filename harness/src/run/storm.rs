//! Faults by chance: which ones, when, for how long, drawn from a seed and started beside the steps.

use std::time::Duration;

use edges::{Clock, Rng, Seed};
use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams},
};
use tokio::task::JoinSet;

use crate::{
    fault::{Fault, Faults},
    journal::later,
    limits,
    session::Session,
    target::NAMESPACE,
};

/// The components that are killed.
const COMPONENTS: [&str; 3] = ["helm-controller", "kustomize-controller", "source-controller"];

/// What one gust does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gust {
    Fault(Fault),
    Kill(&'static str),
}

/// Faults drawn from a seed. All of them end by themselves.
pub(super) struct Storm {
    rng: Rng,
    faults: Faults,
    kube: Client,
    clock: Clock,
    tasks: JoinSet<()>,
    over: Timestamp,
    /// What was drawn, in words.
    pub(super) told: Vec<String>,
}

impl Storm {
    pub(super) fn new(seed: Seed, faults: Faults, session: &Session) -> Self {
        let clock = session.clock();
        Self {
            rng: seed.derive("storm").rng(),
            faults,
            kube: session.cluster.kube.clone(),
            clock,
            tasks: JoinSet::new(),
            over: clock.now(),
            told: Vec::new(),
        }
    }

    /// Draws what goes wrong from a step's begin on: for two steps of three one thing, or two.
    pub(super) fn rise(&mut self, step: usize) {
        let first = self.told.is_empty();
        let count = match self.rng.below(6) {
            0 | 1 if !first => 0,
            0..5 => 1,
            _ => 2,
        };
        for _ in 0..count {
            let gust = self.draw();
            // Half of them meet the step's first moments, when most happens.
            let most = if self.rng.below(2) == 0 {
                limits::GUST_AFTER_MS / 20
            } else {
                limits::GUST_AFTER_MS
            };
            let after = Duration::from_millis(self.rng.below(most));
            let long = if self.rng.below(8) == 0 { 5 } else { 1 };
            let lasts = Duration::from_secs(1 + self.rng.below(limits::GUST_SECONDS * long));
            self.told.push(words(step, gust, after, lasts));
            self.start(gust, after, lasts);
        }
    }

    fn draw(&mut self) -> Gust {
        let kinds = Fault::DRAWN.len() + COMPONENTS.len();
        let number = usize::try_from(self.rng.below(kinds as u64)).unwrap_or_default();
        match Fault::DRAWN.get(number) {
            Some(fault) => Gust::Fault(*fault),
            None => Gust::Kill(COMPONENTS[(number - Fault::DRAWN.len()) % COMPONENTS.len()]),
        }
    }

    fn start(&mut self, gust: Gust, after: Duration, lasts: Duration) {
        let (faults, kube, clock) = (self.faults.clone(), self.kube.clone(), self.clock);
        self.over = self.over.max(later(clock.now(), after + lasts));
        self.tasks.spawn(async move {
            clock.sleep(after).await;
            match gust {
                Gust::Fault(fault) => {
                    faults.begin(fault);
                    clock.sleep(lasts).await;
                    faults.end(fault);
                }
                Gust::Kill(component) => kill(kube, component).await,
            }
        });
    }

    /// How long it goes on.
    pub(super) fn left(&self) -> Duration {
        Duration::try_from(self.over.duration_since(self.clock.now())).unwrap_or_default()
    }
}

fn words(step: usize, gust: Gust, after: Duration, lasts: Duration) -> String {
    let after = stdx::duration::format(after);
    match gust {
        Gust::Fault(fault) => {
            let lasts = stdx::duration::format(lasts);
            format!("step {step}, after {after}: {fault} for {lasts}")
        }
        Gust::Kill(component) => format!("step {step}, after {after}: {component} is killed"),
    }
}

/// Kills the pods of a component; whether any is there is its Deployment's business.
async fn kill(kube: Client, component: &str) {
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(kube, NAMESPACE);
    let of_component = ListParams::default().labels(&format!("app={component}"));
    let at_once = DeleteParams::default().grace_period(0);
    if let Ok(found) = pods.list(&of_component).await {
        for name in found.items.into_iter().filter_map(|pod| pod.metadata.name) {
            // Gone already is what was wanted.
            let _ = pods.delete(&name, &at_once).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_drawn_is_told() {
        let second = Duration::from_secs(1);
        let told = words(2, Gust::Fault(Fault::ApiSlow), second, second * 60);
        assert_eq!(told, "step 2, after 1s: apiSlow for 1m0s");
        let told = words(3, Gust::Kill("source-controller"), second, second);
        assert_eq!(told, "step 3, after 1s: source-controller is killed");
    }
}
