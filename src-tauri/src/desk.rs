//! What the desk is doing: which server, who is signed in, and the connection while somebody is.

mod alerting;
mod events;
mod flow;
mod line;
mod seam;
mod session;
mod unfinished;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use tauri::{AppHandle, ipc::Channel};
use tokio::sync::watch;

pub(crate) use seam::{ServerChoice, SetupBody, Sharing, Startup};

use crate::{
    alerts::{Alerts, TrayState},
    api::Api,
    attention,
    backend::Backend,
    connection::{Connection, Push},
    drafts::Drafts,
    environment::Environment,
    error::{Error, Result},
    keep_awake::KeepAwake,
    keychain::{Keychain, SignIn, Token},
    notify::{Click, Notifications},
    outbox::Kept,
    sealed::Owner,
    settings::{Preferences, SettingsFile},
    sound::Speaker,
    tray,
};
use line::Line;
use seam::Keyring;

/// People whose texts are remembered without a disk; whose are oldest are forgotten first.
const MAX_LEFT: usize = 16;

/// How long a window that opens waits for the startup state. An unlocked keyring answers faster.
const STARTUP_WITHIN: Duration = Duration::from_millis(1500);

/// Everything that lives as long as the program.
pub(crate) struct Desk {
    app: AppHandle,
    environment: Environment,
    settings: Arc<SettingsFile>,
    keychain: Keychain,
    /// Held while a server is chosen or a person signs in or out, however long that takes: only one of
    /// these runs at a time.
    flow: tokio::sync::Mutex<()>,
    /// The result of that. Never held across an await.
    state: Mutex<State>,
    keyring: watch::Sender<Keyring>,
    /// Where the window listens; a reloaded one listens elsewhere.
    window: Mutex<Option<Channel<Push>>>,
    /// Of whoever asked for them last.
    drafts: tokio::sync::Mutex<Option<Drafts>>,
    notifications: Notifications,
    speaker: Speaker,
    keep_awake: KeepAwake,
    pub(crate) alerts: Arc<Alerts<Self>>,
    /// What title and tray show.
    tray_state: Mutex<TrayState>,
    /// Choices of the demo hotel's people, which are not kept.
    demo_alerts: Mutex<attention::Preferences>,
    /// They have been chosen, or the demo hotel has said what they are at first.
    has_demo_alerts: AtomicBool,
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
    /// Counts sign-ins and sign-outs: what the keyring says about an earlier one comes too late.
    turn: u64,
    line: Option<Line>,
    /// Texts that no disk has taken, of people whose connection has ended.
    left: Vec<(Owner, Vec<Kept>)>,
    /// A sentence for the first screen.
    notice: Option<String>,
    /// Why the server that was chosen before did not open.
    failure: Option<Error>,
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

    fn is_session(&self, token: &Token) -> bool {
        self.session.as_ref().is_some_and(|session| session.token == *token)
    }
}

impl Desk {
    /// A desk where nothing has happened yet.
    pub(crate) fn new(app: AppHandle, environment: Environment) -> Arc<Self> {
        let (settings, notice) = SettingsFile::open(&environment.config_dir);
        if let Some(notice) = &notice {
            tracing::warn!(notice, "settings");
        }
        let mut starter = None;
        let desk = Arc::new_cyclic(|desk: &std::sync::Weak<Self>| {
            let (alerts, to_start) = Alerts::new(desk.clone());
            starter = Some(to_start);
            let desk = desk.clone();
            let clicked = move |click| {
                if let Some(desk) = desk.upgrade() {
                    desk.clicked(click);
                }
            };
            let notifications = Notifications::new(&app.config().identifier, clicked);
            Self {
                app,
                environment,
                settings: Arc::new(settings),
                keychain: Keychain::new(),
                flow: tokio::sync::Mutex::default(),
                state: Mutex::new(State { notice, ..State::default() }),
                keyring: watch::Sender::new(Keyring::Ok),
                window: Mutex::default(),
                drafts: tokio::sync::Mutex::default(),
                notifications,
                speaker: Speaker::default(),
                keep_awake: KeepAwake::default(),
                alerts: Arc::new(alerts),
                tray_state: Mutex::new(TrayState { count: 0, status: None, is_paused: false }),
                demo_alerts: Mutex::new(attention::Preferences {
                    repeat_minutes: 0,
                    ..attention::Preferences::default()
                }),
                has_demo_alerts: AtomicBool::new(false),
            }
        });
        if let Some(starter) = starter {
            desk.alerts.start(starter);
        }
        desk
    }

    /// The connection of whoever is signed in.
    pub(crate) fn connection(&self) -> Result<Arc<Connection>> {
        let state = self.state();
        let line = state.line.as_ref().ok_or_else(Error::signed_out)?;
        Ok(Arc::clone(&line.connection))
    }

    /// The server, and the proof of whoever is signed in.
    pub(crate) fn api(&self) -> Result<(Api, Token)> {
        let state = self.state();
        match (&state.backend, &state.session) {
            (Some(backend), Some(session)) => Ok((backend.api.clone(), session.token.clone())),
            _ => Err(Error::signed_out()),
        }
    }

    /// What title and tray show.
    pub(crate) fn tray_state(&self) -> TrayState {
        *lock(&self.tray_state)
    }

    fn clicked(&self, click: Click) {
        match click {
            Click::Open(topic) => {
                tray::bring_forward(&self.app);
                if let Some(conversation_id) = self.alerts.conversation_of(topic) {
                    self.push(Push::OpenConversation { conversation_id });
                }
            }
            Click::Silence => self.alerts.apply(attention::Input::Silence),
        }
    }

    pub(crate) fn preferences(&self) -> Preferences {
        self.settings.get().preferences
    }

    pub(crate) async fn save_preferences(&self, preferences: Preferences) -> Result<()> {
        self.settings.change(|settings| settings.preferences = preferences).await
    }

    /// Zoom of the window in percent.
    pub(crate) fn zoom(&self) -> u16 {
        self.settings.get().zoom
    }

    pub(crate) async fn save_zoom(&self, percent: u16) -> Result<()> {
        self.settings.change(|settings| settings.zoom = percent).await
    }

    /// Ends the program in order.
    pub(crate) fn quit(&self) {
        self.app.exit(0);
    }

    /// Ends everything in order: what the server inside accepted is on disk afterwards.
    pub(crate) async fn close(&self) {
        let _flow = self.flow.lock().await;
        self.disconnect().await;
        self.stop_backend().await;
        self.keychain.settle().await;
    }

    /// Sends the window the state of the program. Without a window, a sentence that is shown once is kept for the next
    /// one.
    fn push_startup(&self) {
        if lock(&self.window).is_some() {
            self.push(Push::Startup { startup: Box::new(self.startup()) });
        }
    }

    /// Tells the window something. Before it listens there is nobody to tell.
    fn push(&self, push: Push) {
        if let Some(window) = lock(&self.window).as_ref()
            && let Err(error) = window.send(push)
        {
            tracing::debug!(%error, "the page does not receive events");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    async fn stop_backend(&self) {
        let backend = self.state().backend.take();
        if let Some(backend) = backend {
            backend.stop().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
