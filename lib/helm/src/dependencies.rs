//! Which of the charts inside a chart take part, under which names, and what values they hand up.

use serde_json::Value;
use version::{Constraint, Version};

use crate::{
    chart::Chart,
    error::Error,
    metadata::Dependency,
    values::{Table, coalesce, coalesce_tables, path_value, table},
};

/// Refuses a chart that lacks a chart it names.
pub(crate) fn check(chart: &Chart) -> Result<(), Error> {
    let missing: Vec<&str> = chart
        .metadata
        .dependencies
        .iter()
        .filter(|wanted| !chart.dependencies.iter().any(|it| it.name() == wanted.name))
        .map(|wanted| wanted.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!(
        "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch \
         missing dependencies: found in Chart.yaml, but missing in charts/ directory: {}",
        missing.join(", ")
    )))
}

/// Drops the charts that are switched off, gives aliases, and imports values.
pub(crate) fn process(chart: &mut Chart, values: &Table) -> Result<(), Error> {
    enable(chart, values, "")?;
    import(chart)
}

fn is_compatible(range: &str, version: &str) -> bool {
    match (range.parse::<Constraint>(), version.parse::<Version>()) {
        (Ok(range), Ok(version)) => range.matches(&version),
        _ => false,
    }
}

fn enable(chart: &mut Chart, values: &Table, path: &str) -> Result<(), Error> {
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let wanted = &mut chart.metadata.dependencies;
    let fits = |inner: &Chart, wanted: &Dependency| {
        inner.name() == wanted.name && is_compatible(&wanted.version, &inner.metadata.version)
    };
    // Charts that nobody names come first.
    let mut all: Vec<Chart> = chart
        .dependencies
        .iter()
        .filter(|inner| !wanted.iter().any(|it| fits(inner, it)))
        .cloned()
        .collect();
    for it in wanted.iter_mut() {
        if let Some(inner) = chart.dependencies.iter().find(|inner| fits(inner, it)) {
            let mut inner = inner.clone();
            if !it.alias.is_empty() {
                inner.metadata.name.clone_from(&it.alias);
            }
            all.push(inner);
        }
        if !it.alias.is_empty() {
            it.name.clone_from(&it.alias);
        }
        it.enabled = true;
    }
    chart.dependencies = all;
    let merged = coalesce(chart, values.clone(), false)?;
    by_tags(&mut chart.metadata.dependencies, &merged);
    by_conditions(&mut chart.metadata.dependencies, &merged, path);
    let off: Vec<String> = chart
        .metadata
        .dependencies
        .iter()
        .filter(|it| !it.enabled)
        .map(|it| it.name.clone())
        .collect();
    chart
        .dependencies
        .retain(|inner| !off.iter().any(|name| name == inner.name()));
    chart.metadata.dependencies.retain(|it| !off.contains(&it.name));
    for inner in &mut chart.dependencies {
        let path = format!("{path}{}.", inner.metadata.name);
        // QUIRK: the values passed down are those of the whole, so that conditions of inner charts are full paths.
        enable(inner, &merged, &path)?;
    }
    Ok(())
}

fn by_tags(wanted: &mut [Dependency], values: &Table) {
    let Some(tags) = table(values, "tags") else { return };
    for it in wanted {
        let states: Vec<bool> = it
            .tags
            .iter()
            .filter_map(|tag| tags.get(tag)?.as_bool())
            .collect();
        it.enabled = states.is_empty() || states.contains(&true);
    }
}

fn by_conditions(wanted: &mut [Dependency], values: &Table, path: &str) {
    for it in wanted {
        let conditions = it.condition.trim().split(',').filter(|it| !it.is_empty());
        for condition in conditions {
            if let Some(Value::Bool(state)) = path_value(values, &format!("{path}{condition}")) {
                it.enabled = *state;
                break;
            }
        }
    }
}

fn import(chart: &mut Chart) -> Result<(), Error> {
    for inner in &mut chart.dependencies {
        import(inner)?;
    }
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let mut merged = coalesce(chart, Table::new(), true)?;
    let mut imported = Table::new();
    for it in &mut chart.metadata.dependencies {
        let mut pairs = Vec::new();
        for value in &it.import_values {
            let (child, parent) = match value {
                Value::String(name) => (format!("exports.{name}"), ".".to_owned()),
                Value::Object(pair) => (text(pair.get("child")), text(pair.get("parent"))),
                _ => continue,
            };
            if let Some(found) = table(&merged, &format!("{}.{child}", it.name)) {
                coalesce_tables(&mut imported, nested(&parent, found.clone()), true);
            }
            pairs.push(serde_json::json!({"child": child, "parent": parent}));
        }
        it.import_values = pairs;
    }
    coalesce_tables(&mut merged, imported, true);
    chart.values = merged;
    Ok(())
}

/// What `%v` prints.
fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => format!("{:?}", gotemplate::Value::from_json(other)),
        None => "<nil>".to_owned(),
    }
}

fn nested(path: &str, table: Table) -> Table {
    if path == "." {
        return table;
    }
    path.split('.').rev().fold(table, |inner, name| {
        let mut outer = Table::new();
        outer.insert(name.to_owned(), Value::Object(inner));
        outer
    })
}
