//! Git's protocol over SSH, for libgit2.

use std::{
    fmt,
    io::{self, Read, Write},
    sync::Arc,
};

use bytes::{Buf, Bytes};
use edges::{HttpError, Net, Proxy};
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use russh::{
    AlgorithmKind, Channel, ChannelMsg,
    client::{self, Handle, Msg},
    keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key},
};

use crate::{
    SshAlgorithms, TransportError,
    algorithms::preferred,
    context::Context,
    known_hosts::{HostKeyError, InvalidKnownHosts, KnownHosts},
    limits::{MAX_ADVERTISEMENT, MAX_MESSAGE, MAX_PACK},
};

/// How the client makes itself known over SSH, and whom it knows.
#[derive(Clone, PartialEq, Eq)]
pub struct SshKey {
    /// The private key, in any of the usual forms.
    pub identity: String,
    /// The passphrase of an encrypted key.
    pub passphrase: Option<String>,
    /// The servers' keys, as sshd(8) writes them.
    pub known_hosts: String,
    /// The algorithms to offer.
    pub algorithms: SshAlgorithms,
}

impl fmt::Debug for SshKey {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SshKey")
    }
}

impl SshKey {
    /// Whether the key can only be read with a passphrase.
    pub fn is_encrypted(&self) -> bool {
        // PEM says it in words, OpenSSH's own form within.
        self.identity.contains("ENCRYPTED")
            || PrivateKey::from_openssh(&self.identity).is_ok_and(|key| key.is_encrypted())
    }
}

/// Why there is no SSH connection, in the words of Go's library.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// The private key cannot be read. Nothing of it is repeated.
    #[error("unable to construct auth method with options: {0}")]
    Identity(&'static str),
    /// The known hosts cannot be read.
    #[error("unable to construct auth method with options: {0}")]
    KnownHosts(#[from] InvalidKnownHosts),
    /// No connection.
    #[error("{}", .0.dialed())]
    Dial(HttpError),
    /// The server's key is not accepted.
    #[error("ssh: handshake failed: {0}")]
    HostKey(HostKeyError),
    /// The two sides have nothing in common.
    #[error(
        "ssh: handshake failed: ssh: no common algorithm for {what}; we offered: [{}], peer offered: [{}]",
        .ours.join(" "),
        .theirs.join(" ")
    )]
    NoCommonAlgorithm {
        /// For what, such as `host key`.
        what: &'static str,
        /// What the client would take.
        ours: Vec<String>,
        /// What the server has.
        theirs: Vec<String>,
    },
    /// The server does not want this key.
    #[error(
        "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain"
    )]
    Denied,
    /// The connection broke.
    #[error("ssh: handshake failed: {0}")]
    Handshake(String),
    /// The server ended the conversation and said why.
    #[error("unknown error: {0}")]
    Remote(String),
}

impl From<russh::Error> for SshError {
    fn from(error: russh::Error) -> Self {
        match error {
            russh::Error::NoCommonAlgo { kind, ours, theirs } => Self::NoCommonAlgorithm {
                what: match kind {
                    AlgorithmKind::Kex => "key exchange",
                    AlgorithmKind::Key => "host key",
                    AlgorithmKind::Cipher => "client to server cipher",
                    AlgorithmKind::Compression => "client to server compression",
                    AlgorithmKind::Mac => "client to server MAC",
                },
                ours,
                theirs,
            },
            russh::Error::IO(_) | russh::Error::HUP | russh::Error::Disconnect => {
                Self::Handshake("EOF".to_owned())
            }
            other => Self::Handshake(other.to_string()),
        }
    }
}

/// Where a repository is.
pub(crate) struct Place {
    pub(crate) username: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

/// Parts of `ssh://host:port/path`; the user was taken out before.
fn place(url: &str, username: &str) -> Option<Place> {
    let rest = url.strip_prefix("ssh://")?;
    let (authority, path) = rest.split_once('/')?;
    // A submodule's address may have a user of its own.
    let (username, authority) = match authority.rsplit_once('@') {
        Some((user, authority)) => (user.split(':').next().unwrap_or(user), authority),
        None => (username, authority),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (authority, 22),
    };
    Some(Place {
        username: username.to_owned(),
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port,
        path: format!("/{path}"),
    })
}

/// Checks the server's key and remembers why it was refused.
struct Judge {
    known: KnownHosts,
    host: String,
    port: u16,
}

/// What ends a handshake.
#[derive(Debug)]
struct Verdict(SshError);

impl From<russh::Error> for Verdict {
    fn from(error: russh::Error) -> Self {
        Self(error.into())
    }
}

impl client::Handler for Judge {
    type Error = Verdict;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Verdict> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Err(Verdict(SshError::HostKey(HostKeyError::Unknown)));
        };
        let judged = self.known.check(&self.host, self.port, key);
        judged
            .map(|()| true)
            .map_err(|error| Verdict(SshError::HostKey(error)))
    }
}

