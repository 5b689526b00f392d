//! Kubernetes clients that act as somebody else.

use ::kube::client::Body;
use http::{
    HeaderName, HeaderValue, Request, Uri,
    header::{AUTHORIZATION, InvalidHeaderValue},
};
use http_body_util::BodyExt;

use crate::{BoxError, HttpClient, HttpOptions, Net};

/// Whom requests are made as, beyond the component's own identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impersonate {
    /// The user, such as `system:serviceaccount:apps:deployer`.
    pub user: String,
}

/// A client whose every request asks the API server to act as another user.
///
/// # Errors
/// When the user's name cannot stand in a header.
pub fn impersonate(
    client: &::kube::Client,
    whom: &Impersonate,
) -> Result<::kube::Client, InvalidHeaderValue> {
    const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");
    let user = HeaderValue::from_str(&whom.user)?;
    let inner = client.clone();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        request.headers_mut().insert(IMPERSONATE_USER, user.clone());
        let inner = inner.clone();
        async move { inner.send(request).await }
    });
    Ok(::kube::Client::new(service, client.default_namespace()))
}

/// A cluster that is not the component's own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RemoteCluster {
    /// Address of its API server: scheme, host, port and perhaps the start of all paths.
    pub server: String,
    /// `Authorization` of every request.
    pub authorization: Option<String>,
    /// Whom requests are made as, if not as whoever is authorized.
    pub impersonate: Option<Impersonate>,
    /// Whom to trust, and through whom to go.
    pub options: HttpOptions,
    /// Namespace of requests that name none.
    pub default_namespace: String,
}

impl std::fmt::Debug for RemoteCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Tokens stay out of logs.
        f.debug_struct("RemoteCluster")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// A client of another cluster.
///
/// # Errors
/// When the address is none, certificates or keys are none, or authorization or user cannot stand in a header.
pub fn remote_cluster(
    http: &HttpClient,
    net: &Net,
    cluster: &RemoteCluster,
) -> Result<::kube::Client, BoxError> {
    let server = cluster.server.trim_end_matches('/').to_owned();
    let parsed: Uri = server.parse()?;
    if !matches!(parsed.scheme_str(), Some("http" | "https")) || parsed.host().is_none() {
        return Err("the address of the cluster is no URL".into());
    }
    let authorization = cluster.authorization.as_deref().map(HeaderValue::from_str);
    let mut authorization = authorization.transpose()?;
    if let Some(value) = &mut authorization {
        value.set_sensitive(true);
    }
    let http = if cluster.options == HttpOptions::default() {
        http.clone()
    } else {
        net.http(cluster.options.clone())?
    };
    let service = tower::service_fn(move |request: Request<Body>| {
        let (http, server) = (http.clone(), server.clone());
        let authorization = authorization.clone();
        async move {
            let (mut head, body) = request.into_parts();
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
            head.uri = format!("{server}{path}").parse()?;
            if let Some(value) = authorization {
                head.headers.insert(AUTHORIZATION, value);
            }
            let body = body.collect().await?.to_bytes();
            let request = Request::from_parts(head, body);
            http.send(request).await.map_err(BoxError::from)
        }
    });
    let client = ::kube::Client::new(service, &cluster.default_namespace);
    match &cluster.impersonate {
        Some(whom) => Ok(impersonate(&client, whom)?),
        None => Ok(client),
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::body_from;

    #[tokio::test]
    async fn another_cluster_is_reached_as_its_kubeconfig_says() {
        let http = HttpClient::new(tower::service_fn(async |request: Request<bytes::Bytes>| {
            let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
            let seen = format!(
                "{} {:?} {:?}",
                request.uri(),
                header("authorization"),
                header("impersonate-user"),
            );
            Ok(Response::new(body_from(
                serde_json::json!({"seen": seen}).to_string(),
            )))
        }));
        let cluster = RemoteCluster {
            server: "https://other.example.com:6443/base/".to_owned(),
            authorization: Some("Bearer secret".to_owned()),
            impersonate: Some(Impersonate {
                user: "somebody".to_owned(),
            }),
            options: HttpOptions::default(),
            default_namespace: "default".to_owned(),
        };
        assert!(!format!("{cluster:?}").contains("secret"));
        let client = remote_cluster(&http, &Net::none(), &cluster).unwrap();
        let request = Request::get("/api/v1?limit=1").body(Vec::new()).unwrap();
        let answer: serde_json::Value = client.request(request).await.unwrap();
        assert_eq!(
            answer["seen"],
            "https://other.example.com:6443/base/api/v1?limit=1 Some(\"Bearer secret\") Some(\"somebody\")"
        );
        for server in ["", "other", "ftp://x"] {
            let cluster = RemoteCluster {
                server: server.to_owned(),
                ..RemoteCluster::default()
            };
            assert!(remote_cluster(&http, &Net::none(), &cluster).is_err(), "{server}");
        }
    }
}
