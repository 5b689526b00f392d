//! Documents as data: order and comments are kept, since both count.

use sha2::{Digest, Sha256, Sha512};

use crate::{
    cipher,
    metadata::{Metadata, Rule},
};

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A decrypted value that is no text.
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(Branch),
}

/// What stands in a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Pair(String, Value),
    /// A comment, and whether it stands behind a value.
    Comment(String, bool),
}

/// A map.
pub(crate) type Branch = Vec<Item>;

impl Value {
    /// The scalar as text; nothing for lists and maps.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The scalar's bytes as the authentication code counts them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Null | Self::List(_) | Self::Map(_) => Vec::new(),
            Self::Bool(true) => b"True".to_vec(),
            Self::Bool(false) => b"False".to_vec(),
            Self::Int(number) => number.to_string().into_bytes(),
            Self::Float(number) => number.to_string().into_bytes(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

/// Decrypts all documents in place and returns the authentication code of what they hold.
pub(crate) fn decrypt(branches: &mut [Branch], metadata: &Metadata, key: &[u8]) -> Result<String, String> {
    let mut walk = Walk {
        metadata,
        key,
        hash: Sha512::new(),
        path: Vec::new(),
        comments: Vec::new(),
    };
    if metadata.mac_only_encrypted {
        // So that this code differs from the one over all values.
        walk.hash.update(Sha256::digest(b"sops"));
    }
    for branch in branches {
        walk.branch(branch)?;
    }
    let code = walk.hash.finalize();
    Ok(code.iter().map(|byte| format!("{byte:02X}")).collect())
}

struct Walk<'a> {
    metadata: &'a Metadata,
    key: &'a [u8],
    hash: Sha512,
    path: Vec<String>,
    /// Per level, the comments since the last value.
    comments: Vec<Vec<String>>,
}

impl Walk<'_> {
    fn branch(&mut self, branch: &mut Branch) -> Result<(), String> {
        self.comments.push(Vec::new());
        for item in branch {
            match item {
                Item::Comment(text, _) => {
                    if let Some(level) = self.comments.last_mut() {
                        level.push(text.clone());
                    }
                    // A comment that does not decrypt was never encrypted.
                    if self.is_encrypted(true)
                        && let Ok(plain) = cipher::decrypt(text, self.key, &self.context())
                    {
                        *text = plain.text();
                    }
                }
                Item::Pair(key, value) => {
                    self.path.push(key.clone());
                    self.value(value)?;
                    self.path.pop();
                    if let Some(level) = self.comments.last_mut() {
                        level.clear();
                    }
                }
            }
        }
        self.comments.pop();
        Ok(())
    }

    fn value(&mut self, value: &mut Value) -> Result<(), String> {
        match value {
            Value::Null => return Ok(()),
            Value::Map(branch) => return self.branch(branch),
            Value::List(list) => {
                self.comments.push(Vec::new());
                for element in list {
                    self.value(element)?;
                }
                self.comments.pop();
                return Ok(());
            }
            _ => {}
        }
        let encrypted = self.is_encrypted(false);
        if encrypted {
            let Value::Text(text) = value else {
                return Err("Expected encrypted value as string, but got another type".to_owned());
            };
            let plain = cipher::decrypt(text, self.key, &self.context());
            *value = plain.map_err(|why| format!("Could not decrypt value: {why}"))?;
        }
        if encrypted || !self.metadata.mac_only_encrypted {
            self.hash.update(value.bytes());
        }
        Ok(())
    }

    /// What is authenticated with a value: where it stands, places in lists left out.
    fn context(&self) -> String {
        format!("{}:", self.path.join(":"))
    }

    fn is_encrypted(&self, is_comment: bool) -> bool {
        let mut path = self.path.iter();
        match &self.metadata.rule {
            Rule::UnencryptedSuffix(end) => !path.any(|key| key.ends_with(end.as_str())),
            Rule::EncryptedSuffix(end) => path.any(|key| key.ends_with(end.as_str())),
            Rule::UnencryptedRegex(regex) => !path.any(|key| regex.is_match(key)),
            Rule::EncryptedRegex(regex) => path.any(|key| regex.is_match(key)),
            Rule::UnencryptedComment(regex) => !self
                .comments
                .iter()
                .flatten()
                .any(|comment| regex.is_match(comment)),
            Rule::EncryptedComment(regex) => {
                // The comment that asks for encryption is not encrypted itself.
                let mut all: Vec<&String> = self.comments.iter().flatten().collect();
                if is_comment {
                    all.pop();
                }
                all.into_iter().any(|comment| regex.is_match(comment))
            }
        }
    }
}
