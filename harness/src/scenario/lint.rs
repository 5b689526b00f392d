//! What can be wrong in a scenario that its types cannot say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::{
    Catalogue, Diagnostic, Object, Place, Placeholder, Source, Span, State, Step, placeholders,
    registry::{Features, Requirements},
};
use crate::{limits, session, step};

/// Every finding in the scenarios that could be read.
pub(super) fn check(
    catalogue: &Catalogue,
    requirements: &Requirements,
    features: &Features,
) -> Vec<Diagnostic> {
    let mut titles: BTreeMap<&str, &Source> = BTreeMap::new();
    let mut found = Vec::new();
    for source in &catalogue.scenarios {
        let title = &source.scenario.title;
        if let Some(first) = titles.insert(&title.value, source) {
            let message = format!("duplicate scenario title {:?}", title.value);
            let place = Place::new(&first.file, first.scenario.title.referenced);
            found.push(
                finding(source, title.referenced, message).help(format!("it is also the title at {place}")),
            );
            titles.insert(&title.value, first);
        }
        let mut lint = Lint {
            catalogue,
            source,
            pushed: BTreeSet::new(),
            snapshots: BTreeSet::new(),
            found: Vec::new(),
        };
        lint.names(requirements.keys(), &source.scenario.requirements, "requirement");
        lint.names(features.keys(), &source.scenario.features, "feature");
        lint.given();
        for step in &source.scenario.steps {
            lint.step(step);
        }
        found.append(&mut lint.found);
    }
    found.extend(abandoned_snapshots(catalogue));
    found
}

fn finding(source: &Source, location: Location, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Place::new(&source.file, location), &source.text, message)
}

struct Lint<'a> {
    catalogue: &'a Catalogue,
    source: &'a Source,
    /// Repositories and revisions that exist at this point of the scenario.
    pushed: BTreeSet<(String, String)>,
    snapshots: BTreeSet<String>,
    found: Vec<Diagnostic>,
}

