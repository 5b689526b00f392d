//! Git's conversation over a connection, held by runs of the genuine `git` that each answer one request.
//!
//! A process on pipes would answer in the machine's time; a run that the caller waits for keeps a simulated clock still.

use std::{collections::BTreeSet, io};

use sha1::{Digest, Sha1};

use crate::{
    GitServer,
    limits::{MAX_PUSH, MAX_REQUEST},
    upload_pack::{self, Ask, Program},
};

/// What the server says next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) bytes: Vec<u8>,
    /// Nothing follows.
    pub(crate) ended: bool,
}

/// One conversation about one repository.
pub(crate) struct Talk {
    server: GitServer,
    program: Program,
    repo: String,
    /// Received and not yet understood.
    input: Vec<u8>,
    /// What the client wants, up to the first flush.
    wants: Option<Vec<u8>>,
    /// What was said of the limits of history, and is said again by every run.
    shallow: usize,
    haves: Vec<u8>,
    told: BTreeSet<Vec<u8>>,
}

const FLUSH: &[u8] = b"0000";

impl Talk {
    pub(crate) fn new(server: GitServer, program: Program, repo: &str) -> Self {
        Self {
            server,
            program,
            repo: repo.to_owned(),
            input: Vec::new(),
            wants: None,
            shallow: 0,
            haves: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    /// The list of refs.
    pub(crate) fn open(&self) -> io::Result<Vec<u8>> {
        let refs = self.run(&Ask::Advertisement)?;
        self.server.note_served(&self.repo);
        Ok(refs)
    }

    fn run(&self, ask: &Ask<'_>) -> io::Result<Vec<u8>> {
        let missing = || io::Error::other("no such repository");
        let path = self.server.path(&self.repo).ok_or_else(missing)?;
        upload_pack::run(self.program, self.server.home(), &path, ask, None)
    }

    /// Listens, and answers as soon as something was asked.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> io::Result<Said> {
        self.input.extend_from_slice(bytes);
        let limit = match self.program {
            Program::UploadPack => MAX_REQUEST,
            Program::ReceivePack => MAX_PUSH,
        };
        if (self.input.len() + self.haves.len()) as u64 > limit {
            return Err(io::Error::other("the request is too long"));
        }
        let mut said = Said::default();
        while !said.ended {
            let more = match self.program {
                Program::UploadPack => self.fetch(&mut said)?,
                Program::ReceivePack => self.push(&mut said)?,
            };
            if !more {
                break;
            }
        }
        Ok(said)
    }

    /// One step of a fetch; whether there may be another one.
    fn fetch(&mut self, said: &mut Said) -> io::Result<bool> {
        if self.wants.is_none() {
            let Some(wants) = self.section()? else {
                return Ok(false);
            };
            if wants == FLUSH {
                // Somebody who only wanted the list.
                said.ended = true;
                return Ok(false);
            }
            let deepens = lines(&wants)?.iter().any(|it| it.starts_with(b"deepen"));
            if deepens {
                let answer = self.run(&Ask::Rpc(&wants))?;
                self.shallow = section_end(&answer)?.ok_or_else(|| io::Error::other("no answer"))?;
                said.bytes.extend_from_slice(&answer[..self.shallow]);
            }
            self.wants = Some(wants);
            return Ok(true);
        }
        let Some(line) = next_line(&self.input)? else {
            return Ok(false);
        };
        let (length, flush) = (line.length, line.text.is_none());
        let packet: Vec<u8> = self.input.drain(..length).collect();
        let done = packet.get(4..).is_some_and(|text| text.starts_with(b"done"));
        if !done && !flush {
            self.haves.extend_from_slice(&packet);
            return Ok(true);
        }
        let mut request = self.wants.clone().unwrap_or_default();
        request.extend_from_slice(&self.haves);
        request.extend_from_slice(&packet);
        let answer = self.run(&Ask::Rpc(&request))?;
        let answer = answer.get(self.shallow..).unwrap_or_default();
        self.tell_news(answer, said)?;
        said.ended = done;
        Ok(!done)
    }

    /// Every run acknowledges what earlier ones did already.
    fn tell_news(&mut self, answer: &[u8], said: &mut Said) -> io::Result<()> {
        let mut rest = answer;
        while rest.get(4..7).is_some_and(|it| it == b"ACK" || it == b"NAK") {
            let Some(line) = next_line(rest)? else { break };
            let (packet, after) = rest.split_at(line.length);
            let repeats = packet.ends_with(b" common\n") && !self.told.insert(packet.to_vec());
            if !repeats {
                said.bytes.extend_from_slice(packet);
            }
            rest = after;
        }
        said.bytes.extend_from_slice(rest);
        Ok(())
    }

    /// A push is answered as a whole: commands, and the pack unless everything is deleted.
    fn push(&mut self, said: &mut Said) -> io::Result<bool> {
        let Some(end) = section_end(&self.input)? else {
            return Ok(false);
        };
        let (commands, pack) = self.input.split_at(end);
        if commands != FLUSH {
            let commands = lines(commands)?;
            let deletes = |line: &&[u8]| {
                line.get(41..81)
                    .is_some_and(|new| new.iter().all(|it| *it == b'0'))
            };
            if !commands.iter().all(|line| deletes(&line.as_ref())) && !is_whole(pack) {
                return Ok(false);
            }
            let report = self.server.receive(&self.repo, &self.input)?;
            said.bytes.extend_from_slice(&report);
        }
        said.ended = true;
        Ok(false)
    }

    /// Takes the lines up to a flush, with it, if they are all there.
    fn section(&mut self) -> io::Result<Option<Vec<u8>>> {
        let end = section_end(&self.input)?;
        Ok(end.map(|end| self.input.drain(..end).collect()))
    }
}

/// A pack ends with the SHA-1 of itself.
fn is_whole(pack: &[u8]) -> bool {
    const TRAILER: usize = 20;
    let Some(length) = pack.len().checked_sub(TRAILER) else {
        return false;
    };
    let (content, trailer) = pack.split_at(length);
    content.starts_with(b"PACK") && Sha1::digest(content).as_slice() == trailer
}

/// One line of the protocol.
struct Line<'a> {
    /// Its length with the header.
    length: usize,
    /// Absent for a flush.
    text: Option<&'a [u8]>,
}

fn next_line(bytes: &[u8]) -> io::Result<Option<Line<'_>>> {
    let Some(header) = bytes.get(..4) else {
        return Ok(None);
    };
    let malformed = || io::Error::other("protocol error: bad line length character");
    let header = std::str::from_utf8(header).map_err(|_| malformed())?;
    let length = usize::from_str_radix(header, 16).map_err(|_| malformed())?;
    match length {
        0 => Ok(Some(Line {
            length: 4,
            text: None,
        })),
        1..4 => Err(malformed()),
        _ => Ok(bytes.get(4..length).map(|text| Line {
            length,
            text: Some(text),
        })),
    }
}

/// Where the first flush ends, once it is there.
fn section_end(bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut at = 0;
    while let Some(line) = next_line(bytes.get(at..).unwrap_or_default())? {
        at += line.length;
        if line.text.is_none() {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn lines(bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(line) = next_line(bytes.get(at..).unwrap_or_default())? {
        at += line.length;
        found.extend(line.text.map(<[u8]>::to_vec));
    }
    Ok(found)
}
