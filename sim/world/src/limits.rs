//! How much the doors of a real world take from whoever knocks.

use std::time::Duration;

/// Time for a TLS handshake.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for the head of a request over HTTP/1.1.
pub(crate) const HEADERS: Duration = Duration::from_secs(30);
/// Time for the body of a request.
pub(crate) const BODY: Duration = Duration::from_secs(60);
/// Requests that one HTTP/2 connection has under way.
pub(crate) const STREAMS: u32 = 250;
/// Bytes of a response that wait for a client that does not read.
pub(crate) const SEND_BUFFER: usize = 256 * 1024;
/// Connections that one door serves at once; the next ones wait.
pub(crate) const CONNECTIONS: usize = 1000;
/// Bytes of a request to the Git server.
pub(crate) const GIT_BODY: usize = 64 << 20;
/// Bytes on their way through a connection in memory.
pub(crate) const WIRE: usize = 256 * 1024;
/// Bytes of the head of a request to the proxy.
pub(crate) const PROXY_HEAD: usize = 16 * 1024;
/// How many times shorter than in virtual time the delays of faults are.
pub(crate) const HASTE: u32 = 10;
/// Time that requests under way have when the world ends.
pub(crate) const FAREWELL: Duration = Duration::from_millis(500);
