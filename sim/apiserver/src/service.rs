//! The server as a tower service, for `kube::Client` and for sockets.

use std::{
    convert::Infallible,
    future::{Future, pending},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use jiff::Timestamp;
use serde_json::Value;
use tower::Service;

use crate::{
    dispatch::Reply,
    faults::Ear,
    limits,
    logs::Log,
    media::Encoding,
    registry::{Plan, Playing, Sent},
    request::{Incoming, Query, unescape},
    server::ApiServer,
    user::User,
};

/// What answers are made of.
pub type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// The server behind HTTP types. Without a fixed user every request says by its token who asks.
#[derive(Clone, Debug)]
pub struct ApiService {
    server: ApiServer,
    user: Option<Arc<User>>,
}

impl ApiServer {
    /// A client that acts as `user`.
    pub fn client(&self, user: User) -> kube::Client {
        kube::Client::new(self.service_as(user), "default")
    }

    /// A service that takes every request for this user's.
    pub(crate) fn service_as(&self, user: User) -> ApiService {
        ApiService {
            server: self.clone(),
            user: Some(Arc::new(user)),
        }
    }

    /// A service that reads who asks from bearer tokens.
    pub fn service(&self) -> ApiService {
        ApiService {
            server: self.clone(),
            user: None,
        }
    }

    /// Answers one request whose body has been read; no webhook is called.
    pub fn handle(&self, request: Request<Bytes>, user: Option<&User>) -> Response<ResponseBody> {
        let request = incoming(request);
        if let Some(response) = self.log_response(&request, user) {
            return response;
        }
        let concerned = self.is_concerned(&request, user);
        self.respond(self.serve(&request, user), concerned)
    }

    /// Answers one request, webhooks asked; a watch of a user whom faults concern listens for them.
    pub(crate) async fn answer(&self, request: &Incoming, user: Option<&User>) -> Response<ResponseBody> {
        if let Some(response) = self.log_response(request, user) {
            return response;
        }
        let concerned = self.is_concerned(request, user);
        let reply = self.serve_asking(request, user).await;
        self.respond(reply, concerned)
    }

    /// The answer to a request for a log that a node keeps.
    fn log_response(&self, request: &Incoming, user: Option<&User>) -> Option<Response<ResponseBody>> {
        Some(match self.log(request, user)? {
            Err(refusal) => self.respond(refusal, false),
            Ok(Log::Silent) => self.respond(Reply::text(200, Bytes::new()), false),
            Ok(Log::Open(lines)) => {
                let body = StreamBody::new(lines.map(|line| Ok(Frame::data(line)))).boxed_unsync();
                build(200, "text/plain", body)
            }
        })
    }

    pub(crate) fn respond(&self, reply: Reply, concerned: bool) -> Response<ResponseBody> {
        let full = |bytes: Vec<u8>| Full::new(Bytes::from(bytes)).boxed_unsync();
        let mut response = match reply {
            Reply::Object {
                code,
                object,
                warnings,
                encoding,
            } => {
                let retry = object
                    .pointer("/details/retryAfterSeconds")
                    .and_then(Value::as_u64);
                let (media, bytes) = match encoding {
                    Encoding::Json => ("application/json", crate::encode::json(&object)),
                    Encoding::Yaml => ("application/yaml", crate::encode::yaml(&object)),
                };
                let mut response = with_warnings(build(code, media, full(bytes)), &warnings);
                if let Some(seconds) = retry.filter(|_| code >= 400) {
                    response
                        .headers_mut()
                        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                }
                response
            }
            Reply::Raw {
                code,
                content_type,
                body,
                headers,
            } => {
                let mut response = build(code, &content_type, full(body.to_vec()));
                for (name, value) in headers {
                    if let Ok(value) = HeaderValue::from_str(&value) {
                        response.headers_mut().insert(name, value);
                    }
                }
                response
            }
            Reply::Watch { plan, warnings } => {
                let body = StreamBody::new(self.play(*plan, concerned)).boxed_unsync();
                with_warnings(build(200, "application/json", body), &warnings)
            }
        };
        if !response.headers().contains_key(header::CACHE_CONTROL) {
            response.headers_mut().insert(
                header::CACHE_CONTROL,
                HeaderValue::from_static("no-cache, private"),
            );
        }
        response
    }

    /// The lines of a watch.
    fn play(
        &self,
        plan: Plan,
        concerned: bool,
    ) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + 'static {
        let state = Watch {
            server: self.clone(),
            playing: Playing::new(plan),
            revisions: self.revisions(),
            ear: concerned.then(|| Ear::new(self)),
            epoch: self.core().epoch,
            opened: self.clock().now(),
            timer: None,
        };
        stream::unfold(state, |mut state| async move {
            let line = state.next().await?;
            Some((Ok(Frame::data(line)), state))
        })
    }
}

