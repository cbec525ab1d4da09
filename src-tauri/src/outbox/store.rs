//! Where the outbox is kept while somebody is signed in: in the file, or nowhere.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

use super::{
    Outbox,
    file::{Kept, OutboxFile},
};
use crate::{
    keychain::Keychain,
    sealed::{self, Kind, Owner},
};

/// What becomes of the texts that wait when the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Keeping {
    /// They are on disk, and sent after the next start.
    Disk,
    /// They are lost: without a keyring there is no safe place for the key.
    NoKeyring,
    /// They are lost: the file cannot be used now, or nothing is to be kept.
    Memory,
}

/// The place of one sign-in's texts.
#[derive(Debug)]
pub(crate) struct Store {
    place: Mutex<Place>,
    /// What holds without a file.
    without: Keeping,
}

#[derive(Debug, Default)]
struct Place {
    /// `None` when nothing is kept, or not any more.
    file: Option<OutboxFile>,
    /// What no disk has taken. It lasts as long as the program.
    unwritten: Vec<Kept>,
    is_closed: bool,
}

/// The outbox as it was left.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) outbox: Outbox,
    pub(crate) store: Arc<Store>,
    /// A sentence for the person, when something could not be read.
    pub(crate) notice: Option<String>,
}

impl Opened {
    /// An empty outbox that ends with the program.
    pub(crate) fn in_memory(without: Keeping) -> Self {
        let store = Arc::new(Store { place: Mutex::default(), without });
        Self { outbox: Outbox::new(Vec::new(), without), store, notice: None }
    }
}

/// Takes up what a person left: on the disk, and what has not come there.
pub(crate) async fn open(
    keychain: &Keychain,
    folder: &Path,
    owner: Owner,
    unwritten: Vec<Kept>,
) -> Opened {
    let mut opened = open_file(keychain, folder, owner).await;
    opened.outbox.take_up(unwritten);
    if let Some(texts) = opened.outbox.take_unsaved() {
        let keeping = opened.store.save(texts).await;
        opened.outbox.set_keeping(keeping);
    }
    opened
}

async fn open_file(keychain: &Keychain, folder: &Path, owner: Owner) -> Opened {
    let Ok(key) = keychain.outbox_key(&owner.key_name()).await else {
        return Opened::in_memory(Keeping::NoKeyring);
    };
    let folder = folder.to_owned();
    let opening =
        tokio::task::spawn_blocking(move || OutboxFile::open(&folder, &owner, &key)).await;
    let found = match opening {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return cannot_be_used(&error),
        Err(error) => return cannot_be_used(&error),
    };
    let notice = found.set_aside.map(|aside| {
        tracing::warn!(aside = %aside.display(), "waiting messages cannot be read");
        format!(
            "Messages that were waiting to be sent could not be read, so they have not been \
             sent. They are kept, encrypted, in {}.",
            aside.display()
        )
    });
    let outbox = Outbox::new(found.texts, Keeping::Disk);
    Opened { outbox, store: Store::on(found.file), notice }
}

/// Deletes a person's file and its key.
pub(crate) async fn forget(keychain: &Keychain, folder: PathBuf, owner: Owner) {
    let key_name = owner.key_name();
    let removing =
        tokio::task::spawn_blocking(move || sealed::forget(&folder, &owner, Kind::Outbox)).await;
    if let Ok(Err(error)) = removing {
        // Without its key, the file cannot be read.
        tracing::warn!(%error, "the file of waiting messages cannot be deleted");
    }
    keychain.forget(&key_name);
}

impl Store {
    /// Keeps in this file.
    pub(crate) fn on(file: OutboxFile) -> Arc<Self> {
        let place = Place { file: Some(file), ..Place::default() };
        Arc::new(Self { place: Mutex::new(place), without: Keeping::Memory })
    }

    /// Saves the texts. Returns whether they are on disk.
    pub(crate) async fn save(self: &Arc<Self>, texts: Vec<Kept>) -> Keeping {
        let without = self.without;
        self.with_place(without, move |place| {
            if place.is_closed {
                return without;
            }
            let keeping = match place.file.as_ref().map(|file| file.write(&texts)) {
                Some(Ok(())) => Keeping::Disk,
                Some(Err(error)) => {
                    tracing::warn!(%error, "waiting messages cannot be saved");
                    Keeping::Memory
                }
                None => without,
            };
            place.unwritten = if keeping == Keeping::Disk { Vec::new() } else { texts };
            keeping
        })
        .await
    }

    /// Deletes the file.
    pub(crate) async fn discard(self: &Arc<Self>) {
        self.with_place((), |place| {
            if let Some(Err(error)) = place.file.as_ref().map(OutboxFile::remove) {
                tracing::warn!(%error, "the file of waiting messages cannot be deleted");
            }
        })
        .await;
    }

    /// Closes the file, so that the next sign-in can open it. Writes in progress are finished first, and
    /// later ones are dropped. Returns the texts that could not be written.
    pub(crate) async fn close(self: &Arc<Self>) -> Vec<Kept> {
        self.with_place(Vec::new(), |place| {
            let closed = Place { is_closed: true, ..Place::default() };
            std::mem::replace(place, closed).unwritten
        })
        .await
    }

    /// Runs on a thread for blocking work, because the disk may be slow.
    async fn with_place<T: Send + 'static>(
        self: &Arc<Self>,
        otherwise: T,
        act: impl FnOnce(&mut Place) -> T + Send + 'static,
    ) -> T {
        let store = Arc::clone(self);
        let acting = tokio::task::spawn_blocking(move || {
            act(&mut store.place.lock().unwrap_or_else(PoisonError::into_inner))
        });
        acting.await.unwrap_or(otherwise)
    }
}

fn cannot_be_used(error: &dyn std::fmt::Display) -> Opened {
    tracing::warn!(%error, "waiting messages are kept in memory only");
    let notice = Some(format!(
        "Messages that are waiting to be sent cannot be saved on this computer ({error}). \
         Those that were saved before are not lost; they are sent when their file can be \
         used again."
    ));
    Opened { notice, ..Opened::in_memory(Keeping::Memory) }
}

#[cfg(test)]
mod tests {
    use frontdesk_server::protocol::Timestamp;

    use super::*;

    fn kept(client_id: &str) -> Kept {
        Kept {
            client_id: client_id.to_owned(),
            conversation_id: 1,
            content: "Coming!".to_owned(),
            created_at: Timestamp::from_millis(0),
            epoch: "k3f".to_owned(),
            may_have_arrived: true,
            refused: None,
        }
    }

    #[tokio::test]
    async fn texts_that_could_not_be_written_are_returned_at_the_close() {
        let Opened { store, .. } = Opened::in_memory(Keeping::NoKeyring);
        assert_eq!(store.save(vec![kept("a"), kept("b")]).await, Keeping::NoKeyring);
        assert_eq!(store.save(vec![kept("b")]).await, Keeping::NoKeyring);
        assert_eq!(store.close().await, [kept("b")]);
        store.save(vec![kept("c")]).await;
        assert!(store.close().await.is_empty(), "nothing is kept afterwards");
    }
}
