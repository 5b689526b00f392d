//! How much a hostile chart may cost before it is refused. The first two are Helm's own.

/// Bytes of all files of an archive.
pub(crate) const MAX_CHART: u64 = 100 * 1024 * 1024;

/// Bytes of one file.
pub(crate) const MAX_FILE: u64 = 5 * 1024 * 1024;

/// Files of an archive. Helm has no limit.
pub(crate) const MAX_FILES: usize = 50_000;

/// Charts within charts. Helm has no limit.
pub(crate) const MAX_DEPTH: usize = 32;

/// The highest index that `--set` may name; Helm's own.
pub(crate) const MAX_INDEX: i64 = 65_536;

/// Names within names that `--set` may have; Helm's own.
pub(crate) const MAX_NAMES: usize = 30;

/// Bytes of a record of a release. A Secret holds a megabyte of it, compressed; Helm has no limit.
pub(crate) const MAX_RECORD: u64 = 64 * 1024 * 1024;

/// Bytes of a `values.schema.json`. Helm has no limit.
pub(crate) const MAX_SCHEMA: usize = 4 * 1024 * 1024;

/// Levels of a `values.schema.json`. Helm has no limit below Go's 10,000.
pub(crate) const MAX_SCHEMA_DEPTH: usize = 100;
