//! Comparing an answer with a recorded one: masks stand for values that differ between servers.
//!
//! Instead of masking the answer too, each mask is matched with what stands in its place, and has to stand for the
//! same thing wherever it occurs again.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::{LazyLock, Mutex, PoisonError},
};

use regex::Regex;
use serde_json::Value;

/// What masks stand for so far.
#[derive(Default, Clone)]
pub(super) struct Bindings {
    meant: BTreeMap<String, String>,
    /// From class and value to the mask.
    used: BTreeMap<(String, String), String>,
    /// The `generateName` of the request whose answer is compared.
    generated: String,
}

static MASK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"<(uid|rv|listrv|ip|nodePort|gen|continue|jwt|hex|min|time:micro|time|pem|age|commit|go|platform|present)(?::(?:current)?(\d+))?>",
    )
});

fn pattern(text: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the patterns are literals of this file")]
    Regex::new(text).expect("a literal pattern")
}

/// What may stand in a mask's place.
fn class_pattern(class: &str) -> &'static str {
    match class {
        "uid" => r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "rv" | "listrv" | "nodePort" | "min" => r"\d+",
        "ip" => r"10\.96\.\d{1,3}\.\d{1,3}",
        "gen" => r"[bcdfghjklmnpqrstvwxz2456789]{5}",
        "hex" => r"[0-9a-f]+",
        "time" => r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
        "time:micro" => r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z",
        _ => r"(?s:.*?)",
    }
}

/// Most texts are one mask and nothing else, so few patterns serve nearly all.
fn compiled(text: String) -> Option<Regex> {
    static KNOWN: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    const MOST: usize = 1000;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = known.get(&text) {
        return Some(regex.clone());
    }
    let regex = Regex::new(&text).ok()?;
    if known.len() < MOST {
        known.insert(text, regex.clone());
    }
    Some(regex)
}

impl Bindings {
    /// The request whose answer comes next asked for a name with this prefix.
    pub(super) fn generates(&mut self, prefix: &str) {
        prefix.clone_into(&mut self.generated);
    }

