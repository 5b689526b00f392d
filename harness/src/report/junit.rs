//! The run as JUnit XML: one suite a component, one case a scenario.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Reporter, create, named, terminal::explain};
use crate::{
    event::{Event, Outcome},
    verdict::Verdict,
};

/// A JUnit file.
pub struct Junit {
    path: PathBuf,
    file: File,
    suites: BTreeMap<String, BTreeMap<String, TestCase>>,
}

impl Junit {
    /// Opens the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: create(path)?,
            path: path.to_owned(),
            suites: BTreeMap::new(),
        })
    }
}

impl Reporter for Junit {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let Event::ScenarioFinished(outcome) = event {
            let suite = outcome.name.split('/').next().unwrap_or_default().to_owned();
            let cases = self.suites.entry(suite).or_default();
            cases.insert(outcome.name.clone(), case(outcome));
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut report = Report::new("gitops-conformance");
        for (name, cases) in &self.suites {
            let mut suite = TestSuite::new(name.as_str());
            suite.add_test_cases(cases.values().cloned());
            report.add_test_suite(suite);
        }
        report
            .serialize(&mut self.file)
            .map_err(|error| named(&self.path, &io::Error::other(error)))
    }
}

fn case(outcome: &Outcome) -> TestCase {
    let mut status = match outcome.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Broken => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::Skipped => TestCaseStatus::skipped(),
    };
    if let Some(failure) = &outcome.failure {
        status
            .set_message(format!("{}: {}", failure.place, failure.message))
            .set_type(failure.code)
            .set_description(explain(outcome));
    }
    if let Some(code) = outcome.skipped {
        status.set_message(code);
    }
    let mut case = TestCase::new(outcome.name.as_str(), status);
    let (folder, _) = outcome.name.rsplit_once('/').unwrap_or(("", &outcome.name));
    case.set_classname(folder.replace('/', "."));
    case.set_time(Duration::from_secs_f64(outcome.seconds));
    case.add_property(Property::new("title", outcome.title.as_str()));
    case.add_property(Property::new("requirements", outcome.requirements.join(" ")));
    case.add_property(Property::new("features", outcome.features.join(" ")));
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_messages_are_where_readers_look() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("junit.xml");
        let mut junit = Junit::create(&path).unwrap();
        for (name, verdict) in [
            ("k/p/a", Verdict::Passed),
            ("k/p/b", Verdict::Failed),
            ("s/g/c", Verdict::Broken),
        ] {
            let outcome = super::super::terminal::sample(name, verdict);
            junit.event(&Event::ScenarioFinished(Box::new(outcome))).unwrap();
        }
        junit.finish().unwrap();
        let xml = std::fs::read_to_string(&path).unwrap();
        assert!(
            xml.contains(r#"tests="3" skipped="0" failures="1" errors="1""#),
            "{xml}"
        );
        assert!(xml.contains(r#"<testsuite name="k" tests="2""#), "{xml}");
        assert!(xml.contains(r#"classname="k.p""#), "{xml}");
        assert!(xml.contains("type=\"expect.timeout\""), "{xml}");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Junit::create(folder.path()).err().unwrap();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
    }
}
