//! Everything around one pass: get, deletion, finalizer, suspension, verdict, status, event, when to come back.

use std::{sync::Arc, time::Duration};

use edges::{Clock, Rng};
use flux_api::{
    ConditionStatus,
    meta::{FINALIZER, READY, RECONCILING, STALLED},
    reason,
};
use kube::{Client, Resource};
use manifest::{Key, object};
use serde_json::{Value, json};

use crate::{
    Announce, Conditions, Disposition, Done, EventType, Failure, Metrics, Next, Progress, Reconciler,
    Recorder, RetryPolicy, api, progress::Called, verdict::UnderWay,
};

/// What passes of one controller share.
pub(crate) struct Shell<R> {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) metrics: Metrics,
    pub(crate) reconciler: Arc<R>,
}

/// How a pass ended, before jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Come back after the interval, give or take the jitter.
    Interval(Duration),
    /// Come back as said.
    Next(Next),
}

impl Outcome {
    /// The word for it in metrics.
    fn word(self) -> &'static str {
        match self {
            Self::Interval(_) | Self::Next(Next::After(_)) => "requeue_after",
            Self::Next(Next::Now) => "requeue",
            Self::Next(Next::Backoff) => "error",
            Self::Next(Next::Never) => "success",
        }
    }

    /// When to come back; `percentage` of the interval is left to chance.
    pub(crate) fn next(self, percentage: u8, rng: &mut Rng) -> Next {
        match self {
            Self::Next(next) => next,
            Self::Interval(interval) => {
                let spread = f64::from(percentage.min(99)) / 100.0;
                let factor = 1.0 + spread * (2.0 * rng.fraction() - 1.0);
                Next::After(interval.mul_f64(factor))
            }
        }
    }
}

impl<R: Reconciler> Shell<R> {
    /// One pass over the object that `key` names.
    pub(crate) async fn pass(&self, key: &Key, called: Called) -> Outcome {
        let path = format!("{}/{}", R::Object::url_path(&(), Some(&key.namespace)), key.name);
        let kind = R::Object::kind(&());
        let started = self.clock.now();
        let outcome = match self.try_pass(key, path, called).await {
            Ok(outcome) => outcome,
            Err(error) if api::is_not_found(&error) => {
                self.metrics.forget(&kind, key);
                return Outcome::Next(Next::Never);
            }
            Err(error) => {
                tracing::warn!(controller = R::CONTROLLER, %key, error = %api::explain(&error), "pass broken off");
                Outcome::Next(Next::Backoff)
            }
        };
        self.metrics
            .passed(&kind, key, self.clock.since(started), outcome.word());
        outcome
    }

    async fn try_pass(&self, key: &Key, path: String, called: Called) -> kube::Result<Outcome> {
        let raw = api::get(&self.client, &path).await?;
        let object: R::Object = serde_json::from_value(raw.clone()).map_err(kube::Error::SerdeError)?;
        let status = raw.get("status").cloned().unwrap_or_else(|| json!({}));
        let mut status: R::Status = serde_json::from_value(status).map_err(kube::Error::SerdeError)?;
        let deleted = !object::deletion_timestamp(&raw).is_empty();
        let kept = finalizers(&raw).iter().any(|name| name == FINALIZER);
        let inert = !deleted && self.reconciler.inert(&object);
        if inert && !kept {
            return Ok(Outcome::Next(Next::Never));
        }
        if !deleted && !kept {
            let mut all = finalizers(&raw);
            all.push(FINALIZER.to_owned());
            self.set_finalizers(&path, &raw, &all).await?;
            return Ok(Outcome::Next(Next::Now));
        }
        let progress = Progress::new(
            self.client.clone(),
            self.clock,
            Arc::clone(&self.recorder),
            R::CONTROLLER,
            path.clone(),
            raw,
        );
        let progress = progress.listening(called);
        if deleted {
            if !kept {
                return Ok(Outcome::Next(Next::Never));
            }
            return self.finalize(&path, &object, &mut status, &progress).await;
        }
        if inert && !self.reconciler.suspended(&object) {
            if progress.forget().await? {
                // The finalizer goes in a pass of its own: the object has changed.
                return Ok(Outcome::Next(Next::Now));
            }
            return self.finalize(&path, &object, &mut status, &progress).await;
        }
        if self.reconciler.suspended(&object) {
            tracing::info!(controller = R::CONTROLLER, %key, "reconciliation is suspended");
            progress.acknowledge().await?;
            return Ok(Outcome::Next(Next::Never));
        }
        let verdict = self.reconciler.reconcile(&object, &mut status, &progress).await;
        self.conclude(&object, &status, &progress, verdict).await
    }

