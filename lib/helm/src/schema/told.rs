//! What a validator found, in Helm's words.

use boon::{CompileError, ErrorKind, InstanceToken, ValidationError};
use serde_json::{Number, Value};

use super::collapsed;

/// What keeps a schema from being one.
pub(super) fn uncompiled(error: &CompileError) -> String {
    match error {
        CompileError::ParseUrlError { url, src } => format!("error in parsing {url:?}: {src}"),
        CompileError::LoadUrlError { url, src } => {
            let why = match src.downcast_ref::<CompileError>() {
                Some(inner) => uncompiled(inner),
                None => src.to_string(),
            };
            format!("failing loading {url:?}: {why}")
        }
        CompileError::UnsupportedUrlScheme { url } => format!("no URLLoader registered for {url:?}"),
        CompileError::InvalidMetaSchemaUrl { url, src } => format!("invalid $schema in {url:?}: {src}"),
        CompileError::UnsupportedDraft { url } => format!("draft {url:?} is not supported"),
        CompileError::MetaSchemaCycle { url } => format!("cycle in resolving $schema in {url:?}"),
        CompileError::ValidationError { url, src } => {
            let mut text = format!("{url:?} is not valid against metaschema: ");
            tell(src, src.schema_url, 0, 0, &mut text);
            text
        }
        CompileError::ParseIdError { loc } => format!("error in parsing id at {loc:?}"),
        CompileError::ParseAnchorError { loc } => format!("error in parsing anchor at {loc:?}"),
        CompileError::DuplicateId { url, id, ptr1, ptr2 } => {
            format!("duplicate id {id:?} in {url:?} at {ptr1:?} and {ptr2:?}")
        }
        CompileError::DuplicateAnchor {
            anchor,
            url,
            ptr1,
            ptr2,
        } => {
            format!("duplicate anchor {anchor:?} in {url:?} at {ptr1:?} and {ptr2:?}")
        }
        CompileError::InvalidJsonPointer(url) => format!("invalid json-pointer {url:?}"),
        CompileError::JsonPointerNotFound(url) => format!("json-pointer in {url:?} not found"),
        CompileError::AnchorNotFound { url, reference } => {
            format!("anchor in {reference:?} not found in schema {url:?}")
        }
        CompileError::UnsupportedVocabulary { url, vocabulary } => {
            format!("unsupported vocabulary {vocabulary:?} in {url:?}")
        }
        CompileError::InvalidRegex { url, regex, src } => {
            format!("invalid regex {regex:?} at {url:?}: {src}")
        }
        CompileError::Bug(src) => format!("unable to validate schema: {src}"),
    }
}

/// What is wrong with values, a line each; the line that names the schema is left out.
pub(super) fn causes(error: &ValidationError<'_, '_>) -> String {
    let mut text = String::new();
    tell_causes(error, 1, &mut text);
    text.trim_start_matches('\n').to_owned()
}

/// Tells an error that came up below a schema, and its causes; the first of the branches between them are told already.
/// The tree is as deep as values and schema, which both are bounded.
fn tell(error: &ValidationError<'_, '_>, schema: &str, told: usize, level: usize, text: &mut String) {
    let mut level = level;
    for branch in collapsed::between(schema, error).iter().skip(told) {
        line(level, branch.place(error), branch.text, text);
        level += 1;
    }
    // A reference with one cause says nothing of its own.
    let is_silent = error.causes.len() == 1 && matches!(error.kind, ErrorKind::Reference { .. });
    if !is_silent {
        match &error.kind {
            ErrorKind::Schema { url } => {
                text.push_str(&format!("jsonschema validation failed with {}", quoted(url)));
            }
            kind => line(level, &error.instance_location.tokens, &said(kind), text),
        }
        level += 1;
    }
    tell_causes(error, level, text);
}

