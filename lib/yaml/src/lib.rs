//! YAML as Kubernetes tools read and write it.
//!
//! No two of those tools agree with YAML 1.2 or with each other, so there are two [`Dialect`]s to read and
//! one way to write: that of `sigs.k8s.io/yaml`, which prints every manifest that Helm, kustomize and kubectl
//! print.

mod emit;
mod limits;
mod messages;
mod order;
mod read;
mod resolve;

use serde_json::Value;

/// Whose reading of plain scalars and duplicate keys to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `sigs.k8s.io/yaml`: `on`, `yes` and `y` are booleans, of duplicate keys the last one wins.
    Kubernetes,
    /// kyaml, which is yaml.v3: `on` is a text, duplicate keys are refused.
    Kyaml,
}

/// A text that is not YAML, or not YAML that can be an object; worded as go-yaml words it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    line: usize,
    message: String,
}

impl Error {
    /// The line of the text, counted from one; zero when no line is to blame.
    pub fn line(&self) -> usize {
        self.line
    }

    /// `yaml: line N: what`, as go-yaml writes; without a line when `line` is zero.
    pub(crate) fn at(line: usize, what: &str) -> Self {
        let message = match line {
            0 => format!("yaml: {what}"),
            _ => format!("yaml: line {line}: {what}"),
        };
        Self { line, message }
    }

    /// What go-yaml's scanner reports about the first line: it does not name it.
    pub(crate) fn on_first_line(what: &str) -> Self {
        Self {
            line: 1,
            message: format!("yaml: {what}"),
        }
    }

    /// What go-yaml reports for a text that parses but does not decode.
    pub(crate) fn decode(line: usize, what: &str) -> Self {
        Self {
            line,
            message: format!("yaml: unmarshal errors:\n  line {line}: {what}"),
        }
    }
}

/// Reads every document of `text`; one that holds nothing reads as null.
///
/// DIFFERENCE: lines are counted from the start of the text. The Kubernetes tools split a text at its `---`
/// lines first and count from the start of the part, which sends a reader to the wrong line.
///
/// # Errors
/// [`Error`] for the first thing wrong with the text.
pub fn read_documents(text: &str, dialect: Dialect) -> Result<Vec<Value>, Error> {
    read::documents(text, dialect)
}

/// Reads every document of `text` in the dialect of kyaml, as the objects that kustomize makes of them: values of
/// annotations are texts, nulls among them, which elsewhere take annotations away.
///
/// # Errors
/// As [`read_documents`].
pub fn read_objects(text: &str) -> Result<Vec<Value>, Error> {
    read::objects(text)
}

/// Reads the first document of `text`, null when there is none.
///
/// # Errors
/// As [`read_documents`].
pub fn read(text: &str, dialect: Dialect) -> Result<Value, Error> {
    Ok(read_documents(text, dialect)?
        .into_iter()
        .next()
        .unwrap_or(Value::Null))
}

/// Reads the first document of `text` and says of every key that was there before where it is, in the words of
/// go-yaml's strict mode: `line 7: key "a" already set in map`.
///
/// # Errors
/// As [`read_documents`].
pub fn read_noting(text: &str, dialect: Dialect) -> Result<(Value, Vec<String>), Error> {
    let mut repeated = Vec::new();
    let value = read::noting(text, dialect, &mut repeated)?
        .into_iter()
        .next()
        .unwrap_or(Value::Null);
    let notes = repeated
        .into_iter()
        .map(|(line, key)| format!("line {line}: key {key:?} already set in map"));
    Ok((value, notes.collect()))
}

/// What a plain scalar means, as [`read`] understands it in a document.
pub fn plain(text: &str, dialect: Dialect) -> Value {
    read::plain(text, dialect)
}

/// Writes a value as `sigs.k8s.io/yaml` does, with a newline at the end.
pub fn to_string(value: &Value) -> String {
    emit::document(value)
}

/// Writes values as documents of one text, separated by `---` lines.
pub fn to_documents<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let documents: Vec<_> = values.into_iter().map(to_string).collect();
    documents.join("---\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_are_noted() {
        let (value, notes) = read_noting("a: 1\nb:\n  c: 1\n  c: 2\n", Dialect::Kubernetes).unwrap();
        assert_eq!(value["b"]["c"], 2);
        assert_eq!(notes, ["line 4: key \"c\" already set in map"]);
    }
}
