//! Helm's own functions: templates in templates, YAML, and what the cluster has.

use yaml::Dialect;

use crate::{
    error::Error,
    exec::Run,
    function::Type::{Any, Text},
    limits::MAX_INCLUDES,
    set::no_template,
    value::Value,
};

use super::{
    Result, Row, any,
    json::{as_json, error_map, from_json, kind_of},
    strings, text,
};

pub(crate) const TABLE: &[Row] = &[
    ("include", &[Text, Any], false, include),
    ("tpl", &[Text, Any], false, tpl),
    ("required", &[Text, Any], false, |_, args| {
        let empty = match any(args, 1) {
            Value::Nil => true,
            Value::Text(text) => text.is_empty(),
            _ => false,
        };
        if empty {
            return Err(warning(&text(args, 0)));
        }
        Ok(any(args, 1).clone())
    }),
    ("fail", &[Text], false, |_, args| Err(warning(&text(args, 0)))),
    ("lookup", &[Text, Text, Text, Text], false, |run, args| {
        let found = run
            .world
            .lookup(&text(args, 0), &text(args, 1), &text(args, 2), &text(args, 3));
        found.map(|json| from_json(&json, true)).map_err(Error::new)
    }),
    ("getHostByName", &[Text], false, |run, args| {
        Ok(run.world.host(&text(args, 0)).into())
    }),
    // Errors of toYaml are swallowed.
    ("toYaml", &[Any], false, |_, args| {
        Ok(to_yaml(any(args, 0)).unwrap_or_default().into())
    }),
    ("mustToYaml", &[Any], false, |_, args| {
        to_yaml(any(args, 0)).map(Value::from)
    }),
    ("toYamlPretty", &[Any], false, |_, args| {
        Ok(to_yaml_pretty(any(args, 0)).unwrap_or_default().into())
    }),
    ("fromYaml", &[Text], false, |_, args| {
        Ok(
            match from_yaml(&text(args, 0), "map[string]interface {}", |it| it.is_object()) {
                Ok(value) => value,
                Err(error) => error_map(&error),
            },
        )
    }),
    ("fromYamlArray", &[Text], false, |_, args| {
        Ok(
            match from_yaml(&text(args, 0), "[]interface {}", |it| it.is_array()) {
                Ok(value) => value,
                Err(error) => Value::list(vec![error.into()]),
            },
        )
    }),
];

/// Marks a message that the chart's author wrote, so that it is shown without the way to it.
fn warning(message: &str) -> Error {
    Error::new(format!("HELM_ERR_START{message}HELM_ERR_END"))
}

fn include(run: &mut Run<'_>, args: &[Value]) -> Result {
    let name = text(args, 0).into_owned();
    let count = run.included.entry(name.clone()).or_default();
    if *count > MAX_INCLUDES {
        return Err(Error::wrap(
            format!("rendering template has a nested reference name: {name}"),
            Error::new("unable to execute template"),
        ));
    }
    *count += 1;
    let result = match run.set.find(&name) {
        Some(tree) => run.capture(&tree, any(args, 1)),
        None => Err(no_template(&name)),
    };
    if let Some(count) = run.included.get_mut(&name) {
        *count -= 1;
    }
    result.map(Value::from)
}

fn tpl(run: &mut Run<'_>, args: &[Value]) -> Result {
    let source = text(args, 0);
    let quoted = || stdx::quote::quote(source.as_bytes());
    let (set, tree) = run
        .set
        .with("gotpl", &source)
        .map_err(|error| Error::wrap(format!("cannot parse template {}", quoted()), error))?;
    let outer = std::mem::replace(&mut run.set, set);
    let result = run.capture(&tree, any(args, 1));
    run.set = outer;
    let text = result.map_err(|error| {
        Error::wrap(
            format!("error during tpl function execution for {}", quoted()),
            error,
        )
    })?;
    Ok(without_no_value(text).into())
}

/// Removes the text that stands for no value.
pub(crate) fn without_no_value(text: Vec<u8>) -> Vec<u8> {
    const NO_VALUE: &[u8] = b"<no value>";
    if strings::find(&text, NO_VALUE).is_none() {
        return text;
    }
    strings::split(&text, NO_VALUE, -1).concat()
}

pub(crate) fn to_yaml(value: &Value) -> std::result::Result<String, Error> {
    let mut text = yaml::to_string(&as_json(value, 0)?);
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// Sequences in maps are indented here.
fn to_yaml_pretty(value: &Value) -> std::result::Result<String, Error> {
    let json = as_json(value, 0)?;
    let mut out = String::new();
    pretty(&mut out, &yaml::to_string(&json));
    Ok(out.trim_end_matches('\n').to_owned())
}

/// Indents the sequences of a printed document that stand in maps by two columns.
fn pretty(out: &mut String, text: &str) {
    // The columns, as printed, of the sequences that are open.
    let mut open: Vec<usize> = Vec::new();
    let mut map_before = false;
    let mut key_column = 0;
    for line in text.lines() {
        let column = line.len() - line.trim_start_matches(' ').len();
        let item = line[column..].starts_with("- ") || line[column..] == *"-";
        while open
            .last()
            .is_some_and(|sequence| column < *sequence || (column == *sequence && !item))
        {
            open.pop();
        }
        if item && map_before && column == key_column && open.last() != Some(&column) {
            open.push(column);
        }
        out.extend(std::iter::repeat_n("  ", open.len()));
        out.push_str(line);
        out.push('\n');
        let content = line[column..].trim_start_matches("- ");
        map_before = line.ends_with(':');
        key_column = line.len() - content.len();
    }
}

fn from_yaml(
    source: &str,
    wanted: &str,
    fits: fn(&serde_json::Value) -> bool,
) -> std::result::Result<Value, String> {
    let json = yaml::read(source, Dialect::Kubernetes).map_err(|error| {
        let text = error.to_string();
        match text.starts_with("json: ") {
            true => text,
            false => format!("error converting YAML to JSON: {text}"),
        }
    })?;
    if json.is_null() {
        return Ok(match wanted.starts_with("map") {
            true => crate::value::Map::default().into(),
            false => Value::List(crate::value::List::nil(&crate::value::LIST)),
        });
    }
    if !fits(&json) {
        return Err(format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type {wanted}",
            kind_of(&json)
        ));
    }
    Ok(from_json(&json, false))
}
