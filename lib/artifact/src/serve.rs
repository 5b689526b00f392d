//! The storage as a file server.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use edges::{Body, BoxError, HttpService, body_from, empty_body};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE},
};
use http_body_util::BodyExt;

/// Serves the files below a directory; a directory itself is served as a list of links.
pub fn service(root: PathBuf) -> HttpService {
    HttpService::new(tower::service_fn(move |request: Request<Bytes>| {
        std::future::ready(Ok(handle(&root, &request)))
    }))
}

fn handle(root: &Path, request: &Request<Bytes>) -> Response<Body> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    let mut response =
        answer(root, request).unwrap_or_else(|_| text(StatusCode::NOT_FOUND, "404 page not found\n"));
    if request.method() == Method::HEAD {
        *response.body_mut() = empty_body();
    }
    response
}

fn answer(root: &Path, request: &Request<Bytes>) -> io::Result<Response<Body>> {
    let path = request.uri().path();
    let relative = Path::new(path.trim_start_matches('/'));
    // No percent decoding: the names of artifacts need none, and what is not decoded cannot lead out.
    // Nor are hidden names served: unfinished files and scratch directories have them.
    let shown = |name: &OsStr| !name.as_encoded_bytes().starts_with(b".");
    if !relative
        .components()
        .all(|it| matches!(it, Component::Normal(name) if shown(name)))
    {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut found = root.join(relative);
    let mut metadata = fs::symlink_metadata(&found)?;
    if metadata.is_symlink() {
        // The storage's own links lead to a file beside them; others lead nowhere.
        let target = fs::read_link(&found)?;
        let mut parts = target.components();
        let plain = matches!(parts.next(), Some(Component::Normal(name)) if shown(name));
        if !plain || parts.next().is_some() {
            return Err(io::ErrorKind::NotFound.into());
        }
        found.set_file_name(&target);
        metadata = fs::symlink_metadata(&found)?;
    }
    if metadata.is_dir() {
        if path.ends_with('/') {
            return listing(&found);
        }
        let mut response = text(StatusCode::MOVED_PERMANENTLY, "");
        let location = HeaderValue::try_from(format!("{path}/")).map_err(io::Error::other)?;
        response.headers_mut().insert(LOCATION, location);
        return Ok(response);
    }
    if !metadata.is_file() || path.ends_with('/') {
        return Err(io::ErrorKind::NotFound.into());
    }
    file(&found, metadata.len(), request)
}

fn listing(directory: &Path) -> io::Result<Response<Body>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
        names.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
    }
    names.sort();
    let mut page = String::from("<!doctype html>\n<pre>\n");
    for name in names {
        let name = name
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&#34;");
        page += &format!("<a href=\"{name}\">{name}</a>\n");
    }
    page += "</pre>\n";
    let mut response = text(StatusCode::OK, &page);
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    Ok(response)
}

fn file(path: &Path, size: u64, request: &Request<Bytes>) -> io::Result<Response<Body>> {
    let mut file = fs::File::open(path)?;
    let wanted = request.headers().get(RANGE).and_then(|it| it.to_str().ok());
    let (status, start, length) = match wanted.and_then(|it| range(it, size)) {
        None => (StatusCode::OK, 0, size),
        Some(Ok((start, length))) => (StatusCode::PARTIAL_CONTENT, start, length),
        Some(Err(())) => {
            let mut response = text(StatusCode::RANGE_NOT_SATISFIABLE, "invalid range\n");
            let total = HeaderValue::try_from(format!("bytes */{size}")).map_err(io::Error::other)?;
            response.headers_mut().insert(CONTENT_RANGE, total);
            return Ok(response);
        }
    };
    file.seek(SeekFrom::Start(start))?;
    let mut response = Response::new(FileBody { file, left: length }.boxed_unsync());
    *response.status_mut() = status;
    let kind = if path.extension().is_some_and(|it| it == "gz" || it == "tgz") {
        "application/gzip"
    } else {
        "application/octet-stream"
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{size}", start + length - 1);
        headers.insert(
            CONTENT_RANGE,
            HeaderValue::try_from(range).map_err(io::Error::other)?,
        );
    }
    Ok(response)
}

/// Start and length of a single range; nothing for a header that is not understood or names several ranges, which
/// may be ignored.
fn range(header: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let spec = header.strip_prefix("bytes=")?;
    let (first, last) = spec.trim().split_once('-')?;
    let (start, end) = if first.is_empty() {
        let suffix: u64 = last.parse().ok()?;
        (size.saturating_sub(suffix), size)
    } else {
        let start: u64 = first.parse().ok()?;
        let end = if last.is_empty() {
            size
        } else {
            last.parse::<u64>().ok()?.saturating_add(1)
        };
        (start, end.min(size))
    };
    Some(if start < end {
        Ok((start, end - start))
    } else {
        Err(())
    })
}

fn text(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(body_from(text.to_owned()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// A part of a file, read piece by piece.
struct FileBody {
    file: fs::File,
    left: u64,
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = vec![0; 65_536.min(usize::try_from(self.left).unwrap_or(usize::MAX))];
        match self.file.read(&mut piece) {
            Ok(0) => Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()))),
            Ok(read) => {
                self.left -= read as u64;
                piece.truncate(read);
                Poll::Ready(Some(Ok(http_body::Frame::data(piece.into()))))
            }
            Err(error) => Poll::Ready(Some(Err(error.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt;

    use super::*;

    async fn get(root: &Path, path: &str, range: Option<&str>) -> (u16, Vec<u8>, Option<String>) {
        let mut request = Request::get(path);
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        let request = request.body(Bytes::new()).unwrap();
        let response = service(root.to_owned()).oneshot(request).await.unwrap();
        let content_range = response.headers().get(CONTENT_RANGE);
        let content_range = content_range.map(|it| it.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, body.to_vec(), content_range)
    }

    // Covers: SC-62, SC-02.
    #[tokio::test]
    async fn files_ranges_and_directories() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        fs::write(root.path().join("a/b.tar.gz"), "0123456789").unwrap();
        fs::write(root.path().join(".tmp1"), "unfinished").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("link")).unwrap();
        let root = root.path();

        assert_eq!(
            get(root, "/a/b.tar.gz", None).await,
            (200, b"0123456789".to_vec(), None)
        );
        let cases = [
            ("bytes=2-4", (206, "234", Some("bytes 2-4/10"))),
            ("bytes=7-", (206, "789", Some("bytes 7-9/10"))),
            ("bytes=-2", (206, "89", Some("bytes 8-9/10"))),
            ("bytes=0-99", (206, "0123456789", Some("bytes 0-9/10"))),
            ("bytes=10-", (416, "invalid range\n", Some("bytes */10"))),
            ("lines=1-2", (200, "0123456789", None)),
        ];
        for (range, (status, body, content_range)) in cases {
            let expected = (status, body.as_bytes().to_vec(), content_range.map(str::to_owned));
            assert_eq!(get(root, "/a/b.tar.gz", Some(range)).await, expected, "{range}");
        }
        let (status, page, _) = get(root, "/", None).await;
        assert_eq!(status, 200);
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("<a href=\"a/\">a/</a>") && !page.contains("tmp1"));
        for path in [
            "/none",
            "/a/none",
            "/a/../a/b.tar.gz",
            "/link",
            "/.tmp1",
            "/a/b.tar.gz/",
            "/%2e%2e/x",
        ] {
            assert_eq!(get(root, path, None).await.0, 404, "{path}");
        }
        assert_eq!(get(root, "/a", None).await.0, 301);
    }
}
