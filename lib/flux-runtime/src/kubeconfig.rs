//! The cluster that a kubeconfig leads to.
//!
//! A kubeconfig comes from whoever may write Secrets, so nothing in it may name a file of the controller's or start a
//! program.

use base64::{Engine, engine::general_purpose::STANDARD};
use edges::{HttpOptions, InvalidProxy, RemoteCluster, Tls};
use serde_json::Value;

/// The cluster that the kubeconfig in a Secret leads to; `shown` is how the Secret is called in messages.
///
/// # Errors
/// A text with nothing of the kubeconfig but the names of contexts, clusters and users.
pub fn from_secret(
    secret: &Value,
    key: Option<&str>,
    shown: &str,
    allow_insecure: bool,
) -> Result<RemoteCluster, String> {
    parse(&text(secret, key, shown)?, allow_insecure)
}

/// The kubeconfig in a Secret.
fn text(secret: &Value, key: Option<&str>, shown: &str) -> Result<String, String> {
    let value = |key: &str| secret.get("data")?.get(key)?.as_str();
    let key = key.filter(|key| !key.is_empty());
    let found = match key {
        Some(key) => value(key),
        None => value("value").or_else(|| value("value.yaml")),
    };
    let found = found.and_then(|text| STANDARD.decode(text).ok());
    let found = found.and_then(|bytes| String::from_utf8(bytes).ok());
    let key = key.unwrap_or("value");
    found.ok_or_else(|| format!("KubeConfig secret {shown} does not contain a '{key}' key with a kubeconfig"))
}

/// Reads a kubeconfig. Texts of errors have nothing of it but the names of contexts, clusters and users.
fn parse(text: &str, allow_insecure: bool) -> Result<RemoteCluster, String> {
    let config = yaml::read(text, yaml::Dialect::Kubernetes)
        .map_err(|_| "couldn't get version/kind; json parse error")?;
    let current = config
        .get("current-context")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let invalid = |what: &str| format!("invalid configuration: {what}");
    if current.is_empty() {
        return Err(invalid(
            "no configuration has been provided, try setting KUBERNETES_MASTER environment variable",
        ));
    }
    let context = named(&config, "contexts", current, "context")
        .ok_or_else(|| invalid(&format!("context was not found for specified context: {current}")))?;
    let member = |field: &str| context.get(field).and_then(Value::as_str).unwrap_or_default();
    let cluster = named(&config, "clusters", member("cluster"), "cluster")
        .ok_or_else(|| invalid(&format!("cluster {:?} does not exist", member("cluster"))))?;
    let user = named(&config, "users", member("user"), "user").unwrap_or(&Value::Null);
    let server = cluster.get("server").and_then(Value::as_str).unwrap_or_default();
    if server.is_empty() {
        return Err(invalid(&format!(
            "no server found for cluster {:?}",
            member("cluster")
        )));
    }
    refuse_files(cluster, user)?;
    let namespace = Some(member("namespace")).filter(|namespace| !namespace.is_empty());
    Ok(RemoteCluster {
        server: server.to_owned(),
        authorization: authorization(user)?,
        impersonate: None,
        options: options(cluster, user, allow_insecure)?,
        default_namespace: namespace.unwrap_or("default").to_owned(),
    })
}

fn named<'a>(config: &'a Value, list: &str, name: &str, member: &str) -> Option<&'a Value> {
    let entries = config.get(list).and_then(Value::as_array)?;
    let found = entries
        .iter()
        .find(|entry| entry.get("name").and_then(Value::as_str) == Some(name))?;
    found.get(member)
}

/// DIFFERENCE: upstream reads files that a kubeconfig names from the controller's disk, and leaves out programs
/// silently unless a flag allows them. Neither is done here, and both are told.
fn refuse_files(cluster: &Value, user: &Value) -> Result<(), String> {
    let given = |map: &Value, field: &str| {
        map.get(field)
            .is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
    };
    for (map, field) in [
        (cluster, "certificate-authority"),
        (user, "client-certificate"),
        (user, "client-key"),
        (user, "tokenFile"),
    ] {
        let embedded = given(map, &format!("{field}-data")) || (field == "tokenFile" && given(map, "token"));
        if given(map, field) && !embedded {
            return Err(format!(
                "invalid configuration: {field} names a file; the kubeconfig must embed it"
            ));
        }
    }
    for field in ["exec", "auth-provider"] {
        if given(user, field) {
            return Err(format!(
                "invalid configuration: {field} is not allowed in the kubeconfig"
            ));
        }
    }
    Ok(())
}

fn authorization(user: &Value) -> Result<Option<String>, String> {
    let text = |field: &str| {
        user.get(field)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    if let Some(token) = text("token") {
        if !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err("invalid configuration: the token cannot stand in a header".to_owned());
        }
        return Ok(Some(format!("Bearer {token}")));
    }
    Ok(text("username").map(|name| {
        let pair = format!("{name}:{}", text("password").unwrap_or_default());
        format!("Basic {}", STANDARD.encode(pair))
    }))
}

