//! The run as JSON lines, one event a line.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{Reporter, create, named};
use crate::event::Event;

/// A file of JSON lines.
pub struct Json {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Json {
    /// Opens the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(create(path)?),
            path: path.to_owned(),
        })
    }
}

impl Reporter for Json {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if matches!(event, Event::StepStarted { .. }) {
            return Ok(());
        }
        let line = serde_json::to_string(event)?;
        writeln!(self.file, "{line}").map_err(|error| named(&self.path, &error))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| named(&self.path, &error))
    }
}
