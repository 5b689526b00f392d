//! The project's own copy of the transcripts, replayed beside the controllers: how many cases agree may only rise.

use std::path::Path;

use kubelet::corpus::ControllerManager;

/// Cases that agree at least, by area.
const RATCHET: [(&str, usize); 34] = [
    ("admission", 69),
    ("authentication", 41),
    ("authorization", 81),
    ("badrequest", 55),
    ("cel", 110),
    ("controllers", 29),
    ("crd", 135),
    ("crud", 229),
    ("defaulting", 87),
    ("deletion", 86),
    ("discovery", 99),
    ("fieldvalidation", 34),
    ("garbage-collection", 17),
    ("lists", 176),
    ("namespaces", 9),
    ("openshift-scc", 91),
    ("patch-fieldvalidation", 22),
    ("patch-generation", 17),
    ("patch-json", 100),
    ("patch-merge", 48),
    ("patch-misc", 18),
    ("patch-strategic", 77),
    ("ssa", 389),
    ("ssa-builtin", 20),
    ("ssa-crd", 193),
    ("ssa-idempotence", 56),
    ("ssa-managers", 15),
    ("ssa-random", 109),
    ("ssa-request", 11),
    ("ssa-subresource", 11),
    ("subresources", 41),
    ("tables", 97),
    ("validation", 457),
    ("watch", 109),
];

#[test]
fn agreement_only_rises() {
    let archive =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../apiserver/vectors/kube-apiserver-1.36.2.jsonl.zst");
    let report = apiserver::corpus::replay(&archive, None, &ControllerManager).unwrap();
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
