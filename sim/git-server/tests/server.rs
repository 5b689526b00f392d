//! The server against the genuine `git`.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use bytes::Bytes;
use edges::HttpClient;
use git_server::{Credentials, GitServer};
use http::{Request, StatusCode};

fn fixture(directory: &Path, text: &str) {
    fs::create_dir_all(directory.join("bin/a")).unwrap();
    fs::create_dir_all(directory.join("empty")).unwrap();
    fs::write(directory.join("config.yaml"), text).unwrap();
    fs::write(directory.join("bin/run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(directory.join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(directory.join("bin/a/deep"), "deep").unwrap();
    fs::write(directory.join("bin/a.txt"), "sorts before the directory a").unwrap();
    symlink("config.yaml", directory.join("link")).unwrap();
}

fn git(home: &Path, arguments: &[&str]) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the genuine program judges the repositories"
    )]
    let output = Command::new("git")
        .args(arguments)
        .current_dir(home)
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "git {arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn two_commits() -> (GitServer, [String; 2]) {
    let server = GitServer::new().unwrap();
    let trees = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    fixture(trees[0].path(), "a: 1\n");
    fixture(trees[1].path(), "a: 2\n");
    let first = server.create("org/app", trees[0].path(), "First").unwrap();
    let second = server.push("org/app", "main", trees[1].path(), "Second").unwrap();
    server.tag("org/app", "v1.0.0", first, true).unwrap();
    server.tag("org/app", "v1.1.0", second, false).unwrap();
    (server, [first.to_string(), second.to_string()])
}

#[test]
fn commits_have_stable_names() {
    let (_, commits) = two_commits();
    assert_eq!(
        commits,
        [
            "9f36a2821e9ca50ad055d6b49083cde7318b7793",
            "5278b163e559e18b6c3bf3538a421eb134bc50e6"
        ]
    );
}

#[test]
fn the_repository_is_sound() {
    let (server, commits) = two_commits();
    let path = server.path("org/app").unwrap();
    git(&path, &["fsck", "--strict"]);
    let listed = git(
        &path,
        &[
            "for-each-ref",
            "--format=%(refname) %(objecttype) %(*objectname)%(objectname)",
        ],
    );
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines[0], format!("refs/heads/main commit {}", commits[1]));
    assert!(lines[1].starts_with(&format!("refs/tags/v1.0.0 tag {}", commits[0])));
    assert_eq!(lines[2], format!("refs/tags/v1.1.0 commit {}", commits[1]));
    let tree = git(
        &path,
        &["ls-tree", "-r", "--format=%(objectmode) %(path)", "main"],
    );
    assert_eq!(
        tree,
        "100644 bin/a.txt\n100644 bin/a/deep\n100755 bin/run\n100644 config.yaml\n120000 link\n"
    );
}

/// Just enough of a web server for `git`: one request a connection.
fn listen(server: GitServer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let mut parts = line.split(' ');
            let mut request = Request::builder()
                .method(parts.next().unwrap())
                .uri(parts.next().unwrap());
            let mut length = 0;
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                let Some((name, value)) = header.trim_end().split_once(": ") else {
                    break;
                };
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.parse().unwrap();
                }
                request = request.header(name, value);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let client = HttpClient::new(server.service());
            let response = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
                .block_on(client.fetch(request.body(Bytes::from(body)).unwrap(), 1 << 20))
                .unwrap();
            write!(stream, "HTTP/1.1 {}\r\nconnection: close\r\n", response.status()).unwrap();
            for (name, value) in response.headers() {
                write!(stream, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
            }
            write!(stream, "content-length: {}\r\n\r\n", response.body().len()).unwrap();
            stream.write_all(response.body()).unwrap();
        }
    });
    format!("http://{address}")
}

#[test]
fn the_genuine_client_clones_with_every_protocol() {
    let (server, commits) = two_commits();
    server
        .require(
            "org/app",
            Some(Credentials::Basic {
                username: "git".into(),
                password: "secret".into(),
            }),
        )
        .unwrap();
    let url = format!(
        "{}/org/app.git",
        listen(server.clone()).replace("://", "://git:secret@")
    );
    let home = tempfile::tempdir().unwrap();
    for version in ["0", "1", "2"] {
        let protocol = format!("protocol.version={version}");
        let target = format!("clone{version}");
        git(home.path(), &["-c", &protocol, "clone", "--quiet", &url, &target]);
        let clone = home.path().join(&target);
        assert_eq!(git(&clone, &["rev-parse", "HEAD"]).trim(), commits[1]);
        assert_eq!(fs::read_to_string(clone.join("link")).unwrap(), "a: 2\n");
        let shallow = format!("shallow{version}");
        git(
            home.path(),
            &[
                "-c",
                &protocol,
                "clone",
                "--quiet",
                "--depth=1",
                "--branch=v1.0.0",
                &url,
                &shallow,
            ],
        );
        let shallow = home.path().join(shallow);
        assert_eq!(git(&shallow, &["rev-list", "HEAD"]).trim(), commits[0]);
    }
    assert_eq!(server.served().len(), 2);
}

async fn status(server: &GitServer, path: &str) -> Result<StatusCode, String> {
    let request = Request::get(format!("http://git.example.com{path}"))
        .body(Bytes::new())
        .unwrap();
    let client = HttpClient::new(server.service());
    let response = client.send(request).await.map_err(|error| error.to_string())?;
    Ok(response.status())
}

#[tokio::test]
async fn requests_that_get_no_repository() {
    let (server, _) = two_commits();
    let refs = "info/refs?service=git-upload-pack";
    assert_eq!(
        status(&server, &format!("/org/app.git/{refs}")).await,
        Ok(StatusCode::OK)
    );
    assert_eq!(
        status(&server, &format!("/org/app/{refs}")).await,
        Ok(StatusCode::OK)
    );
    assert_eq!(
        status(&server, &format!("/other.git/{refs}")).await,
        Ok(StatusCode::NOT_FOUND)
    );
    assert_eq!(
        status(&server, "/org/app.git/info/refs?service=git-receive-pack").await,
        Ok(StatusCode::FORBIDDEN)
    );
    assert_eq!(
        status(&server, "/org/app.git/git-upload-pack").await,
        Ok(StatusCode::METHOD_NOT_ALLOWED)
    );
    server
        .require("org/app", Some(Credentials::Bearer("token".into())))
        .unwrap();
    assert_eq!(
        status(&server, &format!("/org/app.git/{refs}")).await,
        Ok(StatusCode::UNAUTHORIZED)
    );
    server.set_available(false);
    assert_eq!(
        status(&server, &format!("/org/app.git/{refs}")).await,
        Err("connect: connection refused".to_owned())
    );
    server.set_available(true);
    server.delete("org/app").unwrap();
    assert_eq!(
        status(&server, &format!("/org/app.git/{refs}")).await,
        Ok(StatusCode::NOT_FOUND)
    );
}

#[test]
fn branches_come_and_go() {
    let (server, commits) = two_commits();
    let first = commits[0].parse().unwrap();
    server.delete_branch("org/app", "main").unwrap();
    assert_eq!(server.head("org/app", "main"), None);
    assert!(server.delete_branch("org/app", "main").is_err());
    server.reset_branch("org/app", "main", first).unwrap();
    assert_eq!(server.head("org/app", "main"), Some(first));
    assert!(
        server
            .set_ref("org/app", "refs/heads/x", "00".repeat(20).parse().unwrap())
            .is_err()
    );
    for name in ["../x", "/x", "a//b", "-x", "a/.git", ""] {
        assert!(server.create_empty(name).is_err(), "{name}");
    }
}
