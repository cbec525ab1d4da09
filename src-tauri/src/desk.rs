//! What the desk is doing: which server, who is signed in, and the connection while somebody is.

mod flow;
mod news;
mod seam;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use frontdesk_server::protocol::Id;
use tauri::{AppHandle, ipc::Channel};

pub(crate) use seam::{ServerChoice, SetupBody, Sharing, Startup};

use crate::{
    api::Api,
    backend::Backend,
    connection::{Connection, Push},
    environment::Environment,
    error::{Error, Result},
    keychain::{SignIn, Token},
    notify::{Notifier, Shown},
    outbox::{Owner, Store},
    settings::{Preferences, SettingsFile},
    tray,
};

/// Everything that lives as long as the program.
pub(crate) struct Desk {
    app: AppHandle,
    environment: Environment,
    settings: Mutex<SettingsFile>,
    state: tokio::sync::Mutex<State>,
    /// Where the window listens; a reloaded one listens elsewhere.
    window: Mutex<Option<Channel<Push>>>,
    notifier: Mutex<Notifier>,
    shown: Shown,
    /// The window is in front.
    looking: AtomicBool,
    unread: AtomicU32,
}

/// What signing in and choosing a server change.
#[derive(Debug, Default)]
struct State {
    backend: Option<Backend>,
    /// The server shows the demo hotel: nothing of it is kept.
    is_demo: bool,
    /// The server has no account yet.
    needs_setup: bool,
    session: Option<SignIn>,
    connection: Option<Arc<Connection>>,
    /// Where the texts of this connection are kept.
    store: Option<Arc<Store>>,
    /// Counts connections, so that the last words of an old one do not count for a new one.
    connections: u64,
    keyring_failed: bool,
    /// A sentence for the first screen.
    notice: Option<String>,
}

impl State {
    /// Whose texts wait: nobody's in the demo hotel.
    fn owner(&self) -> Option<Owner> {
        let (backend, session) = (self.backend.as_ref()?, self.session.as_ref()?);
        (!self.is_demo).then(|| Owner {
            server: backend.account(),
            user_id: session.user.id,
            username: session.user.username.clone(),
        })
    }

    /// Ends the connection; the texts that it has not sent stay where they are kept.
    async fn disconnect(&mut self) {
        self.connection = None;
        if let Some(store) = self.store.take() {
            store.close().await;
        }
    }
}

impl Desk {
    /// A desk where nothing has happened yet.
    pub(crate) fn new(app: AppHandle, environment: Environment) -> Self {
        let (settings, notice) = SettingsFile::open(&environment.config_dir);
        if let Some(notice) = &notice {
            tracing::warn!(notice, "settings");
        }
        let shown = Shown::new(&app.config().identifier);
        Self {
            app,
            environment,
            settings: Mutex::new(settings),
            state: tokio::sync::Mutex::new(State { notice, ..State::default() }),
            window: Mutex::default(),
            notifier: Mutex::default(),
            shown,
            looking: AtomicBool::new(false),
            unread: AtomicU32::new(0),
        }
    }

    /// The window came to the front, or left it.
    pub(crate) fn set_looking(&self, looking: bool) {
        self.looking.store(looking, Ordering::Relaxed);
    }

    /// The connection of whoever is signed in.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>> {
        self.state.lock().await.connection.clone().ok_or_else(Error::signed_out)
    }

    /// The server, and the proof of whoever is signed in.
    pub(crate) async fn api(&self) -> Result<(Api, Token)> {
        let state = self.state.lock().await;
        match (&state.backend, &state.session) {
            (Some(backend), Some(session)) => Ok((backend.api.clone(), session.token.clone())),
            _ => Err(Error::signed_out()),
        }
    }

    /// The person wrote in a conversation: its messages concern them from now on.
    pub(crate) fn takes_part(&self, conversation_id: Id) {
        lock(&self.notifier).takes_part(conversation_id);
    }

    /// Says how much is unread.
    pub(crate) fn set_unread(&self, count: u32) {
        if self.unread.swap(count, Ordering::Relaxed) != count {
            tray::show_unread(&self.app, count);
        }
    }

    pub(crate) fn preferences(&self) -> Preferences {
        lock(&self.settings).get().preferences
    }

    pub(crate) fn save_preferences(&self, preferences: Preferences) -> Result<()> {
        lock(&self.settings).change(|settings| settings.preferences = preferences)
    }

    /// Ends everything in order: what the server inside accepted is on disk afterwards.
    pub(crate) async fn close(&self) {
        let mut state = self.state.lock().await;
        state.disconnect().await;
        if let Some(backend) = state.backend.take() {
            backend.stop().await;
        }
    }

    /// Tells the window something. Before it listens there is nobody to tell.
    fn push(&self, push: Push) {
        if let Some(window) = lock(&self.window).as_ref()
            && let Err(error) = window.send(push)
        {
            tracing::debug!(%error, "the window does not listen");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
