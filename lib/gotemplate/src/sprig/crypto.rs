//! Digests, passwords, ciphers.

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit as _};
use blowfish::Blowfish;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::{
    error::Error,
    exec::Run,
    function::Type::{Text, Uint32},
    value::Value,
};

use super::{Result, Row, bytes, encode, int, text};

pub(crate) const TABLE: &[Row] = &[
    ("sha1sum", &[Text], false, |_, args| {
        Ok(stdx::hex(&Sha1::digest(bytes(args, 0))).into())
    }),
    ("sha256sum", &[Text], false, |_, args| {
        Ok(stdx::sha256_hex(bytes(args, 0)).into())
    }),
    ("sha512sum", &[Text], false, |_, args| {
        Ok(stdx::hex(&Sha512::digest(bytes(args, 0))).into())
    }),
    ("adler32sum", &[Text], false, |_, args| {
        Ok(adler32(bytes(args, 0)).to_string().into())
    }),
    ("bcrypt", &[Text], false, |run, args| {
        Ok(bcrypt_text(run, bytes(args, 0)).into())
    }),
    ("htpasswd", &[Text, Text], false, |run, args| {
        let name = text(args, 0);
        if name.contains(':') {
            return Ok(format!("invalid username: {name}").into());
        }
        Ok(format!("{name}:{}", bcrypt_text(run, bytes(args, 1))).into())
    }),
    (
        "derivePassword",
        &[Uint32, Text, Text, Text, Text],
        false,
        |_, args| Ok(derive_password(args).into()),
    ),
    ("encryptAES", &[Text, Text], false, |run, args| {
        Ok(encrypt(run, bytes(args, 0), bytes(args, 1)).into())
    }),
    ("decryptAES", &[Text, Text], false, |_, args| {
        decrypt(bytes(args, 0), bytes(args, 1))
    }),
];

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    (b << 16) | a
}

/// Rounds are two to the power of this.
const BCRYPT_COST: u32 = 10;

fn bcrypt_text(run: &mut Run<'_>, password: &[u8]) -> String {
    if password.len() > 72 {
        return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned();
    }
    let mut salt = [0; 16];
    run.world.random(&mut salt);
    bcrypt(password, &salt)
}

fn bcrypt(password: &[u8], salt: &[u8; 16]) -> String {
    let mut key = password.to_vec();
    key.push(0);
    let mut state = Blowfish::bc_init_state();
    state.salted_expand_key(salt, &key);
    for _ in 0..1_u32 << BCRYPT_COST {
        state.bc_expand_key(&key);
        state.bc_expand_key(salt);
    }
    // OrpheanBeholderScryDoubt
    let mut words = [
        0x4f72_7068,
        0x6561_6e42,
        0x6568_6f6c,
        0x6465_7253,
        0x6372_7944,
        0x6f75_6274_u32,
    ];
    for _ in 0..64 {
        for pair in words.chunks_exact_mut(2) {
            let encrypted = state.bc_encrypt([pair[0], pair[1]]);
            pair.copy_from_slice(&encrypted);
        }
    }
    let hash: Vec<u8> = words
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .take(23)
        .collect();
    format!("$2a${BCRYPT_COST}${}{}", crypt_base64(salt), crypt_base64(&hash))
}

/// Base 64 with bcrypt's digits and no padding.
fn crypt_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let mut buffer = [0; 4];
        buffer[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(buffer);
        for index in 0..=group.len() {
            let digit = usize::try_from((bits >> (18 - 6 * index)) & 63).unwrap_or_default();
            out.push(char::from(DIGITS[digit]));
        }
    }
    out
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        Err(error) => unreachable!("any key length will do: {error}"),
    }
}

/// PBKDF2 with one round, which is all that scrypt needs.
fn pbkdf2(password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut block = 1_u32;
    while out.len() < length {
        out.extend(hmac_sha256(password, &[salt, &block.to_be_bytes()].concat()));
        block += 1;
    }
    out.truncate(length);
    out
}

/// scrypt's parameters in derivePassword.
const SCRYPT_ROUNDS: usize = 32_768;
const SCRYPT_BLOCKS: usize = 8;
const SCRYPT_LANES: usize = 2;
/// Words of one lane.
const LANE: usize = 32 * SCRYPT_BLOCKS;

