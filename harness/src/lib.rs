//! The judge: scenarios, targets, invariants, reports; the gitops-conformance binary
