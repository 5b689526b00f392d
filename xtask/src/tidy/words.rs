//! No unfinished work, no ignored tests, no paths of somebody's machine.

use super::{Finding, Source};

/// Built from halves, so that this file does not find itself.
const UNFINISHED: [(&str, &str); 6] = [
    ("to", "do!("),
    ("unimple", "mented!("),
    ("FIX", "ME"),
    ("XX", "X:"),
    ("#[ign", "ore"),
    ("not yet impl", "emented"),
];
const PRIVATE: [(&str, &str); 3] = [("/ro", "ot/"), ("/ho", "me/"), ("/Use", "rs/")];

pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let data = source.path.contains("/vectors/") || source.path.contains("/data/");
        for (number, line) in source.text.lines().enumerate().filter(|_| !data) {
            let place = || format!("{}:{}", source.path, number + 1);
            let has = |(left, right): &&(&str, &str)| line.contains(&format!("{left}{right}"));
            if source.is_rust() && UNFINISHED.iter().any(|word| has(&word)) {
                findings.push(Finding::new(place(), "unfinished work: finish it or take it out"));
            }
            if PRIVATE.iter().any(|word| has(&word)) {
                findings.push(Finding::new(place(), "a path of somebody's machine"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_found() {
        let text = format!("fn f() {{ {}{}) }}\n// see {}{}x", "to", "do!(", "/ho", "me/");
        let source = Source {
            path: "lib/a/src/b.rs".to_owned(),
            text,
        };
        assert_eq!(check(&[source]).len(), 2);
    }
}
