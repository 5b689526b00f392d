//! A scenario under faults by chance, in two phases.
//!
//! While faults last only safety is judged: the invariants hold at every observation, and nothing is deleted that an
//! undisturbed run does not delete. The steps up to the last action are driven meanwhile; their expectations are
//! waited for, but what is only seen in passing may be missed. Then everything is healed, and what the scenario
//! expects in the end must come true, the cluster must come to rest, and hold what it holds after an undisturbed run.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use edges::Seed;
use manifest::object;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::{
    Course, Options, Pulse, deeds::Deeds, end, in_session, outcome, play, prepare, storm::Storm, undisturbed,
};
use crate::{
    event::Event,
    invariant::{self, Invariants},
    limits,
    scenario::{Source, State, Step, is_release},
    session::Session,
    step,
    target::Started,
    verdict::{Miss, Verdict},
};

/// What undisturbed runs came to, each run once.
#[derive(Clone, Default)]
pub(crate) struct References(Arc<Mutex<BTreeMap<String, Arc<Reference>>>>);

/// What one undisturbed run came to, as soon as it is known.
#[derive(Default)]
struct Reference {
    known: OnceLock<Result<Deeds, Miss>>,
    /// Held by whoever finds it out.
    making: Mutex<()>,
}

impl References {
    fn of(&self, source: &Source, options: &Options, pulse: &Pulse) -> Result<Deeds, Miss> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reference = Arc::clone(all.entry(source.name.clone()).or_default());
        drop(all);
        // Whoever finds it out is watched, so that waiting for it has an end.
        pulse.rest();
        let making = reference.making.lock().unwrap_or_else(PoisonError::into_inner);
        pulse.wake();
        let deeds = reference
            .known
            .get_or_init(|| undisturbed_deeds(source, options, pulse))
            .clone();
        drop(making);
        deeds
    }
}

fn undisturbed_deeds(source: &Source, options: &Options, pulse: &Pulse) -> Result<Deeds, Miss> {
    let mut deeds = Deeds::default();
    let course = play(source, Seed(options.seed), pulse, async |started| {
        let mut session = match prepare(source, options, started).await {
            Ok(session) => session,
            Err(course) => return course,
        };
        let course = undisturbed(source, options, &mut session, &mut |_| {}).await;
        deeds = Deeds::of(&session);
        course
    });
    match course.miss {
        None => Ok(deeds),
        Some((miss, _)) => Err(miss),
    }
}

/// Runs a scenario under the faults of one seed.
pub(super) fn play_faulted(
    source: &Source,
    options: &Options,
    seed: u64,
    (references, pulse): (&References, &Pulse),
    emit: &mut dyn FnMut(Event),
) -> Course {
    let expected = match references.of(source, options, pulse) {
        Ok(expected) => expected,
        Err(miss) => {
            let message = format!("it does not even pass undisturbed: {}", miss.message);
            return Course::missed(Miss { message, ..miss });
        }
    };
    let of_world = Seed(options.seed).derive("faults").derive(&seed.to_string());
    play(source, of_world, pulse, async |started| {
        follow(source, options, seed, &expected, started, emit).await
    })
}

async fn follow(
    source: &Source,
    options: &Options,
    seed: u64,
    expected: &Deeds,
    started: Started,
    emit: &mut dyn FnMut(Event),
) -> Course {
    let clock = started.cluster.clock;
    in_session(prepare(source, options, started), clock, async |session| {
        let Some(faults) = session.cluster.faults.clone() else {
            return Course::missed(Miss::broken(
                "target.faults",
                "no faults can be caused on this target",
            ));
        };
        let name = outcome::shown(&source.name, Some(seed));
        let mut run = Faulted {
            storm: Storm::new(Seed(seed).derive(&source.name), faults, session),
            trace: super::trace::Trace::new(&name, options.trace),
            invariants: Invariants::default(),
            name,
            emit,
        };
        let mut course = Course::default();
        let steps = &source.scenario.steps;
        if let Err(missed) = run.through(steps, session, &mut course.held).await {
            course.miss = Some(missed);
        } else if let Err(miss) = expected.compare(&Deeds::of(session)) {
            course.miss = Some((miss, steps.len().saturating_sub(1)));
        }
        if course.miss.is_some() {
            course.context = std::mem::take(&mut run.storm.told);
        }
        course.trace = std::mem::take(&mut run.trace.lines);
        course
    })
    .await
}

struct Faulted<'a> {
    storm: Storm,
    trace: super::trace::Trace,
    invariants: Invariants,
    name: String,
    emit: &'a mut dyn FnMut(Event),
}

