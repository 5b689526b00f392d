//! Git repositories built from fixture trees, served over smart HTTP and SSH in process.
//!
//! Objects are written here, with a fixed identity and fixed dates, so that the same pushes give the same commit
//! names on every machine. They are served by the genuine `git upload-pack`.

mod admin;
mod answers;
mod limits;
mod object;
mod repository;
mod serve;
mod ssh;
mod talk;
mod tree;
mod trouble;
mod upload_pack;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use edges::{Blocking, Body, HttpError};
use http::{Request, Response};
use tower::util::BoxCloneSyncService;

pub use object::{InvalidOid, Oid};
use repository::{DEFAULT_BRANCH, Repository};
pub use ssh::SshHost;
pub use trouble::Trouble;

/// What a repository demands of its readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// HTTP basic authentication.
    Basic {
        /// The user.
        username: String,
        /// Its password.
        password: String,
    },
    /// A bearer token.
    Bearer(String),
}

/// Why a repository could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No repository of that name.
    #[error("no repository {0:?}")]
    UnknownRepository(String),
    /// A repository of that name is there already.
    #[error("repository {0:?} exists already")]
    Exists(String),
    /// A name that would lead out of the repository.
    #[error("not a name for a repository, branch or tag: {0:?}")]
    InvalidName(String),
    /// No such commit in the repository.
    #[error("no commit {oid} in repository {repo:?}")]
    UnknownCommit {
        /// The repository.
        repo: String,
        /// The commit asked for.
        oid: Oid,
    },
    /// No such branch or tag.
    #[error("no {name} in repository {repo:?}")]
    UnknownRef {
        /// The repository.
        repo: String,
        /// The full name of the ref.
        name: String,
    },
    /// The fixture cannot be read or the repository cannot be written.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// A service that answers Git's requests.
pub type GitService = BoxCloneSyncService<Request<Bytes>, Response<Body>, HttpError>;

/// A Git server in this process. Clones share the repositories, which vanish with the last one.
#[derive(Clone)]
pub struct GitServer {
    directory: Arc<tempfile::TempDir>,
    state: Arc<Mutex<State>>,
}

struct State {
    available: bool,
    trouble: BTreeSet<Trouble>,
    repositories: BTreeMap<String, Repository>,
    served: BTreeSet<(String, Oid)>,
}

