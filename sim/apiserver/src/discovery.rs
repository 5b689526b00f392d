//! Which APIs there are, and the paths beside them.

mod documents;

use serde_json::{Value, json};

use crate::{
    core::Core,
    dispatch::Reply,
    failure::Outcome,
    media::Encoding,
    request::{Incoming, Target},
};

/// Serves everything that is no resource.
pub(crate) fn serve(core: &Core, request: &Incoming) -> Outcome<Reply> {
    let path = request.path.trim_end_matches('/');
    match path {
        "/healthz" | "/livez" | "/readyz" => return Ok(Reply::text(200, "ok")),
        "/version" => return Ok(object(version(core))),
        _ => {}
    }
    if let Some(document) = documents::document(core, path) {
        return Ok(object(document));
    }
    Ok(Reply::text(404, "404 page not found\n"))
}

fn object(value: Value) -> Reply {
    Reply::Object { code: 200, object: value.into(), warnings: Vec::new(), encoding: Encoding::Json }
}

/// A resource that nobody serves.
pub(crate) fn missing(core: &Core, request: &Incoming, target: &Target) -> Reply {
    let _ = (core, request, target);
    Reply::text(404, "404 page not found\n")
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
        "gitVersion": format!("v{}.2", core.minor),
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.26.0",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}