/// A watch that is being played.
struct Watch {
    server: ApiServer,
    playing: Playing,
    revisions: tokio::sync::watch::Receiver<(u64, u64)>,
    /// Hears of faults.
    ear: Option<Ear>,
    epoch: u64,
    opened: Timestamp,
    /// Wakes when something is due.
    timer: Option<(Duration, Timer)>,
}

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.event() {
                return Some(event.line());
            }
            if self.playing.is_over() {
                return None;
            }
            self.look();
            if self.playing.is_over() {
                continue;
            }
            if let Some(event) = self.event() {
                return Some(event.line());
            }
            let due = self.playing.due();
            if self.timer.as_ref().is_none_or(|(known, _)| *known != due) {
                let left = due.saturating_sub(self.passed());
                let clock = self.server.clock();
                self.timer = Some((due, Box::pin(async move { clock.sleep(left).await })));
            }
            let Some((_, timer)) = &mut self.timer else {
                continue;
            };
            let ear = &mut self.ear;
            let broken = async {
                match ear {
                    Some(ear) => ear.broken().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                () = broken => return self.cut(),
                changed = self.revisions.changed() => if changed.is_err() { return None },
                () = timer => self.timer = None,
            }
            if let Some(delay) = self.ear.as_ref().and_then(Ear::delay) {
                self.server.clock().sleep(delay).await;
            }
        }
    }

    /// The next event that gets through.
    fn event(&mut self) -> Option<Sent> {
        loop {
            let event = self.playing.next(self.server.clock().now())?;
            if !(event.is_progress() && self.ear.as_ref().is_some_and(Ear::is_starved)) {
                return Some(event);
            }
        }
    }

    /// The connection breaks: half of an event may still get through.
    fn cut(&mut self) -> Option<Bytes> {
        self.look();
        let first = self.playing.next(self.server.clock().now());
        self.playing.break_off();
        let first = first?.line();
        Some(first.slice(..first.len() / 2))
    }

    fn passed(&self) -> Duration {
        let passed = self.server.clock().now().duration_since(self.opened);
        Duration::try_from(passed).unwrap_or_default()
    }

    /// Takes new events from the log, and what time brings.
    fn look(&mut self) {
        self.revisions.mark_unchanged();
        let (server, passed) = (self.server.clone(), self.passed());
        let core = server.core();
        if core.epoch == self.epoch {
            self.playing.advance(passed, &core);
        } else {
            self.playing.end();
        }
    }
}

fn build(code: u16, media: &str, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !media.is_empty()
        && let Ok(media) = HeaderValue::from_str(media)
    {
        response.headers_mut().insert(header::CONTENT_TYPE, media);
    }
    response
}

/// A request in the form the core knows.
fn incoming(request: Request<Bytes>) -> Incoming {
    let (parts, body) = request.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Incoming {
        method: parts.method.to_string(),
        path: unescape(parts.uri.path(), false),
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body,
    }
}

fn with_warnings(mut response: Response<ResponseBody>, warnings: &[String]) -> Response<ResponseBody> {
    for warning in warnings {
        let text = format!("299 - {}", crate::encode::warning(warning));
        if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
    response
}

/// Reads a body. Of one that is too large only so much as shows that it is: the request is refused for that.
async fn bounded<B>(body: B) -> Result<Bytes, edges::BoxError>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<edges::BoxError>,
{
    let mut body = pin!(body);
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(Into::into)?.into_data() {
            let room = limits::BODY + 1 - bytes.len();
            bytes.put(data.take(room));
            if bytes.len() > limits::BODY {
                break;
            }
        }
    }
    Ok(bytes.freeze())
}

impl<B> Service<Request<B>> for ApiService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<edges::BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = edges::BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (server, user) = (self.server.clone(), self.user.clone());
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = bounded(body).await?;
            let request = incoming(Request::from_parts(parts, body));
            server.serve_disturbed(&request, user.as_deref()).await
        })
    }
}
