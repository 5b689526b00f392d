//! The hashes that stand in names: of pod templates and of controller revisions.
//!
//! kube-controller-manager hashes a template's memory as a Go library prints it, type names included. A table of the
//! members of the types in question makes that text from JSON.

use std::{collections::BTreeMap, fmt::Write, sync::LazyLock};

use serde_json::Value;

static TABLE: &str = include_str!("../data/pod-template.txt");

/// A member of a Go struct.
struct Member {
    go: &'static str,
    /// Its name in JSON; `None` for an inlined struct.
    json: Option<String>,
    kind: char,
    ty: &'static str,
}

static STRUCTS: LazyLock<BTreeMap<&'static str, Vec<Member>>> = LazyLock::new(|| {
    let mut structs = BTreeMap::new();
    let mut current = "";
    for line in TABLE.lines() {
        let Some(member) = line.strip_prefix(' ') else {
            current = line;
            continue;
        };
        let mut parts = member.split(' ');
        let (Some(go), Some(json), Some(ty)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let json = match json {
            "-" => None,
            "=" => Some(lower_first(go)),
            name => Some(name.to_owned()),
        };
        let (kind, ty) = ty.split_at(1);
        let member = Member {
            go,
            json,
            kind: kind.chars().next().unwrap_or('s'),
            ty,
        };
        structs.entry(current).or_insert_with(Vec::new).push(member);
    }
    structs
});

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(letters)
        .collect()
}

/// `pod-template-hash` of a Deployment's template, and `controller-revision-hash` of a DaemonSet's.
pub(crate) fn template(template: &Value, collisions: Option<u64>) -> String {
    let mut text = String::new();
    typed(&mut text, "v1.PodTemplateSpec", 'o', Some(template));
    let mut bytes = text.into_bytes();
    if let Some(count) = collisions {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        bytes.extend(count.to_le_bytes());
        bytes.extend([0; 4]);
    }
    encode(fnv1a(&bytes))
}

/// The hash in the name of a StatefulSet's revision: of its data, and of how often that hash was taken already.
pub(crate) fn revision(data: &str, collisions: Option<u64>) -> String {
    let mut bytes = data.as_bytes().to_vec();
    if let Some(count) = collisions {
        bytes.extend(count.to_string().into_bytes());
    }
    encode(fnv1(&bytes))
}

const BASIS: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

fn fnv1a(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(BASIS, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(PRIME))
}

fn fnv1(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(BASIS, |hash, byte| hash.wrapping_mul(PRIME) ^ u32::from(*byte))
}

/// A number's digits in letters that spell no words.
fn encode(number: u32) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    number
        .to_string()
        .bytes()
        .map(|digit| char::from(LETTERS[usize::from(digit) % LETTERS.len()]))
        .collect()
}

fn typed(out: &mut String, ty: &str, kind: char, value: Option<&Value>) {
    let value = value.filter(|value| !value.is_null());
    let _ = write!(out, "({ty})");
    match (ty.strip_prefix('*'), value) {
        (Some(_), None) => out.push_str("<nil>"),
        (Some(target), value) => plain(out, target, '?', value),
        (None, value) => plain(out, ty, kind, value),
    }
}

fn plain(out: &mut String, ty: &str, kind: char, value: Option<&Value>) {
    match ty {
        "resource.Quantity" => return quantity(out, value),
        "intstr.IntOrString" => return int_or_string(out, value),
        "v1.Time" => {
            // Templates carry no times.
            out.push_str("{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}");
            return;
        }
        _ => {}
    }
    if let Some(members) = STRUCTS.get(ty) {
        out.push('{');
        for (at, member) in members.iter().enumerate() {
            if at > 0 {
                out.push(' ');
            }
            let inner = match &member.json {
                Some(name) => value.and_then(|value| value.get(name)),
                None => value,
            };
            let _ = write!(out, "{}:", member.go);
            typed(out, member.ty, member.kind, inner);
        }
        out.push('}');
        return;
    }
    match (kind, value) {
        ('m', _) | (_, Some(Value::Object(_))) => map(out, ty, value),
        ('l', _) | (_, Some(Value::Array(_))) => list(out, ty, value),
        ('i', None) => out.push('0'),
        ('b', None) => out.push_str("false"),
        (_, Some(Value::String(text))) => out.push_str(text),
        (_, Some(other)) => out.push_str(&other.to_string()),
        (_, None) => {}
    }
}

fn list(out: &mut String, ty: &str, value: Option<&Value>) {
    let Some(items) = value.and_then(Value::as_array).filter(|items| !items.is_empty()) else {
        out.push_str("<nil>");
        return;
    };
    let item_type = ty.strip_prefix("[]").unwrap_or("string");
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        plain(out, item_type, '?', Some(item));
    }
    out.push(']');
}

