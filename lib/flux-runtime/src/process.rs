//! What a process of controllers has around them: health, metrics, leader election, an end.

use std::{convert::Infallible, io};

use bytes::Bytes;
use edges::{Body, Edges, HttpService, Serving, body_from};
use http::{Request, Response, StatusCode, header};
use tower::util::BoxCloneSyncService;

use crate::{Election, Metrics, election::Candidate};

/// How a process is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// The port of `/metrics`; none is opened when absent.
    pub metrics_port: Option<u16>,
    /// The port of `/healthz` and `/readyz`; none is opened when absent.
    pub health_port: Option<u16>,
    /// What is measured.
    pub metrics: Metrics,
    /// How the one that works is found among replicas; without it this one works.
    pub election: Option<Election>,
}

/// Why a process ended.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A port cannot be opened.
    #[error("unable to serve port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What happened.
        source: io::Error,
    },
    /// Another replica may work now.
    #[error("leader election lost")]
    LeaseLost,
}

/// Does the work once this replica leads, until `stop`. The work's own end is answered; none when it was stopped.
///
/// # Errors
/// When a port is taken or the lead is lost.
pub async fn run_process<T>(
    edges: &Edges,
    process: &Process,
    stop: impl Future<Output = ()>,
    work: impl Future<Output = T>,
) -> Result<Option<T>, ProcessError> {
    let _health = open(edges, process.health_port, health())?;
    let _metrics = open(edges, process.metrics_port, metrics(&process.metrics))?;
    tokio::pin!(stop);
    let Some(election) = &process.election else {
        return Ok(tokio::select! {
            biased;
            () = &mut stop => None,
            ended = work => Some(ended),
        });
    };
    let mut rng = edges.seed.derive("election").rng();
    // Two processes of one name are still two.
    let identity = format!("{}_{:016x}", election.identity, rng.number());
    let election = Election {
        identity,
        ..election.clone()
    };
    let mut candidate = Candidate::new(&edges.kube, edges.clock, rng, &election);
    tokio::select! {
        biased;
        () = &mut stop => return Ok(None),
        () = candidate.acquire() => {}
    }
    let ended = tokio::select! {
        biased;
        () = &mut stop => None,
        () = candidate.keep() => return Err(ProcessError::LeaseLost),
        ended = work => Some(ended),
    };
    candidate.release().await;
    Ok(ended)
}

fn open(edges: &Edges, port: Option<u16>, service: HttpService) -> Result<Option<Serving>, ProcessError> {
    let Some(port) = port else { return Ok(None) };
    let serving = edges.listener.serve(port, service);
    serving
        .map(Some)
        .map_err(|source| ProcessError::Listen { port, source })
}

fn health() -> HttpService {
    service(|path| matches!(path, "/healthz" | "/readyz" | "/healthz/" | "/readyz/").then(|| "ok".to_owned()))
}

fn metrics(metrics: &Metrics) -> HttpService {
    let metrics = metrics.clone();
    service(move |path| (path == "/metrics").then(|| metrics.render()))
}

fn service(answer: impl Fn(&str) -> Option<String> + Clone + Send + Sync + 'static) -> HttpService {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let text = answer(request.uri().path());
        async move { Ok::<_, Infallible>(respond(text)) }
    }))
}

fn respond(text: Option<String>) -> Response<Body> {
    let status = if text.is_some() {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    let mut response = Response::new(body_from(
        text.unwrap_or_else(|| "404 page not found\n".to_owned()),
    ));
    *response.status_mut() = status;
    let plain = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