fn scrypt(password: &[u8], salt: &[u8]) -> Vec<u8> {
    let bytes = pbkdf2(password, salt, SCRYPT_LANES * LANE * 4);
    let mut mixed = Vec::with_capacity(bytes.len());
    for lane in bytes.chunks_exact(LANE * 4) {
        let mut words: Vec<u32> = lane
            .chunks_exact(4)
            .map(|it| u32::from_le_bytes([it[0], it[1], it[2], it[3]]))
            .collect();
        mix(&mut words);
        mixed.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    pbkdf2(password, &mixed, 64)
}

fn mix(words: &mut Vec<u32>) {
    let mut memory = Vec::with_capacity(SCRYPT_ROUNDS * LANE);
    for _ in 0..SCRYPT_ROUNDS {
        memory.extend_from_slice(words);
        block_mix(words);
    }
    for _ in 0..SCRYPT_ROUNDS {
        let index = words[LANE - 16] as usize % SCRYPT_ROUNDS;
        let other = &memory[index * LANE..(index + 1) * LANE];
        words
            .iter_mut()
            .zip(other)
            .for_each(|(word, other)| *word ^= other);
        block_mix(words);
    }
}

fn block_mix(words: &mut Vec<u32>) {
    let mut x = [0; 16];
    x.copy_from_slice(&words[LANE - 16..]);
    let (mut even, mut odd) = (Vec::with_capacity(LANE), Vec::with_capacity(LANE / 2));
    for (index, block) in words.chunks_exact(16).enumerate() {
        x.iter_mut().zip(block).for_each(|(word, other)| *word ^= other);
        salsa20_8(&mut x);
        if index % 2 == 0 {
            even.extend(x)
        } else {
            odd.extend(x)
        }
    }
    even.extend(odd);
    *words = even;
}

fn salsa20_8(block: &mut [u32; 16]) {
    const QUARTERS: [[usize; 4]; 8] = [
        [0, 4, 8, 12],
        [5, 9, 13, 1],
        [10, 14, 2, 6],
        [15, 3, 7, 11],
        [0, 1, 2, 3],
        [5, 6, 7, 4],
        [10, 11, 8, 9],
        [15, 12, 13, 14],
    ];
    let mut x = *block;
    for _ in 0..4 {
        for [a, b, c, d] in QUARTERS {
            x[b] ^= x[a].wrapping_add(x[d]).rotate_left(7);
            x[c] ^= x[b].wrapping_add(x[a]).rotate_left(9);
            x[d] ^= x[c].wrapping_add(x[b]).rotate_left(13);
            x[a] ^= x[d].wrapping_add(x[c]).rotate_left(18);
        }
    }
    block
        .iter_mut()
        .zip(x)
        .for_each(|(word, mixed)| *word = word.wrapping_add(mixed));
}

const MASTER_SEED: &[u8] = b"com.lyndir.masterpassword";

/// The shapes of passwords: each letter names a set of characters.
fn password_shapes(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn password_characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn derive_password(args: &[Value]) -> String {
    let kind = text(args, 1);
    let Some(shapes) = password_shapes(&kind) else {
        return format!("cannot find password template {kind}");
    };
    let counter = u32::try_from(int(args, 0)).unwrap_or_default();
    let (password, user, site) = (bytes(args, 2), bytes(args, 3), bytes(args, 4));
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let key = scrypt(password, &[MASTER_SEED, &length(user), user].concat());
    let seed = hmac_sha256(
        &key,
        &[MASTER_SEED, &length(site), site, &counter.to_be_bytes()].concat(),
    );
    let Some((first, rest)) = seed.split_first() else {
        return String::new();
    };
    let shape = shapes[usize::from(*first) % shapes.len()];
    shape
        .bytes()
        .zip(rest)
        .map(|(class, byte)| {
            let characters = password_characters(class);
            char::from(characters[usize::from(*byte) % characters.len()])
        })
        .collect()
}

type Block = Array<u8, aes::cipher::consts::U16>;

fn cipher(password: &[u8]) -> aes::Aes256 {
    let mut key = [0; 32];
    for (byte, given) in key.iter_mut().zip(password) {
        *byte = *given;
    }
    aes::Aes256::new(&key.into())
}

fn encrypt(run: &mut Run<'_>, password: &[u8], plain: &[u8]) -> String {
    if plain.is_empty() {
        return String::new();
    }
    let cipher = cipher(password);
    let padding = 16 - plain.len() % 16;
    let mut content = plain.to_vec();
    content.resize(plain.len() + padding, u8::try_from(padding).unwrap_or_default());
    let mut previous = [0_u8; 16];
    run.world.random(&mut previous);
    let mut out = previous.to_vec();
    for chunk in content.chunks_exact(16) {
        let mut block = Block::default();
        for ((byte, plain), previous) in block.iter_mut().zip(chunk).zip(previous) {
            *byte = plain ^ previous;
        }
        cipher.encrypt_block(&mut block);
        out.extend_from_slice(&block);
        previous.copy_from_slice(&block);
    }
    encode::base64(&out)
}

fn decrypt(password: &[u8], encrypted: &[u8]) -> Result {
    if encrypted.is_empty() {
        return Ok("".into());
    }
    let bytes = encode::from_base64(encrypted)
        .map_err(|at| Error::new(format!("illegal base64 data at input byte {at}")))?;
    let Some((start, content)) = bytes.split_at_checked(16) else {
        return Err(Error::new(format!(
            "runtime error: slice bounds out of range [:16] with capacity {}",
            bytes.len()
        )));
    };
    if content.len() % 16 != 0 {
        return Err(Error::new("crypto/cipher: input not full blocks"));
    }
    let cipher = cipher(password);
    let mut previous = start;
    let mut out = Vec::with_capacity(content.len());
    for chunk in content.chunks_exact(16) {
        let mut block = Block::default();
        block.copy_from_slice(chunk);
        cipher.decrypt_block(&mut block);
        out.extend(block.iter().zip(previous).map(|(byte, previous)| byte ^ previous));
        previous = chunk;
    }
    let Some(padding) = out.last().map(|byte| usize::from(*byte)) else {
        return Err(Error::new("runtime error: index out of range [-1]"));
    };
    match out.len().checked_sub(padding) {
        Some(length) => Ok(Value::text(&out[..length])),
        None => Err(Error::new("runtime error: slice bounds out of range")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        assert_eq!(adler32(b"a"), 6_422_626);
        // What libxcrypt makes of the same password and salt.
        assert_eq!(
            bcrypt(b"x", &[0x10; 16]),
            "$2a$10$C/.OC/.OC/.OC/.OC/.OC.vbOvUy2abf1ZVCLFFpvX22BhrH5wvda"
        );
    }
}
