//! Documents about the API: made when they are asked for, kept until a definition changes.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use imbl::OrdMap;
use sha2::{Digest as _, Sha512};

use crate::{core::Core, custom::Definition};

/// A document as it is sent, and its hash.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) body: Bytes,
    pub(crate) hash: String,
}

impl Document {
    /// With a SHA-512 in capitals.
    pub(crate) fn new(body: Vec<u8>) -> Self {
        let mut hash = String::new();
        for byte in Sha512::digest(&body) {
            let _ = write!(hash, "{byte:02X}");
        }
        Self {
            body: body.into(),
            hash,
        }
    }

    /// With a SHA-256 in capitals.
    pub(crate) fn short(body: Vec<u8>) -> Self {
        Self {
            hash: stdx::sha256_hex(&body).to_uppercase(),
            body: body.into(),
        }
    }
}

/// The documents of a server, by names that nothing outside sees.
#[derive(Debug, Default)]
pub(crate) struct Documents(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// What the documents tell of.
    definitions: OrdMap<Arc<str>, Arc<Definition>>,
    made: BTreeMap<String, Document>,
}

/// A document of the server, made now if it is not kept.
pub(crate) fn kept(core: &Core, name: &str, make: impl FnOnce() -> Document) -> Document {
    let current = &core.state.definitions;
    let mut kept = core.documents.0.lock().unwrap_or_else(PoisonError::into_inner);
    if !kept.definitions.ptr_eq(current) {
        kept.definitions = current.clone();
        kept.made.clear();
    }
    if let Some(known) = kept.made.get(name) {
        return known.clone();
    }
    let made = make();
    kept.made.insert(name.to_owned(), made.clone());
    made
}

#[cfg(test)]
mod tests {
    use edges::Seed;
    use serde_json::json;

    use super::*;
    use crate::controllers::Controllers;

    #[test]
    fn a_document_is_made_again_when_a_definition_changes() {
        let mut core = Core::new("1.36", Controllers::None, Seed(1).derive("test").rng());
        let made = |core: &Core, text: &str| kept(core, "a", || Document::new(text.into())).body;
        assert_eq!(made(&core, "1"), "1");
        assert_eq!(made(&core, "2"), "1");
        let definition = json!({"metadata": {"name": "as.x.io"}, "spec": {
            "group": "x.io", "scope": "Cluster", "names": {"plural": "as", "kind": "A"},
            "versions": [{"name": "v1", "served": true, "storage": true}]}});
        let before = core.state.definitions.clone();
        let definition = Arc::new(Definition::read(&definition, None).unwrap());
        core.state.definitions.insert("as.x.io".into(), definition);
        assert_eq!(made(&core, "3"), "3");
        core.state.definitions = before;
        assert_eq!(made(&core, "4"), "4");
    }
}
