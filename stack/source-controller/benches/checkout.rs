//! What one pass over a changed repository costs: clone 200 files over HTTP and archive them.

use std::{fs, time::Duration};

use artifact::Ignore;
use criterion::{Criterion, criterion_group, criterion_main};
use edges::{Blocking, Clock, DataDir, Edges, HttpClient, HttpOptions, Listener, Seed, Serving};
use git::{Checkout, Credentials, Outcome, Reference};
use git_server::GitServer;

fn edges(git: &GitServer) -> std::io::Result<Edges> {
    let kube = tower::service_fn(|_: http::Request<kube::client::Body>| {
        std::future::ready(Err::<http::Response<kube::client::Body>, _>(
            std::io::Error::other("no cluster"),
        ))
    });
    Ok(Edges {
        kube: kube::Client::new(kube, "default"),
        net: edges::Net::none(),
        http: HttpClient::new(git.service()),
        listener: Listener::new(|_, _| Ok(Serving::until_dropped(()))),
        disk: DataDir::temporary()?,
        clock: Clock::system(),
        seed: Seed(1),
        blocking: Blocking::Lockstep,
    })
}

fn clone_and_archive(criterion: &mut Criterion) {
    let prepare = || -> Result<_, Box<dyn std::error::Error>> {
        let tree = tempfile::tempdir()?;
        for index in 0..200 {
            let directory = tree.path().join(format!("app{}", index / 10));
            fs::create_dir_all(&directory)?;
            let text = format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: file{index}\ndata:\n  key: value\n"
            );
            fs::write(directory.join(format!("file{index}.yaml")), text)?;
        }
        let git = GitServer::new()?;
        git.create("app", tree.path(), "Two hundred files")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let guard = runtime.enter();
        let edges = edges(&git)?;
        drop(guard);
        Ok((runtime, edges))
    };
    let Ok((runtime, edges)) = prepare() else {
        return;
    };
    criterion.bench_function("clone and archive 200 files", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let checkout = Checkout {
                    url: "http://git.example.com/app.git".into(),
                    credentials: Credentials::Anonymous,
                    options: HttpOptions::default(),
                    reference: Reference::Branch("main".into()),
                    directories: Vec::new(),
                    submodules: false,
                    last_revision: None,
                    timeout: Duration::from_secs(60),
                };
                let Outcome::Fetched { tree, .. } = checkout.run(&edges).await? else {
                    return Err("nothing was fetched".into());
                };
                let ignore = Ignore::of_tree(tree.path(), None)?;
                let mut bytes = Vec::new();
                artifact::archive(tree.path(), &ignore, &mut bytes)?;
                Ok::<_, Box<dyn std::error::Error>>(bytes.len())
            })
        });
    });
}

criterion_group!(benches, clone_and_archive);
criterion_main!(benches);
