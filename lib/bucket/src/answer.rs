//! What servers answer: lists, objects, errors, in XML.

use std::{
    fs::File,
    io::{Seek, Write},
    path::Path,
};

use bytes::Bytes;
use edges::{Body, BoxError, HttpClient, HttpError};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use quick_xml::{Reader, events::Event};

use crate::limits;

/// Why a server did not give what was asked for. No secret is in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("{method} \"{url}\": {source}")]
    Transport {
        /// The method as Go writes it.
        method: &'static str,
        /// The address without its query.
        url: String,
        /// What happened.
        source: HttpError,
    },
    /// An answer that says no, in the server's words.
    #[error("{message}")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The server's word for it.
        code: String,
        /// The server's words.
        message: String,
    },
    /// An answer that is none.
    #[error("{0}")]
    Malformed(String),
    /// Too much.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The content cannot be kept.
    #[error("failed to create temp file: {0}")]
    Disk(#[from] std::io::Error),
    /// No address can be made of the names.
    #[error("{0}")]
    Address(#[from] http::Error),
    /// A key that is none.
    #[error("{0}")]
    Key(&'static str),
}

impl Error {
    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    pub(crate) fn refused(response: &Response<Bytes>) -> Self {
        let status = response.status();
        let fields = fields(response.body(), "Error").unwrap_or_default();
        let mut fields = fields.into_iter().next().unwrap_or_default();
        let mut take = |name: &str| {
            let at = fields.iter().position(|(field, _)| field == name)?;
            Some(fields.swap_remove(at).1)
        };
        let code = take("Code").unwrap_or_default();
        let words = || match status {
            StatusCode::FORBIDDEN => "Access Denied.".to_owned(),
            other => other.to_string(),
        };
        let message = take("Message").filter(|it| !it.is_empty()).unwrap_or_else(words);
        // Azure adds the request's identity on lines of their own.
        let message = message.lines().next().unwrap_or_default().to_owned();
        Self::Refused {
            status,
            code,
            message,
        }
    }
}

pub(crate) async fn ask(http: &HttpClient, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
    let failed = no_answer(&request);
    http.fetch(request, limits::ANSWER).await.map_err(failed)
}

fn no_answer(request: &Request<Bytes>) -> impl FnOnce(HttpError) -> Error + use<> {
    let method = if *request.method() == http::Method::HEAD {
        "Head"
    } else {
        "Get"
    };
    let uri = request.uri();
    let url = format!(
        "{}://{}{}",
        uri.scheme_str().unwrap_or_default(),
        uri.authority()
            .map(http::uri::Authority::as_str)
            .unwrap_or_default(),
        uri.path()
    );
    move |source| Error::Transport { method, url, source }
}

/// An object's content in a file; nothing if there is no such object.
pub(crate) async fn save(
    http: &HttpClient,
    request: Request<Bytes>,
    directory: &Path,
) -> Result<Option<File>, Error> {
    let failed = no_answer(&request);
    let again = no_answer(&request);
    let response = http.send(request).await.map_err(failed)?;
    let cut = |error: BoxError| {
        again(
            error
                .downcast::<HttpError>()
                .map_or_else(HttpError::Other, |it| *it),
        )
    };
    let (head, mut body): (_, Body) = response.into_parts();
    let good = head.status == StatusCode::OK;
    let limit = if good {
        limits::OBJECT
    } else {
        limits::ANSWER as u64
    };
    let mut file = tempfile::tempfile_in(directory)?;
    let mut refusal = Vec::new();
    let mut read = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Err(cut(error)),
        };
        let Some(data) = frame.data_ref() else { continue };
        read += data.len() as u64;
        if read > limit {
            return Err(Error::TooLarge {
                what: "object",
                limit,
            });
        }
        if good {
            file.write_all(data)?;
        } else {
            refusal.extend_from_slice(data);
        }
    }
    if head.status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !good {
        return Err(Error::refused(&Response::from_parts(head, refusal.into())));
    }
    file.rewind()?;
    Ok(Some(file))
}

type Fields = Vec<(String, String)>;

/// The texts below each element of this name, by the names of the elements they stand in.
pub(crate) fn fields(xml: &[u8], of: &str) -> Result<Vec<Fields>, Error> {
    let malformed = |error: &dyn std::fmt::Display| Error::Malformed(format!("malformed XML: {error}"));
    let mut reader = Reader::from_reader(xml);
    let mut path: Vec<String> = Vec::new();
    let mut found = Vec::new();
    loop {
        match reader.read_event().map_err(|error| malformed(&error))? {
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                if name == of {
                    found.push(Fields::new());
                }
                path.push(name);
                if path.len() > limits::DEPTH {
                    return Err(malformed(&"elements nested too deeply"));
                }
            }
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|error| malformed(&error))?;
                add(&mut found, &path, of, &text);
            }
            Event::GeneralRef(entity) => {
                let name = entity.decode().map_err(|error| malformed(&error))?;
                let text = match entity.resolve_char_ref().map_err(|error| malformed(&error))? {
                    Some(text) => text.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&name)
                        .ok_or_else(|| malformed(&"unknown entity"))?
                        .to_owned(),
                };
                add(&mut found, &path, of, &text);
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// Appends a text to the field that it stands in, if that is within an element of the wanted name.
fn add(found: &mut [Fields], path: &[String], of: &str, text: &str) {
    let (Some(fields), Some(name)) = (found.last_mut(), path.last()) else {
        return;
    };
    if !path.iter().any(|it| it == of) {
        return;
    }
    match fields.iter_mut().find(|(field, _)| field == name) {
        Some((_, value)) => value.push_str(text),
        None => fields.push((name.clone(), text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let xml = b"<?xml version=\"1.0\"?><List><Name>b</Name><Contents><Key>a&amp;b&#47;c</Key><ETag>&quot;1&quot;</ETag></Contents>\n<Contents><Key>d</Key></Contents></List>";
        let list = fields(xml, "Contents").unwrap();
        let value = |at: usize, name: &str| {
            list[at]
                .iter()
                .find(|(field, _)| field == name)
                .map(|it| it.1.clone())
        };
        assert_eq!(list.len(), 2);
        assert_eq!(value(0, "Key").unwrap(), "a&b/c");
        assert_eq!(value(0, "ETag").unwrap(), "\"1\"");
        assert_eq!(value(1, "Key").unwrap(), "d");
        assert!(fields(b"<a><b></a>", "a").is_err());
        assert!(fields("<a>".repeat(99).as_bytes(), "b").is_err());
        let bomb = b"<!DOCTYPE x [<!ENTITY a \"aaaa\">]><Error><Code>&a;</Code></Error>";
        assert!(fields(bomb, "Error").is_err());
    }
}
