//! `--feature-gates=Name=true,Other=false`.

use crate::Error;

/// Reads the list; a gate that is not among `known` is an error.
pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Vec<(String, bool)>, Error> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let gates = entries.map(|entry| {
        let (name, value) = entry
            .split_once('=')
            .ok_or_else(|| Error::FeatureGates(format!("missing bool value for feature gate {entry}")))?;
        if !known.contains(&name) {
            return Err(Error::FeatureGates(format!(
                "feature-gate '{name}' not supported"
            )));
        }
        let value = match value {
            "true" => true,
            "false" => false,
            other => {
                return Err(Error::FeatureGates(format!(
                    "invalid value {other:?} of feature gate {name}"
                )));
            }
        };
        Ok((name.to_owned(), value))
    });
    gates.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_known_and_have_a_value() {
        assert_eq!(
            parse("A=true, B=false", &["A", "B"]).unwrap(),
            [("A".to_owned(), true), ("B".to_owned(), false)]
        );
        assert!(parse("", &[]).unwrap().is_empty());
        for text in ["C=true", "A", "A=maybe"] {
            assert!(parse(text, &["A"]).is_err(), "{text}");
        }
    }
}
