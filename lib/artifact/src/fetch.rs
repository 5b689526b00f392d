//! The consumer's side: download, verify, unpack.

use std::{
    io::{self, Read, Seek, Write},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use edges::{Blocking, Clock, DataDir, Edges, HttpClient, HttpError};
use http::{Request, StatusCode};
use http_body_util::BodyExt;

use crate::{Digest, InvalidDigest, Limits, UntarError, limits::MAX_FILE, untar};

/// Waits between tries: doubled from the first to the second of these.
const WAITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));

/// Downloads artifacts.
#[derive(Clone, Debug)]
pub struct Fetcher {
    http: HttpClient,
    disk: DataDir,
    clock: Clock,
    blocking: Blocking,
    retries: u32,
    limits: Limits,
}

/// Why an artifact is not there to work with.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server has no such file: the source is about to name another one.
    #[error("file not found")]
    NotFound,
    /// No usable answer after all tries.
    #[error("failed to download archive, error: GET {url} giving up after {tries} attempt(s): {cause}")]
    Unreachable {
        /// The address.
        url: String,
        /// How often it was tried.
        tries: u32,
        /// What happened last.
        cause: String,
    },
    /// An answer that is none of the archive.
    #[error("failed to download archive from {url} (status: {status})")]
    Status {
        /// The address.
        url: String,
        /// The answer.
        status: StatusCode,
    },
    /// The address is none.
    #[error("failed to create a new request: {0}")]
    Url(#[source] http::Error),
    /// The artifact has no digest that can be checked.
    #[error("failed to verify archive: {0}")]
    Digest(#[from] InvalidDigest),
    /// The bytes are not those that the source made.
    #[error(
        "failed to verify archive: computed digest doesn't match provided '{0}' (check whether file size exceeds max download size)"
    )]
    Mismatch(Digest),
    /// The bytes are no archive that may be unpacked.
    #[error("failed to extract archive (check whether file size exceeds max download size): {0}")]
    Extract(#[from] UntarError),
    /// The download cannot be kept.
    #[error("failed to create temp file: {0}")]
    Disk(#[source] io::Error),
}

/// How one try went wrong, if another may go better.
enum Try {
    Again(String),
    Over(FetchError),
}

impl Fetcher {
    /// A fetcher that tries `retries` more times after the first failure.
    pub fn new(edges: &Edges, retries: u32) -> Self {
        Self {
            http: edges.http.clone(),
            disk: edges.disk.clone(),
            clock: edges.clock,
            blocking: edges.blocking,
            retries,
            limits: Limits::default(),
        }
    }

    /// Changes what unpacking accepts.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Downloads an archive, checks its digest and unpacks it into an existing, empty directory.
    ///
    /// # Errors
    /// [`FetchError::NotFound`] when the server has no such file; otherwise what went wrong.
    pub async fn fetch(&self, url: &str, digest: &str, directory: &Path) -> Result<(), FetchError> {
        let digest: Digest = digest.parse()?;
        let archive = self.download(url, &digest).await?;
        let (directory, limits) = (directory.to_owned(), self.limits);
        self.blocking
            .run(move |_| untar(archive, &directory, limits))
            .await?;
        Ok(())
    }

    /// Downloads an artifact that is one file, such as a chart, and checks its digest.
    ///
    /// # Errors
    /// [`FetchError::NotFound`] when the server has no such file; otherwise what went wrong.
    pub async fn fetch_file(&self, url: &str, digest: &str) -> Result<Vec<u8>, FetchError> {
        let digest: Digest = digest.parse()?;
        let mut file = self.download(url, &digest).await?;
        let mut bytes = Vec::new();
        let read = (&mut file).take(MAX_FILE + 1).read_to_end(&mut bytes);
        read.map_err(FetchError::Disk)?;
        if bytes.len() as u64 > MAX_FILE {
            let (what, limit) = ("size", MAX_FILE);
            return Err(UntarError::TooLarge { what, limit }.into());
        }
        Ok(bytes)
    }

    async fn download(&self, url: &str, digest: &Digest) -> Result<std::fs::File, FetchError> {
        let mut wait = WAITS.0;
        let mut tries = 1;
        loop {
            match self.download_once(url, digest).await {
                Ok(file) => return Ok(file),
                Err(Try::Over(error)) => return Err(error),
                Err(Try::Again(cause)) if tries > self.retries => {
                    return Err(FetchError::Unreachable {
                        url: url.to_owned(),
                        tries,
                        cause,
                    });
                }
                Err(Try::Again(_)) => {}
            }
            self.clock.sleep(wait).await;
            wait = WAITS.1.min(wait * 2);
            tries += 1;
        }
    }

    async fn download_once(&self, url: &str, digest: &Digest) -> Result<std::fs::File, Try> {
        let request = Request::get(url)
            .body(Bytes::new())
            .map_err(|error| Try::Over(FetchError::Url(error)))?;
        let response = self
            .http
            .send(request)
            .await
            .map_err(|error| no_answer(url, &error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(Try::Over(FetchError::NotFound)),
            status @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) => {
                return Err(Try::Again(format!("unexpected HTTP status {status}")));
            }
            status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                return Err(Try::Again(format!("unexpected HTTP status {status}")));
            }
            status => {
                let url = url.to_owned();
                return Err(Try::Over(FetchError::Status { url, status }));
            }
        }
        let disk = |error| Try::Over(FetchError::Disk(error));
        // DIFFERENCE: upstream writes to a named file below /tmp; this one has no name.
        let mut file = tempfile::tempfile_in(self.disk.path()).map_err(disk)?;
        let mut hasher = digest.algorithm.hasher();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Try::Again(format!("Get \"{url}\": {error}")))?;
            if let Some(data) = frame.data_ref() {
                hasher.update(data);
                file.write_all(data).map_err(disk)?;
            }
        }
        if hasher.finish() != *digest {
            return Err(Try::Over(FetchError::Mismatch(digest.clone())));
        }
        file.rewind().map_err(disk)?;
        Ok(file)
    }
}

