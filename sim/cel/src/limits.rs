//! Bounds of hostile expressions.

/// Longest expression, in characters.
pub(crate) const EXPRESSION: usize = 100_000;

/// Deepest nesting that the parser follows.
pub(crate) const DEPTH: usize = 250;

/// Errors after which the parser gives up.
pub(crate) const ERRORS: usize = 100;

/// Size of the automaton of a pattern, in bytes.
pub(crate) const PATTERN: usize = 1 << 20;

/// The longest request, which bounds every value whose schema does not.
pub const REQUEST: i64 = 3 * 1024 * 1024;
