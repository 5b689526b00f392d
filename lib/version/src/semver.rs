//! One version.

use std::{cmp::Ordering, fmt, str::FromStr};

use stdx::quote::quote;

use crate::limits::MAX_VERSION;

/// A version. Comparing two goes by precedence, so build metadata does not count, not even for `==`.
#[derive(Clone, Debug)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number, zero where the text has none.
    pub minor: u64,
    /// The third number, zero where the text has none.
    pub patch: u64,
    /// What follows `-`, empty for a release.
    pub prerelease: String,
    /// What follows `+`.
    pub metadata: String,
    original: String,
}

/// Why text is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Text of another form.
    #[error("invalid semantic version")]
    Invalid,
    /// No text.
    #[error("version string empty")]
    Empty,
    /// Too much text.
    #[error("version string is too long (max {MAX_VERSION} bytes)")]
    TooLong,
    /// A number with something else in it.
    #[error("invalid characters in version")]
    Characters,
    /// A number with a leading zero.
    #[error("version segment starts with 0")]
    LeadingZero,
    /// A pre-release of another form.
    #[error("invalid prerelease string")]
    Prerelease,
    /// Build metadata of another form.
    #[error("invalid metadata string")]
    Metadata,
    /// A number too large for 64 bits, in a lenient reading.
    #[error("error parsing version segment: strconv.ParseUint: parsing {}: value out of range", quote(.0.as_bytes()))]
    Range(String),
    /// A number that is none, in a strict reading.
    #[error("strconv.ParseUint: parsing {}: {}", quote(.0.as_bytes()), if .0.is_empty() { "invalid syntax" } else { "value out of range" })]
    Number(String),
}

impl FromStr for Version {
    type Err = VersionError;

    /// Reads leniently: `v` may lead, minor and patch may be absent, numbers may start with zeros.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        if text.len() > MAX_VERSION {
            return Err(VersionError::TooLong);
        }
        let (rest, metadata) = split_tail(text.strip_prefix('v').unwrap_or(text), '+')?;
        let (core, prerelease) = split_tail(rest, '-')?;
        let segments: Vec<&str> = core.split('.').collect();
        let digits = |it: &&str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
        if segments.len() > 3 || !segments.iter().all(digits) {
            return Err(VersionError::Invalid);
        }
        let number = |index: usize| match segments.get(index) {
            None => Ok(0),
            Some(it) => it.parse().map_err(|_| VersionError::Range((*it).to_owned())),
        };
        let version = Self {
            major: number(0)?,
            minor: number(1)?,
            patch: number(2)?,
            prerelease: prerelease.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        };
        check_prerelease(&version.prerelease)?;
        Ok(version)
    }
}

/// Splits off what follows the separator and checks that it is dot-separated identifiers.
fn split_tail(text: &str, separator: char) -> Result<(&str, Option<&str>), VersionError> {
    let Some((head, tail)) = text.split_once(separator) else {
        return Ok((text, None));
    };
    if tail.split('.').all(is_identifier) {
        Ok((head, Some(tail)))
    } else {
        Err(VersionError::Invalid)
    }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
}

fn check_prerelease(text: &str) -> Result<(), VersionError> {
    if text.is_empty() {
        return Ok(());
    }
    for part in text.split('.') {
        if !is_identifier(part) {
            return Err(VersionError::Prerelease);
        }
        if has_leading_zero(part) && part.bytes().all(|it| it.is_ascii_digit()) {
            return Err(VersionError::LeadingZero);
        }
    }
    Ok(())
}

fn has_leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0')
}

impl Version {
    /// Reads `major.minor.patch[-prerelease][+metadata]` and nothing else.
    ///
    /// # Errors
    /// On any other text.
    pub fn strict(text: &str) -> Result<Self, VersionError> {
        if text.is_empty() {
            return Err(VersionError::Empty);
        }
        if text.len() > MAX_VERSION {
            return Err(VersionError::TooLong);
        }
        let mut parts = text.splitn(3, '.');
        let (Some(major), Some(minor), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VersionError::Invalid);
        };
        let (rest, metadata) = rest.split_once('+').map_or((rest, None), |(a, b)| (a, Some(b)));
        if metadata.is_some_and(|it| !it.split('.').all(is_identifier)) {
            return Err(VersionError::Metadata);
        }
        let (patch, prerelease) = rest.split_once('-').map_or((rest, None), |(a, b)| (a, Some(b)));
        if prerelease.is_some_and(str::is_empty) {
            return Err(VersionError::Prerelease);
        }
        check_prerelease(prerelease.unwrap_or_default())?;
        for part in [major, minor, patch] {
            if !part.bytes().all(|it| it.is_ascii_digit()) {
                return Err(VersionError::Characters);
            }
            if has_leading_zero(part) {
                return Err(VersionError::LeadingZero);
            }
        }
        let number = |it: &str| it.parse().map_err(|_| VersionError::Number(it.to_owned()));
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
            patch: number(patch)?,
            prerelease: prerelease.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        })
    }

    /// The text this version was read from, with a leading `v` if it had one.
    pub fn original(&self) -> &str {
        &self.original
    }

    pub(crate) fn triple(&self) -> (u64, u64, u64) {
        (self.major, self.minor, self.patch)
    }
}

impl fmt::Display for Version {
    /// The full form, without a leading `v`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let prereleases = || match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_prereleases(&self.prerelease, &other.prerelease),
        };
        self.triple().cmp(&other.triple()).then_with(prereleases)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

/// Part by part; an absent part is the smallest.
pub(crate) fn compare_prereleases(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) => compare_parts(left.unwrap_or_default(), right.unwrap_or_default()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn compare_parts(left: &str, right: &str) -> Ordering {
    if left.is_empty() || right.is_empty() {
        return left.len().cmp(&right.len());
    }
    // QUIRK: digits beyond 64 bits count as a word.
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}
