//! Single values: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.

use aes_gcm::{
    Aes256Gcm, AesGcm, Key, Nonce,
    aead::{Aead, KeyInit, Payload, consts::U32},
    aes::Aes256,
};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::tree::Value;

/// The parts of an encrypted value.
struct Encrypted<'a> {
    data: Vec<u8>,
    nonce: Vec<u8>,
    tag: Vec<u8>,
    kind: &'a str,
}

fn parts(text: &str) -> Option<[&str; 4]> {
    let text = text.strip_prefix("ENC[AES256_GCM,data:")?;
    let (data, text) = text.split_once(",iv:")?;
    let (nonce, text) = text.split_once(",tag:")?;
    let (tag, text) = text.split_once(",type:")?;
    let (kind, _) = text.split_once(']')?;
    let all = [data, nonce, tag, kind];
    all.iter().all(|part| !part.is_empty()).then_some(all)
}

fn parse(text: &str) -> Result<Encrypted<'_>, String> {
    // The text may be a secret that somebody forgot to encrypt: it stays out of the message.
    let [data, nonce, tag, kind] =
        parts(text).ok_or("Input string <redacted> does not match sops' data format")?;
    let decode = |part: &str, what: &str| {
        let decoded = STANDARD.decode(part);
        decoded.map_err(|error| format!("Error base64-decoding {what}: {error}"))
    };
    Ok(Encrypted {
        data: decode(data, "data")?,
        nonce: decode(nonce, "iv")?,
        tag: decode(tag, "tag")?,
        kind,
    })
}

/// Decrypts a value; `context` is authenticated with it. The empty text is never encrypted.
pub(crate) fn decrypt(text: &str, key: &[u8], context: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::Text(String::new()));
    }
    let Encrypted {
        data: mut message,
        nonce,
        tag,
        kind,
    } = parse(text)?;
    message.extend_from_slice(&tag);
    let plain = open(key, &nonce, &message, context)?;
    typed(plain, kind)
}

fn open(key: &[u8], nonce: &[u8], message: &[u8], context: &str) -> Result<Vec<u8>, String> {
    const FAILED: &str = "Could not decrypt with AES_GCM: cipher: message authentication failed";
    if key.len() != 32 {
        return Err(format!("crypto/aes: invalid key size {}", key.len()));
    }
    let key = Key::<Aes256Gcm>::from_slice(key);
    let payload = Payload {
        msg: message,
        aad: context.as_bytes(),
    };
    let plain = match nonce.len() {
        32 => AesGcm::<Aes256, U32>::new(key).decrypt(Nonce::from_slice(nonce), payload),
        12 => Aes256Gcm::new(key).decrypt(Nonce::from_slice(nonce), payload),
        other => return Err(format!("nonces of {other} bytes are not supported")),
    };
    plain.map_err(|_| FAILED.to_owned())
}

fn typed(plain: Vec<u8>, kind: &str) -> Result<Value, String> {
    let text = match String::from_utf8(plain) {
        Ok(text) => text,
        Err(error) if kind == "str" || kind == "bytes" => return Ok(Value::Bytes(error.into_bytes())),
        Err(_) => return Err(format!("a value of type {kind} is no text")),
    };
    let invalid = || format!("a value is not of its type {kind}");
    Ok(match kind {
        "str" | "bytes" | "time" | "comment" => Value::Text(text),
        "int" => Value::Int(text.parse().map_err(|_| invalid())?),
        "float" => Value::Float(text.parse().map_err(|_| invalid())?),
        "bool" => Value::Bool(match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
            _ => return Err(invalid()),
        }),
        other => return Err(format!("Unknown datatype: {other}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_encrypted_is_refused_without_showing_it() {
        for text in [
            "hunter2",
            "ENC[AES256_GCM,data:hunter2",
            "ENC[AES256_GCM,data:,iv:,tag:,type:]",
            "ENC[AES256_GCM,data:hunter2!,iv:AA==,tag:AA==,type:str]",
            "ENC[AES256_GCM,data:AAAA,iv:AA==,tag:AA==,type:str]",
        ] {
            let error = decrypt(text, &[0; 32], "a:").unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert_eq!(decrypt("", &[], ""), Ok(Value::Text(String::new())));
    }
}
