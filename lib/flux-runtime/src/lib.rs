//! The reconcile shell that every controller shares: verdicts, status, events, queue.
//!
//! A controller implements [`Reconciler`] and returns a verdict; [`run_controller`] does everything around it:
//! watching, queueing, finalizer, suspension, conditions, the status patch, events, requeueing. [`run_process`] does
//! what a process of controllers needs around them.

mod access;
mod api;
mod conditions;
mod controller;
mod election;
mod events;
mod expressions;
pub mod kubeconfig;
mod limits;
mod metrics;
mod process;
mod progress;
mod queue;
mod reconciler;
mod selector;
mod shell;
mod verdict;
mod watch;

pub use access::target;
pub use api::{api_code, explain, explain_cached, is_not_found, not_in_cache};
pub use conditions::Conditions;
pub use controller::{EventReceiver, Options, run_controller};
pub use election::Election;
pub use events::{EventDraft, EventType, Recorder};
pub use expressions::{Expression, HealthExpressions};
pub use metrics::Metrics;
pub use process::{Process, ProcessError, run_process};
pub use progress::Progress;
pub use queue::{Limits, Next};
pub use reconciler::{Reconciler, RetryPolicy};
pub use selector::matching;
pub use verdict::{Announce, Disposition, Done, Failure, OrFail};
pub use watch::{Change, Mapper, Objects, Watch, artifact_revision, configuration_watches, parsed};
