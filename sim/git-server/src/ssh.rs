//! Git over SSH: any of the fixture keys may read and push.

use std::{borrow::Cow, io, sync::Arc, time::Duration};

use edges::{Blocking, Clock, Stream};
use futures::future::BoxFuture;
use russh::{
    Channel, ChannelId, Preferred,
    keys::{Algorithm, PrivateKey, PublicKey, decode_secret_key},
    server::{self, Auth, ChannelOpenHandle, Msg, VerifiedPublicKey},
};

use crate::{
    GitServer, Trouble,
    limits::SLOW_ANSWER,
    talk::{Said, Talk},
    upload_pack::Program,
};

const HOST_KEYS: [&str; 3] = [
    include_str!("../keys/host-ed25519"),
    include_str!("../keys/host-ecdsa"),
    include_str!("../keys/host-rsa"),
];

const USERS: [&str; 5] = [
    include_str!("../keys/user-ed25519.pub"),
    include_str!("../keys/user-ecdsa-256.pub"),
    include_str!("../keys/user-ecdsa-384.pub"),
    include_str!("../keys/user-ecdsa-521.pub"),
    include_str!("../keys/user-rsa.pub"),
];

/// How a host presents itself.
#[derive(Clone)]
pub struct SshHost {
    config: Arc<server::Config>,
    users: Arc<[PublicKey]>,
}

impl SshHost {
    /// A host with the fixture keys that go with these algorithms, such as `ssh-ed25519` or `rsa-sha2-512`.
    ///
    /// # Errors
    /// When an algorithm is unknown.
    pub fn new(algorithms: &[&str]) -> io::Result<Self> {
        let parsed: Result<Vec<_>, _> = algorithms.iter().map(|it| Algorithm::new(it)).collect();
        let keys: Result<Vec<PrivateKey>, _> =
            HOST_KEYS.iter().map(|it| decode_secret_key(it, None)).collect();
        let users: Result<Vec<PublicKey>, _> = USERS.iter().map(|it| PublicKey::from_openssh(it)).collect();
        let config = server::Config {
            keys: keys.map_err(io::Error::other)?,
            preferred: Preferred {
                key: Cow::Owned(parsed.map_err(io::Error::other)?),
                ..Preferred::default()
            },
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            inactivity_timeout: None,
            ..server::Config::default()
        };
        Ok(Self {
            config: Arc::new(config),
            users: users.map_err(io::Error::other)?.into(),
        })
    }
}

impl GitServer {
    /// Serves one SSH connection until it ends.
    pub fn serve_ssh(&self, host: &SshHost, stream: Stream, blocking: Blocking) -> BoxFuture<'static, ()> {
        let session = Session {
            server: self.clone(),
            users: Arc::clone(&host.users),
            blocking,
            talk: None,
        };
        let config = Arc::clone(&host.config);
        Box::pin(async move {
            if session.server.has(Trouble::Slow) {
                // Waiting goes by tokio's timer on every clock, so it is virtual where time is.
                Clock::system().sleep(SLOW_ANSWER).await;
            }
            // How a client ends its connection is its own affair.
            if let Ok(running) = server::run_stream(config, stream, session).await {
                let _ = running.await;
            }
        })
    }
}

struct Session {
    server: GitServer,
    users: Arc<[PublicKey]>,
    blocking: Blocking,
    talk: Option<Talk>,
}

impl Session {
    /// Lets `git` answer: where time is virtual everything waits, elsewhere only this connection does.
    async fn answer(&mut self, bytes: Vec<u8>) -> io::Result<Said> {
        let Some(mut talk) = self.talk.take() else {
            return Ok(Said::default());
        };
        if self.blocking == Blocking::Lockstep {
            let said = talk.hear(&bytes);
            self.talk = Some(talk);
            return said;
        }
        let work = tokio::task::spawn_blocking(move || (talk.hear(&bytes), talk));
        let (said, talk) = work.await.map_err(io::Error::other)?;
        self.talk = Some(talk);
        said
    }

    /// Sends an answer, as far as troubles let it.
    fn say(
        &self,
        channel: ChannelId,
        said: &mut Said,
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        if self.server.has(Trouble::Truncated) && !said.bytes.is_empty() {
            said.bytes.truncate(said.bytes.len() / 2);
            session.data(channel, std::mem::take(&mut said.bytes))?;
            return Err(russh::Error::Disconnect);
        }
        if !said.bytes.is_empty() {
            session.data(channel, std::mem::take(&mut said.bytes))?;
        }
        if said.ended {
            session.exit_status_request(channel, 0)?;
            session.eof(channel)?;
            session.close(channel)?;
        }
        Ok(())
    }
}

fn refuse(channel: ChannelId, text: &str, session: &mut server::Session) -> Result<(), russh::Error> {
    session.extended_data(channel, 1, format!("{text}\n").into_bytes())?;
    session.exit_status_request(channel, 128)?;
    session.eof(channel)?;
    session.close(channel)
}

/// `git-upload-pack '/app.git'` or `git upload-pack app`, as programs of different ages write it.
fn parse(command: &str) -> Option<(Program, String)> {
    let command = command.trim();
    let (program, path) = [Program::UploadPack, Program::ReceivePack]
        .into_iter()
        .find_map(|program| {
            let name = program.name();
            let rest = command
                .strip_prefix("git-")
                .or_else(|| command.strip_prefix("git "))?;
            Some((program, rest.strip_prefix(name)?.strip_prefix(' ')?))
        })?;
    let path = path.trim().trim_matches('\'').trim_matches('/');
    Some((program, path.strip_suffix(".git").unwrap_or(path).to_owned()))
}

impl server::Handler for Session {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let known = |user: &PublicKey| user.key_data() == key.public_key.key_data();
        Ok(if self.users.iter().any(known) {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut server::Session,
    ) -> Result<(), Self::Error> {
        let Some((program, repo)) = parse(&String::from_utf8_lossy(data)) else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        if self.server.path(&repo).is_none() {
            let text = format!("fatal: '/{repo}.git' does not appear to be a git repository");
            return refuse(channel, &text, session);
        }
        let talk = Talk::new(self.server.clone(), program, &repo);
        match talk.open() {
            Ok(bytes) => {
                self.talk = Some(talk);
                let mut said = Said { bytes, ended: false };
                self.say(channel, &mut said, session)
            }
            Err(error) => refuse(channel, &format!("fatal: {error}"), session),
        }
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut server::Session,
    ) -> Result<(), Self::Error> {
        match self.answer(data.to_vec()).await {
            Ok(mut said) => self.say(channel, &mut said, session),
            Err(error) => refuse(channel, &format!("fatal: {error}"), session),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_program_and_repository() {
        let upload = Some((Program::UploadPack, "a/app".to_owned()));
        assert_eq!(parse("git-upload-pack '/a/app.git'"), upload);
        assert_eq!(parse("git upload-pack a/app"), upload);
        let receive = Some((Program::ReceivePack, "app".to_owned()));
        assert_eq!(parse("git-receive-pack 'app.git'"), receive);
        assert_eq!(parse("rm -rf /"), None);
    }
}
