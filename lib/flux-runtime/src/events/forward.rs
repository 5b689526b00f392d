//! Posts events to whoever delivers them, the notification-controller.

use std::time::Duration;

use bytes::Bytes;
use edges::{Clock, HttpClient};
use http::{Request, StatusCode, header};
use tokio::sync::mpsc;

use crate::limits;

/// Time for one request.
const REQUEST: Duration = Duration::from_secs(5);
/// The first of the waits before a request is tried again; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const RETRIES: u32 = 4;

/// Where events are handed over to be posted.
pub(crate) type Outbox = mpsc::Sender<Bytes>;

/// An outbox, and what empties it for as long as it is polled. Events are posted in their order, one at a time.
///
/// DIFFERENCE: upstream's passes wait until an event is delivered or given up.
pub(crate) fn open(http: HttpClient, clock: Clock, address: String) -> (Outbox, impl Future<Output = ()>) {
    let (outbox, mut waiting) = mpsc::channel::<Bytes>(limits::WAITING_EVENTS);
    let posting = async move {
        while let Some(event) = waiting.recv().await {
            if let Err(error) = post(&http, clock, &address, &event).await {
                tracing::error!(error, "unable to record event");
            }
        }
    };
    (outbox, posting)
}

async fn post(http: &HttpClient, clock: Clock, address: &str, event: &Bytes) -> Result<(), String> {
    let mut wait = FIRST_WAIT;
    for attempt in 0..=RETRIES {
        let request = Request::post(address)
            .header(header::CONTENT_TYPE, "application/json")
            .body(event.clone())
            .map_err(|error| error.to_string())?;
        let answer = clock
            .timeout(REQUEST, http.fetch(request, limits::EVENT_ANSWER))
            .await;
        let failed = match answer {
            Ok(Ok(answer)) if mended_by_time(answer.status()) => answer.status().to_string(),
            // A receiver that refuses has its reasons; that it knows the event already (429) is no failure either.
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        if attempt == RETRIES {
            return Err(failed);
        }
        clock.sleep(wait).await;
        wait *= 2;
    }
    Ok(())
}

fn mended_by_time(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use edges::{HttpError, empty_body};
    use http::Response;

    use super::*;

    // Covers: RT-19.
    #[tokio::test(start_paused = true)]
    async fn events_are_posted_in_order_and_again_after_failures() {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let answers = Arc::new(Mutex::new(vec![200, 429, 503]));
        let posted = Arc::clone(&seen);
        let http = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            let answer = answers.lock().unwrap().pop();
            let text = String::from_utf8_lossy(request.body()).into_owned();
            posted.lock().unwrap().push(format!("{} {text}", request.uri()));
            async move {
                let status = answer.ok_or(HttpError::Refused)?;
                Ok(Response::builder().status(status).body(empty_body()).unwrap())
            }
        }));
        let (outbox, posting) = open(http, Clock::system(), "http://events.example.com./".to_owned());
        for text in ["one", "two", "three"] {
            outbox.send(Bytes::from(text)).await.unwrap();
        }
        drop(outbox);
        let before = tokio::time::Instant::now();
        posting.await;
        // One is answered 503 and then 429, two 200, three never.
        let expected: Vec<String> = ["one", "one", "two", "three", "three", "three", "three", "three"]
            .iter()
            .map(|text| format!("http://events.example.com./ {text}"))
            .collect();
        assert_eq!(*seen.lock().unwrap(), expected);
        assert_eq!(before.elapsed(), Duration::from_secs(1 + 1 + 2 + 4 + 8));
    }
}
