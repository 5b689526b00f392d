//! The reconcile shell that every controller shares: verdicts, status, events, queue.
//!
//! A controller implements [`Reconciler`] and returns a verdict; [`run_controller`] does everything around it:
//! watching, queueing, finalizer, suspension, conditions, the status patch, events, requeueing.

mod api;
mod conditions;
mod controller;
mod events;
mod limits;
mod progress;
mod queue;
mod reconciler;
mod shell;
mod verdict;
mod watch;

pub use api::{api_code, explain, is_not_found};
pub use conditions::Conditions;
pub use controller::{Options, run_controller};
pub use events::{EventDraft, EventType, Recorder};
pub use progress::Progress;
pub use queue::{Limits, Next};
pub use reconciler::{Reconciler, RetryPolicy};
pub use verdict::{Announce, Disposition, Done, Failure, OrFail};
pub use watch::{Change, Mapper, Objects, Watch};
