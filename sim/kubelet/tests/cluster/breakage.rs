//! Each behaviour as the API shows it, and the way back.

use std::time::Duration;

use kubelet::{Behaviour, Selector};
use serde_json::json;

use crate::support::{Cluster, condition};

fn app(name: &str) -> Selector {
    Selector {
        labels: [("app".to_owned(), name.to_owned())].into(),
        ..Selector::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_crashing_pod_backs_off_and_recovers() {
    let cluster = Cluster::start(1);
    let crash = Behaviour::CrashLoop {
        exit_code: 3,
        after: Duration::from_secs(1),
    };
    cluster.behaviours.set(app("web"), crash);
    cluster.pod("web");
    cluster.pass(8).await;
    let pod = cluster.get("", "pods", "web").unwrap();
    let container = &pod["status"]["containerStatuses"][0];
    assert_eq!(pod["status"]["phase"], "Running", "{pod:#}");
    assert_eq!(container["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 3);
    assert_eq!(container["restartCount"], 1);
    assert_eq!(
        condition(&pod, "Ready"),
        ("False".into(), "ContainersNotReady".into())
    );
    assert!(cluster.told("Pod").contains(&("BackOff".to_owned(), 1)));
    cluster.pass(3600).await;
    let restarts =
        cluster.get("", "pods", "web").unwrap()["status"]["containerStatuses"][0]["restartCount"].clone();
    // 10, 20, 40, 80, 160 seconds, then five minutes each.
    assert!((15..=18).contains(&restarts.as_u64().unwrap()), "{restarts}");
    assert!(cluster.behaviours.heal(&app("web")));
    cluster.pass(310).await;
    let pod = cluster.get("", "pods", "web").unwrap();
    assert_eq!(condition(&pod, "Ready").0, "True", "{pod:#}");
}

#[tokio::test(start_paused = true)]
async fn memory_and_images_can_be_short() {
    let cluster = Cluster::start(1);
    let hungry = Behaviour::OutOfMemory {
        after: Duration::from_secs(2),
    };
    cluster.behaviours.set(app("hungry"), hungry);
    cluster.behaviours.set(app("lost"), Behaviour::ImagePullFailure);
    cluster.pod("hungry");
    cluster.pod("lost");
    cluster.pass(7).await;
    let pod = cluster.get("", "pods", "hungry").unwrap();
    let ended = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!(
        (&ended["reason"], &ended["exitCode"]),
        (&json!("OOMKilled"), &json!(137))
    );
    let pod = cluster.get("", "pods", "lost").unwrap();
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    assert_eq!(pod["status"]["phase"], "Pending");
    assert_eq!(waiting["reason"], "ImagePullBackOff", "{pod:#}");
    cluster.behaviours.heal_all();
    cluster.pass(40).await;
    for name in ["hungry", "lost"] {
        let pod = cluster.get("", "pods", name).unwrap();
        assert_eq!(condition(&pod, "Ready").0, "True", "{pod:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_can_be_late_or_never_come() {
    let cluster = Cluster::start(1);
    let slow = Behaviour::ReadyAfter(Duration::from_secs(30));
    cluster.behaviours.set(app("slow"), slow);
    let by_owner = Selector {
        owner: Some(("Deployment".to_owned(), "stuck".to_owned())),
        ..Selector::default()
    };
    cluster.behaviours.set(by_owner.clone(), Behaviour::NeverReady);
    cluster.pod("slow");
    cluster.deployment("stuck", 2);
    cluster.pass(20).await;
    let slow = cluster.get("", "pods", "slow").unwrap();
    assert_ne!(condition(&slow, "Ready").0, "True");
    let stuck = cluster.get("apps", "deployments", "stuck").unwrap();
    assert_eq!(stuck["status"]["unavailableReplicas"], 2, "{stuck:#}");
    assert!(
        cluster
            .told("Pod")
            .iter()
            .any(|(reason, _)| reason == "Unhealthy")
    );
    cluster.pass(15).await;
    let slow = cluster.get("", "pods", "slow").unwrap();
    assert_eq!(condition(&slow, "Ready").0, "True");
    cluster.behaviours.heal(&by_owner);
    cluster.pass(5).await;
    let stuck = cluster.get("apps", "deployments", "stuck").unwrap();
    assert_eq!(stuck["status"]["availableReplicas"], 2, "{stuck:#}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_node_loses_its_pods_to_the_others() {
    let cluster = Cluster::start(2);
    cluster.deployment("web", 2);
    cluster.pass(10).await;
    let on = |node: &str| {
        let pods = cluster.list("", "pods");
        pods.iter().filter(|pod| pod["spec"]["nodeName"] == node).count()
    };
    assert_eq!((on("node-1"), on("node-2")), (1, 1));
    cluster.behaviours.lose_node("node-1");
    cluster.pass(60).await;
    let nodes = apiserver::Gvr::new("", "v1", "nodes");
    let node = cluster.api.get(&nodes, "", "node-1").unwrap();
    assert_eq!(
        condition(&node, "Ready"),
        ("Unknown".into(), "NodeStatusUnknown".into())
    );
    let deployment = cluster.get("apps", "deployments", "web").unwrap();
    assert_eq!(deployment["status"]["readyReplicas"], 1, "{deployment:#}");
    cluster.pass(310).await;
    // The lost pod is being deleted and stays; its successor runs elsewhere.
    let pods = cluster.list("", "pods");
    let lost = pods
        .iter()
        .find(|pod| pod["spec"]["nodeName"] == "node-1")
        .unwrap();
    assert!(lost["metadata"]["deletionTimestamp"].is_string(), "{lost:#}");
    assert_eq!(on("node-2"), 2);
    let deployment = cluster.get("apps", "deployments", "web").unwrap();
    assert_eq!(deployment["status"]["readyReplicas"], 2, "{deployment:#}");
    assert!(cluster.behaviours.restore_node("node-1"));
    cluster.pass(5).await;
    assert_eq!(cluster.list("", "pods").len(), 2);
    let node = cluster.api.get(&nodes, "", "node-1").unwrap();
    assert_eq!(condition(&node, "Ready").0, "True");
    assert!(node["spec"]["taints"].is_null(), "{node:#}");
}
