//! Workloads from their creation to their end.

use serde_json::json;

use crate::support::{Cluster, condition, template};

#[tokio::test(start_paused = true)]
async fn a_rollout_keeps_enough_pods_and_its_history() {
    let cluster = Cluster::start(1);
    cluster.deployment("web", 4);
    cluster.pass(10).await;
    for version in 2..=4 {
        let path = "/apis/apps/v1/namespaces/default/deployments/web";
        let annotations = json!({"version": version.to_string()});
        cluster.patch(
            path,
            json!({"spec": {"revisionHistoryLimit": 1, "template": {"metadata": {"annotations": annotations}}}}),
        );
        for _ in 0..20 {
            cluster.pass(1).await;
            let ready = cluster.list("", "pods");
            let ready = ready
                .iter()
                .filter(|pod| condition(pod, "Ready").0 == "True")
                .count();
            assert!(ready >= 3, "{ready}");
        }
    }
    let found = cluster.get("apps", "deployments", "web").unwrap();
    assert_eq!(
        condition(&found, "Progressing"),
        ("True".into(), "NewReplicaSetAvailable".into())
    );
    assert_eq!(
        found["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "4"
    );
    assert_eq!(cluster.list("apps", "replicasets").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn recreate_waits_for_the_old_pods_and_pause_holds_a_rollout() {
    let cluster = Cluster::start(1);
    cluster.deployment("web", 2);
    cluster.pass(10).await;
    let path = "/apis/apps/v1/namespaces/default/deployments/web";
    cluster.patch(
        path,
        json!({"spec": {"paused": true, "strategy": {"type": "Recreate", "rollingUpdate": null},
            "template": {"metadata": {"annotations": {"version": "2"}}}}}),
    );
    cluster.pass(5).await;
    assert_eq!(cluster.list("apps", "replicasets").len(), 1);
    let found = cluster.get("apps", "deployments", "web").unwrap();
    assert_eq!(condition(&found, "Progressing").1, "DeploymentPaused");
    cluster.patch(path, json!({"spec": {"paused": false}}));
    cluster.pass(10).await;
    let pods = cluster.list("", "pods");
    assert_eq!(pods.len(), 2);
    assert!(
        pods.iter()
            .all(|pod| pod["metadata"]["annotations"]["version"] == "2")
    );
}

#[tokio::test(start_paused = true)]
async fn daemons_run_on_every_node_that_suits() {
    let cluster = Cluster::start(3);
    cluster.create(
        "/apis/apps/v1/namespaces/default/daemonsets",
        json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
            "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": template("agent")},
        }),
    );
    cluster.pass(10).await;
    let found = cluster.get("apps", "daemonsets", "agent").unwrap();
    assert_eq!(found["status"]["numberAvailable"], 3, "{found:#}");
    cluster.patch(
        "/apis/apps/v1/namespaces/default/daemonsets/agent",
        json!({"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": "node-2"}}}}}),
    );
    cluster.pass(20).await;
    let found = cluster.get("apps", "daemonsets", "agent").unwrap();
    assert_eq!(found["status"]["desiredNumberScheduled"], 1, "{found:#}");
    assert_eq!(found["status"]["updatedNumberScheduled"], 1, "{found:#}");
    assert_eq!(cluster.list("", "pods").len(), 1);
    assert_eq!(cluster.list("apps", "controllerrevisions").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cronjob_makes_jobs_and_keeps_a_few() {
    let cluster = Cluster::start(1);
    let mut pod = template("task");
    pod["spec"]["restartPolicy"] = json!("Never");
    cluster.create(
        "/apis/batch/v1/namespaces/default/cronjobs",
        json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "task"},
            "spec": {"schedule": "*/5 * * * *", "successfulJobsHistoryLimit": 2,
                "jobTemplate": {"spec": {"template": pod}}},
        }),
    );
    cluster.pass(3601).await;
    let jobs = cluster.list("batch", "jobs");
    let found = cluster.get("batch", "cronjobs", "task").unwrap();
    assert_eq!(found["status"]["lastScheduleTime"], "2024-01-01T01:00:00Z");
    assert_eq!(jobs.len(), 3, "two finished ones and the present one");
    cluster.pass(60).await;
    assert_eq!(cluster.list("batch", "jobs").len(), 2);
    assert_eq!(cluster.list("", "pods").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn storage_is_made_for_stateful_pods_and_outlives_them() {
    let cluster = Cluster::start(1);
    cluster.create(
        "/apis/apps/v1/namespaces/default/statefulsets",
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
            "spec": {"replicas": 2, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
                "template": template("db"),
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                    "storageClassName": "standard", "resources": {"requests": {"storage": "1Gi"}}}}]},
        }),
    );
    cluster.pass(15).await;
    for name in ["data-db-0", "data-db-1"] {
        let claim = cluster.get("", "persistentvolumeclaims", name).unwrap();
        assert_eq!(claim["status"]["phase"], "Bound", "{claim:#}");
    }
    cluster.delete("/apis/apps/v1/namespaces/default/statefulsets/db");
    cluster.pass(5).await;
    assert!(cluster.list("", "pods").is_empty());
    assert_eq!(cluster.list("", "persistentvolumeclaims").len(), 2);
    cluster.delete("/api/v1/namespaces/default/persistentvolumeclaims/data-db-0");
    cluster.pass(1).await;
    let volumes = apiserver::Gvr::new("", "v1", "persistentvolumes");
    assert_eq!(cluster.api.list(&volumes, None).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failing_job_tries_again_with_longer_waits_and_gives_up() {
    let cluster = Cluster::start(1);
    let crash = kubelet::Behaviour::CrashLoop {
        exit_code: 1,
        after: std::time::Duration::from_secs(1),
    };
    cluster.behaviours.set(kubelet::Selector::default(), crash);
    let mut pod = template("task");
    pod["spec"]["restartPolicy"] = json!("Never");
    cluster.create(
        "/apis/batch/v1/namespaces/default/jobs",
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "task"},
            "spec": {"backoffLimit": 2, "template": pod},
        }),
    );
    cluster.pass(20).await;
    let job = cluster.get("batch", "jobs", "task").unwrap();
    assert_eq!(job["status"]["failed"], 2, "{job:#}");
    cluster.pass(30).await;
    let job = cluster.get("batch", "jobs", "task").unwrap();
    assert_eq!(
        condition(&job, "Failed"),
        ("True".into(), "BackoffLimitExceeded".into()),
        "{job:#}"
    );
    assert_eq!(job["status"]["failed"], 3);
}

#[tokio::test(start_paused = true)]
async fn services_get_endpoints_and_addresses() {
    let cluster = Cluster::start(1);
    cluster.create(
        "/api/v1/namespaces/default/services",
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]},
        }),
    );
    cluster.deployment("web", 2);
    cluster.pass(10).await;
    let slices = cluster.list("discovery.k8s.io", "endpointslices");
    assert_eq!(slices.len(), 1);
    let endpoints = slices[0]["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), 2);
    assert!(endpoints.iter().all(|one| one["conditions"]["ready"] == true));
    let service = cluster.get("", "services", "web").unwrap();
    assert!(
        service["status"]["loadBalancer"]["ingress"][0]["ip"].is_string(),
        "{service:#}"
    );
    let legacy = cluster.get("", "endpoints", "web").unwrap();
    assert_eq!(
        legacy["subsets"][0]["addresses"].as_array().map(Vec::len),
        Some(2)
    );
}
