//! Helm repositories: how they are reached, and what their indexes say.

pub(crate) mod index;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use edges::{Edges, HttpClient, HttpError};
use flux_api::{HelmRepository, reason};
use flux_runtime::Failure;
use http::{
    HeaderValue, Request, StatusCode, Uri,
    header::{AUTHORIZATION, LOCATION, USER_AGENT},
};
use kube::ResourceExt;
use oci::Keychain;

use crate::{limits::REDIRECTS, secrets, transport::Transport};

/// How the files of a Helm repository are read.
pub(crate) struct Reader {
    pub(crate) url: String,
    pub(crate) http: HttpClient,
    /// What the repository's Secret holds for a registry.
    pub(crate) keychain: Keychain,
    basic: Option<(String, String)>,
    pass_credentials: bool,
}

/// Sized as Docker prints sizes: four digits, powers of a thousand.
pub(crate) fn human_size(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    #[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    // Four significant digits, without zeros at the end, as Go's `%.4g`.
    let whole = if size >= 100.0 {
        3
    } else if size >= 10.0 {
        2
    } else {
        1
    };
    let text = format!("{size:.*}", 4 - whole);
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{}", UNITS[unit])
}

/// The address with one slash at its end, for registries with none.
pub(crate) fn normal(url: &str) -> String {
    let trimmed = url.trim_end_matches('/');
    if trimmed.starts_with("oci://") {
        trimmed.to_owned()
    } else {
        format!("{trimmed}/")
    }
}

impl Reader {
    /// A reader that asks for nothing but the address.
    pub(crate) fn anonymous(edges: &Edges, url: &str) -> Self {
        Self {
            url: normal(url),
            http: edges.http.clone(),
            keychain: Keychain::default(),
            basic: None,
            pass_credentials: false,
        }
    }

    /// A reader with what the repository's object says.
    pub(crate) async fn of(edges: &Edges, object: &HelmRepository) -> Result<Self, Failure> {
        let namespace = object.namespace().unwrap_or_default();
        let refused = |text: String| Failure::retry(reason::AUTHENTICATION_FAILED, text);
        let spec = &object.spec;
        let mut reader = Self::anonymous(edges, &spec.url);
        reader.pass_credentials = spec.pass_credentials == Some(true);
        let mut certificates = spec.cert_secret_ref.as_ref().map(|it| it.name.as_str());
        if let Some(reference) = &spec.secret_ref {
            let name = format!("{namespace}/{}", reference.name);
            let data = secrets::data(edges, &namespace, &reference.name).await;
            let data = data
                .map_err(|error| refused(format!("failed to get authentication secret '{name}': {error}")))?;
            let basic = secrets::basic(&data, &name);
            reader.basic = basic
                .map_err(|error| refused(format!("failed to detect authentication methods: {error}")))?;
            secrets::keychain(&mut reader.keychain, &data, &name).map_err(|error| {
                refused(format!(
                    "failed to configure OCI registry authentication: {error}"
                ))
            })?;
            if let (Some((username, password)), Some(host)) = (&reader.basic, registry(&spec.url)) {
                let credentials = oci::Credentials::Basic {
                    username: username.clone(),
                    password: password.clone(),
                };
                reader.keychain.insert(host, credentials);
            }
            // Certificates beside name and password are the older way.
            if certificates.is_none()
                && ["ca.crt", "caFile", "tls.crt", "certFile"]
                    .iter()
                    .any(|it| data.contains_key(*it))
            {
                certificates = Some(&reference.name);
            }
        }
        let transport = Transport {
            edges,
            namespace: &namespace,
            certificates,
            proxy: None,
            insecure: false,
        };
        let failed = |cause| format!("failed to construct Helm client's TLS config: {cause}");
        reader.http = transport.client(failed).await?;
        Ok(reader)
    }

    /// A file of the repository, or of where its index leads.
    pub(crate) async fn get(&self, url: &str, limit: usize) -> Result<Bytes, String> {
        let mut next = url.to_owned();
        for _ in 0..=REDIRECTS {
            let uri: Uri = next
                .parse()
                .map_err(|error| format!("parse \"{next}\": {error}"))?;
            let mut request = Request::get(uri.clone())
                .header(USER_AGENT, "Helm/4.2.3")
                .body(Bytes::new())
                .map_err(|error| error.to_string())?;
            if let Some(value) = self.authorization(&uri) {
                request.headers_mut().insert(AUTHORIZATION, value);
            }
            let response = self
                .http
                .fetch(request, limit)
                .await
                .map_err(|error| match error {
                    HttpError::TooLarge(limit) => format!("response exceeds {limit} bytes"),
                    other => format!("Get \"{}\": {other}", shown(&next)),
                })?;
            if response.status() == StatusCode::OK {
                return Ok(response.into_body());
            }
            if !response.status().is_redirection() {
                return Err(format!(
                    "failed to fetch {} : {}",
                    shown(&next),
                    response.status()
                ));
            }
            let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
            next = location
                .and_then(|it| resolve(&next, it))
                .ok_or("redirect without a location")?;
        }
        Err(format!("stopped after {REDIRECTS} redirects"))
    }

    /// Name and password go to the repository's own host, to others only if the user says so.
    fn authorization(&self, uri: &Uri) -> Option<HeaderValue> {
        let (username, password) = self.basic.as_ref()?;
        let own: Uri = self.url.parse().ok()?;
        let same = own.scheme() == uri.scheme() && own.authority() == uri.authority();
        if !same && !self.pass_credentials {
            return None;
        }
        let pair = BASE64_STANDARD.encode(format!("{username}:{password}"));
        let mut value = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The host of a registry's address.
fn registry(url: &str) -> Option<&str> {
    url.strip_prefix("oci://")?.split('/').next()
}

/// An address without its query, which may hold a signature.
pub(crate) fn shown(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// A reference, seen from an address.
pub(crate) fn resolve(base: &str, reference: &str) -> Option<String> {
    if reference.starts_with("http://")
        || reference.starts_with("https://")
        || reference.starts_with("oci://")
    {
        return Some(reference.to_owned());
    }
    let uri: Uri = base.parse().ok()?;
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    if reference.starts_with('/') {
        return Some(format!("{origin}{reference}"));
    }
    let directory = uri.path().rsplit_once('/').map_or("", |(directory, _)| directory);
    Some(format!("{origin}{directory}/{reference}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOURCE: docker/go-units 0.5.0, `HumanSize` of the same numbers.
    #[test]
    fn sizes_are_printed_as_dockers() {
        for (size, text) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1234, "1.234kB"),
            (12_345, "12.35kB"),
            (2_500_000, "2.5MB"),
        ] {
            assert_eq!(human_size(size), text);
        }
    }

    #[test]
    fn references_are_seen_from_the_repository() {
        for (base, reference, expected) in [
            ("http://a/charts/", "x-1.tgz", "http://a/charts/x-1.tgz"),
            ("http://a/charts/", "/x.tgz", "http://a/x.tgz"),
            ("http://a:80/charts/", "https://b/x.tgz", "https://b/x.tgz"),
            ("http://a/", "charts/x.tgz", "http://a/charts/x.tgz"),
        ] {
            assert_eq!(resolve(base, reference).as_deref(), Some(expected));
        }
        assert_eq!(normal("http://a/b"), "http://a/b/");
        assert_eq!(normal("oci://a/b/"), "oci://a/b");
    }
}
