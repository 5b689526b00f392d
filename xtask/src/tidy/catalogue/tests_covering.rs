//! Tests that cover promises: a line `// Covers: ID, ID.` directly above the test's attributes.

use super::{Finding, Source};

const MARK: &str = "// Covers: ";

/// A test and the promises that it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CoveringTest {
    /// The file, from the project's folder.
    pub(super) path: String,
    /// The test's function.
    pub(super) name: String,
    pub(super) covers: Vec<String>,
}

/// All such tests, and the lines that stand above no test.
pub(super) fn read(sources: &[Source]) -> (Vec<CoveringTest>, Vec<Finding>) {
    let (mut tests, mut findings) = (Vec::new(), Vec::new());
    for source in sources.iter().filter(|source| source.is_rust()) {
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(ids) = line.strip_prefix(MARK) else {
                continue;
            };
            match test_below(&lines[at + 1..]) {
                Some(name) => tests.push(CoveringTest {
                    path: source.path.clone(),
                    name,
                    covers: ids.trim_end_matches('.').split(", ").map(str::to_owned).collect(),
                }),
                None => findings.push(Finding::new(
                    format!("{}:{}", source.path, at + 1),
                    "says what it covers, but no test follows",
                )),
            }
        }
    }
    (tests, findings)
}

/// The name of the function that these lines begin with, if its attributes make it a test.
fn test_below(lines: &[&str]) -> Option<String> {
    let above = lines
        .iter()
        .take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    let (count, is_test) = above.fold((0, false), |(count, is_test), line| {
        let test =
            line.starts_with("#[test]") || line.starts_with("#[tokio::test") || line.starts_with("#[rstest");
        (count + 1, is_test || test)
    });
    let function = lines.get(count).filter(|_| is_test)?;
    let name = function
        .trim_start_matches("async ")
        .strip_prefix("fn ")?
        .split(['(', '<'])
        .next()?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_above_tests_are_read_and_others_are_findings() {
        let mark = "// Covers";
        let text = format!(
            "//! X.\n    {mark}: A-1, A-2.\n    #[tokio::test(start_paused = true)]\n    async fn holds() {{\n{mark}: A-3.\nfn helper() {{}}\n"
        );
        let source = Source {
            path: "lib/a/src/b.rs".to_owned(),
            text,
        };
        let (tests, findings) = read(&[source]);
        assert_eq!(tests.len(), 1);
        assert_eq!(
            (tests[0].name.as_str(), tests[0].covers.join(" ")),
            ("holds", "A-1 A-2".to_owned())
        );
        let findings: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert_eq!(
            findings,
            ["lib/a/src/b.rs:5: says what it covers, but no test follows"]
        );
    }
}
