//! CronJobs make a Job at each of their times.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use manifest::object;
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, EventKind, seconds},
    cron::Schedule,
    driver::Again,
    job, owned,
    resources::{CRON_JOBS, JOBS},
};

const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// Missed times that are looked through, as many as upstream accepts before it complains.
const MISSED: usize = 100;

/// A CronJob in the course of one look at it.
struct Look<'a> {
    actor: &'a Actor,
    cron: &'a Value,
    jobs: Vec<Arc<Value>>,
    status: Map<String, Value>,
}

pub(crate) fn reconcile(actor: &Actor, cron: &Arc<Value>) -> Again {
    let mut look = Look {
        actor,
        cron,
        jobs: owned::by(&actor.api, JOBS, cron),
        status: cron
            .get("status")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
    };
    look.forget_finished();
    look.clean_up();
    let again = if owned::is_deleting(cron) || cron.pointer("/spec/suspend") == Some(&Value::Bool(true)) {
        Again::Never
    } else {
        look.tick()
    };
    if let Some(fresh) = actor.fresh(CRON_JOBS, cron) {
        actor.set_status(CRON_JOBS, &fresh, Value::Object(look.status));
    }
    again
}

fn scheduled(job: &Value) -> &str {
    object::annotation(job, SCHEDULED).unwrap_or_else(|| owned::text(job, "/metadata/creationTimestamp"))
}

