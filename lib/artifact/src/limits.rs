//! How much of an archive, which anybody may have made, is unpacked and how deep a tree is walked.

/// What [`crate::untar`] accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All files together, in bytes after decompression.
    pub bytes: u64,
    /// Entries: files, directories and those that are skipped.
    pub entries: usize,
}

impl Default for Limits {
    /// Far beyond any tree of manifests, small enough for the disk of a pod.
    fn default() -> Self {
        Self {
            bytes: 4 << 30,
            entries: 1_000_000,
        }
    }
}

/// The deepest directory that is archived.
pub(crate) const MAX_DEPTH: usize = 256;

/// The largest `.sourceignore` that is read.
pub(crate) const MAX_IGNORE_FILE: u64 = 1 << 20;

/// How many files of one object the garbage collection looks at in a pass.
pub(crate) const MAX_COLLECTED: usize = 1000;

/// The largest artifact that is one file and read into memory, in bytes: far beyond any chart.
pub(crate) const MAX_FILE: u64 = 128 << 20;