fn map(out: &mut String, ty: &str, value: Option<&Value>) {
    let Some(members) = value
        .and_then(Value::as_object)
        .filter(|members| !members.is_empty())
    else {
        out.push_str("<nil>");
        return;
    };
    // Of the defined map types only v1.ResourceList occurs.
    let value_type = ty
        .split_once(']')
        .map_or("resource.Quantity", |(_, values)| values);
    let sorted: BTreeMap<_, _> = members.iter().collect();
    out.push_str("map[");
    for (at, (key, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        let _ = write!(out, "{key}:");
        plain(out, value_type, '?', Some(value));
    }
    out.push(']');
}

fn int_or_string(out: &mut String, value: Option<&Value>) {
    let (kind, number, text) = match value {
        Some(Value::String(text)) => (1, 0, text.as_str()),
        Some(other) => (0, other.as_i64().unwrap_or_default(), ""),
        None => (0, 0, ""),
    };
    let _ = write!(
        out,
        "{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}"
    );
}

/// A quantity as the parser leaves it: a number and a power of ten.
///
/// DIFFERENCE: fractions with binary suffixes (`1.5Gi`) and numbers beyond 64 bits have another form in memory, which
/// this does not imitate; their hash is stable, but not the genuine one.
fn quantity(out: &mut String, value: Option<&Value>) {
    let text = match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "0".to_owned(),
    };
    let end = text
        .find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | '+' | '-')))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
        .iter()
        .position(|known| *known == suffix);
    let (value, scale, format) = match binary {
        Some(at) => {
            let value: i64 = whole.parse().unwrap_or_default();
            (value.wrapping_shl(10 * (at as u32 + 1)), 0, "BinarySI")
        }
        None => {
            let digits: i64 = format!("{whole}{fraction}").parse().unwrap_or_default();
            let fraction = i32::try_from(fraction.len()).unwrap_or_default();
            match exponent(suffix) {
                Some((scale, format)) => (digits, scale - fraction, format),
                None => (digits, -fraction, "DecimalSI"),
            }
        }
    };
    let _ = write!(
        out,
        "{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} \
         d:(resource.infDecAmount){{Dec:(*inf.Dec)<nil>}} s:(string) Format:(resource.Format){format}}}"
    );
}

fn exponent(suffix: &str) -> Option<(i32, &'static str)> {
    let known = [
        ("n", -9),
        ("u", -6),
        ("m", -3),
        ("", 0),
        ("k", 3),
        ("M", 6),
        ("G", 9),
        ("T", 12),
        ("P", 15),
        ("E", 18),
    ];
    if let Some((_, scale)) = known.iter().find(|(name, _)| *name == suffix) {
        return Some((*scale, "DecimalSI"));
    }
    let power = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((power, "DecimalExponent"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn defaulted(metadata: Value) -> Value {
        json!({
            "metadata": metadata,
            "spec": {
                "containers": [{
                    "name": "c", "image": "registry.example/app:1.0", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                    "imagePullPolicy": "IfNotPresent",
                }],
                "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                "securityContext": {}, "schedulerName": "default-scheduler",
            },
        })
    }

    // What kube-controller-manager 1.36.2 called these.
    #[test]
    fn templates_hash_as_in_the_genuine_controller() {
        let plain = defaulted(json!({"labels": {"app": "web"}}));
        assert_eq!(template(&plain, None), "5f75c4d66f");
        let annotated = defaulted(json!({"labels": {"app": "web"}, "annotations": {"v": "2"}}));
        assert_eq!(template(&annotated, None), "797f97d56");
        assert_ne!(template(&plain, Some(1)), template(&plain, None));
    }

    #[test]
    fn revisions_hash_as_in_the_genuine_controller() {
        let data = json!({"spec": {"template": defaulted(json!({"labels": {"app": "x"}}))}});
        let mut data = data;
        data["spec"]["template"]["$patch"] = json!("replace");
        assert_eq!(revision(&data.to_string(), Some(0)), "5f9575c5cd");
    }

    #[test]
    fn quantities_print_as_number_and_power_of_ten() {
        for (text, expected) in [
            ("100m", "value:(int64)100 scale:(resource.Scale)-3}"),
            ("1.5", "value:(int64)15 scale:(resource.Scale)-1}"),
            ("128Mi", "value:(int64)134217728 scale:(resource.Scale)0}"),
            ("2e3", "value:(int64)2 scale:(resource.Scale)3}"),
        ] {
            let mut out = String::new();
            quantity(&mut out, Some(&json!(text)));
            assert!(out.contains(expected), "{text}: {out}");
        }
    }
}