fn options(cluster: &Value, user: &Value, allow_insecure: bool) -> Result<HttpOptions, String> {
    let bytes = |map: &Value, field: &str| {
        let text = map
            .get(field)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty());
        let decoded = text.map(|text| STANDARD.decode(text));
        decoded
            .transpose()
            .map_err(|_| format!("invalid configuration: {field} is not base64"))
    };
    let flag = |field: &str| cluster.get(field).and_then(Value::as_bool).unwrap_or_default();
    if flag("insecure-skip-tls-verify") && !allow_insecure {
        // DIFFERENCE: upstream leaves the member out, and fails later at the certificate.
        return Err(
            "invalid configuration: insecure-skip-tls-verify is not allowed in the kubeconfig".to_owned(),
        );
    }
    let identity = match (
        bytes(user, "client-certificate-data")?,
        bytes(user, "client-key-data")?,
    ) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            return Err(
                "invalid configuration: client-certificate-data and client-key-data go together".to_owned(),
            );
        }
    };
    let name = cluster.get("tls-server-name").and_then(Value::as_str);
    if name.is_some_and(|name| !name.is_empty()) {
        return Err("invalid configuration: tls-server-name is not supported".to_owned());
    }
    let authorities = bytes(cluster, "certificate-authority-data")?;
    let proxy = cluster.get("proxy-url").and_then(Value::as_str);
    let proxy = proxy.filter(|address| !address.is_empty()).map(str::parse);
    let proxy = proxy.transpose();
    Ok(HttpOptions {
        tls: Tls {
            only_ca: authorities.is_some(),
            ca: authorities.unwrap_or_default(),
            identity,
            insecure: flag("insecure-skip-tls-verify"),
        },
        proxy: proxy.map_err(|error: InvalidProxy| format!("invalid configuration: proxy-url: {error}"))?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(cluster: Value, user: Value) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "apps"}}],
            "clusters": [{"name": "k", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
        })
        .to_string()
    }

    // Covers: KC-79.
    #[test]
    fn a_kubeconfig_leads_to_its_current_cluster() {
        let text = config(
            json!({"server": "https://a:6443", "certificate-authority-data": STANDARD.encode("CA"), "proxy-url": "http://p"}),
            json!({"token": "t", "client-certificate-data": STANDARD.encode("C"), "client-key-data": STANDARD.encode("K")}),
        );
        let found = parse(&text, false).unwrap();
        assert_eq!(
            (found.server.as_str(), found.default_namespace.as_str()),
            ("https://a:6443", "apps")
        );
        assert_eq!(found.authorization.as_deref(), Some("Bearer t"));
        let tls = found.options.tls;
        assert_eq!((tls.ca.as_slice(), tls.only_ca), (b"CA".as_slice(), true));
        assert_eq!(tls.identity, Some((b"C".to_vec(), b"K".to_vec())));
        assert_eq!(found.options.proxy, Some("http://p".parse().unwrap()));
        let basic = config(
            json!({"server": "https://a"}),
            json!({"username": "n", "password": "p"}),
        );
        assert_eq!(
            parse(&basic, false).unwrap().authorization.as_deref(),
            Some("Basic bjpw")
        );
    }

    #[test]
    fn what_reaches_beyond_the_kubeconfig_is_refused() {
        let server = json!({"server": "https://a"});
        for (cluster, user) in [
            (server.clone(), json!({"exec": {"command": "hunter2"}})),
            (server.clone(), json!({"auth-provider": {"name": "hunter2"}})),
            (server.clone(), json!({"tokenFile": "/hunter2"})),
            (server.clone(), json!({"client-certificate": "/hunter2"})),
            (server.clone(), json!({"client-key-data": "aHVudGVyMg=="})),
            (server.clone(), json!({"token": "hunter2\n"})),
            (
                json!({"server": "https://a", "certificate-authority": "/hunter2"}),
                json!({}),
            ),
            (
                json!({"server": "https://a", "insecure-skip-tls-verify": true}),
                json!({"token": "hunter2"}),
            ),
            (
                json!({"server": "https://a", "proxy-url": "ftp://hunter2"}),
                json!({}),
            ),
            (json!({}), json!({"token": "hunter2"})),
        ] {
            let error = parse(&config(cluster, user), false).unwrap_err();
            assert!(error.starts_with("invalid configuration: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(parse("hunter2: [", false).is_err_and(|error| !error.contains("hunter2")));
        assert!(parse("{}", false).is_err());
        let insecure = config(
            json!({"server": "https://a", "insecure-skip-tls-verify": true}),
            json!({}),
        );
        assert!(parse(&insecure, true).unwrap().options.tls.insecure);
    }

    #[test]
    fn the_key_may_be_named() {
        let secret = |key: &str| json!({"data": {key: STANDARD.encode("x")}});
        assert_eq!(text(&secret("value"), None, "'a/b'").unwrap(), "x");
        assert_eq!(text(&secret("value.yaml"), None, "'a/b'").unwrap(), "x");
        assert_eq!(text(&secret("mine"), Some("mine"), "'a/b'").unwrap(), "x");
        assert_eq!(
            text(&secret("mine"), None, "'a/b'").unwrap_err(),
            "KubeConfig secret 'a/b' does not contain a 'value' key with a kubeconfig"
        );
    }
}
