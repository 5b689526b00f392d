//! Ranges of versions.

use std::{cmp::Ordering, fmt, str::FromStr, sync::LazyLock};

use regex::{Captures, Regex};
use stdx::quote::quote;

use crate::{
    Version,
    limits::{MAX_ALTERNATIVES, MAX_CONSTRAINT},
    semver::compare_prereleases,
};

/// Why text is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// Too much text.
    #[error("constraint string is too long (max {MAX_CONSTRAINT} bytes)")]
    TooLong,
    /// Too many `||`.
    #[error("too many constraint groups (max {MAX_ALTERNATIVES})")]
    TooManyAlternatives,
    /// An alternative of another form.
    #[error("improper constraint: {}", quote(.0.as_bytes()))]
    Improper(String),
    /// A version in it that is none.
    #[error("constraint parser error")]
    Version,
}

/// A range: alternatives of conditions.
#[derive(Clone, Debug)]
pub struct Constraint(Vec<Alternative>);

#[derive(Clone, Debug)]
struct Alternative {
    comparators: Vec<Comparator>,
    /// One of the comparators names a pre-release, so pre-releases may match all of them.
    prereleases: bool,
}

/// One condition, such as `>=1.2`.
#[derive(Clone, Debug)]
struct Comparator {
    operator: Operator,
    version: Version,
    precision: Precision,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// The last number that the text of a comparator gives; those after it are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    Any,
    Major,
    Minor,
    Patch,
}

/// What may stand for a version. The bar inside the brackets is upstream's.
const VERSION: &str = r"v?([0-9|xX*]+)(\.[0-9|xX*]+)?(\.[0-9|xX*]+)?(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?";
const OPERATOR: &str = r"(?:>=|=>|<=|=<|!=|~>|[=<>~^])?";
/// White space as Go knows it.
const SPACE: &str = r"[\t\n\f\r ]";

struct Patterns {
    one: Regex,
    each: Regex,
    all: Regex,
    hyphen: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let compile = |pattern: String| match Regex::new(&pattern) {
        Ok(regex) => regex,
        Err(error) => unreachable!("a constant pattern: {error}"),
    };
    let item = format!("{OPERATOR}{SPACE}*{VERSION}");
    Patterns {
        one: compile(format!("^{SPACE}*({OPERATOR}){SPACE}*({VERSION}){SPACE}*$")),
        each: compile(item.clone()),
        all: compile(format!(
            "^{SPACE}*{item}{SPACE}*(?:(?:{SPACE}+|,{SPACE}*){item}{SPACE}*)*$"
        )),
        hyphen: compile(format!(
            "{SPACE}*(?P<from>{VERSION}){SPACE}+-{SPACE}+(?P<to>{VERSION}){SPACE}*"
        )),
    }
});

impl FromStr for Constraint {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, ConstraintError> {
        if text.len() > MAX_CONSTRAINT {
            return Err(ConstraintError::TooLong);
        }
        let text = rewrite_hyphens(text);
        let alternatives: Vec<&str> = text.split("||").collect();
        if alternatives.len() > MAX_ALTERNATIVES {
            return Err(ConstraintError::TooManyAlternatives);
        }
        alternatives
            .into_iter()
            .map(Alternative::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// `1 - 2` means `>= 1, <= 2`.
fn rewrite_hyphens(text: &str) -> String {
    let mut rewritten = text.to_owned();
    for range in PATTERNS.hyphen.captures_iter(text) {
        let comparators = format!(">= {}, <= {} ", &range["from"], &range["to"]);
        rewritten = rewritten.replacen(&range[0], &comparators, 1);
    }
    rewritten
}

impl Constraint {
    /// Whether a version lies in the range.
    pub fn matches(&self, version: &Version) -> bool {
        self.0.iter().any(|alternative| alternative.matches(version))
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, alternative) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" || ")?;
            }
            for (index, comparator) in alternative.comparators.iter().enumerate() {
                let space = if index > 0 { " " } else { "" };
                write!(f, "{space}{}", comparator.text)?;
            }
        }
        Ok(())
    }
}

impl Alternative {
    fn parse(text: &str) -> Result<Self, ConstraintError> {
        if !PATTERNS.all.is_match(text) {
            return Err(ConstraintError::Improper(text.to_owned()));
        }
        let comparators = PATTERNS
            .each
            .find_iter(text)
            .map(|item| Comparator::parse(item.as_str()))
            .collect::<Result<Vec<_>, _>>()?;
        let prereleases = comparators.iter().any(|it| !it.version.prerelease.is_empty());
        Ok(Self {
            comparators,
            prereleases,
        })
    }

