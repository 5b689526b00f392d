//! The project's own copy of the transcripts: how many cases agree may only rise.

use std::path::Path;

/// Cases that agree at least, by area.
const RATCHET: [(&str, usize); 14] = [
    ("patch-fieldvalidation", 22),
    ("patch-generation", 17),
    ("patch-json", 100),
    ("patch-merge", 48),
    ("patch-misc", 17),
    ("patch-strategic", 77),
    ("ssa", 388),
    ("ssa-builtin", 19),
    ("ssa-crd", 192),
    ("ssa-idempotence", 56),
    ("ssa-managers", 15),
    ("ssa-random", 109),
    ("ssa-request", 11),
    ("ssa-subresource", 11),
];

#[test]
fn agreement_only_rises() {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/kube-apiserver-1.36.2.jsonl.zst");
    let report = apiserver::corpus::replay(&archive, None).unwrap();
    let mut fallen = Vec::new();
    for (name, least) in RATCHET {
        let area = &report.areas[name];
        if area.matched < least {
            let first: Vec<String> = area
                .differences
                .iter()
                .map(|found| format!("{}: {}", found.case, found.text))
                .collect();
            fallen.push(format!(
                "{name}: {} instead of {least}\n{}",
                area.matched,
                first.join("\n")
            ));
        }
    }
    assert!(fallen.is_empty(), "{}\n{}", report, fallen.join("\n"));
}
