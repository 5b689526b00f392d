//! `.helmignore`.

use globset::{GlobBuilder, GlobMatcher};

/// What stays out of a chart.
#[derive(Debug)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    matcher: GlobMatcher,
    /// Whether the whole path counts, or its last part.
    whole: bool,
    negated: bool,
    directories_only: bool,
}

/// What Helm leaves out always.
const DEFAULT: &str = "templates/.?*";

impl Rules {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lines = std::iter::once(DEFAULT).chain(text.lines());
        let lines = lines
            .map(str::trim)
            .filter(|it| !it.is_empty() && !it.starts_with('#'));
        lines.map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a path below the chart's directory stays out.
    // QUIRK: helm's negated rules keep nothing; they leave out all that they do not match.
    pub(super) fn ignores(&self, path: &str, directory: bool) -> bool {
        self.0.iter().any(|rule| {
            let subject = if rule.whole {
                path
            } else {
                path.rsplit('/').next().unwrap_or(path)
            };
            let hit = rule.matcher.is_match(subject);
            if rule.negated {
                return rule.directories_only && !directory || !hit;
            }
            hit && (directory || !rule.directories_only)
        })
    }
}

fn rule(line: &str) -> Result<Rule, String> {
    if line.contains("**") {
        return Err("double-star (**) syntax is not supported".to_owned());
    }
    let (negated, pattern) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
    let (directories_only, pattern) = pattern
        .strip_suffix('/')
        .map_or((false, pattern), |rest| (true, rest));
    let whole = pattern.contains('/');
    let glob = GlobBuilder::new(pattern.trim_start_matches('/'))
        .literal_separator(true)
        .build();
    Ok(Rule {
        matcher: glob.map_err(|error| error.to_string())?.compile_matcher(),
        whole,
        negated,
        directories_only,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOURCE: helm 4.2.3, `helm package` of a chart with these rules and files.
    #[test]
    fn rules_are_helms() {
        let rules = Rules::parse("*.bak\n/top\nsecret/\na/b\n# a comment\n").unwrap();
        for (path, directory, ignored) in [
            ("x.bak", false, true),
            ("deep/x.bak", false, true),
            ("top", false, true),
            ("deep/top", false, false),
            ("secret", true, true),
            ("secret", false, false),
            ("a/b", false, true),
            ("templates/.hidden", false, true),
        ] {
            assert_eq!(rules.ignores(path, directory), ignored, "{path}");
        }
        assert!(Rules::parse("**/x").is_err());
    }
}
