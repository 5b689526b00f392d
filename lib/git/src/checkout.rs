//! From a reference to a tree on disk.

use std::path::Path;

use edges::DataDir;
use git2::{
    AutotagOption, Direction, FetchOptions, ObjectType, Oid, Remote, RemoteRedirect, Repository,
    RepositoryInitOptions, build::CheckoutBuilder,
};
use tempfile::TempDir;
use version::{Constraint, Version};

use crate::{
    Cause, Checkout, Commit, GitError, Outcome, Reference, SCRATCH_PREFIX, Signed, SshError, Tag,
    TransportError, context::Context, tree,
};

/// Where fetched refs are put in the scratch repository.
const FETCHED: &str = "refs/fetched/";

/// One ref of the server's list.
#[derive(Debug)]
struct Advertised {
    name: String,
    oid: Oid,
}

/// What to fetch, and what of it to check out.
struct Plan {
    /// Full names of refs.
    refs: Vec<String>,
    /// One commit each is enough.
    shallow: bool,
    target: Target,
}

enum Target {
    /// The commit of this ref.
    Ref(String),
    /// This commit, found by way of this ref (empty: by no ref).
    Commit { hash: String, reference: String },
    /// The youngest commit of these tags.
    Youngest(Vec<String>),
}

/// A checkout in progress, on its own thread.
pub(crate) struct Work<'a> {
    pub(crate) context: &'a Context,
    pub(crate) checkout: &'a Checkout,
    /// The address without credentials.
    pub(crate) url: &'a str,
    pub(crate) disk: &'a DataDir,
}

