//! What people and machines read of a run: each report is made of [`Event`]s alone.

mod json;
mod junit;
mod terminal;
mod trace;

use std::{fs::File, io, path::Path};

pub use json::Json;
pub use junit::Junit;
pub use terminal::{Terminal, explain};
pub use trace::TraceFile;

use crate::event::Event;

/// One report in the making.
pub trait Reporter {
    /// Takes in what happened.
    ///
    /// # Errors
    /// When it cannot be written.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Completes the report.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a report's file before anything runs, so that a place that cannot be written is known at once.
fn create(path: &Path) -> io::Result<File> {
    File::create(path).map_err(|error| named(path, &error))
}

/// Names the file in an error.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}
