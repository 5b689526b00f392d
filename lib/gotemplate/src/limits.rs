//! How much a hostile template may cost before it is refused.

/// Parentheses within parentheses, and blocks within blocks.
///
/// DIFFERENCE: Go allows 10,000 parentheses and any number of blocks; a recursive parser here would run out of stack.
pub(crate) const MAX_NESTING: usize = 300;

/// Blocks, pipelines and templates that are at work at once.
///
/// DIFFERENCE: Go counts templates only, up to 100,000, on a stack that grows.
pub(crate) const MAX_STACK: usize = 12_000;

/// `include` of one name within itself; Helm's own limit.
pub(crate) const MAX_INCLUDES: usize = 1000;

/// Bytes that one execution may write, all that it includes counted. Go has no limit.
pub(crate) const MAX_OUTPUT: usize = 256 * 1024 * 1024;

/// Nodes walked and commands run by one execution. Go has no limit.
pub(crate) const MAX_STEPS: u64 = 100_000_000;

/// Bytes of one text that a function makes.
pub(crate) const MAX_TEXT: usize = 64 * 1024 * 1024;

/// Elements of a list that a function makes.
pub(crate) const MAX_ELEMENTS: usize = 4 * 1024 * 1024;

/// Maps and lists within one another that are printed, copied or merged; a map can hold itself.
pub(crate) const MAX_DEPTH: usize = 300;

/// The stack of a thread that executes templates up to [`MAX_STACK`].
pub(crate) const STACK_BYTES: usize = 256 * 1024 * 1024;
