//! Who may do what, and how objects end.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::time::Duration;

use apiserver::{ApiServer, ChangeKind, Config, Controllers, User};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use edges::{Clock, Seed};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// A server with a namespace `a`, and tokens for `admin` and `bob`.
fn server(seed: u64) -> ApiServer {
    let server = ApiServer::new(Config {
        minor: "1.36".to_owned(),
        clock: Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap()),
        seed: Seed(seed),
        controllers: Controllers::All,
        openshift: false,
    });
    server.register_token("admin", User::admin());
    server.register_token("bob", User::new("bob", &["dev", "system:authenticated"]));
    let (code, _) = server.call(
        &User::admin(),
        "POST",
        "/api/v1/namespaces",
        "application/json",
        Some(&json!({"metadata": {"name": "a"}})),
    );
    assert_eq!(code, 201);
    server
}

struct Caller<'a> {
    server: &'a ApiServer,
    token: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

fn caller<'a>(server: &'a ApiServer, token: &'a str) -> Caller<'a> {
    Caller {
        server,
        token,
        headers: &[],
    }
}

impl Caller<'_> {
    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token));
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Bytes::new()
        } else {
            request = request.header(
                "content-type",
                if method == "PATCH" {
                    "application/merge-patch+json"
                } else {
                    "application/json"
                },
            );
            Bytes::from(body.to_string())
        };
        let response = self.server.handle(request.body(body).unwrap(), None);
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let (code, answer) = self.ask(method, path, body).await;
        assert!(code < 300, "{method} {path}: {answer}");
        answer
    }

    async fn code(&self, method: &str, path: &str, body: Value) -> u16 {
        self.ask(method, path, body).await.0
    }

    async fn token(&self, account: &str, spec: Value) -> String {
        let path = format!("/api/v1/namespaces/a/serviceaccounts/{account}/token");
        let answer = self.done("POST", &path, json!({ "spec": spec })).await;
        answer["status"]["token"].as_str().unwrap().to_owned()
    }
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn pod(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"app": "x"}},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]},
    })
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_time() {
    let (server, again) = (server(7), server(7));
    let token = caller(&server, "admin")
        .token("default", json!({"expirationSeconds": 600}))
        .await;
    assert_eq!(
        token,
        caller(&again, "admin")
            .token("default", json!({"expirationSeconds": 600}))
            .await
    );
    let claims = claims(&token);
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        600
    );
    let own = caller(&server, &token);
    let who = own.done("POST", WHO, json!({})).await;
    assert_eq!(
        who["status"]["userInfo"]["username"],
        "system:serviceaccount:a:default"
    );
    tokio::time::advance(Duration::from_secs(600)).await;
    assert_eq!(
        own.code("POST", WHO, json!({})).await,
        201,
        "clocks may differ a little"
    );
    tokio::time::advance(Duration::from_secs(75)).await;
    assert_eq!(own.code("POST", WHO, json!({})).await, 401);
    let other = token.replace('.', ".x");
    assert_eq!(caller(&server, &other).code("POST", WHO, json!({})).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_what_it_is_bound_to() {
    let server = server(7);
    let admin = caller(&server, "admin");
    admin.done("POST", "/api/v1/namespaces/a/pods", pod("p")).await;
    let reference = json!({"kind": "Pod", "apiVersion": "v1", "name": "p"});
    let spec = json!({"expirationSeconds": 3607, "boundObjectRef": reference});
    let token = admin.token("default", spec).await;
    let private = &claims(&token)["kubernetes.io"];
    assert_eq!(
        (&private["pod"]["name"], &private["node"]["name"]),
        (&json!("p"), &json!("n"))
    );
    assert!(
        private["warnafter"].is_i64(),
        "a pod's token lives longer than it asks for"
    );
    let own = caller(&server, &token);
    assert_eq!(own.code("POST", WHO, json!({})).await, 201);
    let now = json!({"gracePeriodSeconds": 0});
    admin.done("DELETE", "/api/v1/namespaces/a/pods/p", now).await;
    assert_eq!(own.code("POST", WHO, json!({})).await, 201, "remembered");
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(own.code("POST", WHO, json!({})).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_secret_holds_a_token_that_ends_with_it() {
    let server = server(7);
    let admin = caller(&server, "admin");
    let secret = |name: &str, account: &str| {
        json!({
            "type": "kubernetes.io/service-account-token",
            "metadata": {"name": name, "annotations": {"kubernetes.io/service-account.name": account}},
        })
    };
    let path = "/api/v1/namespaces/a/secrets";
    admin.done("POST", path, secret("s", "default")).await;
    admin.done("POST", path, secret("lost", "nobody")).await;
    assert_eq!(admin.code("GET", &format!("{path}/lost"), Value::Null).await, 404);
    let filled = admin.done("GET", &format!("{path}/s"), Value::Null).await;
    let held = filled["data"]["token"].as_str().unwrap();
    let token = base64::engine::general_purpose::STANDARD.decode(held).unwrap();
    let token = String::from_utf8(token).unwrap();
    let own = caller(&server, &token);
    let who = own.done("POST", WHO, json!({})).await;
    assert_eq!(
        who["status"]["userInfo"]["username"],
        "system:serviceaccount:a:default"
    );
    admin.done("DELETE", &format!("{path}/s"), Value::Null).await;
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(own.code("POST", WHO, json!({})).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_for_its_audience() {
    let server = server(7);
    let admin = caller(&server, "admin");
    let token = admin.token("default", json!({"audiences": ["vault"]})).await;
    assert_eq!(caller(&server, &token).code("POST", WHO, json!({})).await, 401);
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let review = admin
        .done(
            "POST",
            path,
            json!({"spec": {"token": token, "audiences": ["vault"]}}),
        )
        .await;
    assert_eq!(review["status"]["audiences"], json!(["vault"]));
    let review = admin.done("POST", path, json!({"spec": {"token": token}})).await;
    assert_eq!(review["status"].get("authenticated"), None);
    assert!(
        review["status"]["error"]
            .as_str()
            .unwrap()
            .contains("token audiences")
    );
}

#[tokio::test(start_paused = true)]
async fn impersonation_takes_the_narrow_way_or_the_old_one() {
    let server = server(7);
    let admin = caller(&server, "admin");
    let as_zoe = Caller {
        headers: &[("impersonate-user", "zoe"), ("impersonate-group", "g")],
        ..caller(&server, "bob")
    };
    let (code, refusal) = as_zoe.ask("POST", WHO, json!({})).await;
    assert_eq!(code, 403);
    let text = refusal["message"].as_str().unwrap();
    assert!(
        text.contains("cannot impersonate-on:user-info:create resource"),
        "{text}"
    );
    for (name, rules) in [
        (
            "old",
            json!([{"apiGroups": [""], "resources": ["users", "groups"], "verbs": ["impersonate"]}]),
        ),
        (
            "narrow",
            json!([
                {"apiGroups": ["authentication.k8s.io"], "resources": ["users", "groups"], "verbs": ["impersonate:user-info"]},
                {"apiGroups": ["*"], "resources": ["*"], "verbs": ["impersonate-on:user-info:create"]},
            ]),
        ),
    ] {
        let role = json!({"metadata": {"name": name}, "rules": rules});
        admin.done("POST", &format!("{RBAC}/clusterroles"), role).await;
        let binding = json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "bob"}],
        });
        let path = format!("{RBAC}/clusterrolebindings");
        admin.done("POST", &path, binding).await;
        let who = as_zoe.done("POST", WHO, json!({})).await;
        assert_eq!(
            who["status"]["userInfo"]["groups"],
            json!(["g", "system:authenticated"])
        );
        admin.done("DELETE", &format!("{path}/{name}"), Value::Null).await;
        assert_eq!(as_zoe.code("POST", WHO, json!({})).await, 403);
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_spent_by_evictions() {
    let server = server(7);
    let admin = caller(&server, "admin");
    let pods = "/api/v1/namespaces/a/pods";
    let running =
        json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    for name in ["p", "q"] {
        admin.done("POST", pods, pod(name)).await;
        admin
            .done("PATCH", &format!("{pods}/{name}/status"), running.clone())
            .await;
    }
    let budgets = "/apis/policy/v1/namespaces/a/poddisruptionbudgets";
    let budget = json!({
        "metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}},
    });
    admin.done("POST", budgets, budget).await;
    let evict = |name: &str| json!({"metadata": {"name": name}});
    let eviction = |name: &str| format!("{pods}/{name}/eviction");
    let (code, refusal) = admin.ask("POST", &eviction("p"), evict("p")).await;
    assert_eq!(
        (code, &refusal["details"]["retryAfterSeconds"]),
        (429, &json!(10))
    );
    let status = json!({"status": {
        "observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2,
    }});
    admin.done("PATCH", &format!("{budgets}/b/status"), status).await;
    assert_eq!(admin.code("POST", &eviction("p"), evict("p")).await, 201);
    let going = admin.done("GET", &format!("{pods}/p"), Value::Null).await;
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 30);
    let spent = admin.done("GET", &format!("{budgets}/b"), Value::Null).await;
    assert_eq!(spent["status"]["disruptionsAllowed"], 0);
    assert!(spent["status"]["disruptedPods"]["p"].is_string());
    assert_eq!(admin.code("POST", &eviction("q"), evict("q")).await, 429);
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_seen_ending_before_it_is_gone() {
    let server = server(7);
    let admin = caller(&server, "admin");
    admin.done("POST", "/api/v1/namespaces/a/pods", pod("p")).await;
    let mut changes = server.changes();
    let path = "/api/v1/namespaces/a/pods/p";
    for (grace, wanted) in [(Some(20), 20), (Some(40), 20), (None, 20), (Some(5), 5)] {
        let options = grace.map_or(json!({}), |grace| json!({"gracePeriodSeconds": grace}));
        let going = admin.done("DELETE", path, options).await;
        assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], wanted);
        assert_eq!(going["metadata"]["generation"], 2);
    }
    admin.done("DELETE", path, json!({"gracePeriodSeconds": 0})).await;
    let mut kinds = Vec::new();
    while let Some(change) = changes.try_next() {
        kinds.push(change.kind);
    }
    let modified = ChangeKind::Modified;
    assert_eq!(kinds, [modified, modified, modified, ChangeKind::Deleted]);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_says_what_keeps_it() {
    let server = server(7);
    let admin = caller(&server, "admin");
    let path = "/api/v1/namespaces/a/configmaps";
    let held = json!({"metadata": {"name": "c", "finalizers": ["example.com/f"]}});
    admin.done("POST", path, held).await;
    admin.done("DELETE", "/api/v1/namespaces/a", Value::Null).await;
    let kept = admin.done("GET", "/api/v1/namespaces/a", Value::Null).await;
    let texts: Vec<&str> = kept["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|condition| condition["status"] == "True")
        .map(|condition| condition["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "Some resources are remaining: configmaps. has 1 resource instances",
            "Some content in the namespace has finalizers remaining: example.com/f in 1 resource instances",
        ]
    );
    let refused = admin.code("POST", path, json!({"metadata": {"name": "d"}})).await;
    assert_eq!(refused, 403);
    let free = json!({"metadata": {"finalizers": null}});
    admin.done("PATCH", &format!("{path}/c"), free).await;
    assert_eq!(admin.code("GET", "/api/v1/namespaces/a", Value::Null).await, 404);
}