impl GitServer {
    /// A server without repositories, switched on.
    ///
    /// # Errors
    /// When there is no temporary directory.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            directory: Arc::new(in_memory()?),
            state: Arc::new(Mutex::new(State {
                available: true,
                trouble: BTreeSet::new(),
                repositories: BTreeMap::new(),
                served: BTreeSet::new(),
            })),
        })
    }

    /// A new repository whose branch `main` has one commit: this directory.
    ///
    /// # Errors
    /// When the name is taken or the directory cannot be read.
    pub fn create(&self, repo: &str, tree: &Path, message: &str) -> Result<Oid, Error> {
        self.create_empty(repo)?;
        self.push(repo, DEFAULT_BRANCH, tree, message)
    }

    /// A new repository without commits.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn create_empty(&self, repo: &str) -> Result<(), Error> {
        checked(repo)?;
        let mut state = self.state();
        if state.repositories.contains_key(repo) {
            return Err(Error::Exists(repo.to_owned()));
        }
        let path = self.directory.path().join(format!("{repo}.git"));
        let repository = Repository::init(path.clone()).map_err(|source| Error::Io { path, source })?;
        state.repositories.insert(repo.to_owned(), repository);
        Ok(())
    }

    /// A new commit of exactly this directory on top of a branch; a branch that is not there yet starts at `main`.
    ///
    /// # Errors
    /// When there is no such repository or the directory cannot be read.
    pub fn push(&self, repo: &str, branch: &str, tree: &Path, message: &str) -> Result<Oid, Error> {
        self.push_with_submodules(repo, branch, tree, &[], message)
    }

    /// As [`GitServer::push`], with commits of other repositories at some paths of the tree, whose parents are
    /// directories of `tree`. The `.gitmodules` that says where they are found is a file of `tree`.
    ///
    /// # Errors
    /// When there is no such repository or the directory cannot be read.
    pub fn push_with_submodules(
        &self,
        repo: &str,
        branch: &str,
        tree: &Path,
        submodules: &[(&str, Oid)],
        message: &str,
    ) -> Result<Oid, Error> {
        checked(branch)?;
        self.change(repo, tree, |it| it.commit(branch, tree, submodules, message))
    }

    /// Points a branch at a commit that another program made (and perhaps signed) of exactly this directory.
    ///
    /// # Errors
    /// When there is no such repository or the directory cannot be read.
    pub fn put_commit(&self, repo: &str, branch: &str, tree: &Path, commit: &[u8]) -> Result<Oid, Error> {
        checked(branch)?;
        self.change(repo, tree, |it| it.put_commit(branch, tree, commit))
    }

    /// Sets a tag that another program made (and perhaps signed) for a commit.
    ///
    /// # Errors
    /// When there is no such repository or commit.
    pub fn put_tag(&self, repo: &str, tag: &str, commit: Oid, content: &[u8]) -> Result<Oid, Error> {
        checked(tag)?;
        self.known(repo, commit)?;
        self.change(repo, Path::new(tag), |it| it.put_tag(tag, commit, content))
    }

    /// Sets a tag. Returns the name of what it points to: the commit, or the tag object that names the commit.
    ///
    /// # Errors
    /// When there is no such repository or commit.
    pub fn tag(&self, repo: &str, tag: &str, commit: Oid, annotated: bool) -> Result<Oid, Error> {
        checked(tag)?;
        self.known(repo, commit)?;
        self.change(repo, Path::new(tag), |it| it.tag(tag, commit, annotated))
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// When there is no such repository or tag.
    pub fn delete_tag(&self, repo: &str, tag: &str) -> Result<(), Error> {
        self.delete_ref(repo, format!("refs/tags/{tag}"))
    }

    /// Removes a branch; its commits stay known for [`GitServer::reset_branch`].
    ///
    /// # Errors
    /// When there is no such repository or branch.
    pub fn delete_branch(&self, repo: &str, branch: &str) -> Result<(), Error> {
        self.delete_ref(repo, format!("refs/heads/{branch}"))
    }

    /// Points a branch, which need not be there, at a commit: a force push, or a deleted branch restored.
    ///
    /// # Errors
    /// When there is no such repository or commit.
    pub fn reset_branch(&self, repo: &str, branch: &str, commit: Oid) -> Result<(), Error> {
        checked(branch)?;
        self.set_ref(repo, &format!("refs/heads/{branch}"), commit)
    }

    /// Points any ref at a commit, such as `refs/pull/1/head`.
    ///
    /// # Errors
    /// When there is no such repository or commit.
    pub fn set_ref(&self, repo: &str, name: &str, commit: Oid) -> Result<(), Error> {
        checked(name)?;
        self.known(repo, commit)?;
        self.change(repo, Path::new(name), |it| {
            it.point(name.to_owned(), commit, None)
        })
    }

    /// Removes a repository.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn delete(&self, repo: &str) -> Result<(), Error> {
        let removed = self.state().repositories.remove(repo);
        let removed = removed.ok_or_else(|| Error::UnknownRepository(repo.to_owned()))?;
        let path = removed.path().to_owned();
        fs::remove_dir_all(&path).map_err(|source| Error::Io { path, source })
    }

    /// Demands credentials of the readers of a repository, or no longer.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn require(&self, repo: &str, credentials: Option<Credentials>) -> Result<(), Error> {
        self.change(repo, Path::new(repo), |it| {
            it.credentials = credentials;
            Ok(())
        })
    }

    /// Switches the server on or off; off, connections are refused.
    pub fn set_available(&self, available: bool) {
        self.state().available = available;
    }

    /// Whether the server takes connections.
    pub fn is_available(&self) -> bool {
        self.state().available
    }

    /// The commit at the tip of a branch.
    pub fn head(&self, repo: &str, branch: &str) -> Option<Oid> {
        self.state().repositories.get(repo)?.head(branch)
    }

    /// Every commit that a client could fetch at the time it listed the refs of its repository.
    pub fn served(&self) -> Vec<(String, Oid)> {
        self.state().served.iter().cloned().collect()
    }

    /// The bare repository on disk, for programs that read one.
    pub fn path(&self, repo: &str) -> Option<PathBuf> {
        self.lookup(repo).map(|(path, _)| path)
    }

    /// The server as a service; `edges::HttpClient::new` makes a client of it.
    pub fn service(&self) -> GitService {
        let server = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let server = server.clone();
            async move { server.serve(request, Blocking::Lockstep).await }
        }))
    }

    fn delete_ref(&self, repo: &str, name: String) -> Result<(), Error> {
        let there = self.change(repo, Path::new(&name), |it| it.unpoint(&name))?;
        if there {
            return Ok(());
        }
        Err(Error::UnknownRef {
            repo: repo.to_owned(),
            name,
        })
    }

    fn known(&self, repo: &str, oid: Oid) -> Result<(), Error> {
        let known = self.change(repo, Path::new(repo), |it| Ok(it.has_commit(oid)))?;
        if known {
            return Ok(());
        }
        Err(Error::UnknownCommit {
            repo: repo.to_owned(),
            oid,
        })
    }

    fn change<T>(
        &self,
        repo: &str,
        path: &Path,
        change: impl FnOnce(&mut Repository) -> io::Result<T>,
    ) -> Result<T, Error> {
        let mut state = self.state();
        let repository = state
            .repositories
            .get_mut(repo)
            .ok_or_else(|| Error::UnknownRepository(repo.to_owned()))?;
        change(repository).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })
    }

    fn lookup(&self, repo: &str) -> Option<(PathBuf, Option<Credentials>)> {
        let state = self.state();
        let repository = state.repositories.get(repo)?;
        Some((repository.path().to_owned(), repository.credentials.clone()))
    }

    fn with<T>(&self, repo: &str, look: impl FnOnce(&mut Repository) -> T) -> Option<T> {
        self.state().repositories.get_mut(repo).map(look)
    }

    fn note_served(&self, repo: &str) {
        let mut state = self.state();
        let reachable = state.repositories.get(repo).map(Repository::reachable);
        let commits = reachable.unwrap_or_default().into_iter();
        state.served.extend(commits.map(|oid| (repo.to_owned(), oid)));
    }

    fn home(&self) -> &Path {
        self.directory.path()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for GitServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitServer").finish_non_exhaustive()
    }
}

/// A directory in memory where the system offers one: repositories are many small files that live for seconds.
fn in_memory() -> io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// A path of plain words: what is refused here could leave the server's directory or confuse `git`.
fn checked(name: &str) -> Result<(), Error> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with(".lock")
            && part
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || "-_.+@".contains(it))
            && !part.contains("..")
    };
    if name.split('/').all(plain) {
        return Ok(());
    }
    Err(Error::InvalidName(name.to_owned()))
}
