//! Transcripts of a genuine kube-apiserver, replayed against this one.
//!
//! A case is a JSON file; a corpus is a folder of areas or one compressed file with a case on each line. Every case
//! runs on a fresh server, so none depends on another.

mod answer;
mod archive;
mod compare;
mod environment;
mod replay;
mod request;
mod template;
mod until;
mod watching;

use std::{collections::BTreeMap, fmt, io, path::Path, time::Duration};

use edges::Clock;
use jiff::Timestamp;
use serde_json::Value;

use crate::server::ApiServer;

pub use archive::pack;

/// How many differences of an area are kept as text.
const SHOWN: usize = 10_000;

/// What acts beside the server in some environment: controllers that this crate does not know.
pub trait Environment {
    /// The time that it and the server live by.
    fn clock(&self) -> Clock;

    /// Starts on a server.
    fn attach(&mut self, server: &ApiServer);

    /// Lets time pass, and everything happen that is due in it.
    fn advance(&mut self, by: Duration);
}

/// Where environments come from.
pub trait Environments: Sync {
    /// What acts beside the server in the environment of this name, with a clock that reads `now`; nothing, if the
    /// server is alone in it.
    fn start(&self, environment: &str, now: Timestamp) -> Option<Box<dyn Environment>>;
}

/// What a replay found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// By name of the area.
    pub areas: BTreeMap<String, Area>,
}

/// One area's figures.
#[derive(Debug, Clone, Default)]
pub struct Area {
    /// Cases that agree in every step.
    pub matched: usize,
    /// All cases.
    pub total: usize,
    /// The first difference of each case that differs: its name, family and the text.
    pub differences: Vec<Difference>,
}

/// Where a case differs first.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The case.
    pub case: String,
    /// The group of like cases it belongs to.
    pub family: String,
    /// Step, place and both values.
    pub text: String,
}

impl Report {
    /// Cases that agree, and all.
    pub fn totals(&self) -> (usize, usize) {
        let sum = |pick: fn(&Area) -> usize| self.areas.values().map(pick).sum();
        (sum(|area| area.matched), sum(|area| area.total))
    }

    fn count(&mut self, case: &Value, difference: Option<String>) {
        let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
        let area = self.areas.entry(text("area")).or_default();
        area.total += 1;
        match difference {
            None => area.matched += 1,
            Some(found) if area.differences.len() < SHOWN => {
                area.differences.push(Difference {
                    case: text("name"),
                    family: text("family"),
                    text: found,
                });
            }
            Some(_) => {}
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, area) in &self.areas {
            writeln!(f, "{name}: {} of {}", area.matched, area.total)?;
        }
        let (matched, total) = self.totals();
        write!(f, "{matched} of {total} cases agree")
    }
}

/// Replays a folder of areas, or an archive that [`pack`] wrote, with controllers beside the server in the environments
/// that have some. Only cases run whose `area/name` contains `filter`.
///
/// # Errors
/// When something cannot be read.
pub fn replay(path: &Path, filter: Option<&str>, environments: &dyn Environments) -> io::Result<Report> {
    let corpus = archive::read(path)?;
    let wanted = |case: &&archive::Case| {
        let text = |key: &str| case.value[key].as_str().unwrap_or_default();
        let name = format!("{}/{}", text("area"), text("name"));
        filter.is_none_or(|filter| name.contains(filter))
    };
    let cases: Vec<&archive::Case> = corpus.cases.iter().filter(wanted).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = cases.len().div_ceil(threads).max(1);
    // Cases know nothing of each other, so threads only make it faster; the report keeps their order.
    let found: Vec<Option<String>> = std::thread::scope(|scope| {
        let run = |part: &[&archive::Case]| -> Vec<Option<String>> {
            let mut prepared = replay::Prepared::default();
            part.iter()
                .map(|case| replay::case(case, &corpus.fixtures, &mut prepared, environments).err())
                .collect()
        };
        let workers: Vec<_> = cases
            .chunks(share)
            .map(|part| scope.spawn(move || run(part)))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    let mut report = Report::default();
    for (case, difference) in cases.into_iter().zip(found) {
        report.count(&case.value, difference);
    }
    Ok(report)
}