fn identity(key: &SshKey) -> Result<PrivateKey, SshError> {
    let passphrase = key.passphrase.as_deref().filter(|it| !it.is_empty());
    decode_secret_key(&key.identity, passphrase).map_err(|_| {
        SshError::Identity(if key.is_encrypted() {
            "x509: decryption password incorrect"
        } else {
            "ssh: no key found"
        })
    })
}

/// An open conversation with a program on the server.
struct Link {
    /// The connection lives as long as this.
    _session: Handle<Judge>,
    channel: Channel<Msg>,
}

async fn open(net: Net, proxy: Option<Proxy>, key: Arc<SshKey>, place: Place) -> Result<Link, SshError> {
    let known = KnownHosts::parse(&key.known_hosts)?;
    let secret = Arc::new(identity(&key)?);
    let (preferred, names) = preferred(&key.algorithms, known.algorithms(&place.host, place.port));
    let stream = net.connect(&place.host, place.port, proxy.as_ref()).await;
    let stream = stream.map_err(SshError::Dial)?;
    let config = Arc::new(client::Config {
        preferred,
        ..client::Config::default()
    });
    let judge = Judge {
        known,
        host: place.host,
        port: place.port,
    };
    let connected = client::connect_stream(config, stream, judge).await;
    let mut session = connected.map_err(|Verdict(error)| named(error, &names, &key))?;
    let hash = session.best_supported_rsa_hash().await?;
    // SHA-1 is for servers that say they know nothing else.
    let hash = hash.unwrap_or(Some(HashAlg::Sha512));
    let secret = PrivateKeyWithHashAlg::new(secret, hash);
    let answer = session.authenticate_publickey(place.username, secret).await?;
    if !answer.success() {
        return Err(SshError::Denied);
    }
    let channel = session.channel_open_session().await?;
    let path = place.path.replace('\'', "'\\''");
    channel.exec(true, format!("git-upload-pack '{path}'")).await?;
    Ok(Link {
        _session: session,
        channel,
    })
}

/// Says what the user asked for rather than what was sent.
fn named(error: SshError, host_keys: &[String], key: &SshKey) -> SshError {
    match error {
        SshError::NoCommonAlgorithm { what, ours, theirs } => {
            let wanted = match what {
                "host key" => Some(host_keys.to_vec()),
                "key exchange" => Some(key.algorithms.key_exchanges.clone()),
                _ => None,
            };
            SshError::NoCommonAlgorithm {
                what,
                ours: wanted.filter(|it| !it.is_empty()).unwrap_or(ours),
                theirs: theirs
                    .into_iter()
                    .filter(|it| !it.starts_with("kex-strict-") && !it.starts_with("ext-info-"))
                    .collect(),
            }
        }
        other => other,
    }
}

pub(crate) struct Ssh(Context);

impl Ssh {
    pub(crate) fn transport(remote: &git2::Remote<'_>) -> Result<Transport, git2::Error> {
        let context = Context::current().ok_or_else(|| git2::Error::from_str("no context"))?;
        Transport::smart(remote, false, Self(context))
    }
}

