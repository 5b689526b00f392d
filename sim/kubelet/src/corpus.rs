//! Environments of the API corpus that have kube-controller-manager in them.

use std::time::Duration;

use apiserver::{
    ApiServer,
    corpus::{Environment, Environments},
};
use edges::{Clock, Seed};
use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};

use crate::{Config, controllers};

/// Starts the controllers, and no nodes, in the environments `full` and `scc`.
#[derive(Debug, Clone, Copy)]
pub struct ControllerManager;

impl Environments for ControllerManager {
    fn start(&self, environment: &str, now: Timestamp) -> Option<Box<dyn Environment>> {
        if !matches!(environment, "full" | "scc") {
            return None;
        }
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .ok()?;
        let clock = {
            let _inside = runtime.enter();
            Clock::starting_at(now)
        };
        Some(Box::new(Beside { runtime, clock }))
    }
}

/// The controllers of one case, on a runtime of their own whose time stands still between its steps.
struct Beside {
    runtime: Runtime,
    clock: Clock,
}

impl Environment for Beside {
    fn clock(&self) -> Clock {
        self.clock
    }

    fn attach(&mut self, server: &ApiServer) {
        let config = Config {
            cloud: false,
            ..Config::new(self.clock, Seed(1))
        };
        self.runtime.spawn(controllers(server.clone(), config));
    }

    fn advance(&mut self, by: Duration) {
        self.runtime.block_on(self.clock.sleep(by));
    }
}