    async fn finalize(
        &self,
        path: &str,
        object: &R::Object,
        status: &mut R::Status,
        progress: &Progress,
    ) -> kube::Result<Outcome> {
        match self.reconciler.finalize(object, status, progress).await {
            Ok(()) => {
                let mut rest = finalizers(progress.object());
                rest.retain(|name| name != FINALIZER);
                self.set_finalizers(path, progress.object(), &rest).await?;
                Ok(Outcome::Next(Next::Never))
            }
            Err(failure) => {
                announce_failure(progress, &failure).await;
                Ok(Outcome::Next(match failure.disposition() {
                    Disposition::Waiting(delay) => Next::After(delay),
                    Disposition::Stalled | Disposition::Retry => Next::Backoff,
                }))
            }
        }
    }

    async fn conclude(
        &self,
        object: &R::Object,
        status: &R::Status,
        progress: &Progress,
        verdict: Result<Done, Failure>,
    ) -> kube::Result<Outcome> {
        let generation = object::generation(progress.object());
        progress.conclude(|conditions, observed| judge(conditions, observed, generation, &verdict));
        progress.finish(status).await?;
        match &verdict {
            Ok(done) => {
                if let Some(message) = &done.event {
                    progress
                        .event_with(EventType::Normal, None, message, &done.annotations)
                        .await;
                }
            }
            Err(failure) => announce_failure(progress, failure).await,
        }
        Ok(match verdict {
            Ok(_) => Outcome::Interval(self.reconciler.interval(object)),
            Err(failure) => Outcome::Next(after_failure(&failure, self.reconciler.retry(object))),
        })
    }

    /// Writes the finalizers, unless the object changed meanwhile.
    async fn set_finalizers(&self, path: &str, raw: &Value, names: &[String]) -> kube::Result<()> {
        let patch = json!({"metadata": {
            "finalizers": names,
            "resourceVersion": object::resource_version(raw),
        }});
        api::merge_patch(&self.client, path, R::CONTROLLER, &patch).await?;
        Ok(())
    }
}

fn finalizers(raw: &Value) -> Vec<String> {
    let list = raw.pointer("/metadata/finalizers").and_then(Value::as_array);
    let names = list.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

async fn announce_failure(progress: &Progress, failure: &Failure) {
    let (kind, message) = match (failure.announced(), failure.disposition()) {
        (Announce::Silent, _) => return,
        (Announce::Normal(text), _) => (EventType::Normal, text.clone()),
        (Announce::Warning(text), _) => (EventType::Warning, text.clone()),
        (Announce::Default, Disposition::Waiting(_)) => (EventType::Normal, failure.message()),
        (Announce::Default, Disposition::Stalled | Disposition::Retry) => {
            (EventType::Warning, failure.message())
        }
    };
    progress.event(kind, Some(failure.reason()), message).await;
}

fn after_failure(failure: &Failure, policy: RetryPolicy) -> Next {
    match (failure.disposition(), policy) {
        (Disposition::Stalled, _) => Next::Never,
        (Disposition::Waiting(delay), _) => Next::After(delay),
        (Disposition::Retry, RetryPolicy::After(delay)) if !failure.backs_off() => Next::After(delay),
        (Disposition::Retry, _) => Next::Backoff,
    }
}

/// Turns a verdict into conditions and the observed generation.
pub(crate) fn judge(
    conditions: &mut Conditions,
    observed: &mut Option<i64>,
    generation: i64,
    verdict: &Result<Done, Failure>,
) {
    match verdict {
        Ok(done) => {
            conditions.remove(RECONCILING);
            conditions.remove(STALLED);
            conditions.set(READY, ConditionStatus::True, done.reason, &done.message);
            *observed = Some(generation);
        }
        Err(failure) => {
            let message = failure.message();
            conditions.set(READY, ConditionStatus::False, failure.reason(), &message);
            if failure.observes() {
                *observed = Some(generation);
            }
            if failure.disposition() == Disposition::Stalled {
                let (reason, message) = failure.stall();
                conditions.stalled(reason, &message);
                return;
            }
            conditions.remove(STALLED);
            match failure.under_way() {
                UnderWay::Now(text) => conditions.reconciling(reason::PROGRESSING_WITH_RETRY, text),
                UnderWay::Over => conditions.remove(RECONCILING),
                // It keeps its last message.
                UnderWay::Kept => {
                    if let Some(under_way) = conditions.get(RECONCILING).cloned() {
                        conditions.reconciling(reason::PROGRESSING_WITH_RETRY, &under_way.message);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
