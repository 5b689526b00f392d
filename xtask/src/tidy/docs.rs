//! Every Rust file says in its first line what it is.

use super::{Finding, Source};

pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let silent = |source: &&Source| source.is_rust() && !source.text.starts_with("//!");
    let finding = |source: &Source| {
        Finding::new(
            &source.path,
            "starts with a `//!` line that says what the file is",
        )
    };
    sources.iter().filter(silent).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_file_is_found() {
        let source = |text: &str| Source {
            path: "lib/a/src/b.rs".to_owned(),
            text: text.to_owned(),
        };
        assert_eq!(check(&[source("use x;")]).len(), 1);
        assert_eq!(check(&[source("//! B.\nuse x;")]).len(), 0);
    }
}
