//! The shell table: (conditions before, verdict) → (conditions after, observed generation, when to come back).

use std::time::Duration;

use flux_api::{Time, reason};

use super::*;

const GENERATION: i64 = 7;
const RETRY: RetryPolicy = RetryPolicy::After(Duration::from_secs(10));

fn before(kinds: &[&str]) -> Conditions {
    let mut conditions = Conditions::new(Vec::new(), GENERATION, Time::default());
    for kind in kinds {
        match *kind {
            "Reconciling" => conditions.reconciling(reason::PROGRESSING, "building"),
            "Stalled" => conditions.stalled(reason::ACCESS_DENIED, "no"),
            other => conditions.set(other, ConditionStatus::Unknown, reason::PROGRESSING, "wait"),
        }
    }
    conditions
}

fn words(conditions: &Conditions) -> Vec<String> {
    let words = conditions.list().iter().map(|entry| {
        assert_eq!(entry.observed_generation, Some(GENERATION));
        format!(
            "{}={} {}: {}",
            entry.kind, entry.status, entry.reason, entry.message
        )
    });
    words.collect()
}

struct Row {
    name: &'static str,
    before: &'static [&'static str],
    verdict: Result<Done, Failure>,
    after: &'static [&'static str],
    observed: Option<i64>,
    next: Option<Next>,
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<Row> {
    vec![
        Row {
            name: "success ends all work",
            before: &["Reconciling", "Ready"],
            verdict: Ok(Done::new(reason::SUCCEEDED, "ok")),
            after: &["Ready=True Succeeded: ok"],
            observed: Some(GENERATION),
            next: None,
        },
        Row {
            name: "success ends a stall",
            before: &["Stalled"],
            verdict: Ok(Done::new(reason::SUCCEEDED, "ok")),
            after: &["Ready=True Succeeded: ok"],
            observed: Some(GENERATION),
            next: None,
        },
        Row {
            name: "a failure keeps the message of the work under way",
            before: &["Reconciling", "Ready"],
            verdict: Err(Failure::retry(reason::BUILD_FAILED, "bad file")),
            after: &[
                "Reconciling=True ProgressingWithRetry: building",
                "Ready=False BuildFailed: bad file",
            ],
            observed: Some(-1),
            next: Some(Next::After(Duration::from_secs(10))),
        },
        Row {
            name: "a failure before any work makes none",
            before: &["Ready"],
            verdict: Err(Failure::retry(reason::ARTIFACT_FAILED, "gone")),
            after: &["Ready=False ArtifactFailed: gone"],
            observed: Some(-1),
            next: Some(Next::After(Duration::from_secs(10))),
        },
        Row {
            name: "a failure may ask for back-off",
            before: &[],
            verdict: Err(Failure::retry(reason::ARTIFACT_FAILED, "refused").with_backoff()),
            after: &["Ready=False ArtifactFailed: refused"],
            observed: Some(-1),
            next: Some(Next::Backoff),
        },
        Row {
            name: "waiting has its own delay",
            before: &["Stalled", "Ready"],
            verdict: Err(Failure::waiting(
                Duration::from_secs(30),
                reason::DEPENDENCY_NOT_READY,
                "not yet",
            )),
            after: &["Ready=False DependencyNotReady: not yet"],
            observed: Some(-1),
            next: Some(Next::After(Duration::from_secs(30))),
        },
        Row {
            name: "a stall is conclusive",
            before: &["Reconciling", "Ready"],
            verdict: Err(Failure::stalled(reason::INVALID_CEL_EXPRESSION, "syntax")),
            after: &[
                "Stalled=True InvalidCELExpression: syntax",
                "Ready=False InvalidCELExpression: syntax",
            ],
            observed: Some(GENERATION),
            next: Some(Next::Never),
        },
        Row {
            name: "a stall may leave the generation alone",
            before: &["Ready"],
            verdict: Err(Failure::stalled(reason::ACCESS_DENIED, "blocked").unobserved()),
            after: &[
                "Stalled=True AccessDenied: blocked",
                "Ready=False AccessDenied: blocked",
            ],
            observed: Some(-1),
            next: Some(Next::Never),
        },
        Row {
            name: "a stall may have another reason than the failure before it",
            before: &["Reconciling", "Ready"],
            verdict: Err(Failure::stalled(reason::INSTALL_FAILED, "boom")
                .stalled_as(reason::RETRIES_EXCEEDED, "too often")),
            after: &[
                "Stalled=True RetriesExceeded: too often",
                "Ready=False InstallFailed: boom",
            ],
            observed: Some(GENERATION),
            next: Some(Next::Never),
        },
        Row {
            name: "the next try may be told of, and the generation observed",
            before: &["Stalled"],
            verdict: Err(
                Failure::waiting(Duration::from_secs(5), reason::UPGRADE_FAILED, "boom")
                    .retrying("retrying after 5s")
                    .observed(),
            ),
            after: &[
                "Reconciling=True ProgressingWithRetry: retrying after 5s",
                "Ready=False UpgradeFailed: boom",
            ],
            observed: Some(GENERATION),
            next: Some(Next::After(Duration::from_secs(5))),
        },
        Row {
            name: "a pass may end without success and without anything under way",
            before: &["Reconciling", "Ready"],
            verdict: Err(
                Failure::waiting(Duration::from_secs(5), reason::ROLLBACK_SUCCEEDED, "back").at_rest(),
            ),
            after: &["Ready=False RollbackSucceeded: back"],
            observed: Some(-1),
            next: Some(Next::After(Duration::from_secs(5))),
        },
        Row {
            name: "conditions of the controller's own stay",
            before: &["Healthy"],
            verdict: Ok(Done::new(reason::SUCCEEDED, "ok")),
            after: &["Ready=True Succeeded: ok", "Healthy=Unknown Progressing: wait"],
            observed: Some(GENERATION),
            next: None,
        },
    ]
}

// Covers: RT-03, RT-06.
#[test]
fn verdicts_become_status() {
    for row in table() {
        let mut conditions = before(row.before);
        let mut observed = Some(-1);
        judge(&mut conditions, &mut observed, GENERATION, &row.verdict);
        assert_eq!(words(&conditions), row.after, "{}", row.name);
        assert_eq!(observed, row.observed, "{}", row.name);
        let next = row.verdict.err().map(|failure| after_failure(&failure, RETRY));
        assert_eq!(next, row.next, "{}", row.name);
        assert!(
            !(conditions.is_true(READY) && conditions.is_true(STALLED)),
            "{}",
            row.name
        );
    }
}

// Covers: RT-09.
#[test]
fn jitter_stays_within_its_share() {
    let mut rng = edges::Seed(1).rng();
    let hour = Duration::from_secs(3600);
    for _ in 0..100 {
        let Next::After(delay) = Outcome::Interval(hour).next(5, &mut rng) else {
            panic!("an interval is a delay");
        };
        assert!((3420..=3780).contains(&delay.as_secs()), "{delay:?}");
    }
    assert_eq!(Outcome::Interval(hour).next(0, &mut rng), Next::After(hour));
}
