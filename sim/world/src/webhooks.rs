//! How the API server reaches admission webhooks: over the world's network, as any pod would.

use std::sync::Arc;

use apiserver::{ApiServer, WebhookAnswer, WebhookCall, WebhookFault, Webhooks};
use bytes::Bytes;
use edges::{Body, HttpClient, HttpError, body_from};
use futures::FutureExt;
use http::{Request, Response, StatusCode, Uri, header};
use serde_json::{Value, json};

use crate::Network;

/// Bytes of an answer that are read.
const ANSWER: usize = 3 * 1024 * 1024;

/// Lets the server call webhooks until this is dropped; the network holds the server, so it may not hold the network
/// for ever.
pub(crate) struct Hooked(ApiServer);

impl Hooked {
    pub(crate) fn new(api: &ApiServer, network: Network) -> Self {
        let webhooks: Webhooks = Arc::new(move |call| {
            let network = network.clone();
            async move {
                if network.reaches_webhooks() {
                    ask(&network.client(), call).await
                } else {
                    Err(WebhookFault::Refused)
                }
            }
            .boxed()
        });
        api.call_webhooks(Some(webhooks));
        Self(api.clone())
    }
}

impl Drop for Hooked {
    fn drop(&mut self) {
        self.0.call_webhooks(None);
    }
}

async fn ask(client: &HttpClient, call: WebhookCall) -> WebhookAnswer {
    let request = Request::post(inside(&call.url).map_err(WebhookFault::Other)?)
        .header(header::CONTENT_TYPE, "application/json")
        .body(call.body)
        .map_err(|error| WebhookFault::Other(error.to_string()))?;
    match client.fetch(request, ANSWER).await {
        Ok(response) => Ok((response.status().as_u16(), response.into_body())),
        Err(HttpError::Refused) => Err(WebhookFault::Refused),
        Err(HttpError::NoSuchHost(host)) => {
            let text = format!("dial tcp: lookup {host}: no such host");
            Err(WebhookFault::Other(text))
        }
        Err(error) => Err(WebhookFault::Other(error.to_string())),
    }
}

/// A webhook's address as the network knows it: the server says `NAME.NAMESPACE.svc`, and speaks TLS, of which
/// nothing needs to be seen inside the process.
fn inside(url: &str) -> Result<String, String> {
    let url: Uri = url.parse().map_err(|error| format!("{error}"))?;
    let mut host = url.host().unwrap_or_default().to_owned();
    if host.ends_with(".svc") {
        host.push_str(".cluster.local");
    }
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    Ok(format!("http://{host}:{}{path}", url.port_u16().unwrap_or(443)))
}

/// The answer of a webhook that consents to everything.
pub(crate) async fn consent(request: Request<Bytes>) -> Result<Response<Body>, HttpError> {
    let review: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let Some(uid) = review.pointer("/request/uid") else {
        let mut refusal = Response::new(body_from("no admission review\n"));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refusal);
    };
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {"uid": uid, "allowed": true},
    });
    let mut response = Response::new(body_from(answer.to_string()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}
