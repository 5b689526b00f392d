//! Chance: it comes from the world.

use crate::{
    error::Error,
    exec::Run,
    function::Type::{Int, Text},
    value::Value,
};

use super::{Result, Row, check_length, encode::base64, int, text};

pub(crate) const TABLE: &[Row] = &[
    ("randAlphaNum", &[Int], false, |run, args| {
        drawn(run, args, |c| c.is_ascii_alphanumeric())
    }),
    ("randAlpha", &[Int], false, |run, args| {
        drawn(run, args, |c| c.is_ascii_alphabetic())
    }),
    ("randNumeric", &[Int], false, |run, args| {
        drawn(run, args, |c| c.is_ascii_digit())
    }),
    ("randAscii", &[Int], false, |run, args| {
        drawn(run, args, |c| (b' '..=b'~').contains(&c))
    }),
    ("randBytes", &[Int], false, |run, args| {
        Ok(base64(&random(run, int(args, 0))?).into())
    }),
    ("randInt", &[Int, Int], false, |run, args| {
        let (low, high) = (int(args, 0), int(args, 1));
        let span = u64::try_from(high.wrapping_sub(low))
            .ok()
            .filter(|span| *span > 0);
        let Some(span) = span else {
            return Err(Error::new("invalid argument to Intn"));
        };
        let drawn = i64::try_from(below(run, span)).unwrap_or_default();
        Ok(Value::Int(low + drawn))
    }),
    ("shuffle", &[Text], false, |run, args| {
        let mut chars: Vec<char> = text(args, 0).chars().collect();
        for at in (1..chars.len()).rev() {
            let other = below(run, at as u64 + 1);
            chars.swap(at, usize::try_from(other).unwrap_or_default());
        }
        Ok(chars.into_iter().collect::<String>().into())
    }),
    ("uuidv4", &[], false, |run, _| {
        let mut bytes = [0; 16];
        run.world.random(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = stdx::hex(&bytes);
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        Ok(parts.join("-").into())
    }),
];

pub(crate) fn random(run: &mut Run<'_>, count: i64) -> std::result::Result<Vec<u8>, Error> {
    let Ok(count) = usize::try_from(count) else {
        return Err(Error::new("runtime error: makeslice: len out of range"));
    };
    check_length(count)?;
    let mut bytes = vec![0; count];
    run.world.random(&mut bytes);
    Ok(bytes)
}

fn below(run: &mut Run<'_>, limit: u64) -> u64 {
    let mut bytes = [0; 8];
    run.world.random(&mut bytes);
    u64::from_le_bytes(bytes) % limit.max(1)
}

fn drawn(run: &mut Run<'_>, args: &[Value], belongs: fn(u8) -> bool) -> Result {
    // QUIRK: a count below one yields nothing.
    let count = usize::try_from(int(args, 0)).unwrap_or_default();
    check_length(count)?;
    let alphabet: Vec<u8> = (0..=127).filter(|byte| belongs(*byte)).collect();
    let mut out = Vec::with_capacity(count);
    for _ in 0..count {
        let index = usize::try_from(below(run, alphabet.len() as u64)).unwrap_or_default();
        out.extend(alphabet.get(index));
    }
    Ok(out.into())
}
