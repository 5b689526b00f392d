//! Checkouts over SSH.

use super::*;

/// A fixture key, as the server's crate has it.
fn key(name: &str) -> String {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sim/git-server/keys");
    fs::read_to_string(keys.join(name)).unwrap()
}

/// The world, with its repositories behind SSH under the names of algorithms.
fn ssh_world() -> World {
    let mut world = world();
    let git = world.git.clone();
    world.edges.net = edges::Net::new(
        move |host, port| {
            let git = git.clone();
            Box::pin(async move {
                assert_eq!(port, 22);
                let algorithms: Vec<_> = host.split('.').collect();
                let ssh = git_server::SshHost::new(&algorithms).unwrap();
                let (here, there) = tokio::io::duplex(64 * 1024);
                let mut tasks = tokio::task::JoinSet::new();
                tasks.spawn(git.serve_ssh(&ssh, edges::Stream::new(there), Blocking::Lockstep));
                tasks.detach_all();
                Ok(edges::Stream::new(here))
            })
        },
        Vec::new(),
    );
    world
}

fn over_ssh(host: &str, identity: &str, known: &[&str], flag: &[&str]) -> Checkout {
    let line = |name: &&str| format!("{host} {}", key(&format!("host-{name}.pub")));
    let known_hosts: String = known.iter().map(line).collect();
    Checkout {
        url: format!("ssh://git@{host}/app.git"),
        credentials: Credentials::Ssh(Box::new(git::SshKey {
            identity: key(identity),
            passphrase: Some("fixture passphrase".to_owned()).filter(|_| identity.ends_with("encrypted")),
            known_hosts,
            algorithms: git::SshAlgorithms {
                host_keys: flag.iter().map(|it| (*it).to_owned()).collect(),
                key_exchanges: Vec::new(),
            },
        })),
        ..checkout(branch("main"))
    }
}

#[tokio::test(start_paused = true)]
async fn ssh_connects_with_every_kind_of_key() {
    let world = ssh_world();
    let two = Ok((format!("main@sha1:{}", world.second), "a: 2\n".to_owned()));
    for identity in [
        "user-ed25519",
        "user-ed25519-encrypted",
        "user-ecdsa-256",
        "user-ecdsa-384",
        "user-ecdsa-521",
        "user-rsa",
    ] {
        let checkout = over_ssh("ssh-ed25519", identity, &["ed25519"], &[]);
        assert_eq!(world.revision(checkout).await, two, "{identity}");
    }
    let ecdsa = over_ssh("ecdsa-sha2-nistp256", "user-ed25519", &["ecdsa"], &[]);
    assert_eq!(world.revision(ecdsa).await, two);
    let flag = ["rsa-sha2-512", "rsa-sha2-256"];
    let rsa = over_ssh("rsa-sha2-512.rsa-sha2-256", "user-ed25519", &["rsa"], &flag);
    assert_eq!(world.revision(rsa.clone()).await, two);
    let unchanged = Checkout {
        last_revision: Some(format!("main@sha1:{}", world.second)),
        ..rsa.clone()
    };
    let none = Ok((format!("main@sha1:{}", world.second), String::new()));
    assert_eq!(world.revision(unchanged).await, none);
    let first = Checkout {
        reference: commit(world.first, None),
        ..rsa
    };
    let one = Ok((format!("sha1:{}", world.first), "a: 1\n".to_owned()));
    assert_eq!(world.revision(first).await, one);
}

#[tokio::test(start_paused = true)]
async fn ssh_says_why_it_does_not_connect() {
    let world = ssh_world();
    let failed = |host: &str, why: &str| {
        Err(format!(
            "unable to clone 'ssh://{host}/app.git': ssh: handshake failed: {why}"
        ))
    };
    let sha1 = over_ssh("ssh-rsa", "user-ed25519", &["rsa"], &[]);
    let why = "ssh: no common algorithm for host key; we offered: [rsa-sha2-512 rsa-sha2-256], peer offered: [ssh-rsa]";
    assert_eq!(world.revision(sha1).await, failed("ssh-rsa", why));
    let nothing = over_ssh("ssh-ed25519", "user-ed25519", &["ed25519"], &["ssh-dss"]);
    let why = "ssh: no common algorithm for host key; we offered: [ssh-dss], peer offered: [ssh-ed25519]";
    assert_eq!(world.revision(nothing).await, failed("ssh-ed25519", why));
    let mut changed = over_ssh("ssh-ed25519", "user-ed25519", &["ed25519"], &[]);
    if let Credentials::Ssh(ssh) = &mut changed.credentials {
        ssh.known_hosts = format!("ssh-ed25519 {}", key("user-ed25519.pub"));
    }
    assert_eq!(
        world.revision(changed).await,
        failed("ssh-ed25519", "knownhosts: key mismatch")
    );
    let unknown = over_ssh("ssh-ed25519", "user-ed25519", &[], &["ssh-ed25519"]);
    assert_eq!(
        world.revision(unknown).await,
        failed("ssh-ed25519", "knownhosts: key is unknown")
    );
    let stranger = over_ssh("ssh-ed25519", "host-ecdsa", &["ed25519"], &[]);
    let why = "ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain";
    assert_eq!(world.revision(stranger).await, failed("ssh-ed25519", why));
    let missing = Checkout {
        url: "ssh://git@ssh-ed25519/nothing.git".to_owned(),
        ..over_ssh("ssh-ed25519", "user-ed25519", &["ed25519"], &[])
    };
    assert_eq!(
        world.revision(missing).await,
        Err(
            "unable to clone: repository not found: git repository: 'ssh://ssh-ed25519/nothing.git'"
                .to_owned()
        )
    );
}
