//! One bare repository on disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use sha1::{Digest, Sha1};

use crate::{
    Credentials,
    answers::Holding,
    object::{InvalidOid, Kind, Objects, Oid},
    tree, upload_pack,
};

/// The branch that `HEAD` names.
pub(crate) const DEFAULT_BRANCH: &str = "main";

const IDENTITY: &str = "Fixture <fixture@example.com>";
/// 2024-01-01T00:00:00Z; every commit of a repository is one hour younger than the one before it.
const FIRST_COMMIT: u64 = 1_704_067_200;

/// Hosting services allow fetching any reachable commit by name. One thread makes packs reproducible.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\
    [uploadpack]\n\tallowTipSHA1InWant = true\n\tallowReachableSHA1InWant = true\n\
    [pack]\n\tthreads = 1\n";

/// What a name points to.
#[derive(Clone, Copy, Debug)]
struct Target {
    oid: Oid,
    /// The commit behind an annotated tag.
    peeled: Option<Oid>,
}

#[derive(Debug)]
pub(crate) struct Repository {
    path: PathBuf,
    objects: Objects,
    refs: BTreeMap<String, Target>,
    parents: BTreeMap<Oid, Option<Oid>>,
    made: u64,
    /// Changes with every ref that moves and every commit that is made.
    pub(crate) holding: Holding,
    pub(crate) credentials: Option<Credentials>,
}

