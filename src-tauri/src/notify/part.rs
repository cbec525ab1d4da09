//! The conversations in which a person takes part, kept beside the settings: their guests' messages concern them
//! after a restart, too. Only the numbers are kept.

use std::{fs, io, path::PathBuf};

use frontdesk_server::protocol::Id;

use crate::{files, sealed::Owner};

/// One person's.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// `None`: nothing is kept.
    path: Option<PathBuf>,
}

impl Part {
    /// Of nobody in particular.
    pub(crate) fn none() -> Self {
        Self { path: None }
    }

    /// In this folder.
    pub(crate) fn of(owner: &Owner, folder: &std::path::Path) -> Self {
        Self { path: Some(folder.join(format!("conversations-{}.json", owner.hash()))) }
    }

    /// What is kept; a file that cannot be read is as good as none.
    pub(crate) async fn read(&self) -> Vec<Id> {
        let Some(path) = self.path.clone() else { return Vec::new() };
        let reading = tokio::task::spawn_blocking(move || fs::read(path));
        let Ok(Ok(bytes)) = reading.await else { return Vec::new() };
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Keeps these instead.
    pub(crate) async fn write(&self, ids: Vec<Id>) {
        let Some(path) = self.path.clone() else { return };
        let writing = tokio::task::spawn_blocking(move || {
            files::replace(&path, serde_json::to_string(&ids)?.as_bytes())
        });
        if let Ok(Err(error)) = writing.await {
            tracing::warn!(%error, "own conversations are not remembered after a restart");
        }
    }

    /// Keeps nothing any more.
    pub(crate) async fn forget(&self) {
        let Some(path) = self.path.clone() else { return };
        let removing = tokio::task::spawn_blocking(move || fs::remove_file(path));
        if let Ok(Err(error)) = removing.await
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "own conversations are not forgotten");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_there_after_a_restart_and_gone_after_a_farewell() {
        let folder = tempfile::tempdir().unwrap();
        let owner =
            |user_id| Owner { server: "here".to_owned(), user_id, username: "ana".to_owned() };
        Part::of(&owner(1), folder.path()).write(vec![3, 1]).await;
        let part = Part::of(&owner(1), folder.path());
        assert_eq!(part.read().await, [3, 1]);
        assert!(Part::of(&owner(2), folder.path()).read().await.is_empty());
        part.forget().await;
        part.forget().await;
        assert!(part.read().await.is_empty());
    }
}
