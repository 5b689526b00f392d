//! Bounds on what a client may send.

/// How deep an object or a field set may nest. Walkers recurse once a level.
pub const MAX_DEPTH: usize = 200;

/// How many entries of operation `Update` an object may carry; older ones are merged.
pub const MAX_UPDATE_MANAGERS: usize = 10;

/// How large all annotations together may be before the server stops writing its own.
pub const MAX_ANNOTATIONS: usize = 256 * 1024;
