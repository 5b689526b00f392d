//! The runner on a world: what passes, what fails and how it is told.

use std::{
    fs,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use edges::Seed;
use kubelet::{Launcher, Pod};

use super::{Options, judge};
use crate::{
    Attached, Site, SnapshotMode, Verdict,
    event::Outcome,
    report::explain,
    scenario::{Catalogue, Roots, parse},
    target,
};

fn roots() -> Roots {
    Roots::at(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
}

fn play(steps: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    play_in(folder.path(), steps, SnapshotMode::Compare)
}

fn play_in(root: &Path, steps: &str, snapshots: SnapshotMode) -> Outcome {
    fs::create_dir_all(root.join("fixtures/repos/app/v1")).unwrap();
    fs::write(root.join("fixtures/repos/app/v1/a.yaml"), "a: 1\n").unwrap();
    let text = format!(
        "title: T\nrequirements: []\nfeatures: []\ngiven: {{ repos: {{ app: v1 }} }}\nsteps:\n{steps}"
    );
    let source = parse("scenarios/t.yaml".to_owned(), "t".to_owned(), text).unwrap();
    let options = Options {
        snapshots,
        trace: true,
        ..Options::new(Roots::at(root), 1)
    };
    judge(&source, &options, &mut |_| {})
}

#[track_caller]
fn passes(steps: &str) {
    let outcome = play(steps);
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", explain(&outcome));
}

#[track_caller]
fn fails(steps: &str, code: &str, words: &str) {
    let outcome = play(steps);
    let text = explain(&outcome);
    assert_eq!(outcome.verdict, Verdict::Failed, "{text}");
    assert_eq!(outcome.failure.as_ref().unwrap().code, code, "{text}");
    assert!(text.contains(words), "{text}");
}

const CONFIG: &str = "  - apply: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: a }, data: { url: '{{app}}', x: '1' } }]\n";

#[test]
fn the_verbs_of_kubectl_do_what_they_say() {
    passes(&format!(
        "{CONFIG}  \
         - expect: {{ object: {{ kind: ConfigMap, name: a }}, match: {{ data: {{ url: 'http://git.example.com/app.git' }} }} }}\n  \
         - patch: {{ object: {{ kind: ConfigMap, name: a }}, merge: {{ data: {{ x: '2' }} }} }}\n  \
         - patch: {{ object: {{ kind: ConfigMap, name: a }}, json: [{{ op: remove, path: /data/url }}] }}\n  \
         - expect: {{ object: {{ kind: ConfigMap, name: a }}, match: {{ data: {{ x: '2', url: null }} }}, cel: object.data.x == '2' }}\n  \
         - hold: {{ during: 1h, unchanged: [{{ kind: ConfigMap, name: a }}], quiet: true }}\n  \
         - delete: {{ kind: ConfigMap, name: a }}\n  \
         - expect: {{ object: {{ kind: ConfigMap, name: a }}, exists: false }}\n  \
         - never: {{ state: {{ object: {{ kind: ConfigMap, name: b }} }}, during: 1h }}\n  \
         - advance: 24h\n"
    ));
}

#[test]
fn workloads_become_ready_in_virtual_time() {
    passes(
        "  - apply:\n      - apiVersion: apps/v1\n        kind: Deployment\n        metadata: { name: web }\n        \
         spec:\n          selector: { matchLabels: { app: web } }\n          template:\n            \
         metadata: { labels: { app: web } }\n            spec: { containers: [{ name: web, image: web }] }\n  \
         - never:\n      state: { object: { kind: Deployment, name: web }, match: { status: { readyReplicas: 2 } } }\n      \
         until: { object: { kind: Deployment, name: web }, match: { status: { readyReplicas: 1 } } }\n",
    );
}

#[test]
fn an_expectation_that_does_not_come_true_says_what_was_seen() {
    let steps = format!(
        "{CONFIG}  - expect: {{ object: {{ kind: ConfigMap, name: a }}, match: {{ data: {{ x: '3' }} }} }}\n"
    );
    fails(&steps, "expect.timeout", "data.x: expected \"3\", saw \"1\"");
    fails(
        "  - expect: { object: { kind: ConfigMap, name: gone }, within: 10s }\n",
        "expect.timeout",
        "expected it to exist, saw that it never existed",
    );
}

#[test]
fn a_hold_that_breaks_says_when() {
    let steps = "  - hold: { during: 1h, state: { object: { kind: ConfigMap, name: a } } }\n";
    fails(steps, "hold.broken", "after 0s");
    fails(
        "  - hold: { during: 1h, unchanged: [{ kind: Pod, name: a }] }\n",
        "hold.missing",
        "does not exist",
    );
}

#[test]
fn what_must_never_be_seen_is_seen_even_if_it_is_gone_again() {
    let steps =
        format!("{CONFIG}  - never: {{ state: {{ object: {{ kind: ConfigMap, name: a }} }}, during: 1m }}\n");
    fails(
        &steps,
        "never.seen",
        "ConfigMap/default/a was seen as it must never be",
    );
}

#[test]
fn refusals_are_compared_with_what_was_expected() {
    let refused = "action: { apply: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: A_B } }] }";
    passes(&format!(
        "  - fails: {{ {refused}, code: 422, reason: Invalid, message: '*a lowercase RFC 1123 subdomain*' }}\n"
    ));
    fails(
        &format!("  - fails: {{ {refused}, code: 403 }}\n"),
        "fails.otherwise",
        "code: expected 403, saw 422",
    );
    let accepted = "action: { apply: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: a } }] }";
    fails(
        &format!("  - fails: {{ {accepted} }}\n"),
        "fails.accepted",
        "the action was accepted",
    );
    fails(
        "  - apply: [{ apiVersion: example.com/v1, kind: Nothing, metadata: { name: a } }]\n",
        "apply.refused",
        "no matches for kind \"Nothing\" in version \"example.com/v1\"",
    );
}

#[test]
fn a_snapshot_is_written_on_demand_and_then_compared() {
    let folder = tempfile::tempdir().unwrap();
    let steps = format!("{CONFIG}  - snapshot: {{ name: s, objects: [{{ kind: ConfigMap, name: a }}] }}\n");
    let refused = play_in(folder.path(), &steps, SnapshotMode::Compare);
    assert_eq!(refused.failure.unwrap().code, "snapshot.new");
    let written = play_in(folder.path(), &steps, SnapshotMode::Update);
    assert_eq!(written.snapshots.len(), 1);
    let compared = play_in(folder.path(), &steps, SnapshotMode::Compare);
    assert_eq!(compared.verdict, Verdict::Passed, "{}", explain(&compared));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let roots = roots();
    let source = Catalogue::read_one(&roots, "kustomize/prune/removed-file")
        .unwrap()
        .unwrap();
    let trace = |seed| {
        let options = Options {
            trace: true,
            ..Options::new(roots.clone(), seed)
        };
        let outcome = judge(&source, &options, &mut |_| {});
        assert_eq!(outcome.verdict, Verdict::Passed, "{}", explain(&outcome));
        outcome.trace
    };
    let first = trace(7);
    assert!(
        first
            .iter()
            .any(|line| line.contains("ConfigMap/default/settings deleted"))
    );
    assert!(first.iter().any(|line| line.contains(r#""verb":"delete""#)));
    assert_eq!(first, trace(7));
    assert_ne!(first, trace(8));
}

#[test]
fn faults_may_swallow_what_is_only_seen_in_passing() {
    let roots = roots();
    for name in [
        "kustomize/trigger/stages-of-a-pass",
        "runtime/election/one-leader",
    ] {
        let source = Catalogue::read_one(&roots, name).unwrap().unwrap();
        let options = Options::new(roots.clone(), 1);
        let watch = (&super::References::default(), &super::Pulse::default());
        let outcome = super::judge_faulted(&source, &options, 1, watch, &mut |_| {});
        assert_eq!(outcome.verdict, Verdict::Passed, "{}", explain(&outcome));
    }
}

/// What a component does that never waits: other tasks get their turns, time stands still.
async fn run_in_a_circle(pulse: super::Pulse, held: Arc<()>) {
    for turn in 0_u64.. {
        tokio::task::yield_now().await;
        if turn == 1_000 {
            let pulse = pulse.clone();
            std::thread::spawn(move || pulse.end());
        }
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

#[test]
fn a_circle_can_be_ended_and_leaves_nothing_behind() {
    let source = parse(
        "t.yaml".to_owned(),
        "t".to_owned(),
        "title: T\nrequirements: []\nfeatures: []\nsteps: [{ advance: 1m }]\n".to_owned(),
    )
    .unwrap();
    let pulse = super::Pulse::default();
    let held = Arc::new(());
    let left = Arc::downgrade(&held);
    let course = super::play(&source, Seed(1), &pulse, async |_started| {
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(run_in_a_circle(pulse.clone(), held));
        tasks.join_next().await;
        super::Course::default()
    });
    assert_eq!(course.miss.unwrap().0.code, "limit.silence");
    assert!(left.upgrade().is_none());
}

#[test]
fn passing_time_is_a_sign_of_life() {
    let source = parse(
        "t.yaml".to_owned(),
        "t".to_owned(),
        "title: T\nrequirements: []\nfeatures: []\nsteps: [{ advance: 1h }]\n".to_owned(),
    )
    .unwrap();
    let pulse = super::Pulse::default();
    let options = Options::new(roots(), 1);
    let outcome = super::judge_watched(&source, &options, &pulse, &mut |_| {});
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", explain(&outcome));
    assert!(pulse.beats() >= 60, "{}", pulse.beats());
}

/// A world in real time whose components run in this process: a unit test has no programs beside it.
fn world_in_this_process() -> world::Real {
    let later: Arc<OnceLock<Launcher>> = Arc::default();
    let known = later.clone();
    let real = target::open::start_installed(world::RealConfig {
        launcher: Some(Arc::new(move |pod: &Pod| {
            known.get().and_then(|launcher| launcher(pod))
        })),
        seed: Seed(1),
        ..world::RealConfig::default()
    })
    .unwrap();
    let _ = later.set(target::sim::launcher(real.world.gate()));
    real
}

/// A world in real time, entered by its kubeconfig like any cluster.
#[test]
fn an_attached_cluster_is_judged_and_left_as_it_was_found() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let real = runtime.block_on(async { world_in_this_process() });
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, real.kubeconfig()).unwrap();
    let file: serde_json::Value = serde_saphyr::from_str(&real.kubeconfig()).unwrap();
    let site = Attached {
        kubeconfig,
        context: file["current-context"].as_str().unwrap().to_owned(),
        git: format!("{}={}", real.git_url(), "http://git.example.com")
            .parse()
            .unwrap(),
    };
    let mut options = Options::new(roots(), 1);
    options.site = Site::Attached(site.clone());
    options.max_hold = Duration::from_secs(1);
    let present = || {
        let mut names = Vec::new();
        for (group, version, resource) in [
            ("", "v1", "configmaps"),
            ("apps", "v1", "deployments"),
            ("kustomize.toolkit.fluxcd.io", "v1", "kustomizations"),
            ("source.toolkit.fluxcd.io", "v1", "gitrepositories"),
        ] {
            let found = real
                .world
                .api
                .list(&apiserver::Gvr::new(group, version, resource), None);
            names.extend(
                found
                    .iter()
                    .map(|object| format!("{resource} {}", object["metadata"]["name"])),
            );
        }
        names
    };
    // A runtime of its own, gone at once, as the program does it.
    let own = || tokio::runtime::Runtime::new().unwrap();
    let entered = own().block_on(target::attached::enter(&site)).unwrap();
    assert_eq!(entered.lacking, ["openshift."]);
    let second = runtime.block_on(target::attached::enter(&site)).err().unwrap();
    assert_eq!(second.code, "target.lock");
    let before = present();
    // Pruning is off in the second: nobody but the harness takes back what it applied.
    for name in ["kustomize/prune/removed-file", "kustomize/prune/disabled"] {
        let source = Catalogue::read_one(&roots(), name).unwrap().unwrap();
        let (_keep, cancelled) = tokio::sync::watch::channel(false);
        let outcome = super::judge_live(&source, &options, cancelled, &mut |_| {});
        assert_eq!(outcome.verdict, Verdict::Passed, "{}", explain(&outcome));
        assert_eq!(present(), before, "{name}");
    }
    own().block_on(target::attached::leave(&site, entered)).unwrap();
    let entered = own().block_on(target::attached::enter(&site)).unwrap();
    own().block_on(target::attached::leave(&site, entered)).unwrap();
    let other = Attached {
        context: "another".to_owned(),
        ..site
    };
    let refused = runtime.block_on(target::attached::enter(&other)).err().unwrap();
    assert!(refused.message.contains("no such context"), "{}", refused.message);
}