    /// What the recording left unmasked, or masked as something it is not.
    fn prepared<'a>(&self, expected: &'a str) -> Cow<'a, str> {
        // The current revision in a text: other writers moved it between one answer and the next.
        static CURRENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"current: <rv:(\d+)>"));
        let expected = CURRENT.replace_all(expected, "current: <listrv:current$1>");
        if self.generated.is_empty() || !expected.contains(&self.generated) {
            return expected;
        }
        // Generated names are masked where the object came to be, not in a refusal.
        let prefix = regex::escape(&self.generated);
        let suffix = compiled(format!("({prefix})[bcdfghjklmnpqrstvwxz2456789]{{5}}"));
        match suffix {
            Some(suffix) => Cow::Owned(suffix.replace_all(&expected, "${1}<gen>").into_owned()),
            None => expected,
        }
    }

    /// Whether `actual` is what the masked text `expected` says, with masks meaning the same everywhere.
    fn text(&mut self, expected: &str, actual: &str) -> bool {
        let expected = self.prepared(expected);
        let expected = expected.as_ref();
        if !expected.contains('<') {
            return expected == actual;
        }
        let mut regex = String::from("^");
        let mut masks: Vec<(String, String)> = Vec::new();
        let mut end = 0;
        for found in MASK.captures_iter(expected) {
            let Some(whole) = found.get(0) else { continue };
            let class = found.get(1).map_or("", |class| class.as_str());
            regex.push_str(&regex::escape(&expected[end..whole.start()]));
            regex.push('(');
            regex.push_str(class_pattern(class));
            regex.push(')');
            masks.push((class.to_owned(), whole.as_str().to_owned()));
            end = whole.end();
        }
        if masks.is_empty() {
            return expected == actual;
        }
        regex.push_str(&regex::escape(&expected[end..]));
        regex.push('$');
        let Some(found) = compiled(regex).and_then(|regex| regex.captures(actual)) else {
            return expected == actual;
        };
        masks.into_iter().enumerate().all(|(at, (class, mask))| {
            let value = found.get(at + 1).map_or("", |group| group.as_str());
            self.bind(&class, &mask, value)
        })
    }

    fn bind(&mut self, class: &str, mask: &str, value: &str) -> bool {
        if !mask.contains(|letter: char| letter.is_ascii_digit()) {
            return true;
        }
        if let Some(known) = self.meant.get(mask) {
            return known == value;
        }
        let key = (class.to_owned(), value.to_owned());
        // Different list versions may be equal: other writers were active when they were recorded. Pages that end alike
        // have one token then.
        if !matches!(class, "listrv" | "continue") && self.used.contains_key(&key) {
            return false;
        }
        self.used.insert(key, mask.to_owned());
        self.meant.insert(mask.to_owned(), value.to_owned());
        true
    }

    /// The first place where two documents differ.
    pub(super) fn document(&mut self, expected: &Value, actual: &Value, path: &str) -> Result<(), String> {
        match (expected, actual) {
            (Value::Object(left), Value::Object(right)) => {
                let mut taken = BTreeSet::new();
                for (key, value) in left {
                    let here = format!("{path}.{key}");
                    let own = self.key(key, right);
                    taken.insert(own.clone());
                    let Some(other) = right.get(&own) else {
                        return Err(format!("{here}: want {}, have nothing", short(value)));
                    };
                    self.member(key, value, other, &here)?;
                }
                match right.iter().find(|(key, _)| !taken.contains(*key)) {
                    Some((key, value)) => Err(format!("{path}.{key}: want nothing, have {}", short(value))),
                    None => Ok(()),
                }
            }
            (Value::Array(left), Value::Array(right)) => self.list(left, right, path),
            (Value::String(left), Value::String(right)) if self.text(left, right) => Ok(()),
            // Masked numbers are texts in the recording.
            (Value::String(left), Value::Number(right)) if self.text(left, &right.to_string()) => Ok(()),
            _ if same(expected, actual) => Ok(()),
            _ => Err(format!(
                "{path}: want {}, have {}",
                short(expected),
                short(actual)
            )),
        }
    }

    /// The name under which the answer has a member whose recorded name may hold masks.
    fn key(&mut self, expected: &str, members: &serde_json::Map<String, Value>) -> String {
        if members.contains_key(expected) || !MASK.is_match(expected) {
            return expected.to_owned();
        }
        for own in members.keys() {
            let mut attempt = self.clone();
            if attempt.text(expected, own) {
                *self = attempt;
                return own.clone();
            }
        }
        expected.to_owned()
    }

    fn list(&mut self, left: &[Value], right: &[Value], path: &str) -> Result<(), String> {
        for (at, value) in left.iter().enumerate() {
            let here = format!("{path}.{at}");
            match right.get(at) {
                Some(other) => self.document(value, other, &here)?,
                None => return Err(format!("{here}: want {}, have nothing", short(value))),
            }
        }
        match right.get(left.len()) {
            Some(more) => Err(format!(
                "{path}.{}: want nothing, have {}",
                left.len(),
                short(more)
            )),
            None => Ok(()),
        }
    }

    fn member(&mut self, key: &str, expected: &Value, actual: &Value, path: &str) -> Result<(), String> {
        if let (Value::Array(left), Value::Array(right)) = (expected, actual) {
            if key == "managedFields" && left.iter().any(|entry| is_masked_time(entry.get("time"))) {
                return self.list(&by_owner(left), &by_owner(right), path);
            }
            if matches!(key, "resourceRules" | "nonResourceRules") {
                // Bindings come out of a map: one recorded case has the same user's rules in two orders.
                return self.list(&by_text(left), &by_text(right), path);
            }
            let conflict = |cause: &Value| cause["reason"] == "FieldManagerConflict";
            if key == "causes" && left.iter().any(conflict) {
                return self.list(&by_field(left), &by_field(right), path);
            }
            if key == "items"
                && left.len() == right.len()
                && left.len() <= PERMUTED
                && left.iter().all(is_unordered)
            {
                return self.unordered(left, right, path);
            }
        }
        self.document(expected, actual, path)
    }

    /// Lists whose order the genuine server leaves to chance: in the recorded order, or else in any.
    fn unordered(&mut self, left: &[Value], right: &[Value], path: &str) -> Result<(), String> {
        let mut attempt = self.clone();
        let in_order = attempt.list(left, right, path);
        if in_order.is_ok() {
            *self = attempt;
            return in_order;
        }
        let mut free: Vec<&Value> = right.iter().collect();
        match self.permuted(left, &mut free) {
            Some(found) => {
                *self = found;
                Ok(())
            }
            None => in_order,
        }
    }

    fn permuted(&self, left: &[Value], free: &mut Vec<&Value>) -> Option<Self> {
        let [first, rest @ ..] = left else {
            return Some(self.clone());
        };
        for at in 0..free.len() {
            let mut attempt = self.clone();
            if attempt.document(first, free[at], "").is_err() {
                continue;
            }
            let taken = free.remove(at);
            if let Some(found) = attempt.permuted(rest, free) {
                return Some(found);
            }
            free.insert(at, taken);
        }
        None
    }
}

