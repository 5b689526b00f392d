//! Structured merge and managedFields, with vectors of its own from kube-apiserver