impl Look<'_> {
    fn tell(&self, kind: EventKind, reason: &str, text: &str) {
        self.actor.event(CRON_JOBS, self.cron, kind, reason, text);
    }

    fn active(&self) -> Vec<Value> {
        self.status
            .get("active")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    }

    fn set_active(&mut self, active: Vec<Value>) {
        if active.is_empty() {
            self.status.remove("active");
        } else {
            self.status.insert("active".to_owned(), Value::Array(active));
        }
    }

    /// Takes Jobs off the list of active ones that have ended or vanished.
    fn forget_finished(&mut self) {
        let mut kept = Vec::new();
        for entry in self.active() {
            let uid = owned::text(&entry, "/uid");
            let name = owned::text(&entry, "/name");
            let Some(found) = self.jobs.iter().find(|job| object::uid(job) == uid).cloned() else {
                let text = format!("Active job went missing: {name}");
                self.tell(EventKind::Normal, "MissingJob", &text);
                continue;
            };
            let Some(end) = job::finished(&found) else {
                kept.push(entry);
                continue;
            };
            let kind = end.get("type").and_then(Value::as_str).unwrap_or_default();
            let text = format!("Saw completed job: {name}, condition: {kind}");
            self.tell(EventKind::Normal, "SawCompletedJob", &text);
            let ended = owned::text(&found, "/status/completionTime");
            let known = self.status.get("lastSuccessfulTime").and_then(Value::as_str);
            if kind == "Complete" && known.unwrap_or_default() < ended {
                self.status.insert("lastSuccessfulTime".to_owned(), json!(ended));
            }
        }
        self.set_active(kept);
    }

    /// Deletes the oldest finished Jobs beyond the history limits.
    fn clean_up(&mut self) {
        for (kind, field, default) in [
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ] {
            let keep = owned::spec_count(self.cron, field, default);
            let ended = |job: &&Arc<Value>| {
                job::finished(job).is_some_and(|end| end.get("type").is_some_and(|found| found == kind))
                    && !owned::is_deleting(job)
            };
            let mut jobs: Vec<_> = self.jobs.iter().filter(ended).cloned().collect();
            jobs.sort_by(|a, b| (scheduled(a), object::name(a)).cmp(&(scheduled(b), object::name(b))));
            let surplus = jobs.len().saturating_sub(keep);
            for job in jobs.iter().take(surplus) {
                self.delete(job);
            }
        }
    }

    fn delete(&mut self, job: &Value) {
        if self.actor.delete(JOBS, job, None) {
            let text = format!("Deleted job {}", object::name(job));
            self.tell(EventKind::Normal, "SuccessfulDelete", &text);
            let uid = object::uid(job);
            let mut active = self.active();
            active.retain(|entry| owned::text(entry, "/uid") != uid);
            self.set_active(active);
        }
    }

    fn zone(&self) -> Option<TimeZone> {
        match self.cron.pointer("/spec/timeZone").and_then(Value::as_str) {
            Some(name) => TimeZone::get(name).ok(),
            None => Some(TimeZone::UTC),
        }
    }

    /// Makes a Job if one is due; says when the next will be.
    fn tick(&mut self) -> Again {
        let schedule = owned::text(self.cron, "/spec/schedule");
        let Some(zone) = self.zone() else {
            let text = format!(
                "invalid timeZone: {:?}: unknown time zone",
                owned::text(self.cron, "/spec/timeZone")
            );
            self.tell(EventKind::Warning, "UnknownTimeZone", &text);
            return Again::Never;
        };
        let Some(schedule) = Schedule::parse(schedule) else {
            let text = format!("unparseable schedule: {schedule:?}");
            self.tell(EventKind::Warning, "UnparseableSchedule", &text);
            return Again::Never;
        };
        let now = self.actor.clock.now();
        if let Some(due) = self.due(&schedule, &zone, now) {
            self.start(due, now);
        }
        let wait = schedule
            .next(now, &zone)
            .and_then(|next| Duration::try_from(next.duration_since(now)).ok());
        wait.map_or(Again::Never, Again::After)
    }

    /// The newest time that has passed since the last Job.
    fn due(&self, schedule: &Schedule, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        let last = self
            .status
            .get("lastScheduleTime")
            .and_then(Value::as_str)
            .unwrap_or_else(|| owned::text(self.cron, "/metadata/creationTimestamp"));
        let mut earliest: Timestamp = last.parse().ok()?;
        if let Some(seconds) = owned::number(self.cron, "/spec/startingDeadlineSeconds") {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            let bound = now.checked_sub(jiff::SignedDuration::from_secs(seconds)).ok()?;
            earliest = earliest.max(bound);
        }
        let mut found = None;
        let mut missed = 0;
        while let Some(next) = schedule
            .next(found.unwrap_or(earliest), zone)
            .filter(|next| *next <= now)
        {
            found = Some(next);
            missed += 1;
            if missed == MISSED + 1 {
                let text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock \
                            skew";
                self.tell(EventKind::Warning, "TooManyMissedTimes", text);
            }
        }
        found
    }

    fn start(&mut self, due: Timestamp, now: Timestamp) {
        let stamp = seconds(due);
        if self
            .active()
            .iter()
            .any(|entry| owned::text(entry, "/name") == self.job_name(due))
        {
            return;
        }
        match owned::text(self.cron, "/spec/concurrencyPolicy") {
            "Forbid" if !self.active().is_empty() => {
                let text =
                    "Not starting job because prior execution is running and concurrency policy is Forbid";
                self.tell(EventKind::Normal, "JobAlreadyActive", text);
                return;
            }
            "Replace" => {
                let active = self.active();
                let running = |job: &&Arc<Value>| {
                    active
                        .iter()
                        .any(|entry| owned::text(entry, "/uid") == object::uid(job))
                };
                let jobs: Vec<_> = self.jobs.iter().filter(running).cloned().collect();
                jobs.iter().for_each(|job| self.delete(job));
            }
            _ => {}
        }
        let namespace = object::namespace(self.cron);
        let body = self.job_at(due, &stamp);
        match self.actor.create(JOBS, namespace, &body) {
            Ok(made) => {
                let text = format!("Created job {}", object::name(&made));
                self.tell(EventKind::Normal, "SuccessfulCreate", &text);
                let mut active = self.active();
                active.push(json!({
                    "kind": "Job", "namespace": namespace, "name": object::name(&made), "uid": object::uid(&made),
                    "apiVersion": "batch/v1", "resourceVersion": object::resource_version(&made),
                }));
                self.set_active(active);
                self.status
                    .insert("lastScheduleTime".to_owned(), json!(seconds(due.min(now))));
            }
            Err(refused) if refused.code == 409 => {
                self.status.insert("lastScheduleTime".to_owned(), json!(stamp));
            }
            Err(refused) => {
                let text = format!("Error creating job: {}", refused.message);
                self.tell(EventKind::Warning, "FailedCreate", &text);
            }
        }
    }

    /// The name ends in the scheduled minute, so that no minute has two Jobs.
    fn job_name(&self, due: Timestamp) -> String {
        format!("{}-{}", object::name(self.cron), due.as_second() / 60)
    }

    fn job_at(&self, due: Timestamp, stamp: &str) -> Value {
        let template = self
            .cron
            .pointer("/spec/jobTemplate")
            .cloned()
            .unwrap_or_default();
        let mut metadata = json!({
            "name": self.job_name(due),
            "namespace": object::namespace(self.cron),
            "ownerReferences": owned::references(CRON_JOBS, self.cron),
        });
        for key in ["labels", "annotations"] {
            if let Some(all) = template.pointer("/metadata").and_then(|from| from.get(key)) {
                metadata[key] = all.clone();
            }
        }
        object::map_at(&mut metadata, &["annotations"]).insert(SCHEDULED.to_owned(), json!(stamp));
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template.get("spec")})
    }
}
