//! `lib/git` against the genuine `git upload-pack`. Here and not there, as libraries do not name the simulation.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod ssh;

use std::{fs, path::Path, time::Duration};

use edges::{Blocking, Clock, DataDir, Edges, HttpClient, Listener, Seed, Serving};
use git::{Checkout, Credentials, Outcome, Reference};
use git_server::{GitServer, Oid};

struct World {
    git: GitServer,
    edges: Edges,
    first: Oid,
    second: Oid,
}

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = tree.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    tree
}

fn world() -> World {
    let git = GitServer::new().unwrap();
    let first = tree(&[("a.yaml", "a: 1\n"), (".gitattributes", "* text=auto eol=crlf\n")]);
    let first = git.create("app", first.path(), "First").unwrap();
    let second = tree(&[("a.yaml", "a: 2\n"), ("b/c.yaml", "c: 1\n")]);
    std::os::unix::fs::symlink("a.yaml", second.path().join("link")).unwrap();
    let second = git.push("app", "main", second.path(), "Second\n\nBody").unwrap();
    let kube = tower::service_fn(|_: http::Request<kube::client::Body>| {
        std::future::ready(Err::<http::Response<kube::client::Body>, _>(
            std::io::Error::other("no cluster"),
        ))
    });
    let edges = Edges {
        kube: kube::Client::new(kube, "default"),
        net: edges::Net::none(),
        http: HttpClient::new(git.service()),
        listener: Listener::new(|_, _| Ok(Serving::until_dropped(()))),
        disk: DataDir::temporary().unwrap(),
        clock: Clock::starting_at(jiff::Timestamp::UNIX_EPOCH),
        seed: Seed(1),
        blocking: Blocking::Lockstep,
    };
    World {
        git,
        edges,
        first,
        second,
    }
}

const URL: &str = "http://git.example.com/app.git";

fn checkout(reference: Reference) -> Checkout {
    Checkout {
        url: URL.into(),
        credentials: Credentials::Anonymous,
        options: edges::HttpOptions::default(),
        reference,
        directories: Vec::new(),
        submodules: false,
        last_revision: None,
        timeout: Duration::from_secs(60),
    }
}

