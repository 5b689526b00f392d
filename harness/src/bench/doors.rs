//! Figures of a world that is entered through its doors: as a process, over TLS, with real clients.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use apiserver::{ApiServer, User};
use edges::{Clock, Seed};
use futures::{StreamExt, TryStreamExt, future};
use http::Request;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tokio::task::JoinSet;

use super::Figure;

/// Starts for the median of one.
const STARTS: usize = 21;
/// Clients that create at once, and how many objects each creates.
const CLIENTS: usize = 8;
const CREATES: usize = 1_000;
/// Objects whose creation a watch reports, one after the other.
const WATCHED: usize = 1_000;
/// Objects of the world that is saved and restored, and how often that is done.
const OBJECTS: usize = 10_000;
const RESTORES: u32 = 200;
/// How long a world that was left alone has had nothing to do.
const IDLE: Duration = Duration::from_secs(2);
/// How long a process may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures starts, memory, creates, watches, and restores.
pub(super) fn measure() -> io::Result<Vec<Figure>> {
    let mut figures = vec![
        Figure {
            what: "start in-process until the API answers, median",
            value: shown(median(
                (0..STARTS).map(|_| start_within()).collect::<io::Result<_>>()?,
            )),
        },
        Figure {
            what: "snapshot and restore of 10,000 objects",
            value: shown(restores()?),
        },
    ];
    let runtime = tokio::runtime::Runtime::new()?;
    figures.extend(runtime.block_on(through_doors())?);
    Ok(figures)
}

async fn through_doors() -> io::Result<Vec<Figure>> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(Opened::start().await?.after);
    }
    let opened = Opened::start().await?;
    Clock::system().sleep(IDLE).await;
    let idle = super::resident(&opened.child.id().to_string());
    Ok(vec![
        Figure {
            what: "start as a process until the API answers over TLS, median",
            value: shown(median(starts)),
        },
        Figure {
            what: "idle memory of that process",
            value: idle.map_or_else(|| "not measured".to_owned(), super::megabytes),
        },
        Figure {
            what: "creates over TLS by 8 clients",
            value: format!("{:.0} a second", creates(&opened).await?),
        },
        Figure {
            what: "from a create to its watch event, over TLS, median",
            value: shown(watch(&opened).await?),
        },
    ])
}

/// A world in a process of its own, which ends with this.
struct Opened {
    child: Child,
    directory: PathBuf,
    client: Client,
    after: Duration,
}

