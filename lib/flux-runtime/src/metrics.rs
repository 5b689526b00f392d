//! What passes cost and how they end, in the text that Prometheus reads.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use manifest::Key;

/// The measurements of one process; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<State>>);

#[derive(Debug, Default, PartialEq)]
struct State {
    /// By kind and object.
    durations: BTreeMap<(String, Key), Histogram>,
    /// By controller and result.
    results: BTreeMap<(String, &'static str), u64>,
}

const BUCKETS: usize = 10;

#[derive(Debug, Default, PartialEq)]
struct Histogram {
    /// Passes at most as long as each bound.
    counts: [u64; BUCKETS],
    count: u64,
    sum: f64,
}

/// Bounds from 10 ms to half an hour, each the same factor above the one before.
fn bounds() -> [f64; BUCKETS] {
    let (first, last) = (0.01_f64, 1800.0_f64);
    let factor = (last / first).powf(1.0 / 9.0);
    let mut bound = first;
    [(); BUCKETS].map(|()| {
        let this = bound;
        bound *= factor;
        this
    })
}

/// What is measured says nothing about how a controller is run.
impl PartialEq for Metrics {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Metrics {}

impl Metrics {
    pub(crate) fn passed(&self, kind: &str, key: &Key, took: Duration, result: &'static str) {
        let mut state = self.lock();
        let histogram = state.durations.entry((kind.to_owned(), key.clone())).or_default();
        let seconds = took.as_secs_f64();
        histogram.count += 1;
        histogram.sum += seconds;
        for (count, bound) in histogram.counts.iter_mut().zip(bounds()) {
            *count += u64::from(seconds <= bound);
        }
        *state.results.entry((kind.to_lowercase(), result)).or_default() += 1;
    }

    /// An object is gone, and with it what was measured about it.
    pub(crate) fn forget(&self, kind: &str, key: &Key) {
        self.lock().durations.remove(&(kind.to_owned(), key.clone()));
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn render(&self) -> String {
        let state = self.lock();
        let mut text = String::new();
        head(
            &mut text,
            "gotk_reconcile_duration_seconds",
            "histogram",
            "How long the passes over an object took.",
        );
        for ((kind, key), histogram) in &state.durations {
            let labels = format!("kind={kind:?},name={:?},namespace={:?}", key.name, key.namespace);
            let name = "gotk_reconcile_duration_seconds";
            for (count, bound) in histogram.counts.iter().zip(bounds()) {
                let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}");
            }
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", histogram.count);
            let _ = writeln!(text, "{name}_sum{{{labels}}} {}", histogram.sum);
            let _ = writeln!(text, "{name}_count{{{labels}}} {}", histogram.count);
        }
        head(
            &mut text,
            "controller_runtime_reconcile_total",
            "counter",
            "Passes of a controller by their result.",
        );
        for ((controller, result), count) in &state.results {
            let labels = format!("controller={controller:?},result={result:?}");
            let _ = writeln!(text, "controller_runtime_reconcile_total{{{labels}}} {count}");
        }
        head(
            &mut text,
            "controller_runtime_reconcile_errors_total",
            "counter",
            "Passes of a controller that failed.",
        );
        for ((controller, _), count) in state.results.iter().filter(|((_, result), _)| *result == "error") {
            let _ = writeln!(
                text,
                "controller_runtime_reconcile_errors_total{{controller={controller:?}}} {count}"
            );
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: RT-15.
    #[test]
    fn passes_are_told_by_object_and_by_result() {
        let metrics = Metrics::default();
        let key = Key::new("ns", "app");
        metrics.passed("GitRepository", &key, Duration::from_millis(500), "requeue_after");
        metrics.passed("GitRepository", &key, Duration::from_secs(7200), "error");
        let text = metrics.render();
        let labels = r#"kind="GitRepository",name="app",namespace="ns""#;
        for line in [
            format!(r#"gotk_reconcile_duration_seconds_bucket{{{labels},le="0.01"}} 0"#),
            format!(r#"gotk_reconcile_duration_seconds_bucket{{{labels},le="+Inf"}} 2"#),
            format!("gotk_reconcile_duration_seconds_sum{{{labels}}} 7200.5"),
            format!("gotk_reconcile_duration_seconds_count{{{labels}}} 2"),
            r#"controller_runtime_reconcile_total{controller="gitrepository",result="requeue_after"} 1"#
                .to_owned(),
            r#"controller_runtime_reconcile_errors_total{controller="gitrepository"} 1"#.to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        metrics.forget("GitRepository", &key);
        assert!(!metrics.render().contains("app"));
        let last = bounds()[BUCKETS - 1];
        assert!((last - 1800.0).abs() < 1e-6, "{last}");
    }
}
