//! Base 64 and base 32.

use crate::{function::Type::Text, value::Value};

use super::{Row, bytes};

pub(crate) const TABLE: &[Row] = &[
    ("b64enc", &[Text], false, |_, args| {
        Ok(base64(bytes(args, 0)).into())
    }),
    ("b64dec", &[Text], false, |_, args| {
        Ok(or_error(from_base64(bytes(args, 0)), 64))
    }),
    ("b32enc", &[Text], false, |_, args| {
        Ok(base32(bytes(args, 0)).into())
    }),
    ("b32dec", &[Text], false, |_, args| {
        Ok(or_error(from_base32(bytes(args, 0)), 32))
    }),
];

/// QUIRK: what cannot be decoded decodes to the text of the error.
fn or_error(decoded: Result<Vec<u8>, usize>, base: u8) -> Value {
    match decoded {
        Ok(bytes) => bytes.into(),
        Err(at) => format!("illegal base{base} data at input byte {at}").into(),
    }
}

/// Standard base 64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

/// Decodes, skipping line breaks; or says at which byte it cannot.
pub(crate) fn from_base64(text: &[u8]) -> Result<Vec<u8>, usize> {
    decode(text, 6, 4, |byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    })
}

fn from_base32(text: &[u8]) -> Result<Vec<u8>, usize> {
    decode(text, 5, 8, |byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    })
}

fn decode(text: &[u8], bits: u32, group: usize, digit: fn(u8) -> Option<u8>) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() * bits as usize / 8);
    let (mut pending, mut held, mut count) = (0_u32, 0_u32, 0_usize);
    let mut bytes = text
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, byte)| !matches!(byte, b'\n' | b'\r'));
    while let Some((at, byte)) = bytes.next() {
        if byte == b'=' {
            let inside = count % group;
            // The bits that are left over say how much padding belongs there.
            let whole = inside > 0 && (inside * bits as usize) % 8 < bits as usize && inside != group;
            let wanted = group - inside;
            let paddings = 1 + bytes
                .by_ref()
                .take(wanted - 1)
                .take_while(|(_, byte)| *byte == b'=')
                .count();
            if !whole || paddings != wanted {
                return Err(if whole { text.len() } else { at });
            }
            return match bytes.next() {
                Some((at, _)) => Err(at),
                None => Ok(out),
            };
        }
        let value = digit(byte).ok_or(at)?;
        pending = (pending << bits) | u32::from(value);
        held += bits;
        count += 1;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((pending >> held) & 0xff).unwrap_or_default());
        }
    }
    if count % group != 0 {
        return Err(text.len() - (count % group));
    }
    Ok(out)
}

fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::new();
    for group in bytes.chunks(5) {
        let mut buffer = [0_u8; 8];
        buffer[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(buffer);
        let digits = (group.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = usize::try_from((bits >> (35 - 5 * index)) & 31).unwrap_or_default();
            out.push(if index < digits {
                char::from(DIGITS[digit])
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_and_decodes() {
        assert_eq!(base32(b"hi"), "NBUQ====");
        assert_eq!(from_base32(b"NBUQ====").unwrap(), b"hi");
        assert_eq!(from_base64(b"aGk=").unwrap(), b"hi");
        assert_eq!(from_base64(b"!!").unwrap_err(), 0);
    }
}
