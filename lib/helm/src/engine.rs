//! Executing the templates of a chart and of the charts inside it.

use std::{collections::BTreeMap, rc::Rc};

use gotemplate::{
    Element, Error as TemplateError, Function, Map, MapType, Missing, Set, TEXT_MAP, Value, World,
};
use serde_json::Value as Json;

use crate::{capabilities::Capabilities, chart::Chart, error::Error, files, render::Release, values::Table};

/// `common.Values`
static VALUES: MapType = MapType {
    name: "common.Values",
    element: Element::Any,
    methods: |map, name| {
        let map = map.clone();
        match name {
            "AsMap" => Some(Function::getter(move || {
                Value::Map(map.viewed_as(&gotemplate::MAP))
            })),
            "YAML" => Some(Function::method(&[], move |_, _| {
                Ok(Value::Map(map.clone()).to_yaml()?.into())
            })),
            _ => None,
        }
    },
};

struct Template {
    text: String,
    values: Map,
    base: String,
}

/// Renders every template that is no partial; the texts by their full paths.
pub(crate) fn render(
    chart: &Chart,
    values: &Table,
    release: &Release,
    capabilities: &Capabilities,
    world: &mut dyn World,
) -> Result<BTreeMap<String, String>, Error> {
    let shared = Shared {
        release: release_map(release),
        capabilities: Value::Object(Rc::new(capabilities.clone())),
    };
    let mut templates = BTreeMap::new();
    let root = Value::from_json_with_integers(&Json::Object(values.clone()));
    let own = match root {
        Value::Map(map) => map.viewed_as(&VALUES),
        _ => Map::new(&VALUES),
    };
    collect(chart, &own, chart.name(), &shared, true, &mut templates);
    let mut names: Vec<&String> = templates.keys().collect();
    // Deeper ones first, so that a chart overrides what the charts inside it define.
    names.sort_by(|a, b| {
        b.matches('/')
            .count()
            .cmp(&a.matches('/').count())
            .then_with(|| b.cmp(a))
    });
    let mut set = Set::new(Rc::new(gotemplate::functions()), Missing::Zero);
    for name in &names {
        set.parse(name, &templates[*name].text)
            .map_err(|error| parse_error(name, &error))?;
    }
    let set = Rc::new(set);
    let mut rendered = BTreeMap::new();
    for name in names {
        if name.rsplit('/').next().is_some_and(|base| base.starts_with('_')) {
            continue;
        }
        let template = &templates[name];
        let about = Map::new(&VALUES);
        about.put("Name", name.as_str());
        about.put("BasePath", template.base.as_str());
        template.values.put("Template", about);
        let out = set
            .execute(name, &Value::Map(template.values.clone()), world)
            .map_err(|error| execution_error(&error))?;
        let text = String::from_utf8_lossy(&out).replace("<no value>", "");
        rendered.insert(name.clone(), text);
    }
    Ok(rendered)
}

struct Shared {
    release: Value,
    capabilities: Value,
}

fn release_map(release: &Release) -> Value {
    let map = Map::default();
    map.put("Name", release.name.as_str());
    map.put("Namespace", release.namespace.as_str());
    map.put("IsUpgrade", release.upgrade);
    map.put("IsInstall", !release.upgrade);
    map.put("Revision", Value::Int(release.revision));
    map.put("Service", "Helm");
    Value::Map(map)
}

fn collect(
    chart: &Chart,
    values: &Map,
    path: &str,
    shared: &Shared,
    is_root: bool,
    templates: &mut BTreeMap<String, Template>,
) -> Map {
    let inner = Map::default();
    let next = Map::new(&VALUES);
    next.put("Chart", chart_map(chart, is_root));
    next.put("Files", files::value(&chart.files));
    next.put("Release", shared.release.clone());
    next.put("Capabilities", shared.capabilities.clone());
    next.put("Values", values.clone());
    next.put("Subcharts", inner.clone());
    for child in &chart.dependencies {
        let own = match values.get(child.name().as_bytes()) {
            Some(Value::Map(own)) => own.viewed_as(&VALUES),
            _ => Map::new(&VALUES),
        };
        let child_path = format!("{path}/charts/{}", child.name());
        let below = collect(child, &own, &child_path, shared, false, templates);
        inner.put(child.name(), Value::Map(below.viewed_as(&gotemplate::MAP)));
    }
    for file in &chart.templates {
        let base = file.name.rsplit('/').next().unwrap_or_default();
        if chart.is_library() && !base.starts_with('_') {
            continue;
        }
        templates.insert(
            format!("{path}/{}", file.name),
            Template {
                text: String::from_utf8_lossy(&file.data).into_owned(),
                values: next.clone(),
                base: format!("{path}/templates"),
            },
        );
    }
    next
}