impl Work<'_> {
    pub(crate) fn run(&self) -> Result<Outcome, GitError> {
        let constraint = match &self.checkout.reference {
            Reference::SemVer(range) => Some(range.parse::<Constraint>()?),
            _ => None,
        };
        if let Some(revision) = self
            .checkout
            .last_revision
            .as_ref()
            .filter(|_| self.lists_first())
        {
            // A list needs no repository on disk.
            let mut remote = git2::Remote::create_detached(self.url).map_err(|error| self.failed(error))?;
            if self.is_unchanged(&self.list(&mut remote)?, revision) {
                let revision = revision.clone();
                return Ok(Outcome::Unchanged { revision });
            }
        }
        let (_scratch, repository) = self.scratch()?;
        let mut remote = repository
            .remote_anonymous(self.url)
            .map_err(|error| self.failed(error))?;
        let refs = self.list(&mut remote)?;
        if refs.is_empty() {
            return Ok(Outcome::Empty);
        }
        let plan = self.plan(&refs, constraint.as_ref())?;
        self.fetch(&mut remote, &plan)?;
        let commit = self.resolve(&repository, plan.target)?;
        let tree = self.directory()?;
        self.write_tree(&repository, &commit.hash, tree.path(), &self.checkout.directories)?;
        if self.checkout.submodules {
            self.add_submodules(&repository, &commit.hash, self.url, tree.path(), 1)?;
        }
        Ok(Outcome::Fetched { commit, tree })
    }

    pub(crate) fn scratch(&self) -> Result<(TempDir, Repository), GitError> {
        let directory = self.directory()?;
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false);
        let repository = Repository::init_opts(directory.path(), &options);
        let repository = repository.map_err(|error| self.failed(error))?;
        Ok((directory, repository))
    }

    fn directory(&self) -> Result<TempDir, GitError> {
        let mut builder = tempfile::Builder::new();
        let made = builder.prefix(SCRATCH_PREFIX).tempdir_in(self.disk.path());
        made.map_err(GitError::Disk)
    }

    fn list(&self, remote: &mut Remote<'_>) -> Result<Vec<Advertised>, GitError> {
        let connected = remote.connect(Direction::Fetch);
        connected.map_err(|error| self.failed(error))?;
        let listed = remote.list().map_err(|error| self.failed(error))?;
        let advertised = listed.iter().map(|head| Advertised {
            name: head.name().to_owned(),
            oid: head.oid(),
        });
        Ok(advertised.collect())
    }

    fn fetch(&self, remote: &mut Remote<'_>, plan: &Plan) -> Result<(), GitError> {
        let mut options = FetchOptions::new();
        options
            .download_tags(AutotagOption::None)
            .update_fetchhead(false)
            .follow_redirects(RemoteRedirect::None); // our transport does
        if plan.shallow {
            options.depth(1);
        }
        let specs: Vec<_> = plan
            .refs
            .iter()
            .map(|name| format!("+{name}:{FETCHED}{name}"))
            .collect();
        let fetched = remote.fetch(&specs, Some(&mut options), None);
        fetched.map_err(|error| self.failed(error))
    }

    /// Upstream compares before it clones where the list of refs tells the commit.
    fn is_unchanged(&self, refs: &[Advertised], last: &str) -> bool {
        let (name, absolute) = match &self.checkout.reference {
            Reference::Branch(branch) => (format!("refs/heads/{branch}"), false),
            Reference::Tag(tag) => (format!("refs/tags/{tag}"), false),
            Reference::Name(name) => (name.clone(), true),
            Reference::SemVer(_) | Reference::Commit { .. } => return false,
        };
        let Some(oid) = peeled(refs, &name) else {
            return false;
        };
        let commit = Commit {
            hash: oid.to_string(),
            reference: name,
            message: String::new(),
            signed: Signed::default(),
            tag: None,
        };
        let revision = if absolute {
            commit.absolute_revision()
        } else {
            commit.revision()
        };
        revision == last
    }

    fn plan(&self, refs: &[Advertised], constraint: Option<&Constraint>) -> Result<Plan, GitError> {
        let one = |name: String, missing: fn(&Self, String) -> GitError| {
            if peeled(refs, &name).is_none() {
                return Err(missing(self, name));
            }
            Ok(Plan {
                refs: vec![name.clone()],
                shallow: true,
                target: Target::Ref(name),
            })
        };
        match &self.checkout.reference {
            Reference::Branch(branch) => one(format!("refs/heads/{branch}"), Self::no_such_ref),
            Reference::Tag(tag) => one(format!("refs/tags/{tag}"), Self::no_such_ref),
            Reference::Name(name) => one(name.clone(), |_, name| GitError::Ref(name)),
            Reference::Commit { hash, branch } => {
                let reference = branch.as_ref().map(|it| format!("refs/heads/{it}"));
                let mut plan = match &reference {
                    Some(reference) => one(reference.clone(), Self::no_such_ref)?,
                    None => Plan {
                        refs: vec!["refs/heads/*".into()],
                        shallow: false,
                        target: Target::Ref(String::new()),
                    },
                };
                plan.shallow = false;
                plan.target = Target::Commit {
                    hash: hash.clone(),
                    reference: reference.unwrap_or_default(),
                };
                Ok(plan)
            }
            Reference::SemVer(range) => {
                let tags = constraint.map_or_else(Vec::new, |it| highest(refs, it));
                if tags.is_empty() {
                    return Err(GitError::NoMatch(range.clone()));
                }
                Ok(Plan {
                    refs: tags.clone(),
                    shallow: true,
                    target: Target::Youngest(tags),
                })
            }
        }
    }

    fn resolve(&self, repository: &Repository, target: Target) -> Result<Commit, GitError> {
        let peel = |name: &str| {
            let reference = repository.find_reference(&format!("{FETCHED}{name}"))?;
            reference.peel_to_commit()
        };
        let (found, reference) = match target {
            Target::Ref(name) => (peel(&name).map_err(|error| self.failed(error))?, name),
            Target::Commit { hash, reference } => {
                let found = Oid::from_str(&hash).and_then(|oid| repository.find_commit(oid));
                (found.map_err(|_| GitError::Commit(hash))?, reference)
            }
            Target::Youngest(tags) => {
                let mut youngest: Option<(git2::Commit<'_>, String)> = None;
                for tag in tags {
                    let commit = peel(&tag).map_err(|error| self.failed(error))?;
                    let younger = |(other, _): &(git2::Commit<'_>, String)| commit.time() > other.time();
                    if youngest.as_ref().is_none_or(younger) {
                        youngest = Some((commit, tag));
                    }
                }
                youngest.ok_or_else(|| GitError::NoMatch(String::new()))?
            }
        };
        Ok(Commit {
            hash: found.id().to_string(),
            tag: tag(repository, &reference),
            reference,
            message: String::from_utf8_lossy(found.message_bytes()).into_owned(),
            signed: signed(repository, found.id()),
        })
    }

    /// Writes a commit's tree (or the parts of it below some directories) into an empty directory, byte for byte: no
    /// line endings are converted.
    pub(crate) fn write_tree(
        &self,
        repository: &Repository,
        commit: &str,
        target: &Path,
        directories: &[String],
    ) -> Result<(), GitError> {
        tree::check(repository, commit).map_err(|cause| GitError::Hostile {
            commit: commit.to_owned(),
            cause: cause.to_string(),
        })?;
        let mut options = CheckoutBuilder::new();
        options
            .force()
            .disable_filters(true)
            .disable_pathspec_match(true)
            .update_index(false);
        for directory in directories {
            options.path(directory.as_str());
        }
        // libgit2 looks at submodules in a working tree only, whether they are wanted or not.
        let written = repository
            .set_workdir(target, false)
            .and_then(|()| Oid::from_str(commit))
            .and_then(|oid| repository.find_object(oid, None))
            .and_then(|object| repository.checkout_tree(&object, Some(&mut options)));
        written.map_err(|error| GitError::Checkout {
            commit: commit.to_owned(),
            cause: error.into(),
        })
    }

    fn no_such_ref(&self, name: String) -> GitError {
        GitError::NotFound {
            url: self.url.to_owned(),
            cause: format!("couldn't find remote ref \"{name}\""),
        }
    }

    /// Names the error behind libgit2's. Upstream lists the refs first if it has a revision to compare with.
    pub(crate) fn failed(&self, error: git2::Error) -> GitError {
        let url = self.url.to_owned();
        let cause = match self.context.take_failure() {
            Some(failure) => Cause::Transport(failure),
            None => Cause::Git(error),
        };
        let auth = matches!(
            &cause,
            Cause::Transport(TransportError::Ssh(
                SshError::Identity(_) | SshError::KnownHosts(_)
            ))
        );
        if self.lists_first() && !auth {
            return GitError::List { url, cause };
        }
        match cause {
            Cause::Transport(error @ TransportError::NotFound) => GitError::NotFound {
                url,
                cause: error.to_string(),
            },
            Cause::Transport(TransportError::Ssh(
                error @ (SshError::Identity(_) | SshError::KnownHosts(_)),
            )) => GitError::Auth(error),
            cause => GitError::Clone { url, cause },
        }
    }

    fn lists_first(&self) -> bool {
        match self.checkout.reference {
            Reference::Branch(_) | Reference::Tag(_) => self.checkout.last_revision.is_some(),
            Reference::Name(_) => true,
            Reference::SemVer(_) | Reference::Commit { .. } => false,
        }
    }
}

/// A commit apart from its signature; one without a signature is no use to anybody who asks for one.
fn signed(repository: &Repository, commit: Oid) -> Signed {
    let Ok((signature, payload)) = repository.extract_signature(&commit, None) else {
        return Signed::default();
    };
    Signed {
        payload: payload.to_vec(),
        signature: String::from_utf8_lossy(&signature).into_owned(),
    }
}

/// The tag of a ref below `refs/tags/`.
fn tag(repository: &Repository, reference: &str) -> Option<Tag> {
    let name = reference
        .strip_prefix("refs/tags/")?
        .trim_end_matches("^{}")
        .to_owned();
    let found = repository
        .find_reference(&format!("{FETCHED}refs/tags/{name}"))
        .ok();
    let object = found.and_then(|it| it.target()).and_then(|oid| {
        let odb = repository.odb().ok()?;
        let object = odb.read(oid).ok()?;
        (object.kind() == ObjectType::Tag).then(|| (oid.to_string(), Signed::of_tag(object.data())))
    });
    let (hash, signed) = object.map_or_else(
        || (None, Signed::default()),
        |(hash, signed)| (Some(hash), signed),
    );
    Some(Tag { name, hash, signed })
}

/// What a ref points to, behind an annotated tag the commit.
fn peeled(refs: &[Advertised], name: &str) -> Option<Oid> {
    let find = |name: &str| refs.iter().find(|it| it.name == name).map(|it| it.oid);
    find(&format!("{name}^{{}}")).or_else(|| find(name))
}

/// The tags of the highest version in the range; several when they differ in build metadata only.
fn highest(refs: &[Advertised], constraint: &Constraint) -> Vec<String> {
    let mut best: Option<(Version, Vec<String>)> = None;
    for it in refs {
        let Some(tag) = it.name.strip_prefix("refs/tags/") else {
            continue;
        };
        // Partial versions are no release, so they count for nothing; a leading `v` is the custom.
        let Ok(version) = Version::strict(tag.strip_prefix('v').unwrap_or(tag)) else {
            continue;
        };
        if !constraint.matches(&version) {
            continue;
        }
        match &mut best {
            Some((highest, _)) if version < *highest => {}
            Some((highest, tags)) if version == *highest => tags.push(it.name.clone()),
            _ => best = Some((version, vec![it.name.clone()])),
        }
    }
    best.map(|(_, tags)| tags).unwrap_or_default()
}
