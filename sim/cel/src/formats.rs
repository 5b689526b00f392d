//! Named formats.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    eval::Outcome,
    url,
    value::{Opaque, Value},
};

/// The formats there are.
pub(crate) const NAMES: [&str; 13] = [
    "dns1123Label",
    "dns1123Subdomain",
    "dns1035Label",
    "qualifiedName",
    "dns1123LabelPrefix",
    "dns1123SubdomainPrefix",
    "dns1035LabelPrefix",
    "labelValue",
    "uri",
    "uuid",
    "byte",
    "date",
    "datetime",
];

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const OLD_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

macro_rules! patterns {
    ($($name:ident = $text:literal;)*) => { $(
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).expect("a literal pattern"));
    )* };
}

patterns! {
    LABEL_FORM = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    SUBDOMAIN_FORM = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
    OLD_LABEL_FORM = r"^[a-z]([-a-z0-9]*[a-z0-9])?$";
    VALUE_FORM = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";
    NAME_FORM = r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$";
    UUID_FORM = r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
    DATE_FORM = r"^\d{4}-\d\d-\d\d$";
}

fn named(text: &str, form: &Regex, most: usize, why: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > most {
        problems.push(format!("must be no more than {most} bytes"));
    }
    if !form.is_match(text) {
        problems.push(why.to_owned());
    }
    problems
}

/// A prefix may end with a dash, after which something will follow.
fn prefix(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => format!("{rest}a"),
        _ => text.to_owned(),
    }
}

fn qualified(text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [name] => part(name),
        [domain, name] => {
            let mut problems = Vec::new();
            if domain.is_empty() {
                problems.push("prefix part must be non-empty".to_owned());
            } else {
                problems.extend(
                    named(domain, &SUBDOMAIN_FORM, 253, SUBDOMAIN)
                        .iter()
                        .map(|problem| format!("prefix part {problem}")),
                );
            }
            problems.extend(part(name));
            problems
        }
        _ => vec![format!(
            "a qualified name {}",
            NAME.trim_start_matches("name part ")
        )],
    }
}

fn part(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec!["name part must be non-empty".to_owned()];
    }
    let mut problems = named(name, &NAME_FORM, 63, NAME);
    if let Some(first) = problems.first_mut().filter(|first| first.starts_with("must be")) {
        *first = format!("name part {first}");
    }
    problems
}

/// What is wrong with a text.
fn problems(format: &str, text: &str) -> Vec<String> {
    use base64::Engine;
    let one = |fits: bool, why: &str| if fits { Vec::new() } else { vec![why.to_owned()] };
    match format {
        "dns1123Label" => named(text, &LABEL_FORM, 63, LABEL),
        "dns1123LabelPrefix" => named(&prefix(text), &LABEL_FORM, 63, LABEL),
        "dns1123Subdomain" => named(text, &SUBDOMAIN_FORM, 253, SUBDOMAIN),
        "dns1123SubdomainPrefix" => named(&prefix(text), &SUBDOMAIN_FORM, 253, SUBDOMAIN),
        "dns1035Label" => named(text, &OLD_LABEL_FORM, 63, OLD_LABEL),
        "dns1035LabelPrefix" => named(&prefix(text), &OLD_LABEL_FORM, 63, OLD_LABEL),
        "qualifiedName" => qualified(text),
        "labelValue" => named(text, &VALUE_FORM, 63, VALUE),
        "uri" => url::parse(text).err().into_iter().collect(),
        "uuid" => one(UUID_FORM.is_match(text), "does not match the UUID format"),
        "byte" => one(
            base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
            "invalid base64",
        ),
        "date" => one(
            DATE_FORM.is_match(text) && text.parse::<jiff::civil::Date>().is_ok(),
            "invalid date",
        ),
        _ => one(text.parse::<jiff::Timestamp>().is_ok(), "invalid datetime"),
    }
}

/// Functions of formats; `None` if the call is none.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    let find = |name: &str| NAMES.iter().find(|own| **own == name).copied();
    let format = |name: &'static str| Value::opaque(Opaque::Format(name));
    match (function, args) {
        ("format.named", [Value::String(name)]) => Some(Ok(
            find(name).map_or(Value::Optional(None), |name| Value::some(format(name)))
        )),
        ("validate", [Value::Opaque(own), Value::String(text)]) => {
            let Opaque::Format(name) = **own else { return None };
            let problems = problems(name, text);
            Some(Ok(if problems.is_empty() {
                Value::Optional(None)
            } else {
                Value::some(Value::list(problems.iter().map(|why| Value::text(why)).collect()))
            }))
        }
        (name, []) => find(name.strip_prefix("format.")?).map(|name| Ok(format(name))),
        _ => None,
    }
}
