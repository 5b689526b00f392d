//! How the API server reaches admission webhooks: over the world's network, as any pod would.

use std::sync::Arc;

use apiserver::{ApiServer, WebhookAnswer, WebhookCall, WebhookFault, Webhooks};
use edges::{HttpClient, HttpError};
use futures::FutureExt;
use http::{Request, header};

/// Bytes of an answer that are read.
const ANSWER: usize = 3 * 1024 * 1024;

/// Lets the server call webhooks until this is dropped; the network holds the server, so it may not hold the network
/// for ever.
pub(crate) struct Hooked(ApiServer);

impl Hooked {
    pub(crate) fn new(api: &ApiServer, client: HttpClient) -> Self {
        let webhooks: Webhooks = Arc::new(move |call| {
            let client = client.clone();
            async move { ask(&client, call).await }.boxed()
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
    // The server says `NAME.NAMESPACE.svc`; the network knows whole names.
    let url = call.url.replacen(".svc:", ".svc.cluster.local:", 1);
    let request = Request::post(url)
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
