//! `.Files`.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gotemplate::{Element, Function, Map, MapType, Type, Value};

use crate::{chart::File, glob::files_glob};

static FILES: MapType = MapType {
    name: "engine.files",
    element: Element::Bytes,
    methods: method,
};

/// The files of a chart as templates see them.
pub(crate) fn value(files: &[File]) -> Value {
    let entries: BTreeMap<_, _> = files
        .iter()
        .map(|file| {
            (
                file.name.as_bytes().into(),
                Value::Bytes(file.data.as_slice().into()),
            )
        })
        .collect();
    Value::Map(Map::with(&FILES, entries))
}

fn bytes(value: &Value) -> &[u8] {
    match value {
        Value::Bytes(bytes) | Value::Text(bytes) => bytes,
        _ => &[],
    }
}

fn method(files: &Map, name: &str) -> Option<Function> {
    const ONE: &[Type] = &[Type::Text];
    let files = files.clone();
    let found = |files: &Map, args: &[Value]| files.get(args.first().map_or(&[][..], bytes));
    Some(match name {
        "Get" => Function::method(ONE, move |_, args| {
            Ok(Value::text(found(&files, args).as_ref().map_or(&[][..], bytes)))
        }),
        "GetBytes" => Function::method(ONE, move |_, args| {
            Ok(found(&files, args).unwrap_or_else(|| Value::Bytes([].into())))
        }),
        "Lines" => Function::method(ONE, move |_, args| {
            let Some(file) = found(&files, args) else {
                return Ok(Value::texts([""; 0]));
            };
            let text = bytes(&file);
            if text.is_empty() {
                return Err(gotemplate::Error::new("runtime error: index out of range [-1]"));
            }
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            Ok(Value::texts(text.split(|byte| *byte == b'\n')))
        }),
        "Glob" => Function::method(ONE, move |_, args| {
            let pattern = String::from_utf8_lossy(args.first().map_or(&[][..], bytes)).into_owned();
            let regex = files_glob(&pattern);
            let matches = |name: &[u8]| {
                let name = String::from_utf8_lossy(name);
                regex.as_ref().is_none_or(|regex| regex.is_match(&name))
            };
            let entries = files
                .snapshot()
                .into_iter()
                .filter(|(name, _)| matches(name))
                .collect();
            Ok(Value::Map(Map::with(&FILES, entries)))
        }),
        "AsConfig" => Function::method(&[], move |_, _| {
            Ok(as_yaml(&files, |bytes| {
                String::from_utf8_lossy(bytes).into_owned()
            }))
        }),
        "AsSecrets" => Function::method(&[], move |_, _| {
            Ok(as_yaml(&files, |bytes| STANDARD.encode(bytes)))
        }),
        _ => return None,
    })
}

/// A map from base names to contents, as YAML.
fn as_yaml(files: &Map, show: impl Fn(&[u8]) -> String) -> Value {
    let mut map = serde_json::Map::new();
    for (name, file) in files.snapshot() {
        let name = String::from_utf8_lossy(&name).into_owned();
        let base = name.rsplit('/').next().unwrap_or(&name).to_owned();
        map.insert(base, show(bytes(&file)).into());
    }
    let text = yaml::to_string(&serde_json::Value::Object(map));
    text.strip_suffix('\n').unwrap_or(&text).into()
}
