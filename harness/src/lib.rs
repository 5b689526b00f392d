//! The judge: runs the scenarios of `scenarios/` against a cluster that runs an implementation of the extension, and
//! says what held.
//!
//! In reading order: [`scenario`] is the vocabulary and its linter, `step` what each verb does, `journal` what was
//! observed, `matching` whether that is as expected, `invariant` what must hold always, `target` where it all happens,
//! [`run`] the course of one and of many scenarios, [`event`] what a run tells, [`report`] who reads it.
//!
//! Never: a scenario never names a target, and no step asks a component of the extension; everything is judged through
//! the Kubernetes API and the Git server's control.

pub mod cli;
pub mod event;
pub mod report;
pub mod run;
pub mod scenario;

mod bench;
mod fault;
mod invariant;
mod journal;
mod limits;
mod matching;
mod session;
mod site;
mod snapshot;
mod step;
mod target;
mod verdict;

pub use fault::Fault;
pub use site::{Attached, GitSite, Site};
pub use snapshot::SnapshotMode;
pub use verdict::Verdict;
