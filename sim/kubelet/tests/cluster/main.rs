//! Nodes and controllers on a whole API server.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod breakage;
mod support;
mod workloads;
