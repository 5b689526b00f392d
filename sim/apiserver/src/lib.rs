//! A Kubernetes API server in process: synchronous core, tower service around it
pub mod kinds;
