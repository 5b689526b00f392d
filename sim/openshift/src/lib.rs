//! OpenShift's security context constraints, as its API server applies them to pods.
//!
//! Everything here is a function of its arguments: the constraints, the namespace, the pod, and a closure that answers
//! whether somebody may use a constraint. The API server brings them together.

mod admit;
mod allocate;
mod constraint;
mod context;
mod defaults;
mod definition;
mod order;
mod problem;
mod provider;
mod ranges;
mod strategy;
mod volumes;

pub use admit::{Request, Subject, admit, skips, validate};
pub use allocate::{annotations, lowest_free};
pub use constraint::Constraint;
pub use defaults::{complete, constraints, policy};
pub use definition::definition;
pub use ranges::{GROUPS, LEVEL, UIDS};

/// The table of the constraints, as Kubernetes calls a resource with its group.
pub const RESOURCE: &str = "securitycontextconstraints.security.openshift.io";
