//! Where the outbox is kept while somebody is signed in: in the file, or nowhere.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

use super::{
    Outbox,
    file::{self, Kept, OutboxFile, Owner},
};
use crate::keychain;

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
    /// `None` when nothing is kept, or not any more.
    file: Mutex<Option<OutboxFile>>,
    /// What holds without a file.
    without: Keeping,
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
        let store = Arc::new(Store { file: Mutex::default(), without });
        Self { outbox: Outbox::new(Vec::new(), without), store, notice: None }
    }
}

/// Takes up what a person left.
pub(crate) async fn open(folder: &Path, owner: Owner) -> Opened {
    let Ok(key) = keychain::outbox_key(&owner.key_name()).await else {
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
            "Messages that were waiting to be sent cannot be read any more, so they have not been \
             sent. They are kept, encrypted, in {}.",
            aside.display()
        )
    });
    let outbox = Outbox::new(found.texts, Keeping::Disk);
    Opened { outbox, store: Store::on(found.file), notice }
}

/// Forgets what a person left, and the key to it.
pub(crate) async fn forget(folder: PathBuf, owner: Owner) {
    let key_name = owner.key_name();
    let removing = tokio::task::spawn_blocking(move || file::forget(&folder, &owner)).await;
    if let Ok(Err(error)) = removing {
        // Without its key it is as good as gone.
        tracing::warn!(%error, "the file of waiting messages cannot be deleted");
    }
    let _ = keychain::forget(&key_name).await;
}

impl Store {
    /// Keeps in this file.
    pub(crate) fn on(file: OutboxFile) -> Arc<Self> {
        Arc::new(Self { file: Mutex::new(Some(file)), without: Keeping::Memory })
    }

    /// Writes the texts down. They are on disk afterwards, or the answer says otherwise.
    pub(crate) async fn save(self: &Arc<Self>, texts: Vec<Kept>) -> Keeping {
        self.with_file(self.without, move |file| match file.write(&texts) {
            Ok(()) => Keeping::Disk,
            Err(error) => {
                tracing::warn!(%error, "waiting messages cannot be written down");
                Keeping::Memory
            }
        })
        .await
    }

    /// What is on disk does not hold any more.
    pub(crate) async fn discard(self: &Arc<Self>) {
        self.with_file((), |file| {
            if let Err(error) = file.remove() {
                tracing::warn!(%error, "the file of waiting messages cannot be deleted");
            }
        })
        .await;
    }

    /// Leaves the file to whoever comes next. What is still being written is written first; nothing is
    /// afterwards.
    pub(crate) async fn close(self: &Arc<Self>) {
        let store = Arc::clone(self);
        let closing = tokio::task::spawn_blocking(move || {
            *store.file.lock().unwrap_or_else(PoisonError::into_inner) = None;
        });
        let _ = closing.await;
    }

    /// The disk may take its time.
    async fn with_file<T: Copy + Send + 'static>(
        self: &Arc<Self>,
        without: T,
        act: impl FnOnce(&OutboxFile) -> T + Send + 'static,
    ) -> T {
        let store = Arc::clone(self);
        let acting = tokio::task::spawn_blocking(move || {
            let file = store.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.as_ref().map_or(without, act)
        });
        acting.await.unwrap_or(without)
    }
}

fn cannot_be_used(error: &dyn std::fmt::Display) -> Opened {
    tracing::warn!(%error, "waiting messages are kept in memory only");
    let notice = Some(format!(
        "Messages that wait to be sent cannot be kept on this computer ({error}). Those that were kept \
         before are not lost; they are sent when that is possible again."
    ));
    Opened { notice, ..Opened::in_memory(Keeping::Memory) }
}
