//! Reading the query form, error by error as the API server reads it.

use std::collections::BTreeSet;

use super::{Grammar, InvalidSelector, Operator, Requirement, Selector};

/// A token and the text it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    kind: Kind,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    /// `in` and `notin`, which are words where a value may stand.
    Keyword,
    Symbol,
    Error,
    End,
}

const SPECIAL: &str = "=!(),<>";
const SYMBOLS: [&str; 9] = [")", ",", "!", "==", "=", "!=", "(", ">", "<"];

fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let Some(first) = rest.chars().next() else {
            all.push(Token {
                kind: Kind::End,
                text: String::new(),
            });
            return all;
        };
        let (token, length) = if SPECIAL.contains(first) {
            symbol(rest)
        } else {
            word(rest)
        };
        all.push(token);
        rest = &rest[length..];
    }
}

fn word(text: &str) -> (Token, usize) {
    let end = text
        .find(|c: char| matches!(c, ' ' | '\t' | '\r' | '\n') || SPECIAL.contains(c))
        .unwrap_or(text.len());
    let text = &text[..end];
    let kind = if matches!(text, "in" | "notin") {
        Kind::Keyword
    } else {
        Kind::Word
    };
    let token = Token {
        kind,
        text: text.to_owned(),
    };
    (token, end)
}

/// The longest symbol at the start of a run of special letters.
fn symbol(text: &str) -> (Token, usize) {
    let run = text.find(|c: char| !SPECIAL.contains(c)).unwrap_or(text.len());
    let known = (1..=run)
        .take_while(|end| SYMBOLS.contains(&&text[..*end]))
        .last();
    match known {
        Some(end) => (
            Token {
                kind: Kind::Symbol,
                text: text[..end].to_owned(),
            },
            end,
        ),
        None => (
            Token {
                kind: Kind::Error,
                text: format!("error expected: keyword found '{}'", &text[..run]),
            },
            run,
        ),
    }
}

pub(super) fn selector(text: &str, grammar: &Grammar) -> Result<Selector, InvalidSelector> {
    let mut parser = Parser {
        tokens: tokens(text),
        at: 0,
        grammar,
    };
    parser.selector().map(Selector).map_err(InvalidSelector)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    grammar: &'a Grammar,
}

