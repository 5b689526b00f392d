//! Label selectors, in the query form (`a=b,c in (d,e),!f`) and the object form (`matchLabels`, `matchExpressions`).

use std::fmt;

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
        Parser {
            tokens: tokens(text),
            at: 0,
        }
        .selector()
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

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Symbol(symbol) => f.write_str(symbol),
            Self::End => Ok(()),
        }
    }
}

const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "<", ">", "(", ")", ","];

fn tokens(text: &str) -> Vec<Token> {
    let mut rest = text.trim_start();
    let mut all = Vec::new();
    while !rest.is_empty() {
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            all.push(Token::Symbol(symbol));
            rest = rest[symbol.len()..].trim_start();
            continue;
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || "=!<>(),".contains(c))
            .unwrap_or(rest.len());
        all.push(Token::Word(rest[..end].to_owned()));
        rest = rest[end..].trim_start();
    }
    all.push(Token::End);
    all
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn next(&mut self) -> Token {
        let token = self.tokens.get(self.at).cloned().unwrap_or(Token::End);
        self.at += 1;
        token
    }

    fn peek(&self) -> Token {
        self.tokens.get(self.at).cloned().unwrap_or(Token::End)
    }

    fn selector(mut self) -> Result<Selector, InvalidSelector> {
        let mut all = Vec::new();
        if self.peek() == Token::End {
            return Ok(Selector(all));
        }
        loop {
            all.push(
                self.requirement()
                    .map_err(|text| InvalidSelector(format!("unable to parse requirement: {text}")))?,
            );
            match self.next() {
                Token::End => return Ok(Selector(all)),
                Token::Symbol(",") if !matches!(self.peek(), Token::End) => {}
                Token::Symbol(",") => {
                    return Err(InvalidSelector(
                        "found '', expected: identifier after ','".to_owned(),
                    ));
                }
                other => {
                    return Err(InvalidSelector(format!(
                        "found '{other}', expected: ',' or 'end of string'"
                    )));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = self.peek() == Token::Symbol("!");
        if absent {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(format!("found '{other}', expected: identifier")),
        };
        if absent {
            return Ok(Requirement {
                key,
                operator: Operator::DoesNotExist,
                values: Vec::new(),
            });
        }
        let operator = match self.peek() {
            Token::End | Token::Symbol(",") => {
                return Ok(Requirement {
                    key,
                    operator: Operator::Exists,
                    values: Vec::new(),
                });
            }
            Token::Symbol("=" | "==") => Operator::In,
            Token::Symbol("!=") => Operator::NotIn,
            Token::Symbol("<") => Operator::LessThan,
            Token::Symbol(">") => Operator::GreaterThan,
            Token::Word(word) if word == "in" || word == "notin" => {
                self.next();
                let operator = if word == "in" {
                    Operator::In
                } else {
                    Operator::NotIn
                };
                return Ok(Requirement {
                    key,
                    operator,
                    values: self.values()?,
                });
            }
            other => {
                return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt"));
            }
        };
        self.next();
        let value = match self.peek() {
            Token::Word(word) => {
                self.next();
                word
            }
            Token::End | Token::Symbol(",") => String::new(),
            other => return Err(format!("found '{other}', expected: identifier")),
        };
        Ok(Requirement {
            key,
            operator,
            values: vec![value],
        })
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            Token::Symbol("(") => {}
            other => return Err(format!("found '{other}' expected: '('")),
        }
        let mut values = Vec::new();
        loop {
            match self.next() {
                Token::Word(word) => values.push(word),
                Token::Symbol(",") => {}
                Token::Symbol(")") => return Ok(values),
                other => return Err(format!("found '{other}', expected: ',' or ')'")),
            }
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
