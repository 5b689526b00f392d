//! Which scenarios a filter means.

use crate::scenario::{Catalogue, Source};

/// What a filter selects.
pub enum Selection {
    /// These, at least one.
    Some(Vec<Source>),
    /// None, and what to do about it.
    None(String),
}

/// The scenarios whose name contains `filter`, or is it when `exact`.
pub fn select(catalogue: &Catalogue, filter: Option<&str>, exact: bool) -> Selection {
    let filter = filter.map(|filter| filter.trim_start_matches("scenarios/").trim_end_matches(".yaml"));
    let fits = |source: &&Source| match filter {
        None => true,
        Some(name) if exact => source.name == name,
        Some(part) => source.name.contains(part),
    };
    let selected: Vec<Source> = catalogue.scenarios.iter().filter(fits).cloned().collect();
    if !selected.is_empty() {
        return Selection::Some(selected);
    }
    let filter = filter.unwrap_or_default();
    let names = catalogue.scenarios.iter().map(|source| source.name.as_str());
    let near = crate::scenario::nearest(filter, names);
    let remedy = near.map_or_else(
        || "--list prints every name".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Selection::None(format!("error: no scenario matches {filter:?}; {remedy}"))
}