impl Faulted<'_> {
    /// Both phases; what was missed comes with its step.
    async fn through(
        &mut self,
        steps: &[Spanned<Step>],
        session: &mut Session,
        held: &mut usize,
    ) -> Result<(), (Miss, usize)> {
        let tail = steps
            .iter()
            .rposition(|step| step.value.acts())
            .map_or(0, |last| last + 1);
        for (index, step) in steps.iter().enumerate() {
            if index == tail {
                self.clear_up(session).await.map_err(|miss| (miss, index))?;
            }
            (self.emit)(Event::StepStarted {
                name: self.name.clone(),
                step: index + 1,
                verb: step.value.verb(),
            });
            self.trace.step(index + 1, step, session);
            let result = if index < tail {
                self.storm.rise(index + 1);
                self.drive(&step.value, session).await
            } else {
                converge(&steps[index..], session).await
            };
            self.judge(result, session).map_err(|miss| (miss, index))?;
            *held = index + 1;
        }
        let last = steps.len().saturating_sub(1);
        if tail == steps.len() {
            self.clear_up(session).await.map_err(|miss| (miss, last))?;
        }
        let result = end(session, &mut self.invariants).await;
        self.trace.take_in(session);
        result.map_err(|miss| (miss, last))
    }

    /// A broken invariant explains a step that did not hold, so it is told first.
    fn judge(&mut self, result: Result<(), Miss>, session: &mut Session) -> Result<(), Miss> {
        session.journal.catch_up()?;
        let safe = self.invariants.check(session);
        self.trace.take_in(session);
        safe.and(result)
    }

    /// Waits until the last fault has ended by itself.
    async fn clear_up(&mut self, session: &mut Session) -> Result<(), Miss> {
        session.advance(self.storm.left()).await?;
        self.judge(Ok(()), session)
    }

    /// A step while faults last.
    async fn drive(&mut self, step: &Step, session: &mut Session) -> Result<(), Miss> {
        let patience = self.storm.left() + limits::RECOVER_WITHIN;
        match step {
            Step::Expect(expect) => {
                let within = expect.within.map_or(limits::EXPECT_WITHIN, |span| span.0);
                seen(&expect.state(), expect.fresh, within + patience, session).await
            }
            Step::Never(never) => match &never.until {
                Some(until) => seen(until, true, limits::EXPECT_WITHIN + patience, session).await,
                None => Ok(()),
            },
            Step::Hold(hold) => session.advance(hold.during.0.min(limits::STORMY_HOLD)).await,
            Step::Snapshot(_) => Ok(()),
            act => match step::run(act, session).await {
                Err(miss) if miss.verdict == Verdict::Failed => {
                    // What it acts upon may come when the weather is better.
                    self.clear_up(session).await?;
                    invariant::calm(session).await?;
                    step::run(act, session).await
                }
                done => done,
            },
        }
    }
}

/// Waits for a state, but does not insist: what is seen in passing may be missed while faults last.
async fn seen(
    state: &State,
    fresh: bool,
    limit: std::time::Duration,
    session: &mut Session,
) -> Result<(), Miss> {
    let state = session.resolve_state(state).without_records();
    session.wait(&state, fresh, limit).await.map(|_| ())
}

/// Whether later steps expect something else of the same object.
fn is_superseded(state: &State, later: &[Spanned<Step>]) -> bool {
    later
        .iter()
        .any(|step| matches!(&step.value, Step::Expect(expect) if expect.state().object == state.object))
}

/// Waits until no object is worked on or retried any more. What fails for good is retried for ever: then it is waited
/// for as long as recovery may take.
async fn recover(session: &mut Session) -> Result<(), Miss> {
    let deadline = session.after(limits::CONVERGE_WITHIN);
    session.journal.catch_up()?;
    while session
        .journal
        .objects()
        .values()
        .any(|object| is_worked_on(object))
    {
        if !session.journal.next(deadline).await? {
            break;
        }
    }
    Ok(())
}

fn is_worked_on(object: &Value) -> bool {
    object::condition(object, "Reconciling")
        .is_some_and(|condition| condition.get("status").and_then(Value::as_str) == Some("True"))
}

/// The first of these steps after everything was healed: it must come true, unless the others say that it is not what
/// the scenario ends with.
async fn converge(steps: &[Spanned<Step>], session: &mut Session) -> Result<(), Miss> {
    let Some((step, rest)) = steps.split_first() else {
        return Ok(());
    };
    let (state, fresh) = match &step.value {
        // It was so while the faults were waited for, or was skipped because of them; it does not come back.
        Step::Expect(expect) if expect.state().is_in_passing() => return Ok(()),
        // Faults cost attempts, and each attempt leaves one; what the release came to is compared in the end.
        Step::Expect(expect) if expect.object.kind == "Secret" && is_release(&expect.object.name) => {
            return Ok(());
        }
        Step::Expect(expect) => (expect.state(), expect.fresh),
        Step::Never(never) => match &never.until {
            Some(until) => (until.clone(), true),
            None => return Ok(()),
        },
        // Whole objects hold such records too; what a cluster holds is compared in the end.
        Step::Snapshot(_) => return Ok(()),
        // It was so for a time that began with the last action, and passed with the faults.
        Step::Hold(hold)
            if hold
                .state
                .as_ref()
                .is_some_and(|state| is_superseded(state, rest)) =>
        {
            return Ok(());
        }
        Step::Hold(_) => {
            recover(session).await?;
            invariant::calm(session).await?;
            return step::run(&step.value, session).await;
        }
        other => return step::run(other, session).await,
    };
    let state = session.resolve_state(&state).without_records();
    let Err(differences) = session.wait(&state, fresh, limits::CONVERGE_WITHIN).await? else {
        return Ok(());
    };
    let message = format!("{} did not recover from the faults", state.object);
    Err(Miss::failed("faults.diverged", message).with(differences.iter().map(ToString::to_string)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_retried_has_not_recovered() {
        let with = |conditions: Value| json!({"status": {"conditions": conditions}});
        assert!(is_worked_on(&with(json!([
            {"type": "Reconciling", "status": "True", "reason": "ProgressingWithRetry"},
            {"type": "Ready", "status": "False", "reason": "GitOperationFailed"},
        ]))));
        assert!(!is_worked_on(&with(json!([{"type": "Ready", "status": "True"}]))));
        assert!(!is_worked_on(&json!({})));
    }
}