fn chart_map(chart: &Chart, is_root: bool) -> Value {
    let all = Value::from_json(&Json::Object(chart.metadata.as_map()));
    // DIFFERENCE: without annotations, Go has a nil map, which `toJson` prints as null.
    let annotations = Map::new(&TEXT_MAP);
    for (key, value) in &chart.metadata.annotations {
        annotations.put(key, value.as_str());
    }
    if let Value::Map(map) = &all {
        map.put("Annotations", annotations);
        map.put("IsRoot", is_root);
    }
    all
}

/// `parse error at (FILE:LINE): what`
fn parse_error(name: &str, error: &TemplateError) -> Error {
    let text = error.to_string();
    let parts: Vec<&str> = text.split(": ").collect();
    let parse = match parts.as_slice() {
        [_, place, .., last] => format!("parse error at ({place}): {last}"),
        [_, place] => format!("parse error at ({place}): {place}"),
        _ => format!("parse error in ({name}): {text}"),
    };
    Error::new(parse).while_rendering()
}

/// The error as Helm 4 lays it out: every template on the way with its place.
fn execution_error(error: &TemplateError) -> Error {
    Error::new(laid_out(error)).while_rendering()
}

fn laid_out(error: &TemplateError) -> String {
    let text = error.to_string();
    let mut parts = text.splitn(3, ": ");
    let (Some(_), Some(place), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return text;
    };
    if !error.is_execution() {
        return text;
    }
    if let Some(start) = rest.find("HELM_ERR_START")
        && let Some(end) = rest.rfind("HELM_ERR_END")
        && let Some(message) = rest.get(start + "HELM_ERR_START".len()..end)
    {
        return format!("execution error at ({place}): {message}");
    }
    let mut places: Vec<Place> = Vec::new();
    for error in error.chain() {
        let Some(place) = Place::of(error.text()) else {
            return text;
        };
        if places.last() != Some(&place) {
            places.push(place);
        }
    }
    let all: String = places.iter().map(Place::shown).collect();
    all.trim().to_owned()
}

#[derive(Default, PartialEq, Eq)]
struct Place {
    location: String,
    message: String,
    executed: String,
}

impl Place {
    fn of(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("template: ")?;
        if rest.starts_with("no template ") {
            return Some(Self {
                message: text.to_owned(),
                ..Self::default()
            });
        }
        Self::executing(rest).or_else(|| Self::simple(rest))
    }

    fn executing(rest: &str) -> Option<Self> {
        let (location, after) = rest.split_once(": executing ")?;
        let (function, after) = after.strip_prefix('"')?.split_once('"')?;
        let (node, message) = after.strip_prefix(" at <")?.split_once(">: ")?;
        Some(Self {
            location: location.to_owned(),
            message: cut(message),
            executed: format!("executing \"{function}\" at <{node}>:"),
        })
    }

    fn simple(rest: &str) -> Option<Self> {
        let (location, message) = rest.rsplit_once(": ")?;
        Some(Self {
            location: location.to_owned(),
            message: cut(message),
            executed: String::new(),
        })
    }

    fn shown(&self) -> String {
        let mut out = String::new();
        if !self.location.is_empty() {
            out.push_str(&format!("{}\n  ", self.location));
        }
        if !self.executed.is_empty() {
            out.push_str(&format!("{}\n    ", self.executed));
        }
        if !self.message.is_empty() {
            out.push_str(&format!("{}\n", self.message));
        }
        out
    }
}

/// What the next place says is not repeated.
fn cut(message: &str) -> String {
    message.split(" template:").next().unwrap_or(message).to_owned()
}
