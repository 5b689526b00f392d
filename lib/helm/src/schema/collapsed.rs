//! What the validator leaves out where Helm's does not: an `allOf`, `anyOf` or `oneOf` of which one branch failed.
//!
//! The branch then stands in its place. Which branches an error lies in shows in the path of its schema.

use boon::{InstanceToken, ValidationError};

/// A line that is left out.
#[derive(Debug)]
pub(super) struct Collapsed {
    pub(super) text: &'static str,
    /// How many tokens of the path lead to its branch.
    depth: usize,
    /// How many levels of the values lie between it and the error.
    above: usize,
}

impl Collapsed {
    /// Its place in the values.
    pub(super) fn place<'e, 'v>(&self, error: &'e ValidationError<'_, 'v>) -> &'e [InstanceToken<'v>] {
        let tokens = &error.instance_location.tokens;
        tokens
            .get(..tokens.len().saturating_sub(self.above))
            .unwrap_or(tokens)
    }
}

/// How many of the lines that are left out below a schema all errors have in common.
///
/// Several errors in one branch are a group, which is left out with the branch if it stands right below a whole schema or
/// a reference.
pub(super) fn common(schema: &str, errors: &[ValidationError<'_, '_>]) -> usize {
    let [first, others @ ..] = errors else { return 0 };
    if others.is_empty() {
        return 0;
    }
    let same = |one: &Collapsed, other: &ValidationError<'_, '_>, index: usize| {
        between(schema, other).get(index).is_some_and(|it| {
            (it.depth, it.text) == (one.depth, one.text)
                && pointer(it.place(other)) == pointer(one.place(first))
                && path(first, it.depth).eq(path(other, it.depth))
        })
    };
    let of_first = between(schema, first);
    let shared = of_first
        .iter()
        .enumerate()
        .take_while(|(index, one)| others.iter().all(|other| same(one, other, *index)));
    shared.count()
}

/// The errors, those of what no schema evaluated in the order of their places: neither validator has an order for them.
pub(super) fn ordered<'e, 's, 'v>(errors: &'e [ValidationError<'s, 'v>]) -> Vec<&'e ValidationError<'s, 'v>> {
    let unevaluated = |error: &ValidationError<'s, 'v>| {
        let (schema, keyword) = error.schema_url.rsplit_once("/unevaluated")?;
        Some((schema.to_owned(), keyword.starts_with("Items")))
    };
    let mut ordered: Vec<_> = errors.iter().collect();
    for run in ordered.chunk_by_mut(|one, other| {
        let schema = unevaluated(one);
        schema.is_some() && schema == unevaluated(other)
    }) {
        run.sort_by_key(|error| {
            let tokens = error.instance_location.tokens.iter();
            tokens
                .map(|token| match token {
                    InstanceToken::Prop(name) => (0, name.to_string()),
                    InstanceToken::Item(index) => (*index, String::new()),
                })
                .collect::<Vec<_>>()
        });
    }
    ordered
}

/// The beginning of the places of all errors.
pub(super) fn common_place<'e, 'v>(errors: &'e [ValidationError<'_, 'v>]) -> &'e [InstanceToken<'v>] {
    let [first, others @ ..] = errors else { return &[] };
    let tokens = &first.instance_location.tokens;
    let shared = (0..=tokens.len())
        .rev()
        .filter_map(|length| tokens.get(..length))
        .find(|start| {
            let start = pointer(start);
            let begins = |other: &ValidationError<'_, '_>| {
                let other = pointer(&other.instance_location.tokens);
                other
                    .strip_prefix(&start)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            others.iter().all(begins)
        });
    shared.unwrap_or_default()
}

fn path<'e>(error: &'e ValidationError<'_, '_>, depth: usize) -> impl Iterator<Item = &'e str> {
    error.schema_url.split('/').take(depth)
}

/// A place in the values, as a JSON pointer.
pub(super) fn pointer(tokens: &[InstanceToken<'_>]) -> String {
    let mut pointer = String::new();
    for token in tokens {
        pointer.push('/');
        match token {
            InstanceToken::Prop(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
            InstanceToken::Item(index) => pointer.push_str(&index.to_string()),
        }
    }
    pointer
}

/// What is left out between a schema and an error below it.
pub(super) fn between(schema: &str, error: &ValidationError<'_, '_>) -> Vec<Collapsed> {
    let Some(path) = error.schema_url.strip_prefix(schema) else {
        return Vec::new();
    };
    let mut depth = schema.split('/').count();
    // What comes first ends the schema's own last token.
    let mut tokens = path.split('/').skip(1).peekable();
    let mut found: Vec<Collapsed> = Vec::new();
    while let Some(keyword) = tokens.next() {
        let text = match keyword {
            "allOf" => Some("'allOf' failed"),
            "anyOf" => Some("'anyOf' failed"),
            "oneOf" => Some("'oneOf' failed, none matched"),
            _ => None,
        };
        let named = match keyword {
            "items" => tokens.peek().is_some_and(|token| token.parse::<usize>().is_ok()),
            "properties" | "patternProperties" | "prefixItems" | "dependentSchemas" | "dependencies" => true,
            _ => text.is_some(),
        };
        depth += 1;
        if named {
            depth += 1;
            tokens.next();
        }
        if let Some(text) = text {
            found.push(Collapsed {
                text,
                depth,
                above: 0,
            });
        }
        let descends = matches!(
            keyword,
            "items"
                | "properties"
                | "patternProperties"
                | "prefixItems"
                | "additionalProperties"
                | "unevaluatedProperties"
                | "additionalItems"
                | "unevaluatedItems"
                | "contains"
        );
        if descends {
            found.iter_mut().for_each(|it| it.above += 1);
        }
    }
    found
}
