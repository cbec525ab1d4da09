//! The connection of whoever is signed in, with all that belongs to it and ends with it.

use std::sync::Arc;

use frontdesk_server::protocol::Id;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Desk, MAX_LEFT, events::EventForwarder};
use crate::{
    alerts::{Generation, Person},
    attention::Input,
    backend::Backend,
    connection::{Connection, Position, Push},
    error::{Error, Result},
    notify::Which,
    outbox::{self, Keeping, Kept, Opened, Store},
    sealed::Owner,
    settings::KeptServer,
    trust::Trust,
};

/// News of the connection that may wait for the rest of the program.
const NEWS: usize = 256;

/// While somebody is signed in.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) connection: Arc<Connection>,
    generation: Generation,
    owner: Option<Owner>,
    /// The conversation on the screen.
    pub(super) open_conversation: Option<Id>,
    /// Where the texts are kept.
    store: Arc<Store>,
    /// Ends the connection, and the telling of its news.
    stop: DropGuard,
}

impl Line {
    /// Whose alerts they are.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }
}

impl Desk {
    /// Opens the connection, or tells a reloaded window where it stands. `from`: where the window has read
    /// the lists.
    pub(crate) async fn connect(self: &Arc<Self>, from: Option<Position>) -> Result<()> {
        let _flow = self.flow.lock().await;
        if let Ok(connection) = self.connection() {
            connection.tell_all().await;
            self.alerts.send_all();
            return Ok(());
        }
        if self.api().is_err() {
            // The sign-in ended while the window was opening the inbox, so the window did not apply what it was told.
            let reason = Error::signed_out().message;
            self.push(Push::SignedOut { reason });
        }
        self.open_connection(from).await
    }

    /// Goes on with another certificate of the same server, which the person has compared. Texts that wait to be sent
    /// stay, and the person stays signed in.
    ///
    /// # Errors
    /// `not_elsewhere`: the server is inside; `settings_not_saved`: it holds until the program ends.
    pub(crate) async fn trust_certificate(self: &Arc<Self>, fingerprint: String) -> Result<()> {
        let _flow = self.flow.lock().await;
        let server = {
            let state = self.state();
            let elsewhere = state.backend.as_ref().filter(|backend| backend.is_elsewhere());
            elsewhere.map(|backend| backend.api.server().clone())
        };
        let Some(server) = server else {
            return Err(Error::new(
                "not_elsewhere",
                "The server on this computer has no certificate.",
            ));
        };
        let server = server.with_trust(Trust::Pinned(fingerprint.clone()));
        let kept = KeptServer::HotelServer {
            address: server.as_str().to_owned(),
            accept_plain_http: false,
            fingerprint: Some(fingerprint),
        };
        let backend = Backend::remote(server)?;
        self.state().backend = Some(backend);
        let open_conversation = {
            let state = self.state();
            state.line.as_ref().map(|line| line.open_conversation)
        };
        if let Some(open_conversation) = open_conversation {
            self.disconnect().await;
            self.open_connection(None).await?;
            if let Ok(connection) = self.connection() {
                connection.set_open(open_conversation).await;
            }
            self.alerts.apply(Input::Open(open_conversation));
        }
        self.settings.change(|settings| settings.server = Some(kept)).await
    }

    /// Opens the connection of the person who is signed in.
    async fn open_connection(self: &Arc<Self>, from: Option<Position>) -> Result<()> {
        let (api, token) = self.api()?;
        let (owner, user) = {
            let state = self.state();
            (state.owner(), state.session.as_ref().map(|session| session.user.clone()))
        };
        let user = user.ok_or_else(Error::signed_out)?;
        let Opened { outbox, store, notice } = self.open_outbox(owner.clone()).await;
        let chosen = self.chosen_alerts(owner.as_ref());
        let generation = self.alerts.begin(Person {
            id: user.id,
            departments: user.departments.into_iter().collect(),
            preferences: chosen.alerts.unwrap_or_else(|| self.default_alerts()),
            pause: chosen.pause,
        });
        let stop = CancellationToken::new();
        let (news, received) = mpsc::channel(NEWS);
        let server = (api.clone(), token.clone());
        EventForwarder::start(Arc::clone(self), server, user.id, generation, received, &stop);
        let connection =
            Connection::start(api, token, outbox, from, Arc::clone(&store), news, stop.clone());
        self.state().line = Some(Line {
            connection: Arc::new(connection),
            generation,
            owner,
            open_conversation: None,
            store,
            stop: stop.drop_guard(),
        });
        if let Some(text) = notice {
            self.push(Push::Notice { text });
        }
        Ok(())
    }

    /// The conversation on the screen changed.
    pub(crate) async fn set_open(&self, conversation_id: Option<Id>) -> Result<()> {
        self.alerts.apply(Input::Open(conversation_id));
        let connection = self.connection()?;
        if let Some(line) = &mut self.state().line {
            line.open_conversation = conversation_id;
        }
        connection.set_open(conversation_id).await;
        Ok(())
    }

    /// What the person left to be sent, and where it is kept.
    async fn open_outbox(&self, owner: Option<Owner>) -> Opened {
        let Some(owner) = owner else { return Opened::in_memory(Keeping::Memory) };
        let left = self.take_left(&owner);
        outbox::open(&self.keychain, &self.environment.config_dir, owner, left).await
    }

    /// Ends the connection, and tells nobody anything of it any more. The texts that it has not sent stay
    /// where they are kept, and those that are kept nowhere stay here.
    pub(super) async fn disconnect(&self) {
        let Some(line) = self.state().line.take() else { return };
        line.stop.disarm().cancel();
        self.alerts.end_of(line.generation);
        self.notifications.withdraw(Which::All);
        let unwritten = line.store.close().await;
        if let Some(owner) = line.owner
            && !unwritten.is_empty()
        {
            let mut state = self.state();
            state.left.push((owner, unwritten));
            if state.left.len() > MAX_LEFT {
                state.left.remove(0);
            }
        }
    }

    /// What this person left in memory.
    pub(super) fn take_left(&self, owner: &Owner) -> Vec<Kept> {
        let mut state = self.state();
        let at = state.left.iter().position(|(left_by, _)| left_by == owner);
        at.map(|at| state.left.remove(at).1).unwrap_or_default()
    }
}
