//! Kubernetes clients that act as somebody else.

use ::kube::client::Body;
use http::{HeaderName, HeaderValue, Request, header::InvalidHeaderValue};

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
