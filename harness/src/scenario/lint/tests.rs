//! Each finding names file, line, column, snippet and remedy.

use std::{fs, path::Path};

use crate::scenario::{Catalogue, Roots};

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn suite(scenarios: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "scenarios/requirements.yaml", "F-001: Something holds.\n");
    write(
        root,
        "scenarios/features.yaml",
        "kustomize.prune: { level: core, upstream: docs }\n",
    );
    write(root, "fixtures/repos/app/v1/a.yaml", "a: 1\n");
    for (file, text) in scenarios {
        write(root, &format!("scenarios/{file}"), text);
    }
    let catalogue = Catalogue::read(Roots::at(root)).unwrap();
    catalogue.findings.iter().map(ToString::to_string).collect()
}

const HEAD: &str = "title: T\nrequirements: [F-001]\nfeatures: [kustomize.prune]\n";

#[test]
fn a_right_scenario_has_no_findings() {
    let text =
        format!("{HEAD}given: {{ repos: {{ app: v1 }} }}\nsteps:\n  - push: {{ repo: app, revision: v1 }}\n");
    assert_eq!(suite(&[("k/p/a.yaml", &text)]), Vec::<String>::new());
}

#[test]
fn a_misspelled_verb_is_pointed_at() {
    let found = suite(&[("k/p/a.yaml", &format!("{HEAD}steps:\n  - aply: []\n"))]);
    assert_eq!(
        found,
        ["error: unknown verb or value `aply`\n  \
          --> scenarios/k/p/a.yaml:5:5\n   \
          4 | steps:\n   \
          5 |   - aply: []\n     \
          |     ^\n   \
          = did you mean `apply`?\n   \
          = expected one of: apply, delete, patch, push, expect, hold, never, fails, snapshot, restart, advance, behave, break, heal\n"]
    );
}

#[test]
fn a_wrong_field_is_pointed_at() {
    let found = suite(&[("k/p/a.yaml", &format!("{HEAD}steps:\n  - push: {{ rep: app }}\n"))]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("--> scenarios/k/p/a.yaml:5:13"), "{}", found[0]);
    assert!(found[0].contains("unknown field `rep`"), "{}", found[0]);
    assert!(found[0].contains("did you mean `repo`?"), "{}", found[0]);
}

#[test]
fn a_missing_fixture_is_pointed_at() {
    let text = format!("{HEAD}given: {{ repos: {{ app: v2, ap: v1 }} }}\nsteps: []\n");
    let found = suite(&[("k/p/a.yaml", &text)]).join("\n");
    assert!(found.contains("no fixture fixtures/repos/app/v2"), "{found}");
    assert!(found.contains("--> scenarios/k/p/a.yaml:4:24"), "{found}");
    assert!(found.contains("did you mean `v1`?"), "{found}");
    assert!(found.contains("no fixture fixtures/repos/ap/v1"), "{found}");
    assert!(found.contains("did you mean `app`?"), "{found}");
}

#[test]
fn a_duplicate_title_is_pointed_at() {
    let text = format!("{HEAD}steps: []\n");
    let found = suite(&[("k/p/a.yaml", &text), ("k/p/b.yaml", &text)]);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("duplicate scenario title \"T\""),
        "{}",
        found[0]
    );
    assert!(found[0].contains("--> scenarios/k/p/b.yaml:1:8"), "{}", found[0]);
    assert!(
        found[0].contains("it is also the title at scenarios/k/p/a.yaml:1:8"),
        "{}",
        found[0]
    );
}

#[test]
fn unknown_names_and_other_files_are_pointed_at() {
    let text = "title: T\nrequirements: [F-002]\nfeatures: [kustomize.prun]\nsteps:\n  \
                - expect: { object: { kind: A, name: b }, cel: 'object.(' }\n  \
                - hold: { during: 1h }\n  - restart: kustomise-controller\n  \
                - apply: [{ kind: A, spec: { url: '{{web}}' } }]\n";
    let found = suite(&[("k/p/a.yaml", text), ("k/p/b.yml", "x: 1\n")]).join("\n");
    for expected in [
        "unknown requirement \"F-002\"",
        "did you mean `F-001`?",
        "did you mean `kustomize.prune`?",
        "not a CEL expression",
        "a hold needs",
        "did you mean `kustomize-controller`?",
        "a manifest needs apiVersion",
        "no repository \"web\" is given",
        "the name must end in .yaml",
    ] {
        assert!(found.contains(expected), "{expected}\n{found}");
    }
}

#[test]
fn an_advance_says_how_much_is_enough_in_real_time() {
    for (advance, words) in [
        ("1h", "needs `atLeast`"),
        ("0s", "needs time"),
        ("{ by: 1h, atLeast: 0s }", "`atLeast` needs time"),
        ("{ by: 10s, atLeast: 10s }", "less than `by`, which is 10s"),
        ("{ by: 1h, atLeast: 5m }", "must not be more than 1m0s"),
        ("{ by: 1h }", "missing field `atLeast`"),
    ] {
        let found = suite(&[("k/p/a.yaml", &format!("{HEAD}steps:\n  - advance: {advance}\n"))]);
        assert_eq!(found.len(), 1, "{advance}: {found:?}");
        assert!(found[0].contains(words), "{advance}: {}", found[0]);
    }
    for advance in ["1m", "{ by: 24h, atLeast: 30s }"] {
        let found = suite(&[("k/p/a.yaml", &format!("{HEAD}steps:\n  - advance: {advance}\n"))]);
        assert_eq!(found, Vec::<String>::new(), "{advance}");
    }
}

#[test]
fn only_workloads_have_pods_that_behave() {
    let step = "behave: { pods: { kind: ConfigMap, name: a }, like: neverReady }";
    let found = suite(&[("k/p/a.yaml", &format!("{HEAD}steps:\n  - {step}\n"))]);
    assert!(found[0].contains("ConfigMap has no pods"), "{}", found[0]);
}
