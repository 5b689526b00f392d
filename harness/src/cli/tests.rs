//! What the program's exit code says.

use std::{fs, path::Path};

use super::*;

/// A suite with one scenario that passes, one that fails and nothing else.
fn suite(root: &Path) {
    let scenario = |title: &str, steps: &str| {
        format!("title: {title}\nrequirements: [R-1]\nfeatures: [a.b]\nsteps:\n{steps}")
    };
    let files = [
        ("requirements.yaml", "R-1: Something holds.\n".to_owned()),
        (
            "features.yaml",
            "a.b: { level: core, upstream: none }\n".to_owned(),
        ),
        ("a/b/holds.yaml", scenario("Holds", "  - advance: 1m\n")),
        (
            "a/b/fails.yaml",
            scenario("Fails", "  - expect: { object: { kind: Pod, name: gone } }\n"),
        ),
    ];
    for (file, text) in files {
        let path = root.join("scenarios").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn call(root: &Path, words: &str) -> io::Result<Exit> {
    let root = root.to_string_lossy().into_owned();
    let program = ["gitops-conformance", "--root", &root];
    let words = program.into_iter().chain(words.split_whitespace());
    dispatch(&Cli::try_parse_from(words).unwrap())
}

#[test]
fn the_exit_code_says_what_came_of_it() {
    let folder = tempfile::tempdir().unwrap();
    suite(folder.path());
    for (words, expected) in [
        ("run holds", Exit::Passed),
        ("run a/b/holds --exact", Exit::Passed),
        ("run scenarios/a/b/holds.yaml --exact", Exit::Passed),
        ("run --list", Exit::Passed),
        ("run fails", Exit::Failed),
        ("run --fail-fast --jobs 1", Exit::Failed),
        ("run nothing-like-it", Exit::NothingSelected),
        ("run a/b/hold --exact", Exit::NothingSelected),
        ("lint", Exit::Passed),
        ("run --target attached", Exit::Usage),
        ("run --target attached --kubeconfig k --git http://g", Exit::Usage),
        ("run --target local --context c", Exit::Usage),
        ("run --target local --faults 1", Exit::Usage),
    ] {
        assert_eq!(call(folder.path(), words).unwrap(), expected, "{words}");
    }
    fs::write(folder.path().join("scenarios/a/b/wrong.yaml"), "titel: x\n").unwrap();
    assert_eq!(call(folder.path(), "lint").unwrap(), Exit::Usage);
    assert_eq!(call(folder.path(), "run holds").unwrap(), Exit::Usage);
}

#[test]
fn reports_are_written_beside_the_run() {
    let folder = tempfile::tempdir().unwrap();
    suite(folder.path());
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let words = format!(
        "run --report junit={},json={} --trace {}",
        path("j.xml"),
        path("r.json"),
        path("t.jsonl")
    );
    assert_eq!(call(folder.path(), &words).unwrap(), Exit::Failed);
    let json = fs::read_to_string(path("r.json")).unwrap();
    let events: Vec<serde_json::Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.first().unwrap()["event"], "runStarted");
    assert_eq!(events.last().unwrap()["event"], "runFinished");
    assert_eq!(events.last().unwrap()["failed"], 1);
    assert!(fs::read_to_string(path("j.xml")).unwrap().contains("a/b/fails"));
    let trace = fs::read_to_string(path("t.jsonl")).unwrap();
    assert!(trace.lines().all(|line| line.contains("\"scenario\":\"a/b/")));
}

#[test]
fn a_report_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    suite(folder.path());
    let error = call(folder.path(), "run holds --report json=/no/such/folder/r.json").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot write /no/such/folder/r.json: "),
        "{error}"
    );
    if Path::new("/dev/full").exists() {
        for words in [
            "run holds --report json=/dev/full",
            "run holds --report junit=/dev/full",
        ] {
            let error = call(folder.path(), words).unwrap_err();
            assert!(
                error.to_string().starts_with("cannot write /dev/full: "),
                "{error}"
            );
        }
    }
}

#[test]
fn wrong_words_are_refused() {
    for words in [
        "run --report xml=a",
        "run --exact",
        "rum",
        "run --seed x",
        "run --faults 3..1",
        "run --faults x",
        "run --git nowhere",
        "run --max-hold soon",
    ] {
        let words = ["gitops-conformance"].into_iter().chain(words.split_whitespace());
        assert!(Cli::try_parse_from(words).is_err());
    }
}
