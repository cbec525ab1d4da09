//! Answers that are not finished, in one encrypted file beside the outbox.
//!
//! They are written down at each change, so that they are there after Quit and after a crash. When that fails, they
//! last as long as the program; sending does not depend on them.

use std::{path::Path, sync::Arc};

use frontdesk_server::protocol::Id;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    keychain::Keychain,
    sealed::{Key, Kind, Owner, SealedFile},
};

/// Most drafts of one person; the oldest are dropped first.
const MAX_DRAFTS: usize = 500;

/// Most code points that are kept of each: the longest message that the server takes.
const MAX_CHARS: usize = 4_096;

/// A text that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Draft {
    conversation_id: Id,
    text: String,
}

/// Where the drafts are kept.
#[derive(Debug)]
enum Place {
    File(Arc<SealedFile>),
    /// The demo hotel keeps nothing.
    Demo,
    /// They cannot be kept, for this reason.
    Nowhere(String),
}

/// One person's drafts.
#[derive(Debug)]
pub(crate) struct Drafts {
    owner: Option<Owner>,
    place: Place,
    /// The oldest first.
    drafts: Vec<Draft>,
}

impl Drafts {
    /// Reads what a person left; without an owner nothing is kept.
    pub(crate) async fn open(keychain: &Keychain, folder: &Path, owner: Option<Owner>) -> Self {
        let Some(owner) = owner else {
            return Self { owner: None, place: Place::Demo, drafts: Vec::new() };
        };
        let Ok(key) = keychain.outbox_key(&owner.key_name()).await else {
            let reason = "this computer has no keyring".to_owned();
            return Self { owner: Some(owner), place: Place::Nowhere(reason), drafts: Vec::new() };
        };
        Self::open_file(folder, owner, key).await
    }