fn no_answer(url: &str, error: &HttpError) -> Try {
    Try::Again(format!("Get \"{url}\": dial tcp: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use edges::{Body, body_from};
    use http::Response;

    use super::*;
    use crate::{Algorithm, Ignore, archive};

    type Answer = Result<(u16, Vec<u8>), HttpError>;

    fn fetcher(answers: Vec<Answer>) -> Fetcher {
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        let http = HttpClient::new(tower::service_fn(move |_: Request<Bytes>| {
            let next = answers.lock().unwrap().next();
            std::future::ready(match next {
                Some(Ok((status, bytes))) => {
                    let mut response: Response<Body> = Response::new(body_from(bytes));
                    *response.status_mut() = StatusCode::from_u16(status).unwrap();
                    Ok(response)
                }
                Some(Err(error)) => Err(error),
                None => Err(HttpError::Refused),
            })
        }));
        Fetcher {
            http,
            disk: DataDir::temporary().unwrap(),
            clock: Clock::starting_at(jiff::Timestamp::UNIX_EPOCH),
            blocking: Blocking::Lockstep,
            retries: 9,
            limits: Limits::default(),
        }
    }

    fn packed() -> (Vec<u8>, String) {
        let tree = tempfile::tempdir().unwrap();
        std::fs::write(tree.path().join("a.yaml"), "a: 1\n").unwrap();
        let mut bytes = Vec::new();
        archive(
            tree.path(),
            &Ignore::of_tree(tree.path(), None).unwrap(),
            &mut bytes,
        )
        .unwrap();
        let digest = Algorithm::Sha256.digest(&bytes[..]).unwrap().to_string();
        (bytes, digest)
    }

    const URL: &str = "http://source-controller/gitrepository/a/b/c.tar.gz";

    #[tokio::test(start_paused = true)]
    async fn outages_are_waited_out() {
        let (bytes, digest) = packed();
        let fetcher = fetcher(vec![
            Err(HttpError::Refused),
            Ok((503, Vec::new())),
            Err(HttpError::NoSuchHost("x".into())),
            Ok((200, bytes)),
        ]);
        let directory = tempfile::tempdir().unwrap();
        fetcher.fetch(URL, &digest, directory.path()).await.unwrap();
        assert_eq!(
            std::fs::read_to_string(directory.path().join("a.yaml")).unwrap(),
            "a: 1\n"
        );
        assert_eq!(fetcher.clock.now().as_second(), 5 + 10 + 20);
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_retry_mends_fails_at_once() {
        let (bytes, digest) = packed();
        let directory = tempfile::tempdir().unwrap();
        let wrong = format!("sha256:{}", "0".repeat(64));
        let cases = [
            (
                Ok((404, Vec::new())),
                digest.as_str(),
                "file not found".to_owned(),
            ),
            (
                Ok((403, Vec::new())),
                &digest,
                format!("failed to download archive from {URL} (status: 403 Forbidden)"),
            ),
            (
                Ok((200, Vec::new())),
                "",
                "failed to verify archive: empty digest".into(),
            ),
            (
                Ok((200, bytes)),
                &wrong,
                format!(
                    "failed to verify archive: computed digest doesn't match provided '{wrong}' (check whether file size exceeds max download size)"
                ),
            ),
        ];
        for (answer, digest, message) in cases {
            let error = fetcher(vec![answer]).fetch(URL, digest, directory.path()).await;
            assert_eq!(error.unwrap_err().to_string(), message);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_after_ten_tries() {
        let (_, digest) = packed();
        let directory = tempfile::tempdir().unwrap();
        let fetcher = fetcher(Vec::new());
        let error = fetcher.fetch(URL, &digest, directory.path()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "failed to download archive, error: GET {URL} giving up after 10 attempt(s): Get \"{URL}\": dial tcp: connect: connection refused"
            )
        );
        assert_eq!(fetcher.clock.now().as_second(), 5 + 10 + 20 + 6 * 30);
    }
}