impl Opened {
    /// Starts this program's `world`.
    #[expect(clippy::disallowed_methods, reason = "a process is what is measured")]
    async fn start() -> io::Result<Self> {
        let clock = Clock::system();
        let directory = env::temp_dir().join(format!("gitops-conformance-bench-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let kubeconfig = directory.join("kubeconfig");
        let _ = fs::remove_file(&kubeconfig);
        let began = clock.now();
        let mut child = Command::new(env::current_exe()?)
            .arg("world")
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .stdout(Stdio::null())
            .spawn()?;
        let opened = clock.timeout(PATIENCE, answer(&kubeconfig)).await;
        let after = clock.since(began);
        match opened {
            Ok(client) => Ok(Self {
                child,
                directory,
                client,
                after,
            }),
            Err(edges::Elapsed) => {
                child.kill()?;
                child.wait()?;
                Err(io::Error::other("a world did not answer within 10 s"))
            }
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Waits for a world's kubeconfig, and for its first answer.
async fn answer(kubeconfig: &Path) -> Client {
    loop {
        let text = fs::read_to_string(kubeconfig).unwrap_or_default();
        if let Ok(client) = client(&text).await
            && let Ok(request) = Request::get("/readyz").body(Vec::new())
            && client.request_text(request).await.is_ok()
        {
            return client;
        }
        Clock::system().sleep(Duration::from_micros(500)).await;
    }
}

async fn client(kubeconfig: &str) -> Result<Client, io::Error> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).map_err(io::Error::other)?;
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options);
    Client::try_from(config.await.map_err(io::Error::other)?).map_err(io::Error::other)
}

fn start_within() -> io::Result<Duration> {
    let clock = Clock::system();
    let runtime = crate::target::sim::runtime()?;
    let _entered = runtime.enter();
    let began = clock.now();
    let config = world::Config::default();
    let mut world = world::World::start(&config)?;
    world.start_nodes(&config, None);
    let (code, _) = world.api.call(&User::admin(), "GET", "/readyz", "", None);
    let after = clock.since(began);
    match code {
        200 => Ok(after),
        other => Err(io::Error::other(format!("a new world's /readyz says {other}"))),
    }
}

fn config_map(name: &str) -> Result<ConfigMap, io::Error> {
    let map = json!({"metadata": {"name": name}, "data": {"key": "value"}});
    serde_json::from_value(map).map_err(io::Error::other)
}

async fn creates(opened: &Opened) -> io::Result<f64> {
    let text = fs::read_to_string(opened.directory.join("kubeconfig"))?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(client(&text).await?);
    }
    let clock = Clock::system();
    let began = clock.now();
    let mut all = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        all.spawn(async move {
            let maps: Api<ConfigMap> = Api::default_namespaced(client);
            for count in 0..CREATES {
                let map = config_map(&format!("of-{number}-{count}"))?;
                let created = maps.create(&PostParams::default(), &map).await;
                created.map_err(io::Error::other)?;
            }
            io::Result::Ok(())
        });
    }
    while let Some(done) = all.join_next().await {
        done.map_err(io::Error::other)??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let count = (CLIENTS * CREATES) as f64;
    Ok(count / clock.since(began).as_secs_f64())
}

async fn watch(opened: &Opened) -> io::Result<Duration> {
    let clock = Clock::system();
    let maps: Api<ConfigMap> = Api::default_namespaced(opened.client.clone());
    let listed = maps
        .list_metadata(&kube::api::ListParams::default().limit(1))
        .await;
    let version = listed.map_err(io::Error::other)?.metadata.resource_version;
    let params = WatchParams::default().disable_bookmarks();
    let watched = maps.watch(&params, &version.unwrap_or_default()).await;
    let mut events = watched.map_err(io::Error::other)?.boxed();
    let mut taken = Vec::new();
    for count in 0..WATCHED {
        let name = format!("seen-{count}");
        let map = config_map(&name)?;
        let began = clock.now();
        let params = PostParams::default();
        let seen = async {
            while let Some(event) = events.try_next().await.map_err(io::Error::other)? {
                if matches!(&event, WatchEvent::Added(map) if map.metadata.name.as_ref() == Some(&name)) {
                    return Ok(clock.since(began));
                }
            }
            Err(io::Error::other("the watch ended"))
        };
        let (created, after) = future::join(maps.create(&params, &map), seen).await;
        created.map_err(io::Error::other)?;
        taken.push(after?);
    }
    Ok(median(taken))
}

fn restores() -> io::Result<Duration> {
    let clock = Clock::system();
    let server = ApiServer::new(apiserver::Config {
        minor: crate::target::open::NEWEST.to_owned(),
        clock,
        seed: Seed(0),
        controllers: apiserver::Controllers::All,
        openshift: false,
    });
    let user = User::admin();
    let create = |path: &str, object: &serde_json::Value| {
        let (code, answer) = server.call(&user, "POST", path, "application/json", Some(object));
        if code == 201 {
            Ok(())
        } else {
            Err(io::Error::other(answer.to_string()))
        }
    };
    create("/api/v1/namespaces", &json!({"metadata": {"name": "apps"}}))?;
    for count in 0..OBJECTS {
        let map = json!({"metadata": {"name": format!("map-{count}")}, "data": {"key": "value"}});
        create("/api/v1/namespaces/apps/configmaps", &map)?;
    }
    let began = clock.now();
    for _ in 0..RESTORES {
        let before = server.snapshot();
        server.restore(&before);
    }
    Ok(clock.since(began) / RESTORES)
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn shown(span: Duration) -> String {
    if span < Duration::from_millis(1) {
        format!("{:.1} µs", span.as_secs_f64() * 1e6)
    } else {
        format!("{:.1} ms", span.as_secs_f64() * 1e3)
    }
}