    fn matches(&self, version: &Version) -> bool {
        (self.prereleases || version.prerelease.is_empty())
            && self
                .comparators
                .iter()
                .all(|comparator| comparator.matches(version))
    }
}

impl Comparator {
    fn parse(text: &str) -> Result<Self, ConstraintError> {
        let captures = PATTERNS
            .one
            .captures(text)
            .ok_or_else(|| ConstraintError::Improper(text.to_owned()))?;
        let part = |index| captures.get(index).map_or("", |it| it.as_str());
        let (precision, version) = lower_end(&captures);
        let version = version.parse().map_err(|_| ConstraintError::Version)?;
        Ok(Self {
            operator: Operator::of(part(1)),
            version,
            precision,
            text: format!("{}{}", part(1), part(2)),
        })
    }

    fn matches(&self, version: &Version) -> bool {
        let named = &self.version;
        let minor = |it: &Version| (it.major, it.minor);
        let order = version.cmp(named);
        match self.operator {
            Operator::Equal if self.precision == Precision::Patch => order.is_eq(),
            Operator::Equal | Operator::Tilde => self.is_close(version),
            Operator::NotEqual => self.differs(version),
            Operator::Greater => match self.precision {
                Precision::Major => version.major > named.major,
                Precision::Minor => minor(version) > minor(named),
                Precision::Any | Precision::Patch => order.is_gt(),
            },
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::LessOrEqual => match self.precision {
                Precision::Major => version.major <= named.major,
                // QUIRK: `<=*` is `<=0.0`, not everything.
                Precision::Any | Precision::Minor => minor(version) <= minor(named),
                Precision::Patch => order.is_le(),
            },
            Operator::Caret => order.is_ge() && self.is_compatible(version),
        }
    }

    /// `~`: the last number may rise, or the one before it where only a major one is given.
    fn is_close(&self, version: &Version) -> bool {
        let named = &self.version;
        if version < named {
            return false;
        }
        let open = matches!(self.precision, Precision::Any | Precision::Patch);
        // QUIRK: `~0.0.0` is everything, as `*` is.
        if open && named.triple() == (0, 0, 0) {
            return true;
        }
        version.major == named.major && (version.minor == named.minor || self.precision == Precision::Major)
    }

    /// `^`: everything up to the first number that is not zero stays. The version is known not to be smaller.
    fn is_compatible(&self, version: &Version) -> bool {
        let named = &self.version;
        if version.major != named.major {
            return false;
        }
        if named.major > 0 || self.precision == Precision::Major {
            return true;
        }
        if version.minor != named.minor {
            return false;
        }
        // QUIRK: `^*` is `^0.0.0`, not everything.
        named.minor > 0 || self.precision == Precision::Minor || version.patch == named.patch
    }

    fn differs(&self, version: &Version) -> bool {
        let named = &self.version;
        match self.precision {
            Precision::Major => version.major != named.major,
            Precision::Minor => {
                (version.major, version.minor) != (named.major, named.minor)
                    || compare_prereleases(&version.prerelease, &named.prerelease) != Ordering::Equal
            }
            Precision::Any | Precision::Patch => version != named,
        }
    }
}

/// The version that a comparator's text starts at, wildcards and absent numbers read as zero.
fn lower_end(captures: &Captures<'_>) -> (Precision, String) {
    let number = |index| {
        let text = captures.get(index).map_or("", |it| it.as_str());
        let digits = text.strip_prefix('.').unwrap_or(text);
        (!matches!(digits, "" | "x" | "X" | "*")).then_some(text)
    };
    let prerelease = captures.get(6).map_or("", |it| it.as_str());
    match (number(3), number(4), number(5)) {
        (None, ..) => (Precision::Any, format!("0.0.0{prerelease}")),
        (Some(major), None, _) => (Precision::Major, format!("{major}.0.0{prerelease}")),
        (Some(major), Some(minor), None) => (Precision::Minor, format!("{major}{minor}.0{prerelease}")),
        (Some(_), Some(_), Some(_)) => (Precision::Patch, captures[2].to_owned()),
    }
}

impl Operator {
    fn of(text: &str) -> Self {
        match text {
            "!=" => Self::NotEqual,
            ">" => Self::Greater,
            "<" => Self::Less,
            ">=" | "=>" => Self::GreaterOrEqual,
            "<=" | "=<" => Self::LessOrEqual,
            "~" | "~>" => Self::Tilde,
            "^" => Self::Caret,
            _ => Self::Equal,
        }
    }
}
