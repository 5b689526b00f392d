//! The JSON Schema of scenario files, for editors. It is published beside the scenarios.

use schemars::generate::SchemaSettings;

use super::Scenario;

/// The schema as text, ending in a line break.
pub fn json_schema() -> String {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Scenario>();
    schema.insert("title".to_owned(), "A scenario of gitops-conformance".into());
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/scenario.schema.json");
        let published = std::fs::read_to_string(path).unwrap();
        assert!(
            published == json_schema(),
            "scenarios/scenario.schema.json is out of date: cargo run -p harness -- schema > scenarios/scenario.schema.json"
        );
    }
}
