//! Label selectors, in the query form (`a=b,c in (d,e),!f`) and the object form (`matchLabels`, `matchExpressions`).

mod parse;

use serde_json::{Map, Value};

/// Which labels an object must have. The empty selector matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

/// What keys and values have to be: each function answers with what is wrong with a text.
#[derive(Debug, Clone, Copy)]
pub struct Grammar {
    /// Judges a key.
    pub key: fn(&str) -> Vec<String>,
    /// Judges a value.
    pub value: fn(&str) -> Vec<String>,
}

impl Grammar {
    const ANY: Self = Self {
        key: |_| Vec::new(),
        value: |_| Vec::new(),
    };
}

/// A text that is no selector; worded as the API server words it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSelector(String);

impl Selector {
    /// Reads the query form.
    ///
    /// # Errors
    /// [`InvalidSelector`] in the API server's words.
    pub fn parse(text: &str) -> Result<Self, InvalidSelector> {
        parse::selector(text, &Grammar::ANY)
    }

    /// Reads the query form and judges its keys and values.
    ///
    /// # Errors
    /// [`InvalidSelector`] in the API server's words.
    pub fn parse_checked(text: &str, grammar: &Grammar) -> Result<Self, InvalidSelector> {
        parse::selector(text, grammar)
    }

    /// Reads the object form; absent members select everything.
    ///
    /// # Errors
    /// [`InvalidSelector`] when an operator is unknown.
    pub fn from_object(value: &Value) -> Result<Self, InvalidSelector> {
        let mut all = Vec::new();
        for (key, wanted) in value
            .get("matchLabels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let values = vec![wanted.as_str().unwrap_or_default().to_owned()];
            all.push(Requirement {
                key: key.clone(),
                operator: Operator::In,
                values,
            });
        }
        for entry in value
            .get("matchExpressions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let operator = match entry.get("operator").and_then(Value::as_str).unwrap_or_default() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    return Err(InvalidSelector(format!(
                        "{other:?} is not a valid label selector operator"
                    )));
                }
            };
            let values = entry
                .get("values")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            all.push(Requirement {
                key: entry
                    .get("key")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                operator,
                values: values.filter_map(Value::as_str).map(str::to_owned).collect(),
            });
        }
        Ok(Self(all))
    }

    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these labels satisfy every requirement; no labels at all are an empty set.
    pub fn matches(&self, labels: Option<&Map<String, Value>>) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels
                .and_then(|labels| labels.get(&requirement.key))
                .and_then(Value::as_str);
            requirement.matches(value)
        })
    }
}

impl Requirement {
    fn matches(&self, value: Option<&str>) -> bool {
        let among = |value: &str| self.values.iter().any(|wanted| wanted == value);
        let number = |text: &str| text.parse::<i64>().ok();
        let bound = self.values.first().and_then(|text| number(text));
        match (self.operator, value) {
            (Operator::In, Some(value)) => among(value),
            (Operator::NotIn, Some(value)) => !among(value),
            (Operator::Exists, value) => value.is_some(),
            (Operator::DoesNotExist, value) => value.is_none(),
            (Operator::GreaterThan, Some(value)) => number(value) > bound && number(value).is_some(),
            (Operator::LessThan, Some(value)) => number(value).is_some() && number(value) < bound,
            (Operator::NotIn, None) => true,
            (Operator::In | Operator::GreaterThan | Operator::LessThan, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn query_and_object_form_agree() {
        let labels = json!({"app": "web", "tier": "2"});
        let labels = labels.as_object();
        for (text, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier!=3", true),
            ("app in (web, db)", true),
            ("app notin (web)", false),
            ("app", true),
            ("!app", false),
            ("tier>1", true),
            ("tier<1", false),
            ("gone!=x", true),
            ("gone=", false),
        ] {
            assert_eq!(Selector::parse(text).unwrap().matches(labels), expected, "{text}");
        }
        let object = json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]});
        assert!(Selector::from_object(&object).unwrap().matches(labels));
        assert!(Selector::parse("app in (").is_err());
        assert!(Selector::parse("a=b=c").is_err());
    }
}
