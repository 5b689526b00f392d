//! Subresources that lead to a node: logs, commands, ports. The server checks what it can know by itself; a kubelet
//! behind it is the business of whoever runs the world.

use serde_json::Value;

use crate::{
    call::Call,
    failure::{Cause, Failure, Outcome},
    store::Key,
};

const NAMES: [&str; 5] = ["attach", "exec", "log", "portforward", "proxy"];

impl Call<'_> {
    /// Whether the request is for one of them.
    pub(crate) fn connects(&self) -> bool {
        NAMES.contains(&self.target.subresource.as_str())
    }

    /// Goes as far as the server can without the node. Nothing is to be said of a pod that has no node yet.
    pub(crate) fn connect(&mut self) -> Outcome<()> {
        let name = self.target.subresource.clone();
        if name == "log" {
            self.log_options()?;
        }
        let object = self.stored()?;
        if !self.resource.is("", "pods") {
            return Err(self.unreachable("a proxy"));
        }
        if name == "proxy" {
            let address = object.pointer("/status/podIP").and_then(Value::as_str);
            return match address {
                None | Some("") => Err(Failure::bad_request("address not allowed")),
                Some(_) => Err(self.unreachable("a proxy")),
            };
        }
        if name != "portforward" {
            self.container(&object)?;
        }
        let node = object
            .pointer("/spec/nodeName")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if node.is_empty() && name == "log" {
            return Ok(());
        }
        if node.is_empty() {
            let message = format!("pod {} does not have a host assigned", self.target.name);
            return Err(Failure::bad_request(message));
        }
        if self.core.stored("nodes", &Key::new("", node)).is_none() {
            // QUIRK: the missing node is called a pod.
            return Err(Failure::not_found("", "pods", node));
        }
        Err(self.unreachable("a kubelet"))
    }

    /// DIFFERENCE: nothing stands behind these paths in a world of no processes.
    fn unreachable(&self, what: &str) -> Box<Failure> {
        let name = &self.target.subresource;
        let message = format!("{name} needs {what}, which this server does not have");
        Failure::new(503, "ServiceUnavailable", message)
    }

    fn log_options(&self) -> Outcome<()> {
        let mut causes = Vec::new();
        for (name, least, words) in [
            ("tailLines", 0, "must be greater than or equal to 0"),
            ("limitBytes", 1, "must be greater than 0"),
            ("sinceSeconds", 1, "must be greater than 0"),
        ] {
            if let Some(number) = self.query.number(name)?.filter(|number| *number < least) {
                causes.push(Cause::invalid(name, format!("Invalid value: {number}: {words}")));
            }
        }
        if causes.is_empty() {
            return Ok(());
        }
        Err(Failure::invalid("", "PodLogOptions", &self.target.name, &causes))
    }

    /// The container that is meant must be there, and must be told where there are several.
    fn container(&self, pod: &Value) -> Outcome<()> {
        let names = |list: &str| -> Vec<&str> {
            let list = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
            let names = list.into_iter().flatten();
            names
                .filter_map(|container| container.get("name")?.as_str())
                .collect()
        };
        let (own, init, later) = (
            names("containers"),
            names("initContainers"),
            names("ephemeralContainers"),
        );
        let pod = &self.target.name;
        match self.query.get("container") {
            Some(name) if [&own, &init, &later].iter().any(|list| list.contains(&name)) => Ok(()),
            Some(name) => Err(Failure::bad_request(format!(
                "container {name} is not valid for pod {pod}"
            ))),
            None if own.len() <= 1 => Ok(()),
            None => {
                let mut message = format!(
                    "a container name must be specified for pod {pod}, choose one of: [{}]",
                    own.join(" ")
                );
                for (words, list) in [("init", init), ("ephemeral", later)] {
                    if !list.is_empty() {
                        message.push_str(&format!(
                            " or one of the {words} containers: [{}]",
                            list.join(" ")
                        ));
                    }
                }
                Err(Failure::bad_request(message))
            }
        }
    }
}
