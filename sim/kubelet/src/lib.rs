//! Workload controllers and simulated nodes: Deployments, Pods, Jobs and Services get their statuses