impl Lint<'_> {
    fn names<'n>(
        &mut self,
        known: impl Iterator<Item = &'n String> + Clone,
        used: &[Spanned<String>],
        what: &str,
    ) {
        if used.is_empty() {
            let title = self.source.scenario.title.referenced;
            self.found.push(finding(
                self.source,
                title,
                format!("the scenario names no {what}"),
            ));
        }
        for name in used {
            if !known.clone().any(|known| *known == name.value) {
                let message = format!("unknown {what} {:?}", name.value);
                let file = format!("add it to scenarios/{what}s.yaml");
                let finding = finding(self.source, name.referenced, message)
                    .expected(&name.value, known.clone().map(String::as_str));
                self.found.push(finding.help(file));
            }
        }
    }

    fn given(&mut self) {
        for (repo, revision) in &self.source.scenario.given.repos {
            self.fixture(repo, revision, revision.referenced);
        }
    }

    /// Notes that a fixture revision exists from here on; a finding when its tree is missing.
    fn fixture(&mut self, repo: &str, revision: &Spanned<String>, of_repo: Location) {
        self.pushed.insert((repo.to_owned(), revision.value.clone()));
        let fixtures = self.catalogue.roots.fixtures();
        if session::tree(&fixtures, repo, &revision.value).is_dir() {
            return;
        }
        let (location, wrong, folder) = if fixtures.join(repo).is_dir() {
            (revision.referenced, revision.value.as_str(), fixtures.join(repo))
        } else {
            (of_repo, repo, fixtures)
        };
        let names: Vec<String> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.sort_unstable();
        let message = format!("no fixture fixtures/repos/{repo}/{}", revision.value);
        self.found
            .push(finding(self.source, location, message).expected(wrong, names));
    }

    fn step(&mut self, step: &Spanned<Step>) {
        let at = step.referenced;
        match &step.value {
            Step::Apply(objects) => self.manifests(objects, at),
            Step::Fails(fails) => match &fails.action {
                step::Action::Apply(objects) => self.parts(objects.iter(), at),
                step::Action::Patch(patch) => self.patch(patch, at),
                step::Action::Delete(_) => {}
            },
            Step::Patch(patch) => self.patch(patch, at),
            Step::Push(push) => self.push(push),
            Step::Expect(expect) => self.state(&expect.state(), at),
            Step::Hold(hold) => {
                hold.state.iter().for_each(|state| self.state(state, at));
                if hold.state.is_none() && hold.unchanged.is_empty() && !hold.quiet {
                    self.note(at, "a hold needs `state`, `unchanged` or `quiet`");
                }
            }
            Step::Never(never) => {
                self.state(&never.state, at);
                never.until.iter().for_each(|state| self.state(state, at));
                if never.until.is_none() && never.during.is_none() {
                    self.note(at, "a never needs `until` or `during`");
                }
            }
            Step::Snapshot(snapshot) => {
                if !self.snapshots.insert(snapshot.name.clone()) {
                    self.note(at, format!("duplicate snapshot name {:?}", snapshot.name));
                }
            }
            Step::Restart(component) => {
                const COMPONENTS: [&str; 3] =
                    ["helm-controller", "kustomize-controller", "source-controller"];
                if !COMPONENTS.contains(&component.value.as_str()) {
                    let message = format!("unknown component {:?}", component.value);
                    self.found.push(
                        finding(self.source, component.referenced, message)
                            .expected(&component.value, COMPONENTS),
                    );
                }
            }
            Step::Advance(advance) => self.advance(*advance, at),
            Step::Behave(behave) => {
                const WORKLOADS: [&str; 7] = [
                    "CronJob",
                    "DaemonSet",
                    "Deployment",
                    "Job",
                    "Pod",
                    "ReplicaSet",
                    "StatefulSet",
                ];
                let kind = behave.pods.kind.as_str();
                if !WORKLOADS.contains(&kind) {
                    let message = format!("{kind} has no pods");
                    self.found
                        .push(finding(self.source, at, message).expected(kind, WORKLOADS));
                }
            }
            Step::Delete(_) | Step::Break(_) | Step::Heal(_) => {}
        }
    }

    fn advance(&mut self, advance: step::Advance, at: Location) {
        let (by, most) = (advance.by, Span(limits::REAL_WAIT_MAX));
        let wrong = match advance.at_least {
            _ if by.0.is_zero() => Some("an advance needs time".to_owned()),
            None => (by.0 > most.0).then(|| {
                format!(
                    "an advance of more than {most} needs `atLeast`: how much is enough where time is real"
                )
            }),
            Some(enough) if enough.0.is_zero() => Some("`atLeast` needs time".to_owned()),
            Some(enough) if enough.0 >= by.0 => {
                Some(format!("`atLeast` must be less than `by`, which is {by}"))
            }
            Some(enough) => (enough.0 > most.0).then(|| format!("`atLeast` must not be more than {most}")),
        };
        wrong.into_iter().for_each(|wrong| self.note(at, wrong));
    }

    fn note(&mut self, at: Location, message: impl Into<String>) {
        self.found.push(finding(self.source, at, message));
    }

    fn manifests(&mut self, objects: &[Object], at: Location) {
        for object in objects {
            let has = |path: &str| {
                Value::Object(object.clone())
                    .pointer(path)
                    .is_some_and(Value::is_string)
            };
            for path in ["/apiVersion", "/kind", "/metadata/name"] {
                if !has(path) {
                    let missing = path.trim_start_matches('/').replace('/', ".");
                    self.note(at, format!("a manifest needs {missing}"));
                }
            }
        }
        self.parts(objects.iter(), at);
    }

    fn patch(&mut self, patch: &step::Patch, at: Location) {
        if patch.merge.is_some() == patch.json.is_some() {
            self.note(at, "a patch needs either `merge` or `json`");
        }
        self.parts(patch.merge.iter().chain(patch.json.iter().flatten()), at);
    }

    fn push(&mut self, push: &step::Push) {
        let repo = &push.repo;
        if !self.source.scenario.given.repos.contains_key(&repo.value) {
            let names = self.source.scenario.given.repos.keys().map(String::as_str);
            let message = format!("no repository {:?} is given", repo.value);
            self.found
                .push(finding(self.source, repo.referenced, message).expected(&repo.value, names));
            return;
        }
        if let Some(revision) = &push.revision {
            self.fixture(&repo.value, revision, repo.referenced);
        }
        if let Some(reset) = &push.reset {
            let known = Placeholder {
                repo: repo.value.clone(),
                revision: Some(reset.value.clone()),
            };
            self.placeholder(&known, reset.referenced);
        }
        if push.revision.is_none() && push.reset.is_none() && push.tag.is_none() && !push.delete {
            self.note(
                repo.referenced,
                "a push needs `revision`, `reset`, `tag` or `delete`",
            );
        }
    }

    fn state(&mut self, state: &State, at: Location) {
        self.parts(state.part.iter(), at);
        let texts = state
            .conditions
            .values()
            .filter_map(|wanted| wanted.message.as_ref())
            .chain(state.event.iter().filter_map(|event| event.message.as_ref()));
        for text in texts {
            self.texts(&Value::String(text.0.clone()), at);
        }
        if let Some(expression) = &state.cel {
            self.texts(&Value::String(expression.clone()), at);
            if let Err(error) = cel::Program::compile(expression) {
                self.note(at, format!("not a CEL expression: {error}"));
            }
        }
        for (kind, wanted) in &state.conditions {
            let statuses = ["True", "False", "Unknown", "absent"];
            if let Some(status) = wanted
                .status
                .as_deref()
                .filter(|status| !statuses.contains(status))
            {
                let message = format!("condition {kind}: {status:?} is no status");
                self.found
                    .push(finding(self.source, at, message).expected(status, statuses));
            }
        }
    }

    fn parts<'o>(&mut self, objects: impl Iterator<Item = &'o Object>, at: Location) {
        for object in objects {
            self.texts(&Value::Object(object.clone()), at);
        }
    }

    fn texts(&mut self, value: &Value, at: Location) {
        for placeholder in placeholders(value) {
            self.placeholder(&placeholder, at);
        }
    }

    fn placeholder(&mut self, placeholder: &Placeholder, at: Location) {
        let repos = &self.source.scenario.given.repos;
        if !repos.contains_key(&placeholder.repo) {
            let message = format!("no repository {:?} is given", placeholder.repo);
            let names = repos.keys().map(String::as_str);
            self.found
                .push(finding(self.source, at, message).expected(&placeholder.repo, names));
            return;
        }
        let Some(revision) = &placeholder.revision else {
            return;
        };
        if !self
            .pushed
            .contains(&(placeholder.repo.clone(), revision.clone()))
        {
            let message = format!(
                "revision {revision:?} of {:?} was not pushed yet",
                placeholder.repo
            );
            let pushed = self.pushed.clone();
            let names = pushed
                .iter()
                .filter(|(repo, _)| *repo == placeholder.repo)
                .map(|(_, revision)| revision.as_str());
            self.found
                .push(finding(self.source, at, message).expected(revision, names));
        }
    }
}

/// Snapshot files that no scenario compares with.
fn abandoned_snapshots(catalogue: &Catalogue) -> Vec<Diagnostic> {
    let folder = catalogue.roots.snapshots();
    let mut wanted = BTreeSet::new();
    for source in &catalogue.scenarios {
        for step in &source.scenario.steps {
            if let Step::Snapshot(snapshot) = &step.value {
                wanted.insert(crate::snapshot::file_of(&folder, &source.name, &snapshot.name));
            }
        }
    }
    let present = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut abandoned: Vec<_> = present
        .filter(|path| path.extension().is_some_and(|e| e == "snap") && !wanted.contains(path))
        .collect();
    abandoned.sort();
    abandoned
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let place = Place {
                file: format!("scenarios/snapshots/{name}"),
                line: 1,
                column: 1,
            };
            let text = fs::read_to_string(path).unwrap_or_default();
            Diagnostic::new(place, &text, "no scenario compares with this snapshot").help("delete it")
        })
        .collect()
}

#[cfg(test)]
mod tests;
