//! Which APIs there are, and the paths beside them.

mod aggregated;
pub(crate) mod documents;
mod groups;
mod health;
mod resources;

use bytes::Bytes;
use serde_json::{Value, json};

use self::documents::Document;
pub(crate) use self::groups::groups;
use crate::{
    core::Core,
    dispatch::Reply,
    failure::{Failure, Outcome},
    kinds,
    media::Encoding,
    openapi,
    request::{Incoming, Target},
};

/// Serves everything that is no resource.
pub(crate) fn serve(core: &Core, request: &Incoming) -> Outcome<Reply> {
    if let Some(reply) = health::serve(request) {
        return Ok(reply);
    }
    let path = request.path.trim_end_matches('/');
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        // Paths of the aggregation layer do not look at the method.
        ["apis"] if aggregated::wanted(request) => return Ok(aggregated::document(core, request, false)),
        [".well-known", "openid-configuration"] => return only_get(request, || Ok(issuer(core))),
        ["openid", "v1", "jwks"] => {
            return only_get(request, || {
                Ok(public("application/jwk-set+json", &core.signer.key_set()))
            });
        }
        ["apis"] => {
            let groups: Vec<Value> = groups(core).iter().map(|group| group.legacy(false)).collect();
            return Ok(object(
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
            ));
        }
        ["apis", name] => {
            if let Some(group) = groups(core).iter().find(|group| group.name == *name) {
                return Ok(object(group.legacy(true)));
            }
        }
        [""] | [] => return Ok(object(json!({ "paths": paths(core) }))),
        ["openapi", "v3", rest @ ..] => return Ok(openapi::serve(core, request, &rest.join("/"))),
        ["openapi", "v2"] => return Ok(openapi::serve_old(core, request)),
        ["version"] => return only_get(request, || Ok(object(version(core)))),
        ["api"] if aggregated::wanted(request) => {
            return only_get(request, || Ok(aggregated::document(core, request, true)));
        }
        ["api"] => {
            return only_get(request, || {
                Ok(object(json!({
                    "kind": "APIVersions",
                    "versions": ["v1"],
                    "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": core.address}],
                })))
            });
        }
        ["api", version] => return list(core, request, "", version),
        ["apis", group, version] => return list(core, request, group, version),
        // A path inside of a version that names no resource.
        ["api", "v1", ..] => return Err(Failure::no_resource()),
        _ => {}
    }
    Ok(Reply::text(404, "404 page not found\n"))
}

/// Where verifiers of tokens find the keys.
fn issuer(core: &Core) -> Reply {
    let document = json!({
        "issuer": core.issuer, "jwks_uri": format!("https://{}/openid/v1/jwks", core.address),
        "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    public("application/json", &document)
}

/// A document that anybody may keep for an hour.
fn public(content_type: &str, document: &Value) -> Reply {
    Reply::Raw {
        code: 200,
        content_type: content_type.to_owned(),
        body: document.to_string().into(),
        headers: vec![("cache-control", "public, max-age=3600".to_owned())],
    }
}

fn list(core: &Core, request: &Incoming, group: &str, version: &str) -> Outcome<Reply> {
    match resources::resources(core, group, version)? {
        Some(document) => only_get(request, || Ok(object(document))),
        None => Ok(Reply::text(404, "404 page not found\n")),
    }
}

fn only_get(request: &Incoming, reply: impl FnOnce() -> Outcome<Reply>) -> Outcome<Reply> {
    if request.method == "GET" {
        reply()
    } else {
        Err(Failure::not_allowed())
    }
}

fn object(value: Value) -> Reply {
    Reply::Object {
        code: 200,
        object: value.into(),
        warnings: Vec::new(),
        encoding: Encoding::Json,
    }
}

/// A document under its tag: who has it already is told so.
pub(crate) fn tagged(request: &Incoming, media: &str, document: Document) -> Reply {
    let tag = format!("\"{}\"", document.hash);
    let known = request.header("if-none-match").is_some_and(|tags| {
        tags.split(',')
            .any(|own| own.trim().trim_start_matches("W/") == tag)
    });
    Reply::Raw {
        code: if known { 304 } else { 200 },
        content_type: media.to_owned(),
        body: if known { Bytes::new() } else { document.body },
        headers: vec![
            ("etag", tag),
            ("vary", "Accept".to_owned()),
            ("cache-control", "public".to_owned()),
        ],
    }
}

/// A resource that nobody serves: inside a known group a Status, outside a bare text.
pub(crate) fn missing(core: &Core, target: &Target) -> Outcome<Reply> {
    let group = &target.gvr.group;
    let builtin = kinds::all().iter().any(|kind| kind.group == *group);
    let custom = core.state.definitions.values().any(|known| {
        known.group == *group
            && known
                .version(&target.gvr.version)
                .is_some_and(|version| version.served)
    });
    if builtin && !custom {
        return Err(Failure::no_resource());
    }
    Ok(Reply::text(404, "404 page not found\n"))
}

fn paths(core: &Core) -> Vec<String> {
    let mut paths = health::paths();
    for group in groups(core) {
        paths.push(format!("/apis/{}", group.name));
        let version = |version: &String| format!("/apis/{}/{version}", group.name);
        paths.extend(group.versions.iter().map(version));
    }
    let others = [
        "/.well-known/openid-configuration",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/",
        "/flagz",
        "/metrics",
        "/metrics/slis",
        "/openapi/v2",
        "/openapi/v3",
        "/openapi/v3/",
        "/openid/v1/jwks",
        "/statusz",
        "/version",
    ];
    paths.extend(others.map(str::to_owned));
    paths.sort();
    paths
}

fn version(core: &Core) -> Value {
    let (major, minor) = core.minor.split_once('.').unwrap_or(("1", "36"));
    json!({
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": minor.parse::<u32>().unwrap_or(1).saturating_sub(1).to_string(),
        "gitVersion": core.version(),
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.26.0",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}