impl World {
    /// The revision and `a.yaml`, or the error.
    async fn revision(&self, checkout: Checkout) -> Result<(String, String), String> {
        let absolute = matches!(checkout.reference, Reference::Name(_));
        match checkout.run(&self.edges).await {
            Ok(Outcome::Fetched { commit, tree }) => {
                let text = fs::read_to_string(tree.path().join("a.yaml")).unwrap();
                assert!(!tree.path().join(".git").exists());
                let revision = if absolute {
                    commit.absolute_revision()
                } else {
                    commit.revision()
                };
                Ok((revision, text))
            }
            Ok(Outcome::Unchanged { revision }) => Ok((revision, String::new())),
            Ok(Outcome::Empty) => Ok(("empty".into(), String::new())),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn of(&self, reference: Reference) -> Result<(String, String), String> {
        self.revision(checkout(reference)).await
    }
}

fn branch(name: &str) -> Reference {
    Reference::Branch(name.into())
}

fn commit(hash: impl ToString, branch: Option<&str>) -> Reference {
    Reference::Commit {
        hash: hash.to_string(),
        branch: branch.map(str::to_owned),
    }
}

// Covers: SC-05.
#[tokio::test(start_paused = true)]
async fn every_reference_leads_to_its_commit() {
    let world = world();
    let World {
        git, first, second, ..
    } = &world;
    git.tag("app", "v1.0.0", *first, true).unwrap();
    git.tag("app", "1.1.0", *second, false).unwrap();
    git.tag("app", "v1.2.0-rc.1", *first, false).unwrap();
    git.tag("app", "v1.2", *first, false).unwrap();
    git.set_ref("app", "refs/pull/7/head", *first).unwrap();
    let one = |revision: &str| Ok((format!("{revision}@sha1:{first}"), "a: 1\n".to_owned()));
    let two = |revision: &str| Ok((format!("{revision}@sha1:{second}"), "a: 2\n".to_owned()));

    assert_eq!(world.of(branch("main")).await, two("main"));
    assert_eq!(world.of(Reference::Tag("v1.0.0".into())).await, one("v1.0.0"));
    assert_eq!(world.of(Reference::SemVer("1.x".into())).await, two("1.1.0"));
    assert_eq!(world.of(Reference::SemVer("<1.1".into())).await, one("v1.0.0"));
    assert_eq!(
        world.of(Reference::SemVer(">=1.0-0".into())).await,
        one("v1.2.0-rc.1")
    );
    assert_eq!(
        world.of(Reference::Name("refs/heads/main".into())).await,
        two("refs/heads/main")
    );
    assert_eq!(
        world.of(Reference::Name("refs/pull/7/head".into())).await,
        one("refs/pull/7/head")
    );
    assert_eq!(
        world.of(Reference::Name("refs/tags/v1.0.0".into())).await,
        one("refs/tags/v1.0.0")
    );
    assert_eq!(world.of(commit(first, Some("main"))).await, one("main"));
    let bare = Ok((format!("sha1:{first}"), "a: 1\n".to_owned()));
    assert_eq!(world.of(commit(first, None)).await, bare);
}

#[tokio::test(start_paused = true)]
async fn of_tags_that_differ_in_metadata_the_younger_commit_wins() {
    let world = world();
    world.git.tag("app", "v1.0.0+a", world.second, false).unwrap();
    world.git.tag("app", "v1.0.0+b", world.first, true).unwrap();
    let (revision, _) = world.of(Reference::SemVer("*".into())).await.unwrap();
    assert_eq!(revision, format!("v1.0.0+a@sha1:{}", world.second));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_when_the_server_has_the_last_revision() {
    let world = world();
    world.git.tag("app", "v1", world.first, true).unwrap();
    for (reference, name) in [
        (branch("main"), "main"),
        (Reference::Name("refs/heads/main".into()), "refs/heads/main"),
        (Reference::Tag("v1".into()), "v1"),
    ] {
        let commit = if name == "v1" { world.first } else { world.second };
        let last = format!("{name}@sha1:{commit}");
        let mut checkout = checkout(reference);
        checkout.last_revision = Some(last.clone());
        assert_eq!(world.revision(checkout.clone()).await, Ok((last, String::new())));
        checkout.last_revision = Some(format!("{name}@sha1:{}", "0".repeat(40)));
        assert!(!world.revision(checkout).await.unwrap().1.is_empty());
    }
}

// Covers: SC-13, SC-14.
#[tokio::test(start_paused = true)]
async fn errors_are_upstreams() {
    let world = world();
    world.git.create_empty("empty").unwrap();
    let no_ref = |name: &str| {
        Err(format!(
            "unable to clone: couldn't find remote ref \"{name}\": git repository: '{URL}'"
        ))
    };
    assert_eq!(world.of(branch("none")).await, no_ref("refs/heads/none"));
    assert_eq!(
        world.of(Reference::Tag("none".into())).await,
        no_ref("refs/tags/none")
    );
    assert_eq!(
        world.of(commit(world.first, Some("none"))).await,
        no_ref("refs/heads/none")
    );
    let zeros = "0".repeat(40);
    let cases = [
        (
            Reference::Name("refs/none".into()),
            "unable to resolve ref 'refs/none' to a specific commit".to_owned(),
        ),
        (
            commit(&zeros, Some("main")),
            format!("unable to resolve commit object for '{zeros}': object not found"),
        ),
        (
            commit("main", None),
            "unable to resolve commit object for 'main': object not found".into(),
        ),
        (
            Reference::SemVer(">=2".into()),
            "no match found for semver: >=2".into(),
        ),
        (
            Reference::SemVer("latest".into()),
            "semver parse error: improper constraint: \"latest\"".into(),
        ),
    ];
    for (reference, message) in cases {
        assert_eq!(world.of(reference).await, Err(message));
    }
    let mut other = checkout(branch("main"));
    other.url = "http://git.example.com/other.git".into();
    assert_eq!(
        world.revision(other.clone()).await.unwrap_err(),
        "unable to clone: repository not found: git repository: 'http://git.example.com/other.git'"
    );
    other.last_revision = Some("main@sha1:x".into());
    assert_eq!(
        world.revision(other.clone()).await.unwrap_err(),
        "unable to list remote for 'http://git.example.com/other.git': repository not found"
    );
    other.url = "http://git.example.com/empty.git".into();
    assert_eq!(world.revision(other).await.unwrap().0, "empty");
    world.git.set_available(false);
    assert_eq!(
        world.of(branch("main")).await.unwrap_err(),
        format!(
            "unable to clone '{URL}': Get \"{URL}/info/refs?service=git-upload-pack\": dial tcp: connect: connection refused"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn credentials_open_a_repository() {
    let world = world();
    let basic = git_server::Credentials::Basic {
        username: "git".into(),
        password: "secret".into(),
    };
    world.git.require("app", Some(basic)).unwrap();
    let mut checkout = checkout(branch("main"));
    assert_eq!(
        world.revision(checkout.clone()).await.unwrap_err(),
        format!("unable to clone '{URL}': authentication required")
    );
    checkout.credentials = Credentials::Basic {
        username: "git".into(),
        password: "secret".into(),
    };
    assert!(world.revision(checkout.clone()).await.is_ok());
    checkout.credentials = Credentials::Anonymous;
    checkout.url = URL.replace("://", "://git:secret@");
    assert!(world.revision(checkout.clone()).await.is_ok());
    let token = git_server::Credentials::Bearer("token".into());
    world.git.require("app", Some(token)).unwrap();
    let error = world.revision(checkout.clone()).await.unwrap_err();
    assert!(!error.contains("secret"), "{error}");
    checkout.credentials = Credentials::Bearer("token\n".into());
    assert!(world.revision(checkout).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_given_up() {
    let mut world = world();
    world.edges.http = HttpClient::new(tower::service_fn(|_| std::future::pending()));
    let before = world.edges.clock.now();
    assert_eq!(
        world.of(branch("main")).await.unwrap_err(),
        format!("unable to clone '{URL}': context deadline exceeded")
    );
    assert_eq!(world.edges.clock.since(before).as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn files_come_as_they_are() {
    let world = world();
    let fetch = async |reference| {
        let outcome = checkout(reference).run(&world.edges).await.unwrap();
        let Outcome::Fetched { tree, .. } = outcome else {
            panic!("{outcome:?}")
        };
        tree
    };
    let first = fetch(commit(world.first, None)).await;
    let text = fs::read_to_string(first.path().join("a.yaml")).unwrap();
    assert_eq!(text, "a: 1\n", "no line endings are converted");
    let second = fetch(branch("main")).await;
    let link = fs::read_link(second.path().join("link")).unwrap();
    assert_eq!(link, Path::new("a.yaml"));
}

/// `app` with `lib` at `vendor/lib`, and `base` within that.
fn with_submodules(world: &World) {
    let gitmodules = |path: &str, url: &str| format!("[submodule \"x\"]\n\tpath = {path}\n\turl = {url}\n");
    let base = tree(&[("base.yaml", "base: 1\n")]);
    let base = world.git.create("base", base.path(), "Base").unwrap();
    let list = gitmodules("base", "http://git.example.com/base.git");
    let lib = tree(&[("lib.yaml", "lib: 1\n"), (".gitmodules", &list)]);
    world.git.create_empty("lib").unwrap();
    let lib = world
        .git
        .push_with_submodules("lib", "main", lib.path(), &[("base", base)], "Lib");
    let newer = tree(&[("lib.yaml", "lib: 2\n")]);
    world.git.push("lib", "main", newer.path(), "Newer").unwrap();
    let list = gitmodules("vendor/lib", "../lib.git");
    let app = tree(&[
        ("a.yaml", "a: 3\n"),
        ("vendor/README", ""),
        (".gitmodules", &list),
    ]);
    let links = [("vendor/lib", lib.unwrap())];
    world
        .git
        .push_with_submodules("app", "main", app.path(), &links, "App")
        .unwrap();
}

// Covers: SC-18.
#[tokio::test(start_paused = true)]
async fn submodules_come_at_their_commits() {
    let world = world();
    with_submodules(&world);
    let mut checkout = checkout(branch("main"));
    checkout.submodules = true;
    let outcome = checkout.clone().run(&world.edges).await.unwrap();
    let Outcome::Fetched { tree, .. } = outcome else {
        panic!("{outcome:?}")
    };
    let text = |name: &str| fs::read_to_string(tree.path().join(name)).unwrap();
    assert_eq!(text("a.yaml"), "a: 3\n");
    assert_eq!(text("vendor/lib/lib.yaml"), "lib: 1\n");
    assert_eq!(text("vendor/lib/base/base.yaml"), "base: 1\n");
    world.git.delete("base").unwrap();
    assert_eq!(
        world.revision(checkout).await.unwrap_err(),
        "unable to update submodule 'base': unable to clone 'http://git.example.com/base.git': repository not found"
    );
}

// Covers: SC-22.
#[tokio::test(start_paused = true)]
async fn a_sparse_checkout_has_only_its_directories() {
    let world = world();
    let files = tree(&[
        ("a/x", ""),
        ("a/b/y", ""),
        ("ab/z", ""),
        ("c/[x]/y", ""),
        ("root", ""),
    ]);
    world
        .git
        .push("app", "main", files.path(), "Directories")
        .unwrap();
    let mut checkout = checkout(branch("main"));
    checkout.directories = vec!["a".into(), "c/[x]".into()];
    let outcome = checkout.run(&world.edges).await.unwrap();
    let Outcome::Fetched { tree, .. } = outcome else {
        panic!("{outcome:?}")
    };
    let there = |name: &str| tree.path().join(name).exists();
    assert!(there("a/x") && there("a/b/y") && there("c/[x]/y"));
    assert!(!there("ab") && !there("root"));
}

#[test]
fn worlds_in_parallel_threads_do_not_meet() {
    let run = |index: usize| {
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async move {
                let world = world();
                let text = format!("a: {index}\n");
                let tree = tree(&[("a.yaml", &text)]);
                world.git.push("app", "main", tree.path(), "Own").unwrap();
                for _ in 0..5 {
                    assert_eq!(world.of(branch("main")).await.unwrap().1, text);
                }
            });
        }
    };
    let threads: Vec<_> = (0..4).map(|index| std::thread::spawn(run(index))).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
