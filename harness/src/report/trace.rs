//! The traces of all scenarios in one file, ordered by scenario: the same seed gives the same bytes.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{Reporter, create, named};
use crate::event::Event;

/// A file of traces.
pub struct TraceFile {
    path: PathBuf,
    file: BufWriter<File>,
    traces: BTreeMap<String, Vec<String>>,
}

impl TraceFile {
    /// Opens the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(create(path)?),
            path: path.to_owned(),
            traces: BTreeMap::new(),
        })
    }
}

impl Reporter for TraceFile {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let Event::ScenarioFinished(outcome) = event {
            self.traces.insert(outcome.name.clone(), outcome.trace.clone());
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        for line in self.traces.values().flatten() {
            writeln!(self.file, "{line}").map_err(|error| named(&self.path, &error))?;
        }
        self.file.flush().map_err(|error| named(&self.path, &error))
    }
}
