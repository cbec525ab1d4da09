//! The texts that wait, in one encrypted file beside the settings.
//!
//! The file is replaced as a whole: whoever cuts the power finds the old one or the new one. It begins with
//! [`MAGIC`] and a random nonce; the rest is XChaCha20-Poly1305, which also vouches for whose it is.

use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use frontdesk_server::protocol::{ErrorFrame, Id, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::{self, private, sync_folder};

/// Another format begins otherwise.
const MAGIC: &[u8] = b"Frontdesk outbox 1\n";

const NONCE_BYTES: usize = 24;

/// No file of ours is longer, however its texts are escaped.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Files of other years that were set aside; what comes after is written over the last one.
const MAX_ASIDE: u32 = 99;

/// The key of one person's file.
#[derive(Clone)]
pub(crate) struct Key(pub(crate) [u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Whose texts they are: one person's at one server. The file of another one does not open.
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

    /// What the file is bound to, beside its content.
    fn binding(&self) -> Vec<u8> {
        let words = serde_json::json!([self.server, self.user_id, self.username]);
        [MAGIC, words.to_string().as_bytes()].concat()
    }

    /// Names their files. It says nothing about the person or the server to whoever lists the folder.
    pub(crate) fn hash(&self) -> String {
        let hash = Sha256::digest(self.binding());
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("outbox-{}.sealed", self.hash()))
    }

    /// Under what name this computer's secret for the server is kept, which knows a device of each person.
    pub(crate) fn device_name(server: &str, username: &str) -> String {
        format!("this computer for {}: {server}", username.trim().to_lowercase())
    }
}

/// A text as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) client_id: String,
    pub(crate) conversation_id: Id,
    pub(crate) content: String,
    pub(crate) created_at: Timestamp,
    /// The life of the database whose conversation it is; `""`: not known.
    #[serde(default)]
    pub(crate) epoch: String,
    pub(crate) may_have_arrived: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<ErrorFrame>,
}

/// What was in the file.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: OutboxFile,
    /// The oldest first.
    pub(crate) texts: Vec<Kept>,
    /// Where a file is now that does not open with this key.
    pub(crate) set_aside: Option<PathBuf>,
}

/// The file, held by this program alone.
pub(crate) struct OutboxFile {
    path: PathBuf,
    binding: Vec<u8>,
    cipher: XChaCha20Poly1305,
    /// The system lets go of it when the program ends, however it ends.
    _held: fs::File,
}

impl std::fmt::Debug for OutboxFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboxFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl OutboxFile {
    /// Opens the file of a person, or gets ready to make it.
    ///
    /// # Errors
    /// When the folder or the file cannot be used, or another program of this desk holds it
    /// ([`io::ErrorKind::WouldBlock`]).
    pub(crate) fn open(folder: &Path, owner: &Owner, key: &Key) -> io::Result<Found> {
        fs::create_dir_all(folder)?;
        let path = owner.path(folder);
        let held = private().truncate(false).open(path.with_extension("lock"))?;
        held.try_lock()?;
        let cipher = XChaCha20Poly1305::new(&key.0.into());
        let file = Self { path, binding: owner.binding(), cipher, _held: held };
        let bytes = match fs::File::open(&file.path) {
            Ok(kept) => {
                let mut bytes = Vec::new();
                kept.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
                bytes
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Found { file, texts: Vec::new(), set_aside: None });
            }
            Err(error) => return Err(error),
        };
        match file.unseal(&bytes) {
            Some(texts) => Ok(Found { file, texts, set_aside: None }),
            None => {
                let set_aside = Some(set_aside(&file.path)?);
                Ok(Found { file, texts: Vec::new(), set_aside })
            }
        }
    }

    /// Replaces what is kept; it is on disk afterwards. Nothing at all needs no file.
    ///
    /// # Errors
    /// When the disk does not take it; what was kept before is still there.
    pub(crate) fn write(&self, texts: &[Kept]) -> io::Result<()> {
        if texts.is_empty() {
            return self.remove();
        }
        files::replace(&self.path, &self.seal(texts)?)
    }

    /// Keeps nothing any more.
    ///
    /// # Errors
    /// When the file is there and stays there.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove(&self.path)
    }

    fn seal(&self, texts: &[Kept]) -> io::Result<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let clear = serde_json::to_vec(texts)?;
        let payload = Payload { msg: &clear, aad: &self.binding };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| io::Error::other("the cipher refuses"))?;
        Ok([MAGIC, &nonce, &sealed].concat())
    }

    /// `None` for everything that this program did not write for this person with this key.
    fn unseal(&self, bytes: &[u8]) -> Option<Vec<Kept>> {
        let (nonce, sealed) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: &self.binding };
        let clear = self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
        serde_json::from_slice(&clear).ok()
    }
}

/// Deletes the file of a person, whatever is in it.
///
/// # Errors
/// When it is there and stays there.
pub(crate) fn forget(folder: &Path, owner: &Owner) -> io::Result<()> {
    remove(&owner.path(folder))
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

#[cfg(test)]
mod tests;