    async fn open_file(folder: &Path, owner: Owner, key: Key) -> Self {
        let (folder, of) = (folder.to_owned(), owner.clone());
        let opening = tokio::task::spawn_blocking(move || {
            SealedFile::open::<Vec<Draft>>(&folder, &of, Kind::Drafts, &key)
        });
        let reason = match opening.await {
            Ok(Ok(opened)) => {
                if let Some(aside) = opened.set_aside {
                    tracing::warn!(aside = %aside.display(), "drafts cannot be read");
                }
                let (place, drafts) = (Place::File(Arc::new(opened.file)), opened.content);
                return Self { owner: Some(owner), place, drafts: drafts.unwrap_or_default() };
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(reason, "drafts are kept in memory only");
        Self { owner: Some(owner), place: Place::Nowhere(reason), drafts: Vec::new() }
    }

    /// Whose they are; `None` in the demo hotel.
    pub(crate) fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }

    /// All of them, the oldest first.
    pub(crate) fn all(&self) -> Vec<(Id, String)> {
        self.drafts.iter().map(|draft| (draft.conversation_id, draft.text.clone())).collect()
    }

    /// Keeps a text; an empty one is forgotten. It is on disk afterwards.
    ///
    /// # Errors
    /// `draft_not_saved`: it lasts as long as the program.
    pub(crate) async fn save(&mut self, conversation_id: Id, mut text: String) -> Result<()> {
        if let Some((end, _)) = text.char_indices().nth(MAX_CHARS) {
            text.truncate(end);
        }
        let known = self.drafts.iter().position(|it| it.conversation_id == conversation_id);
        let before = known.map(|at| self.drafts.remove(at));
        if before.as_ref().map_or("", |draft| &draft.text) == text {
            // A click into a box changes neither the text nor its age.
            if let (Some(at), Some(draft)) = (known, before) {
                self.drafts.insert(at, draft);
            }
            return Ok(());
        }
        if !text.is_empty() {
            self.drafts.push(Draft { conversation_id, text });
        }
        if self.drafts.len() > MAX_DRAFTS {
            self.drafts.remove(0);
        }
        self.write().await
    }

    async fn write(&self) -> Result<()> {
        let reason = match &self.place {
            Place::Demo => return Ok(()),
            Place::Nowhere(reason) => reason.clone(),
            Place::File(file) => {
                let (file, drafts) = (Arc::clone(file), self.drafts.clone());
                let writing = tokio::task::spawn_blocking(move || {
                    if drafts.is_empty() {
                        return file.remove();
                    }
                    file.write(&drafts)
                });
                match writing.await {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                }
            }
        };
        Err(Error::new(
            "draft_not_saved",
            format!(
                "This draft could not be saved ({reason}). It is lost if Frontdesk is \
                 closed before you send it."
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner { server: "here".to_owned(), user_id: 12, username: "ana".to_owned() }
    }

    async fn open(folder: &Path) -> Drafts {
        Drafts::open_file(folder, owner(), Key([7; 32])).await
    }

    fn texts(drafts: &Drafts) -> Vec<String> {
        drafts.all().into_iter().map(|(id, text)| format!("{id} {text}")).collect()
    }

    #[tokio::test]
    async fn drafts_are_there_after_a_restart_and_unreadable_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut drafts = open(folder.path()).await;
        for (id, text) in [(1, "two"), (2, "Coming!"), (1, "two towels"), (3, "x"), (3, "")] {
            drafts.save(id, text.to_owned()).await.unwrap();
        }
        drop(drafts);
        let drafts = open(folder.path()).await;
        assert_eq!(texts(&drafts), ["2 Coming!", "1 two towels"]);
        let bytes = std::fs::read(owner().path(folder.path(), Kind::Drafts)).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"towels"));
    }

    #[tokio::test]
    async fn a_draft_that_is_saved_unchanged_keeps_its_age() {
        let folder = tempfile::tempdir().unwrap();
        let mut drafts = open(folder.path()).await;
        for (id, text) in [(1, "one"), (2, "two"), (1, "one")] {
            drafts.save(id, text.to_owned()).await.unwrap();
        }
        assert_eq!(texts(&drafts), ["1 one", "2 two"]);
    }

    #[tokio::test]
    async fn without_a_keyring_a_draft_is_reported_as_not_saved_and_the_demo_saves_none() {
        let kept_in = |place| Drafts { owner: Some(owner()), place, drafts: Vec::new() };
        let mut drafts = kept_in(Place::Nowhere("this computer has no keyring".to_owned()));
        let refused = drafts.save(1, "two towels".to_owned()).await.unwrap_err();
        assert_eq!(refused.code, "draft_not_saved");
        assert_eq!(texts(&drafts), ["1 two towels"]);
        kept_in(Place::Demo).save(1, "two towels".to_owned()).await.unwrap();
    }

    #[tokio::test]
    async fn at_most_500_of_4096_code_points_are_kept_and_the_oldest_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let mut drafts = open(folder.path()).await;
        drafts.drafts = (1..=500)
            .map(|conversation_id| Draft { conversation_id, text: "a".to_owned() })
            .collect();
        drafts.save(501, "é".repeat(5_000)).await.unwrap();
        let all = drafts.all();
        assert_eq!((all.len(), all[0].0, all[499].0), (500, 2, 501));
        assert_eq!(all[499].1, "é".repeat(4_096));
    }

    #[tokio::test]
    async fn a_draft_that_cannot_be_written_is_reported_and_lasts_as_long_as_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let mut drafts = open(folder.path()).await;
        // The next replacement fails on any system, for any user.
        let path = owner().path(folder.path(), Kind::Drafts);
        std::fs::create_dir(path.with_extension("new")).unwrap();
        let refused = drafts.save(1, "two towels".to_owned()).await.unwrap_err();
        assert_eq!(refused.code, "draft_not_saved");
        assert_eq!(texts(&drafts), ["1 two towels"]);
    }

    #[tokio::test]
    async fn the_drafts_of_another_person_do_not_open() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).await.save(1, "mine".to_owned()).await.unwrap();
        let other = Owner { user_id: 13, ..owner() };
        std::fs::rename(
            owner().path(folder.path(), Kind::Drafts),
            other.path(folder.path(), Kind::Drafts),
        )
        .unwrap();
        let theirs = Drafts::open_file(folder.path(), other, Key([7; 32])).await;
        assert!(theirs.all().is_empty());
    }
}
