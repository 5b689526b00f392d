//! The figures that the README quotes, measured on this machine.

mod doors;

use std::{fs, io};

use edges::{Clock, Seed};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};

use crate::{
    journal::Journal,
    target::{self, Logs},
    verdict::Miss,
};

/// Worlds started for the average of a start; worlds kept for the memory of one.
const STARTS: u32 = 20;

/// Applies that change nothing.
const APPLIES: u32 = 2_000;

/// One figure.
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: &'static str,
    /// How much, with its unit.
    pub(crate) value: String,
}

/// Measures start, memory and applies.
///
/// # Errors
/// When a world cannot be started.
pub(crate) fn measure() -> io::Result<Vec<Figure>> {
    let clock = Clock::system();
    // The first world decodes what all worlds share.
    with_world(Seed(0), |_, _| Ok(()))?;
    let began = clock.now();
    for seed in 0..STARTS {
        with_world(Seed(u64::from(seed)), |_, _| Ok(()))?;
    }
    let start = clock.since(began).as_secs_f64() / f64::from(STARTS);
    let applies = with_world(Seed(0), dry_runs)?;
    let mut figures = doors::measure()?;
    figures.extend([
        Figure {
            what: "world start until the extension is ready",
            value: format!("{:.1} ms", start * 1000.0),
        },
        Figure {
            what: "memory of one world with the extension",
            value: memory()?,
        },
        Figure {
            what: "dry-run applies that change nothing",
            value: format!("{applies:.0} a second"),
        },
    ]);
    Ok(figures)
}

fn with_world<T>(
    seed: Seed,
    act: impl FnOnce(&tokio::runtime::Runtime, kube::Client) -> io::Result<T>,
) -> io::Result<T> {
    let runtime = target::sim::runtime()?;
    let (_journal, client, _alive) = runtime.block_on(started(seed)).map_err(|miss| other(&miss))?;
    act(&runtime, client)
}

async fn started(seed: Seed) -> Result<(Journal, kube::Client, target::Cluster), Miss> {
    let started = target::sim::start(seed, false, Logs::default()).await?;
    let clock = started.cluster.clock;
    let mut journal = Journal::new(started.changes, clock);
    target::ready(&mut journal, clock).await?;
    Ok((journal, started.cluster.kube.clone(), started.cluster))
}

fn other(miss: &Miss) -> io::Error {
    io::Error::other(miss.message.clone())
}

fn dry_runs(runtime: &tokio::runtime::Runtime, client: kube::Client) -> io::Result<f64> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let api: Api<DynamicObject> = Api::namespaced_with(client, "default", &resource);
    let deployment = deployment();
    let apply = |dry_run: bool| {
        let params = PatchParams {
            dry_run,
            ..PatchParams::apply("bench").force()
        };
        let (api, deployment) = (&api, &deployment);
        async move {
            let patch = Patch::Apply(deployment);
            api.patch("web", &params, &patch).await.map_err(io::Error::other)
        }
    };
    runtime.block_on(async {
        apply(false).await?;
        let clock = Clock::system();
        let began = clock.now();
        for _ in 0..APPLIES {
            apply(true).await?;
        }
        Ok(f64::from(APPLIES) / clock.since(began).as_secs_f64())
    })
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{
                    "name": "web", "image": "registry.example.com/web:1.0.0",
                    "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                    "env": [{"name": "LOG_LEVEL", "value": "info"}],
                }]},
            },
        },
    })
}

/// How much the process grows by a world, as the kernel counts it; the average of several kept at once.
fn memory() -> io::Result<String> {
    let Some(before) = resident("self") else {
        return Ok("not measured: no /proc/self/statm".to_owned());
    };
    let mut kept = Vec::new();
    for seed in 0..STARTS {
        let runtime = target::sim::runtime()?;
        let world = runtime
            .block_on(started(Seed(u64::from(seed))))
            .map_err(|miss| other(&miss))?;
        kept.push((world, runtime));
    }
    let after = resident("self").unwrap_or(before);
    let each = after.saturating_sub(before) / u64::from(STARTS);
    // A world's tasks end with its runtime, which must still be there when the world goes.
    for (world, runtime) in kept {
        let _entered = runtime.enter();
        drop(world);
    }
    Ok(megabytes(each))
}

fn megabytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
    let megabytes = bytes as f64 / 1e6;
    format!("{megabytes:.1} MB")
}

/// Resident memory of a process in bytes.
fn resident(process: &str) -> Option<u64> {
    const PAGE_BYTES: u64 = 4096;
    let text = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}
