//! How much the program takes from whoever knocks.

use std::time::Duration;

/// Bytes of the body of an incoming request.
pub(crate) const BODY: usize = 4 << 20;
/// Time for the head of an incoming request, and for its body.
pub(crate) const REQUEST: Duration = Duration::from_secs(30);
/// Incoming connections of one port at once.
pub(crate) const CONNECTIONS: usize = 500;
/// Time for an outgoing connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(30);
/// Silence in an outgoing response after which it counts as cut.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);
