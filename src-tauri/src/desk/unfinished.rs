//! The drafts of the signed-in person.

use frontdesk_server::protocol::Id;
use tokio::sync::MutexGuard;

use super::Desk;
use crate::{
    drafts::Drafts,
    error::{Error, Result},
    sealed::{self, Kind, Owner},
};

impl Desk {
    /// Answers that are not finished, the oldest first.
    ///
    /// # Errors
    /// `signed_out`.
    pub(crate) async fn drafts(&self) -> Result<Vec<(Id, String)>> {
        let mut held = self.drafts.lock().await;
        Ok(self.open_drafts(&mut held).await?.all())
    }

    /// Keeps a text that is not finished; an empty one is forgotten.
    ///
    /// # Errors
    /// `signed_out`, or `draft_not_saved`: it lasts as long as the program.
    pub(crate) async fn save_draft(&self, conversation_id: Id, text: String) -> Result<()> {
        let mut held = self.drafts.lock().await;
        self.open_drafts(&mut held).await?.save(conversation_id, text).await
    }

    async fn open_drafts<'a>(
        &self,
        held: &'a mut MutexGuard<'_, Option<Drafts>>,
    ) -> Result<&'a mut Drafts> {
        let owner = {
            let state = self.state();
            if state.session.is_none() {
                return Err(Error::signed_out());
            }
            state.owner()
        };
        if held.as_ref().is_none_or(|drafts| drafts.owner() != owner.as_ref()) {
            // The file of another person is released first.
            **held = None;
            let folder = &self.environment.config_dir;
            **held = Some(Drafts::open(&self.keychain, folder, owner).await);
        }
        held.as_mut().ok_or_else(Error::signed_out)
    }

    /// The person signs out: nothing of it is kept.
    pub(super) async fn forget_drafts(&self, owner: &Owner) {
        *self.drafts.lock().await = None;
        let (folder, owner) = (self.environment.config_dir.clone(), owner.clone());
        let removing =
            tokio::task::spawn_blocking(move || sealed::forget(&folder, &owner, Kind::Drafts));
        if let Ok(Err(error)) = removing.await {
            // Without its key, which is forgotten too, nobody can read it.
            tracing::warn!(%error, "the file of drafts cannot be deleted");
        }
    }
}
