//! Bodies that Go wrote, and the JSON that Go writes for the same objects.

use base64::Engine as _;
use kube_protobuf::{Error, decode};
use serde_json::Value;

static VECTORS: &[u8] = include_bytes!("../vectors/objects.jsonl.zst");
const SIZE: usize = 4 << 20;

fn vectors() -> Vec<(String, Vec<u8>, Value)> {
    let text = zstd::bulk::decompress(VECTORS, SIZE).unwrap();
    let read = |line: &str| {
        let mut vector: Value = serde_json::from_str(line).unwrap();
        let body = base64::engine::general_purpose::STANDARD
            .decode(vector["pb"].as_str().unwrap())
            .unwrap();
        let name = vector["name"].as_str().unwrap().to_owned();
        (name, body, vector["json"].take())
    };
    std::str::from_utf8(&text).unwrap().lines().map(read).collect()
}

/// Absent lists are null in Go's JSON and absent in protobuf: both mean the same to the server.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

fn difference(path: &str, want: &Value, have: &Value) -> Option<String> {
    match (want, have) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left.keys().chain(right.keys());
            keys.into_iter().find_map(|key| {
                let here = format!("{path}.{key}");
                let member = |members: &serde_json::Map<String, Value>| members.get(key).cloned();
                difference(
                    &here,
                    &member(left).unwrap_or_default(),
                    &member(right).unwrap_or_default(),
                )
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .enumerate()
            .find_map(|(at, (left, right))| difference(&format!("{path}.{at}"), left, right)),
        _ => (want != have).then(|| format!("{path}: want {want}, have {have}")),
    }
}

#[test]
fn bodies_of_every_kind_are_read_as_go_wrote_them() {
    let vectors = vectors();
    assert!(vectors.len() > 200);
    let mut wrong = Vec::new();
    for (name, body, mut want) in vectors {
        let mut have = decode(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        without_nulls(&mut want);
        without_nulls(&mut have);
        wrong.extend(difference(&name, &want, &have));
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn bodies_cut_short_are_refused_or_read() {
    // No cut may panic, and none is an endless loop.
    let (_, body, _) = vectors()
        .into_iter()
        .find(|(name, ..)| name == "v1 Pod full")
        .unwrap();
    let mut read = 0;
    for end in (0..body.len()).step_by(11) {
        read += usize::from(decode(&body[..end]).is_ok());
    }
    assert!(read < body.len() / 22, "{read}");
}

#[test]
fn what_is_no_body_is_refused() {
    assert_eq!(decode(b""), Err(Error::Empty));
    assert_eq!(decode(b"{}"), Err(Error::Prefix));
    assert_eq!(decode(b"k8s\0"), Err(Error::EmptyBody));
    assert!(matches!(
        decode(b"k8s\0\x0a\x04\x0a\x02v9"),
        Err(Error::Kind { .. })
    ));
}

/// A member that is a message.
fn member(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    if number > 15 {
        bytes = vec![number << 3 & 0x7f | 0x82, number >> 4];
    }
    let mut length = content.len();
    while length > 0x7f {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend_from_slice(content);
    bytes
}

#[test]
fn messages_nest_to_a_limit() {
    let definition = |depth: usize| {
        // Each schema stands in the `not` of the one around it.
        let schema = (0..depth).fold(Vec::new(), |inner, _| member(28, &inner));
        let inner = [1, 4, 7, 2]
            .iter()
            .fold(schema, |inner, &number| member(number, &inner));
        let meta = [
            member(1, b"apiextensions.k8s.io/v1"),
            member(2, b"CustomResourceDefinition"),
        ];
        let unknown = [member(1, &meta.concat()), member(2, &inner)].concat();
        [b"k8s\0".as_slice(), &unknown].concat()
    };
    let read = decode(&definition(2)).unwrap();
    let inner = "/spec/versions/0/schema/openAPIV3Schema/not/not";
    assert_eq!(read.pointer(inner), Some(&serde_json::json!({})));
    assert_eq!(decode(&definition(200)), Err(Error::Limit));
}