impl Parser<'_> {
    fn peek(&self) -> Token {
        let mut token = self.keyword();
        if token.kind == Kind::Keyword {
            token.kind = Kind::Word;
        }
        token
    }

    /// The next token where an operator may stand.
    fn keyword(&self) -> Token {
        self.tokens.get(self.at).cloned().unwrap_or(Token {
            kind: Kind::End,
            text: String::new(),
        })
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn selector(&mut self) -> Result<Vec<Requirement>, String> {
        let mut all = Vec::new();
        loop {
            let token = self.peek();
            match (token.kind, token.text.as_str()) {
                (Kind::Word, _) | (Kind::Symbol, "!") => {}
                (Kind::End, _) => return Ok(all),
                (_, found) => {
                    return Err(format!(
                        "found '{found}', expected: !, identifier, or 'end of string'"
                    ));
                }
            }
            let requirement = self
                .requirement()
                .map_err(|text| format!("unable to parse requirement: {text}"))?;
            all.push(requirement);
            let token = self.next();
            match (token.kind, token.text.as_str()) {
                (Kind::End, _) => return Ok(all),
                (Kind::Symbol, ",") => {
                    let after = self.peek();
                    if after.kind != Kind::Word && after.text != "!" {
                        return Err(format!("found '{}', expected: identifier after ','", after.text));
                    }
                }
                (_, found) => return Err(format!("found '{found}', expected: ',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut token = self.next();
        let absent = token.kind == Kind::Symbol && token.text == "!";
        if absent {
            token = self.next();
        }
        if token.kind != Kind::Word {
            return Err(format!("found '{}', expected: identifier", token.text));
        }
        let key = token.text;
        let problems = (self.grammar.key)(&key);
        if !problems.is_empty() {
            return Err(format!(
                "<nil>: Invalid value: {}: {}",
                quoted(&key),
                problems.join("; ")
            ));
        }
        let after = self.peek();
        if absent || after.kind == Kind::End || after.text == "," {
            let operator = if absent {
                Operator::DoesNotExist
            } else {
                Operator::Exists
            };
            return Ok(Requirement {
                key,
                operator,
                values: Vec::new(),
            });
        }
        let operator = self.keyword();
        self.at += 1;
        let (operator, values) = match operator.text.as_str() {
            "in" => (Operator::In, self.values()?),
            "notin" => (Operator::NotIn, self.values()?),
            "=" | "==" => (Operator::In, self.value()?),
            "!=" => (Operator::NotIn, self.value()?),
            "<" => (Operator::LessThan, self.value()?),
            ">" => (Operator::GreaterThan, self.value()?),
            other => {
                return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt"));
            }
        };
        self.check(key, operator, values)
    }

    fn check(
        &self,
        key: String,
        operator: Operator,
        values: BTreeSet<String>,
    ) -> Result<Requirement, String> {
        let values: Vec<String> = values.into_iter().collect();
        let mut errors = Vec::new();
        if matches!(operator, Operator::LessThan | Operator::GreaterThan) {
            for (at, value) in values.iter().enumerate() {
                if value.parse::<i64>().is_err() {
                    errors.push(format!(
                        "values[{at}]: Invalid value: {}: for 'Gt', 'Lt' operators, the value must be an integer",
                        quoted(value)
                    ));
                }
            }
        }
        for (at, value) in values.iter().enumerate() {
            let problems = (self.grammar.value)(value);
            if !problems.is_empty() {
                errors.push(format!(
                    "values[{at}][{key}]: Invalid value: {}: {}",
                    quoted(value),
                    problems.join("; ")
                ));
            }
        }
        match errors.as_slice() {
            [] => Ok(Requirement {
                key,
                operator,
                values,
            }),
            [one] => Err(one.clone()),
            several => Err(format!("[{}]", several.join(", "))),
        }
    }

    fn value(&mut self) -> Result<BTreeSet<String>, String> {
        let token = self.peek();
        if token.kind == Kind::End || token.text == "," {
            return Ok(BTreeSet::from([String::new()]));
        }
        self.at += 1;
        if token.kind != Kind::Word {
            return Err(format!("found '{}', expected: identifier", token.text));
        }
        Ok(BTreeSet::from([token.text]))
    }

    fn values(&mut self) -> Result<BTreeSet<String>, String> {
        let open = self.next();
        if open.text != "(" {
            return Err(format!("found '{}' expected: '('", open.text));
        }
        let first = self.peek();
        match (first.kind, first.text.as_str()) {
            (Kind::Word, _) | (Kind::Symbol, ",") => {
                let values = self.list()?;
                let close = self.next();
                if close.text != ")" {
                    return Err(format!("found '{}', expected: ')'", close.text));
                }
                Ok(values)
            }
            (Kind::Symbol, ")") => {
                self.at += 1;
                Ok(BTreeSet::new())
            }
            (_, found) => Err(format!("found '{found}', expected: ',', ')' or identifier")),
        }
    }

    /// What stands between the parentheses; the closing one stays.
    fn list(&mut self) -> Result<BTreeSet<String>, String> {
        let mut values = BTreeSet::new();
        loop {
            let token = self.next();
            let after = self.peek();
            match (token.kind, token.text.as_str()) {
                (Kind::Word, text) => {
                    values.insert(text.to_owned());
                    match after.text.as_str() {
                        "," => {}
                        ")" => return Ok(values),
                        other => return Err(format!("found '{other}', expected: ',' or ')'")),
                    }
                }
                (Kind::Symbol, ",") => {
                    if values.is_empty() {
                        values.insert(String::new());
                    }
                    if after.text == ")" {
                        values.insert(String::new());
                        return Ok(values);
                    }
                    if after.text == "," {
                        self.at += 1;
                        values.insert(String::new());
                    }
                }
                (_, found) => return Err(format!("found '{found}', expected: ',', or identifier")),
            }
        }
    }
}

/// In quotes, with quotes and backslashes escaped.
fn quoted(text: &str) -> String {
    format!("{text:?}").replace("\\'", "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let grammar = Grammar {
            key: |key| {
                if key.starts_with('-') {
                    vec!["no key".to_owned()]
                } else {
                    Vec::new()
                }
            },
            value: |value| {
                if value.contains('*') {
                    vec!["no value".to_owned()]
                } else {
                    Vec::new()
                }
            },
        };
        selector(text, &grammar).unwrap_err().to_string()
    }

    #[test]
    fn errors_are_worded_as_the_server_words_them() {
        for (text, wanted) in [
            ("t in x", "unable to parse requirement: found 'x' expected: '('"),
            (
                "a in (",
                "unable to parse requirement: found '', expected: ',', ')' or identifier",
            ),
            (
                "t notin (x",
                "unable to parse requirement: found '', expected: ',' or ')'",
            ),
            ("s,,t", "found ',', expected: identifier after ','"),
            (",t=x", "found ',', expected: !, identifier, or 'end of string'"),
            ("t=x y", "found 'y', expected: ',' or 'end of string'"),
            (
                "t>=1",
                "unable to parse requirement: found '=', expected: identifier",
            ),
            (
                "exists(t)",
                "unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt",
            ),
            (
                "n>a",
                "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
            (
                "-t=x",
                "unable to parse requirement: <nil>: Invalid value: \"-t\": no key",
            ),
            (
                "t=*",
                "unable to parse requirement: values[0][t]: Invalid value: \"*\": no value",
            ),
        ] {
            assert_eq!(refusal(text), wanted, "{text}");
        }
    }

    #[test]
    fn keywords_may_be_keys_and_values() {
        let any = &Grammar::ANY;
        let found = selector("in in (notin,),x notin (in)", any).unwrap();
        assert_eq!(found.0[0].values, ["", "notin"]);
        assert_eq!(found.0[1].key, "x");
        assert!(selector("t in (x,,y)", any).is_ok());
        assert!(selector("t in ()", any).is_ok());
    }
}