fn tell_causes(error: &ValidationError<'_, '_>, level: usize, text: &mut String) {
    let mut level = level;
    let causes = &error.causes;
    let (schema, told) = match &error.kind {
        ErrorKind::Reference { url, .. } | ErrorKind::Schema { url } => {
            (*url, collapsed::common(url, causes))
        }
        // The branch itself was told as the error.
        ErrorKind::AllOf | ErrorKind::AnyOf | ErrorKind::OneOf(_) => (error.schema_url, 1),
        _ => (error.schema_url, 0),
    };
    let is_group = matches!(error.kind, ErrorKind::Reference { .. } | ErrorKind::Schema { .. }) && told > 0;
    if let Some(first) = causes.first().filter(|_| is_group) {
        for branch in collapsed::between(schema, first).iter().take(told) {
            line(level, branch.place(first), branch.text, text);
            level += 1;
        }
        line(level, collapsed::common_place(causes), "validation failed", text);
        level += 1;
    }
    for cause in collapsed::ordered(causes) {
        tell(cause, schema, told, level, text);
    }
}

fn line(level: usize, place: &[InstanceToken<'_>], said: &str, text: &mut String) {
    if let Some(indent) = level.checked_sub(1) {
        text.push('\n');
        text.push_str(&"  ".repeat(indent));
        text.push_str("- ");
    }
    text.push_str(&format!("at {}: {said}", quoted(&collapsed::pointer(place))));
}

fn said(kind: &ErrorKind<'_, '_>) -> String {
    match kind {
        ErrorKind::Group | ErrorKind::Reference { .. } => "validation failed".to_owned(),
        ErrorKind::Schema { url } => format!("jsonschema validation failed with {}", quoted(url)),
        ErrorKind::ContentSchema => "'contentSchema' failed".to_owned(),
        ErrorKind::RefCycle {
            url,
            kw_loc1,
            kw_loc2,
        } => {
            format!("both {kw_loc1} and {kw_loc2} resolve to {url:?} causing reference cycle")
        }
        ErrorKind::FalseSchema => "false schema".to_owned(),
        ErrorKind::Type { got, want } => {
            let want: Vec<String> = want.iter().map(|it| it.to_string()).collect();
            format!("got {got}, want {}", want.join(" or "))
        }
        ErrorKind::Enum { want } => match want.as_slice() {
            some if some.iter().any(is_nested) => "'enum' failed".to_owned(),
            [one] => format!("value must be {}", shown(one)),
            some => format!("value must be one of {}", joined(some.iter().map(shown))),
        },
        ErrorKind::Const { want } if is_nested(want) => "'const' failed".to_owned(),
        ErrorKind::Const { want } => format!("value must be {}", shown(want)),
        // DIFFERENCE: why a text is not of its format, regex among them, is worded otherwise for some formats; the format
        // semver is not known.
        ErrorKind::Format { got, want, err } => format!("{} is not valid {want}: {err}", shown(got)),
        ErrorKind::Not => "'not' failed".to_owned(),
        ErrorKind::AllOf => "'allOf' failed".to_owned(),
        ErrorKind::AnyOf => "'anyOf' failed".to_owned(),
        ErrorKind::OneOf(None) => "'oneOf' failed, none matched".to_owned(),
        ErrorKind::OneOf(Some((one, other))) => {
            format!(
                "'oneOf' failed, subschemas {}, {} matched",
                count(*one),
                count(*other)
            )
        }
        ErrorKind::PropertyName { prop } => format!("invalid propertyName {}", quoted(prop)),
        ErrorKind::AdditionalProperties { got } => {
            format!(
                "additional properties {} not allowed",
                joined(got.iter().map(|it| quoted(it)))
            )
        }
        ErrorKind::Required { want } => match want.as_slice() {
            [one] => format!("missing property {}", quoted(one)),
            some => format!("missing properties {}", joined(some.iter().map(|it| quoted(it)))),
        },
        ErrorKind::Dependency { prop, missing } | ErrorKind::DependentRequired { prop, missing } => {
            let missing = joined(missing.iter().map(|it| quoted(it)));
            format!("properties {missing} required, if {} exists", quoted(prop))
        }
        ErrorKind::Pattern { got, want } => {
            format!("{} does not match pattern {}", quoted(got), quoted(want))
        }
        ErrorKind::ContentEncoding { want, err } => format!("value is not {} encoded: {err}", quoted(want)),
        ErrorKind::ContentMediaType { want, err, .. } => {
            format!("value if not of mediatype {}: {err}", quoted(want))
        }
        measured => said_of_measures(measured),
    }
}

fn said_of_measures(kind: &ErrorKind<'_, '_>) -> String {
    let sizes =
        |what: &str, got: usize, want: usize| format!("{what}: got {}, want {}", count(got), count(want));
    let numbers =
        |what: &str, got: &Number, want: &Number| format!("{what}: got {}, want {}", local(got), local(want));
    match kind {
        ErrorKind::MinProperties { got, want } => sizes("minProperties", *got, *want),
        ErrorKind::MaxProperties { got, want } => sizes("maxProperties", *got, *want),
        ErrorKind::MinItems { got, want } => sizes("minItems", *got, *want),
        ErrorKind::MaxItems { got, want } => sizes("maxItems", *got, *want),
        ErrorKind::MinLength { got, want } => sizes("minLength", *got, *want),
        ErrorKind::MaxLength { got, want } => sizes("maxLength", *got, *want),
        ErrorKind::Minimum { got, want } => numbers("minimum", got, want),
        ErrorKind::Maximum { got, want } => numbers("maximum", got, want),
        ErrorKind::ExclusiveMinimum { got, want } => numbers("exclusiveMinimum", got, want),
        ErrorKind::ExclusiveMaximum { got, want } => numbers("exclusiveMaximum", got, want),
        ErrorKind::MultipleOf { got, want } => numbers("multipleOf", got, want),
        ErrorKind::AdditionalItems { got } => format!("last {} additionalItem(s) not allowed", count(*got)),
        ErrorKind::UniqueItems { got: [one, other] } => {
            format!("items at {} and {} are equal", count(*one), count(*other))
        }
        ErrorKind::Contains => "no items match contains schema".to_owned(),
        ErrorKind::MinContains { got, want } if got.is_empty() => format!(
            "min {} items required to match contains schema, but none matched",
            count(*want)
        ),
        ErrorKind::MinContains { got, want } => matched("min", got, *want),
        ErrorKind::MaxContains { got, want } => matched("max", got, *want),
        // All others were told before.
        other => other.to_string(),
    }
}

fn matched(bound: &str, got: &[usize], want: usize) -> String {
    let places: Vec<String> = got.iter().map(usize::to_string).collect();
    format!(
        "{bound} {} items required to match contains schema, but matched {} items at {}",
        count(want),
        count(got.len()),
        places.join(" ")
    )
}

fn is_nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

/// A value as Go prints it.
///
/// DIFFERENCE: Helm prints numbers of `enum` and `const` as the schema writes them; here 1.50 becomes 1.5.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => quoted(text),
        Value::Array(_) | Value::Object(_) => "value".to_owned(),
        other => other.to_string(),
    }
}

/// A text in single quotes, escaped as in Go.
fn quoted(text: &str) -> String {
    let double = stdx::quote::quote(text.as_bytes());
    let inner = double.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let inner = inner.unwrap_or(&double).replace("\\\"", "\"");
    format!("'{}'", inner.replace('\'', "\\'"))
}

fn count(number: usize) -> String {
    grouped(&number.to_string())
}

/// A number as an English reader is shown it: thousands apart, and in powers of ten from a million on.
fn local(number: &Number) -> String {
    let Some(value) = number.as_f64() else {
        return number.to_string();
    };
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let power: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&power) {
        return grouped(&value.to_string());
    }
    let raised: String = format!("{:02}", power.unsigned_abs())
        .chars()
        .map(|digit| match digit {
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '4' => '⁴',
            '5' => '⁵',
            '6' => '⁶',
            '7' => '⁷',
            '8' => '⁸',
            _ => '⁹',
        })
        .collect();
    let sign = if power < 0 { "⁻" } else { "" };
    format!("{mantissa}×10{sign}{raised}")
}

fn grouped(number: &str) -> String {
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", number),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (number, String::new()),
    };
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}{fraction}")
}
