//! Staged server-side apply, drift, inventory, prune and readiness
