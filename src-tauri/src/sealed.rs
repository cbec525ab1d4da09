//! Files that only one person's key opens, beside the settings.
//!
//! A file is replaced as a whole: a power failure leaves the old one or the new one. It begins with the line of its
//! [`Kind`] and a random nonce; the rest is XChaCha20-Poly1305, which also proves whose file it is.

use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use frontdesk_server::protocol::Id;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::files::{self, private, sync_folder};

const NONCE_BYTES: usize = 24;

/// A longer file was not written by this program.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Files that did not open and were set aside; after that, each replaces the last one.
const MAX_ASIDE: u32 = 99;

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Texts that wait to be sent.
    Outbox,
    /// Answers that are not finished.
    Drafts,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::Drafts => "drafts",
        }
    }

    /// Another format begins with another line.
    const fn first_line(self) -> &'static [u8] {
        match self {
            Self::Outbox => b"Frontdesk outbox 1\n",
            Self::Drafts => b"Frontdesk drafts 1\n",
        }
    }
}

/// The key of one person's files.
#[derive(Clone)]
pub(crate) struct Key(pub(crate) [u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Whose files they are: one person's at one server. Those of another person do not open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Owner {
    /// Under what name the sign-in is kept.
    pub(crate) server: String,
    pub(crate) user_id: Id,
    pub(crate) username: String,
}

impl Owner {
    /// Under what name the key is kept, beside the sign-in.
    pub(crate) fn key_name(&self) -> String {
        format!("messages of {} that wait: {}", self.username, self.server)
    }

    /// What a file is bound to, beside its content.
    fn binding(&self, kind: Kind) -> Vec<u8> {
        let words = serde_json::json!([self.server, self.user_id, self.username]);
        [kind.first_line(), words.to_string().as_bytes()].concat()
    }

    /// Names their files. A listing of the folder says nothing about the person or the server.
    pub(crate) fn hash(&self) -> String {
        let hash = Sha256::digest(self.binding(Kind::Outbox));
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn path(&self, folder: &Path, kind: Kind) -> PathBuf {
        folder.join(format!("{}-{}.sealed", kind.name(), self.hash()))
    }

    /// Under what name this computer's secret for the server is kept, which knows a device of each person.
    pub(crate) fn device_name(server: &str, username: &str) -> String {
        format!("this computer for {}: {server}", username.trim().to_lowercase())
    }
}

/// A file that was opened, and what was in it.
#[derive(Debug)]
pub(crate) struct Opened<T> {
    pub(crate) file: SealedFile,
    /// `None`: nothing, or nothing that can be read.
    pub(crate) content: Option<T>,
    /// Where a file is now that does not open with this key.
    pub(crate) set_aside: Option<PathBuf>,
}

/// A file, held by this program alone.
pub(crate) struct SealedFile {
    path: PathBuf,
    kind: Kind,
    binding: Vec<u8>,
    cipher: XChaCha20Poly1305,
    /// The system releases it when the program ends, however it ends.
    _held: fs::File,
}

impl std::fmt::Debug for SealedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SealedFile {
    /// Opens the file of a person, which holds JSON, or prepares to make it.
    ///
    /// # Errors
    /// When the folder or the file cannot be used, or another program of this desk holds it
    /// ([`io::ErrorKind::WouldBlock`]).
    pub(crate) fn open<T: DeserializeOwned>(
        folder: &Path,
        owner: &Owner,
        kind: Kind,
        key: &Key,
    ) -> io::Result<Opened<T>> {
        fs::create_dir_all(folder)?;
        let path = owner.path(folder, kind);
        let held = private().truncate(false).open(path.with_extension("lock"))?;
        held.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::WouldBlock,
                "another Frontdesk of this account is using it",
            ),
            fs::TryLockError::Error(error) => error,
        })?;
        let cipher = XChaCha20Poly1305::new(&key.0.into());
        let file = Self { path, kind, binding: owner.binding(kind), cipher, _held: held };
        let bytes = match fs::File::open(&file.path) {
            Ok(kept) => {
                let mut bytes = Vec::new();
                kept.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
                bytes
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Opened { file, content: None, set_aside: None });
            }
            Err(error) => return Err(error),
        };
        let content = file.unseal(&bytes).and_then(|clear| serde_json::from_slice(&clear).ok());
        let set_aside = match content {
            Some(_) => None,
            None => Some(set_aside(&file.path)?),
        };
        Ok(Opened { file, content, set_aside })
    }

    /// Replaces what is kept; it is on disk afterwards.
    ///
    /// # Errors
    /// When the disk does not take it; what was kept before is still there.
    pub(crate) fn write(&self, content: &impl Serialize) -> io::Result<()> {
        files::replace(&self.path, &self.seal(&serde_json::to_vec(content)?)?)
    }

    /// Keeps nothing any more.
    ///
    /// # Errors
    /// When the file is there and stays there.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove(&self.path)
    }

    fn seal(&self, content: &[u8]) -> io::Result<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: content, aad: &self.binding };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| io::Error::other("the content cannot be encrypted"))?;
        Ok([self.kind.first_line(), &nonce, &sealed].concat())
    }

    /// `None` for everything that this program did not write for this person with this key.
    fn unseal(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let rest = bytes.strip_prefix(self.kind.first_line())?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: &self.binding };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }
}

/// Deletes a file of a person, whatever is in it.
///
/// # Errors
/// When it is there and stays there.
pub(crate) fn forget(folder: &Path, owner: &Owner, kind: Kind) -> io::Result<()> {
    remove(&owner.path(folder, kind))
}

fn remove(path: &Path) -> io::Result<()> {
    for path in [path.to_owned(), path.with_extension("new")] {
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives a file that does not open a name of its own, beside those that did not open before.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let name = |number: u32| path.with_extension(format!("damaged-{number}"));
    let free = (1..MAX_ASIDE).map(name).find(|aside| !aside.exists());
    let aside = free.unwrap_or_else(|| name(MAX_ASIDE));
    fs::rename(path, &aside)?;
    sync_folder(path)?;
    Ok(aside)
}