impl SmartSubtransport for Ssh {
    fn action(&self, url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        // libgit2 goes on with the stream of the list when it fetches.
        if action != Service::UploadPackLs {
            return Err(git2::Error::from_str("this transport only reads"));
        }
        let place = place(url, &self.0.username);
        let (Some(key), Some(place)) = (self.0.ssh.clone(), place) else {
            return Err(git2::Error::from_str("no key for an SSH address"));
        };
        let opening = open(self.0.net.clone(), self.0.proxy.clone(), key, place);
        let opened = match self.0.caller.block_on(opening) {
            Ok(opened) => opened.map_err(TransportError::Ssh),
            Err(_) => Err(TransportError::Cancelled),
        };
        let link = opened.map_err(|error| git2::Error::from_str(&self.0.fail(error).to_string()))?;
        Ok(Box::new(Conversation {
            context: self.0.clone(),
            url: url.to_owned(),
            link: Some(link),
            asked: Vec::new(),
            piece: Bytes::new(),
            left: MAX_ADVERTISEMENT + MAX_PACK,
            said: Vec::new(),
        }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// What libgit2 reads and writes; what it wrote is sent when it next reads.
struct Conversation {
    context: Context,
    url: String,
    /// Absent once the server has ended it.
    link: Option<Link>,
    asked: Vec<u8>,
    piece: Bytes,
    left: u64,
    /// What the server complained of.
    said: Vec<u8>,
}

impl Write for Conversation {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.asked.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Conversation {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let Some(link) = self.link.take() else { break };
            let asked = Bytes::from(std::mem::take(&mut self.asked));
            let turn = self.context.caller.block_on(turn(link, asked));
            let heard = turn.map_err(|_| self.context.fail(TransportError::Cancelled))?;
            self.take(heard).map_err(|error| self.context.fail(error))?;
        }
        let length = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// Sends what was asked and waits for the next message.
async fn turn(mut link: Link, asked: Bytes) -> (Link, Option<ChannelMsg>) {
    if !asked.is_empty() && link.channel.data_bytes(asked).await.is_err() {
        return (link, None);
    }
    let message = link.channel.wait().await;
    (link, message)
}

impl Conversation {
    fn take(&mut self, (link, message): (Link, Option<ChannelMsg>)) -> Result<(), TransportError> {
        match message {
            Some(ChannelMsg::Data { data }) => {
                let too_large = || TransportError::TooLarge {
                    url: self.url.clone(),
                    limit: MAX_PACK,
                };
                self.left = self.left.checked_sub(data.len() as u64).ok_or_else(too_large)?;
                self.piece = data;
            }
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                let room = MAX_MESSAGE.saturating_sub(self.said.len());
                self.said.extend_from_slice(&data[..data.len().min(room)]);
            }
            Some(ChannelMsg::ExitStatus { exit_status }) if exit_status != 0 => return Err(self.complaint()),
            Some(ChannelMsg::Close) | None => {
                // libgit2 would only say that the stream ended.
                return if self.said.is_empty() {
                    Ok(())
                } else {
                    Err(self.complaint())
                };
            }
            Some(_) => {}
        }
        self.link = Some(link);
        Ok(())
    }

    /// Hosting services say in words of their own that there is no such repository.
    fn complaint(&self) -> TransportError {
        let said = String::from_utf8_lossy(&self.said);
        let missing = [
            "does not appear to be a git repository",
            "Repository not found",
            "repository does not exist",
            "The project you were looking for could not be found",
        ];
        if missing.iter().any(|it| said.contains(it)) {
            return TransportError::NotFound;
        }
        TransportError::Ssh(SshError::Remote(said.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_ports_and_paths() {
        let parts = |url: &str| place(url, "git").map(|it| (it.host, it.port, it.path));
        let expected = |host: &str, port, path: &str| Some((host.to_owned(), port, path.to_owned()));
        assert_eq!(parts("ssh://h/a/b.git"), expected("h", 22, "/a/b.git"));
        assert_eq!(parts("ssh://h:2222/a"), expected("h", 2222, "/a"));
        assert_eq!(parts("ssh://[::1]:2222/a"), expected("::1", 2222, "/a"));
        assert_eq!(parts("ssh://[::1]/a"), expected("::1", 22, "/a"));
        assert_eq!(parts("ssh://h:x/a"), None);
        assert_eq!(parts("https://h/a"), None);
    }

    #[test]
    fn errors_name_both_sides() {
        let error = SshError::from(russh::Error::NoCommonAlgo {
            kind: AlgorithmKind::Key,
            ours: vec!["rsa-sha2-512".into(), "rsa-sha2-256".into()],
            theirs: vec!["ssh-rsa".into()],
        });
        assert_eq!(
            error.to_string(),
            "ssh: handshake failed: ssh: no common algorithm for host key; we offered: [rsa-sha2-512 rsa-sha2-256], peer offered: [ssh-rsa]"
        );
    }
}