/// The longest list that is compared in any order.
const PERMUTED: usize = 12;

/// Events of different writers, and pods of one ReplicaSet.
fn is_unordered(item: &Value) -> bool {
    item.get("involvedObject").is_some()
        || item.pointer("/metadata/generateName").is_some() && item.pointer("/spec/containers").is_some()
}

fn is_masked_time(value: Option<&Value>) -> bool {
    value
        .and_then(Value::as_str)
        .is_some_and(|text| text.starts_with("<time"))
}

fn by_owner(list: &[Value]) -> Vec<Value> {
    sorted(list, |entry| {
        ["operation", "manager", "apiVersion", "subresource"]
            .map(|key| text(entry, key))
            .to_vec()
    })
}

fn by_field(list: &[Value]) -> Vec<Value> {
    sorted(list, |cause| {
        ["field", "message"].map(|key| text(cause, key)).to_vec()
    })
}

fn by_text(list: &[Value]) -> Vec<Value> {
    sorted(list, |entry| vec![entry.to_string()])
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn sorted(list: &[Value], key: impl Fn(&Value) -> Vec<String>) -> Vec<Value> {
    let mut list = list.to_vec();
    list.sort_by_key(key);
    list
}

/// Numbers are equal by value.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

fn short(value: &Value) -> String {
    const MOST: usize = 600;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_compared_in_any_order() {
        let event = |name: &str, text: &str| json!({"metadata": {"name": name}, "involvedObject": {}, "message": text});
        let wanted = json!({"items": [event("x.<hex:1>", "a <gen:1>"), event("x.<hex:2>", "a <gen:2>")]});
        let found = json!({"items": [event("x.f1", "a bbbbb"), event("x.f2", "a ccccc")]});
        let mut bindings = Bindings::default();
        assert_eq!(bindings.document(&json!("<gen:2>"), &json!("bbbbb"), ""), Ok(()));
        assert_eq!(bindings.document(&wanted, &found, ""), Ok(()));
        assert!(bindings.document(&json!("<gen:1>"), &json!("bbbbb"), "").is_err());
    }

    #[test]
    fn masks_mean_the_same_everywhere() {
        let mut bindings = Bindings::default();
        let first = json!({"a": "<rv:1>", "b": "revision <rv:1> of x-<gen:1>", "c": "<time>"});
        let answer = json!({"a": "17", "b": "revision 17 of x-bcdfg", "c": "2026-01-01T00:00:00Z"});
        assert_eq!(bindings.document(&first, &answer, ""), Ok(()));
        assert!(bindings.document(&json!("<rv:1>"), &json!("18"), "").is_err());
        assert_eq!(
            bindings.document(&json!("current: <rv:9>"), &json!("current: 17"), ""),
            Ok(())
        );
        assert!(
            bindings
                .document(&json!("x-bcdfg"), &json!("x-ghjkl"), "")
                .is_err()
        );
        bindings.generates("x-");
        assert_eq!(
            bindings.document(&json!("x-bcdfg"), &json!("x-ghjkl"), ""),
            Ok(())
        );
        assert!(bindings.document(&json!("<rv:2>"), &json!("17"), "").is_err());
        assert!(
            bindings
                .document(&json!({"a": 1}), &json!({"a": 1, "b": 2}), "")
                .is_err()
        );
    }
}
