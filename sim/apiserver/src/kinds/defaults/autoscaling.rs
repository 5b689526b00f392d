//! Horizontal pod autoscalers.

use serde_json::{Value, json};

use super::{Members, empty, fill, unset};

pub(super) fn rules(shape: &str, map: &mut Members) {
    match shape {
        "autoscaling/v1.HorizontalPodAutoscalerSpec" => {
            fill(map, "minReplicas", 1);
            fill(map, "targetCPUUtilizationPercentage", 80);
        }
        "autoscaling/v2.HorizontalPodAutoscalerSpec" => {
            fill(map, "minReplicas", 1);
            if empty(map, "metrics") {
                map.insert("metrics".into(), cpu_at(80));
            }
        }
        "autoscaling/v2.HorizontalPodAutoscalerBehavior" => behavior(map),
        _ => {}
    }
}

/// The metric of an autoscaler that names none.
fn cpu_at(percent: i64) -> Value {
    json!([{"type": "Resource", "resource": {
        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}}])
}

/// A behaviour that is given in part is completed with what holds without one.
fn behavior(map: &mut Members) {
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    let up = json!({"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [pods, percent]});
    let down = json!({"selectPolicy": "Max", "policies": [percent]});
    for (name, rules) in [("scaleUp", up), ("scaleDown", down)] {
        let Value::Object(rules) = rules else { continue };
        let given = map.entry(name).or_insert_with(|| json!({}));
        if let Some(given) = given.as_object_mut() {
            for (member, value) in rules {
                if unset(given.get(&member)) {
                    given.insert(member, value);
                }
            }
        }
    }
}
