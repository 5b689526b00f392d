//! What a document says of its encryption.

use regex::{Regex, RegexBuilder};

use crate::{
    Format,
    limits::{MAX_KEYS, MAX_REGEX},
    store::flat,
    tree::{Branch, Item, Value},
};

/// Which values are encrypted.
#[derive(Debug)]
pub(crate) enum Rule {
    /// All but those below a key with this end.
    UnencryptedSuffix(String),
    /// Those below a key with this end.
    EncryptedSuffix(String),
    /// All but those below a key that matches.
    UnencryptedRegex(Regex),
    /// Those below a key that matches.
    EncryptedRegex(Regex),
    /// All but those after a comment that matches.
    UnencryptedComment(Regex),
    /// Those after a comment that matches.
    EncryptedComment(Regex),
}

/// Who keeps a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Age,
    Pgp,
    /// A service that is not asked; its name.
    ///
    /// DIFFERENCE: upstream asks AWS, Azure, Google Cloud, Huawei Cloud and Vault to decrypt data keys.
    Other(&'static str),
}

/// One way to get the data key, or a part of it.
#[derive(Debug)]
pub(crate) struct MasterKey {
    pub(crate) kind: KeyKind,
    /// As messages name it.
    pub(crate) name: String,
    pub(crate) encrypted: String,
}

/// What a document says of its encryption.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) mac: String,
    pub(crate) last_modified: String,
    pub(crate) mac_only_encrypted: bool,
    pub(crate) rule: Rule,
    pub(crate) groups: Vec<Vec<MasterKey>>,
    pub(crate) shamir_threshold: usize,
}

/// The member that holds it, and the start of its members where all is flat.
const MEMBER: &str = "sops";
const PREFIX: &str = "sops_";

/// Takes the metadata out of a document.
pub(crate) fn extract(mut branches: Vec<Branch>, format: Format) -> Result<(Vec<Branch>, Metadata), String> {
    let mut found: Option<Branch> = None;
    if format == Format::Dotenv {
        for branch in branches.iter_mut().take(1) {
            let own = |item: &Item| matches!(item, Item::Pair(key, _) if key.starts_with(PREFIX));
            let (ours, rest) = std::mem::take(branch).into_iter().partition(own);
            *branch = rest;
            let ours: Branch = ours;
            found = Some(ours).filter(|ours| !ours.is_empty());
        }
    } else {
        for (index, branch) in branches.iter_mut().enumerate() {
            let own = |item: &Item| matches!(item, Item::Pair(key, _) if key == MEMBER);
            let (ours, rest): (Branch, Branch) = std::mem::take(branch).into_iter().partition(own);
            *branch = rest;
            for item in ours.into_iter().filter(|_| index == 0) {
                match (item, &found) {
                    (_, Some(_)) => return Err("Found duplicate sops entry".to_owned()),
                    (Item::Pair(_, Value::Map(map)), None) => found = Some(map),
                    _ => return Err("Found sops entry that is not a mapping".to_owned()),
                }
            }
        }
    }
    let mut found = found.ok_or("sops metadata not found")?;
    if matches!(format, Format::Dotenv | Format::Ini) {
        let pairs = found.into_iter().filter_map(|item| match item {
            Item::Pair(key, value) => {
                let key = key.strip_prefix(PREFIX).map(str::to_owned).unwrap_or(key);
                Some((key, value.text().replace("\\n", "\n")))
            }
            Item::Comment(..) => None,
        });
        found = flat::unflatten(pairs)?;
    }
    Ok((branches, read(&found)?))
}

fn member<'a>(map: &'a Branch, name: &str) -> Option<&'a Value> {
    map.iter().find_map(|item| match item {
        Item::Pair(key, value) if key == name => Some(value),
        _ => None,
    })
}

fn text(map: &Branch, name: &str) -> String {
    member(map, name).map(Value::text).unwrap_or_default()
}

fn read(map: &Branch) -> Result<Metadata, String> {
    let mut groups = vec![group_of(map)];
    if let (true, Some(Value::List(listed))) = (groups.iter().all(Vec::is_empty), member(map, "key_groups")) {
        groups = listed
            .iter()
            .filter_map(|group| match group {
                Value::Map(group) => Some(group_of(group)),
                _ => None,
            })
            .collect();
    }
    if groups.iter().map(Vec::len).sum::<usize>() > MAX_KEYS {
        return Err(format!("more than {MAX_KEYS} keys"));
    }
    if groups.iter().all(Vec::is_empty) {
        return Err("No keys found in file".to_owned());
    }
    Ok(Metadata {
        mac: text(map, "mac"),
        last_modified: text(map, "lastmodified"),
        mac_only_encrypted: matches!(text(map, "mac_only_encrypted").as_str(), "true" | "True" | "1"),
        rule: rule(map)?,
        groups,
        shamir_threshold: text(map, "shamir_threshold").parse().unwrap_or_default(),
    })
}

fn rule(map: &Branch) -> Result<Rule, String> {
    let regex = |text: String| {
        let built = RegexBuilder::new(&text).size_limit(MAX_REGEX).build();
        built.map_err(|error| format!("regular expression of the encryption rule: {error}"))
    };
    let mut rules = Vec::new();
    for name in [
        "unencrypted_suffix",
        "encrypted_suffix",
        "unencrypted_regex",
        "encrypted_regex",
        "unencrypted_comment_regex",
        "encrypted_comment_regex",
    ] {
        let text = text(map, name);
        if text.is_empty() {
            continue;
        }
        rules.push(match name {
            "unencrypted_suffix" => Rule::UnencryptedSuffix(text),
            "encrypted_suffix" => Rule::EncryptedSuffix(text),
            "unencrypted_regex" => Rule::UnencryptedRegex(regex(text)?),
            "encrypted_regex" => Rule::EncryptedRegex(regex(text)?),
            "unencrypted_comment_regex" => Rule::UnencryptedComment(regex(text)?),
            _ => Rule::EncryptedComment(regex(text)?),
        });
    }
    match rules.len() {
        0 => Ok(Rule::UnencryptedSuffix("_unencrypted".to_owned())),
        1 => Ok(rules.remove(0)),
        _ => Err(
            "Cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, \
             encrypted_comment_regex, or unencrypted_comment_regex in the same file"
                .to_owned(),
        ),
    }
}

fn group_of(map: &Branch) -> Vec<MasterKey> {
    const LISTS: [(&str, KeyKind, &[&str]); 7] = [
        ("kms", KeyKind::Other("AWS KMS"), &["arn"]),
        ("gcp_kms", KeyKind::Other("GCP KMS"), &["resource_id"]),
        ("hckms", KeyKind::Other("HuaweiCloud KMS"), &["key_id"]),
        (
            "azure_kv",
            KeyKind::Other("Azure Key Vault"),
            &["vault_url", "name", "version"],
        ),
        (
            "hc_vault",
            KeyKind::Other("Vault"),
            &["vault_address", "engine_path", "key_name"],
        ),
        ("pgp", KeyKind::Pgp, &["fp"]),
        ("age", KeyKind::Age, &["recipient"]),
    ];
    let mut all = Vec::new();
    for (list, kind, names) in LISTS {
        let Some(Value::List(entries)) = member(map, list) else {
            continue;
        };
        for entry in entries {
            let Value::Map(entry) = entry else { continue };
            let names: Vec<_> = names.iter().map(|name| text(entry, name)).collect();
            all.push(MasterKey {
                kind,
                name: names.join("/"),
                encrypted: text(entry, "enc"),
            });
        }
    }
    all
}
