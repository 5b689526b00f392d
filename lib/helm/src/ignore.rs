//! `.helmignore`.

use crate::{error::Error, glob::shell_match};

/// Which files of a folder are no part of the chart.
#[derive(Clone, Debug)]
pub struct Ignore(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    pattern: String,
    negate: bool,
    folder: bool,
    /// Matched with the whole path, not with its last part.
    whole: bool,
}

impl Default for Ignore {
    fn default() -> Self {
        Self(vec![Rule {
            pattern: "templates/.?*".to_owned(),
            negate: false,
            folder: false,
            whole: true,
        }])
    }
}

impl Ignore {
    /// Reads the rules of a `.helmignore`; Helm's own rule is added.
    ///
    /// # Errors
    /// On `**`, which Helm does not know.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut rules = Vec::new();
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.contains("**") {
                return Err(Error::new("double-star (**) syntax is not supported"));
            }
            if shell_match(line, "abc").is_none() {
                return Err(Error::new("syntax error in pattern"));
            }
            let (negate, rule) = match line.strip_prefix('!') {
                Some(rule) => (true, rule),
                None => (false, line),
            };
            let (folder, rule) = match rule.strip_suffix('/') {
                Some(rule) => (true, rule),
                None => (false, rule),
            };
            let whole = rule.contains('/');
            rules.push(Rule {
                pattern: rule.strip_prefix('/').unwrap_or(rule).to_owned(),
                negate,
                folder,
                whole,
            });
        }
        rules.extend(Self::default().0);
        Ok(Self(rules))
    }

    /// Whether a file or folder is left out, with its path inside the chart.
    pub fn ignores(&self, path: &str, is_folder: bool) -> bool {
        if matches!(path, "" | "." | "./") {
            return false;
        }
        for rule in &self.0 {
            let name = if rule.whole {
                path
            } else {
                path.rsplit('/').next().unwrap_or(path)
            };
            let matches = || shell_match(&rule.pattern, name).unwrap_or(false);
            // QUIRK: a rule with `!` leaves out everything that it does not match.
            if rule.negate {
                if (rule.folder && !is_folder) || !matches() {
                    return true;
                }
            } else if (!rule.folder || is_folder) && matches() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_match_as_helms() {
        let rules = Ignore::parse("# c\n*.txt\n/top\ndocs/\na/b*\n").unwrap();
        assert!(rules.ignores("x/y.txt", false));
        assert!(rules.ignores("top", false) && !rules.ignores("x/top", false));
        assert!(rules.ignores("docs", true) && !rules.ignores("docs", false));
        assert!(rules.ignores("a/bc", false) && !rules.ignores("x/a/bc", false));
        assert!(rules.ignores("templates/.hidden", false) && !rules.ignores("templates/a.yaml", false));
        assert!(Ignore::parse("**/x").is_err());
        assert!(Ignore::parse("!keep").unwrap().ignores("other", false));
    }
}