impl Repository {
    pub(crate) fn init(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(path.join("objects"))?;
        fs::create_dir_all(path.join("refs"))?;
        fs::write(path.join("HEAD"), format!("ref: refs/heads/{DEFAULT_BRANCH}\n"))?;
        fs::write(path.join("config"), CONFIG)?;
        Ok(Self {
            objects: Objects::at(&path),
            path,
            refs: BTreeMap::new(),
            parents: BTreeMap::new(),
            made: 0,
            holding: Holding::default(),
            credentials: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A new commit of exactly this tree on top of the branch (a new branch starts at the default one).
    pub(crate) fn commit(
        &mut self,
        branch: &str,
        tree: &Path,
        submodules: &[(&str, Oid)],
        message: &str,
    ) -> io::Result<Oid> {
        let parent = self.head(branch).or_else(|| self.head(DEFAULT_BRANCH));
        let tree = tree::write(&self.objects, tree, submodules)?;
        let when = self.next_date();
        let mut text = format!("tree {tree}\n");
        if let Some(parent) = parent {
            text += &format!("parent {parent}\n");
        }
        text += &format!("author {IDENTITY} {when} +0000\ncommitter {IDENTITY} {when} +0000\n\n{message}\n");
        let oid = self.objects.write(Kind::Commit, text.as_bytes())?;
        self.parents.insert(oid, parent);
        self.point(format!("refs/heads/{branch}"), oid, None)?;
        Ok(oid)
    }

    pub(crate) fn tag(&mut self, tag: &str, commit: Oid, annotated: bool) -> io::Result<Oid> {
        let name = format!("refs/tags/{tag}");
        if !annotated {
            self.point(name, commit, None)?;
            return Ok(commit);
        }
        let when = self.next_date();
        let text =
            format!("object {commit}\ntype commit\ntag {tag}\ntagger {IDENTITY} {when} +0000\n\n{tag}\n");
        let oid = self.objects.write(Kind::Tag, text.as_bytes())?;
        self.point(name, oid, Some(commit))?;
        Ok(oid)
    }

    pub(crate) fn put_commit(&mut self, branch: &str, tree: &Path, content: &[u8]) -> io::Result<Oid> {
        let tree = tree::write(&self.objects, tree, &[])?;
        if !content.starts_with(format!("tree {tree}\n").as_bytes()) {
            return Err(io::Error::other(format!(
                "the commit is not one of the tree {tree}"
            )));
        }
        let oid = self.objects.write(Kind::Commit, content)?;
        self.parents.insert(oid, None);
        self.point(format!("refs/heads/{branch}"), oid, None)?;
        Ok(oid)
    }

    pub(crate) fn put_tag(&mut self, tag: &str, commit: Oid, content: &[u8]) -> io::Result<Oid> {
        let oid = self.objects.write(Kind::Tag, content)?;
        self.point(format!("refs/tags/{tag}"), oid, Some(commit))?;
        Ok(oid)
    }

    fn next_date(&mut self) -> u64 {
        let date = FIRST_COMMIT + 3600 * self.made;
        self.made += 1;
        date
    }

    /// Whether the repository ever held this commit.
    pub(crate) fn has_commit(&self, oid: Oid) -> bool {
        self.parents.contains_key(&oid)
    }

    pub(crate) fn head(&self, branch: &str) -> Option<Oid> {
        self.refs.get(&format!("refs/heads/{branch}")).map(|it| it.oid)
    }

    pub(crate) fn point(&mut self, name: String, oid: Oid, peeled: Option<Oid>) -> io::Result<()> {
        self.refs.insert(name, Target { oid, peeled });
        self.write_refs()
    }

    /// Removes a name; whether it was there.
    pub(crate) fn unpoint(&mut self, name: &str) -> io::Result<bool> {
        let there = self.refs.remove(name).is_some();
        self.write_refs()?;
        Ok(there)
    }

    /// All names live in one file: loose ones would leave directories behind that block other names.
    fn write_refs(&mut self) -> io::Result<()> {
        let mut text = String::from("# pack-refs with: peeled fully-peeled sorted \n");
        for (name, target) in &self.refs {
            let _ = writeln!(text, "{} {name}", target.oid);
            if let Some(peeled) = target.peeled {
                let _ = writeln!(text, "^{peeled}");
            }
        }
        let mut hasher = Sha1::new_with_prefix(&text);
        for commit in self.parents.keys() {
            hasher.update(commit.to_string());
        }
        self.holding = hasher.finalize().into();
        fs::write(self.path.join("packed-refs"), text)
    }

    /// Learns what a push of `git` itself changed.
    pub(crate) fn reload(&mut self, home: &Path) -> io::Result<()> {
        let invalid = |error: InvalidOid| io::Error::other(error);
        let format = "--format=%(objectname) %(refname) %(*objectname)";
        let mut refs = BTreeMap::new();
        for line in upload_pack::ask(home, &self.path, &["for-each-ref", format])?.lines() {
            let mut words = line.split(' ');
            let (Some(oid), Some(name)) = (words.next(), words.next()) else {
                continue;
            };
            let peeled = words.next().filter(|peeled| !peeled.is_empty());
            let target = Target {
                oid: oid.parse().map_err(invalid)?,
                peeled: peeled.map(str::parse).transpose().map_err(invalid)?,
            };
            refs.insert(name.to_owned(), target);
        }
        for line in upload_pack::ask(home, &self.path, &["rev-list", "--all", "--parents"])?.lines() {
            let mut commits = line.split(' ').map(str::parse::<Oid>);
            let Some(commit) = commits.next() else { continue };
            let parent = commits.next().transpose().map_err(invalid)?;
            self.parents.insert(commit.map_err(invalid)?, parent);
        }
        self.refs = refs;
        self.write_refs()?;
        // git wrote single files, which would outlive a name that is removed from the packed ones.
        let loose = self.path.join("refs");
        fs::remove_dir_all(&loose)?;
        fs::create_dir_all(loose)
    }

    /// Every commit that a client can get now.
    pub(crate) fn reachable(&self) -> BTreeSet<Oid> {
        let mut seen = BTreeSet::new();
        for target in self.refs.values() {
            let mut next = Some(target.peeled.unwrap_or(target.oid));
            while let Some(oid) = next.filter(|oid| seen.insert(*oid)) {
                next = self.parents.get(&oid).copied().flatten();
            }
        }
        seen
    }
}
