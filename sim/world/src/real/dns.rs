//! The cluster's DNS, over UDP: addresses of Services, and of the hosts outside that the world plays.

use tokio::net::UdpSocket;

use crate::Network;

/// Bytes of a query: a name has 255 at most.
const QUERY: usize = 512;
/// Addresses in one answer; more would not fit a datagram.
const ADDRESSES: usize = 20;
const TYPE_A: u16 = 1;
const CLASS_IN: u16 = 1;
const NO_SUCH_NAME: u8 = 3;
const NOT_IMPLEMENTED: u8 = 4;
/// Seconds that an answer may be kept.
const TTL: u32 = 5;

/// Answers until it is dropped.
pub(crate) async fn answer(socket: UdpSocket, network: Network) {
    let mut buffer = [0; QUERY];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        if let Some(reply) = reply(&buffer[..length], &network) {
            // Who does not take the answer asks again.
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

/// The one question of a query.
struct Question<'a> {
    name: String,
    kind: u16,
    class: u16,
    bytes: &'a [u8],
}

fn reply(query: &[u8], network: &Network) -> Option<Vec<u8>> {
    let question = question(query)?;
    let opcode = (query[2] >> 3) & 0xf;
    let addresses = if opcode == 0 && question.class == CLASS_IN {
        network.lookup(&question.name)
    } else {
        Vec::new()
    };
    let code = match (opcode, addresses.is_empty()) {
        (0, true) => NO_SUCH_NAME,
        (0, false) => 0,
        _ => NOT_IMPLEMENTED,
    };
    // A name without addresses of the kind asked for is there all the same.
    let wanted = addresses
        .iter()
        .filter(|_| question.kind == TYPE_A)
        .take(ADDRESSES);
    let wanted: Vec<_> = wanted.collect();
    let mut bytes = query[..2].to_vec();
    // An authoritative response; recursion as asked for, and none offered.
    bytes.push(0x84 | (query[2] & 0x01));
    bytes.push(code);
    for count in [1, u16::try_from(wanted.len()).unwrap_or_default(), 0, 0] {
        bytes.extend(count.to_be_bytes());
    }
    bytes.extend(question.bytes);
    for address in wanted {
        // The name of the question, by its place.
        bytes.extend([0xc0, 12]);
        bytes.extend(TYPE_A.to_be_bytes());
        bytes.extend(CLASS_IN.to_be_bytes());
        bytes.extend(TTL.to_be_bytes());
        bytes.extend(4_u16.to_be_bytes());
        bytes.extend(address.octets());
    }
    Some(bytes)
}

/// Reads a query with one question; anything else gets no answer.
fn question(query: &[u8]) -> Option<Question<'_>> {
    let head = query.get(..12)?;
    let is_response = head[2] & 0x80 != 0;
    if is_response || head[4..6] != [0, 1] {
        return None;
    }
    let mut at = 12;
    let mut name = String::new();
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        match length {
            0 => break,
            1..=63 => {
                name.push_str(std::str::from_utf8(query.get(at..at + length)?).ok()?);
                name.push('.');
                at += length;
            }
            _ => return None,
        }
    }
    let rest = query.get(at..at + 4)?;
    Some(Question {
        name,
        kind: u16::from_be_bytes([rest[0], rest[1]]),
        class: u16::from_be_bytes([rest[2], rest[3]]),
        bytes: &query[12..at + 4],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, World};

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut bytes = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.').filter(|label| !label.is_empty()) {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend(kind.to_be_bytes());
        bytes.extend(CLASS_IN.to_be_bytes());
        bytes
    }

    #[tokio::test(start_paused = true)]
    async fn names_have_addresses_and_the_rest_is_denied() {
        let world = World::start(&Config::default()).unwrap();
        let reply = |bytes: &[u8]| reply(bytes, &world.net);
        let known = reply(&query("Git.Example.com.", TYPE_A)).unwrap();
        assert_eq!(known[..2], [7, 7]);
        assert_eq!((known[3], known[7]), (0, 1));
        assert_eq!(known[known.len() - 4..], [10, 245, 0, 1]);
        let other_kind = reply(&query("git.example.com", 28)).unwrap();
        assert_eq!((other_kind[3], other_kind[7]), (0, 0));
        let unknown = reply(&query("git.example.com.default.svc.cluster.local", TYPE_A)).unwrap();
        assert_eq!((unknown[3], unknown[7]), (NO_SUCH_NAME, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_query_gets_no_answer() {
        let world = World::start(&Config::default()).unwrap();
        let good = query("a.b", TYPE_A);
        for length in 0..good.len() {
            assert!(reply(&good[..length], &world.net).is_none(), "{length}");
        }
        let mut pointer = good.clone();
        pointer[12] = 0xc0;
        assert!(reply(&pointer, &world.net).is_none());
    }
}
