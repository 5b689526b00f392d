//! `snapshot: { name, objects }` — compares objects with a file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{scenario::ObjectRef, session::Session, verdict::Miss};

/// Objects that must look exactly as a file under `scenarios/snapshots/` says, but for what differs from run to run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// The snapshot's name, unique in its scenario.
    pub name: String,
    /// The objects, in this order.
    pub objects: Vec<ObjectRef>,
}

pub(super) async fn run(snapshot: &Snapshot, session: &mut Session) -> Result<(), Miss> {
    session.journal.catch_up()?;
    if session.requested {
        let note =
            "a snapshot was not compared: reconciliations had been asked for, which whole objects show";
        session.notes.insert(note.to_owned());
        return Ok(());
    }
    let mut objects = Vec::new();
    for reference in &snapshot.objects {
        let Some(object) = session.journal.get(reference) else {
            return Err(Miss::failed(
                "snapshot.missing",
                format!("{reference} does not exist"),
            ));
        };
        objects.push(object.clone());
    }
    let names = session.commits.clone();
    session.snapshots.compare(&snapshot.name, &objects, &names)
}
