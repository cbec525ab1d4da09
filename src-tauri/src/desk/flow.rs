//! From the first start to the inbox and out again.

use std::sync::Arc;

use frontdesk_server::protocol::User;
use reqwest::Method;
use serde_json::{Value, json};
use tauri::ipc::Channel;
use tokio::sync::mpsc;

use super::{
    Desk, State, lock, news,
    seam::{Keyring, Screen, ServerChoice, SetupBody, SharedAt, Sharing, Startup},
};
use crate::{
    address::Server,
    backend::{Backend, Place},
    connection::{Connection, Push},
    error::{Error, Result},
    keychain::{self, SignIn, Token},
    notify::Notifier,
    outbox::{self, Keeping, Opened},
    settings::KeptServer,
    trust::Trust,
};

/// News of the connection that may wait for the rest of the program.
const NEWS: usize = 256;

/// Who works at the desk of the demo hotel.
const DEMO_USERNAME: &str = "ana";
const DEMO_PASSWORD: &str = "welcome-to-the-desk";

impl Desk {
    /// A window opened, or was reloaded.
    pub(crate) async fn start(&self, window: Channel<Push>) -> Startup {
        *lock(&self.window) = Some(window);
        let mut state = self.state.lock().await;
        self.open_kept(&mut state).await;
        self.startup(&mut state)
    }

    /// Opens the server that was chosen before while the window is still loading.
    pub(crate) async fn warm_up(&self) {
        self.open_kept(&mut *self.state.lock().await).await;
    }

    async fn open_kept(&self, state: &mut State) {
        if state.backend.is_none()
            && let Some(choice) = self.kept_choice()
        {
            // Not verified: a server that is down now is there later.
            if let Err(error) = self.open(state, &choice, false).await {
                state.notice = Some(error.message);
            }
        }
    }

    /// The person chose a server.
    pub(crate) async fn choose(&self, choice: ServerChoice) -> Result<Startup> {
        let mut state = self.state.lock().await;
        state.disconnect().await;
        state.session = None;
        if let Some(backend) = state.backend.take() {
            backend.stop().await;
        }
        self.open(&mut state, &choice, true).await?;
        let kept = match choice {
            // Tried out, not moved into.
            ServerChoice::ThisComputer { demo: true } => None,
            ServerChoice::ThisComputer { demo: false } => Some(KeptServer::ThisComputer),
            ServerChoice::HotelServer { accept_plain_http, fingerprint, .. } => {
                let backend = state.backend.as_ref();
                backend.map(|backend| KeptServer::HotelServer {
                    address: backend.api.server().as_str().to_owned(),
                    accept_plain_http,
                    fingerprint,
                })
            }
        };
        if kept.is_some()
            && let Err(error) = lock(&self.settings).change(|settings| settings.server = kept)
        {
            state.notice = Some(error.message);
        }
        Ok(self.startup(&mut state))
    }

    /// Makes the first account and signs it in.
    pub(crate) async fn set_up(&self, body: SetupBody) -> Result<User> {
        let mut state = self.state.lock().await;
        let token = state.backend.as_ref().and_then(Backend::setup_token);
        let body = json!({
            "setup_token": token.unwrap_or_default(),
            "property_name": body.property_name,
            "username": body.username,
            "name": body.name,
            "password": body.password,
        });
        let user = self.begin_session(&mut state, "/setup/", &body).await?;
        state.needs_setup = false;
        Ok(user)
    }

    /// Signs a person in and keeps the sign-in.
    pub(crate) async fn sign_in(
        &self,
        username: &str,
        password: &str,
        code: Option<&str>,
    ) -> Result<User> {
        let mut state = self.state.lock().await;
        let body = json!({ "username": username, "password": password, "code": code });
        self.begin_session(&mut state, "/auth/login/", &body).await
    }

    /// Signs the person out, here and, when it can be reached, on the server.
    pub(crate) async fn sign_out(&self) {
        let mut state = self.state.lock().await;
        let owner = state.owner();
        let session = state.session.take();
        self.forget(&mut state).await;
        if let Some(owner) = owner {
            outbox::forget(self.environment.config_dir.clone(), owner).await;
        }
        if let (Some(backend), Some(session)) = (&state.backend, session) {
            let api = backend.api.clone();
            // The person does not wait for a server that is away; the session ends by itself.
            tauri::async_runtime::spawn(async move {
                let token = Some(&session.token);
                if let Err(error) = api.call(Method::POST, "/auth/logout/", None, token).await {
                    tracing::info!(%error, "the session stays until it expires");
                }
            });
        }
    }

    /// Opens the connection, or tells a reloaded window where it stands.
    pub(crate) async fn connect(self: &Arc<Self>) -> Result<()> {
        let mut state = self.state.lock().await;
        if let Some(connection) = state.connection.clone() {
            drop(state);
            connection.tell_all().await;
            return Ok(());
        }
        let (Some(backend), Some(session)) = (&state.backend, &state.session) else {
            return Err(Error::signed_out());
        };
        let (news, told) = mpsc::channel(NEWS);
        *lock(&self.notifier) = Notifier::new(session.user.id);
        let (api, token) = (backend.api.clone(), session.token.clone());
        let Opened { outbox, store, notice } = self.open_outbox(&state).await;
        for text in outbox.texts() {
            self.takes_part(text.conversation_id);
        }
        let connection = Connection::start(api, token, outbox, Arc::clone(&store), news);
        let connection = Arc::new(connection);
        state.connection = Some(Arc::clone(&connection));
        state.store = Some(store);
        state.connections += 1;
        tauri::async_runtime::spawn(news::pass_on(Arc::clone(self), told, state.connections));
        drop(state);
        if let Some(text) = notice {
            self.push(Push::Notice { text });
        }
        connection.tell_all().await;
        Ok(())
    }

    /// What the person left to be sent, and where it is kept.
    async fn open_outbox(&self, state: &State) -> Opened {
        match state.owner() {
            None => Opened::in_memory(Keeping::Memory),
            // It was not there a moment ago, and is slow to say so.
            Some(_) if state.keyring_failed => Opened::in_memory(Keeping::NoKeyring),
            Some(owner) => outbox::open(&self.environment.config_dir, owner).await,
        }
    }

    /// The server does not accept the sign-in of this connection any more.
    pub(super) async fn signed_out(&self, connection: u64, reason: String) {
        let mut state = self.state.lock().await;
        if state.connections != connection {
            return;
        }
        state.session = None;
        self.forget(&mut state).await;
        drop(state);
        self.push(Push::SignedOut { reason });
    }

    async fn forget(&self, state: &mut State) {
        state.disconnect().await;
        self.set_unread(0);
        if let Some(backend) = &state.backend
            && !state.is_demo
        {
            state.keyring_failed = keychain::forget(&backend.account()).await.is_err();
        }
    }

    /// What was chosen before: by the environment, or by the person.
    fn kept_choice(&self) -> Option<ServerChoice> {
        if self.environment.demo {
            return Some(ServerChoice::ThisComputer { demo: true });
        }
        let kept = lock(&self.settings).get().server.clone();
        if let Some(url) = &self.environment.server_url {
            // What was accepted before counts for the same address.
            let (accept_plain_http, fingerprint) = match kept {
                Some(KeptServer::HotelServer { address, accept_plain_http, fingerprint })
                    if address == url.trim_end_matches('/') =>
                {
                    (accept_plain_http, fingerprint)
                }
                _ => (false, None),
            };
            let address = url.clone();
            return Some(ServerChoice::HotelServer { address, accept_plain_http, fingerprint });
        }
        Some(match kept? {
            KeptServer::ThisComputer => ServerChoice::ThisComputer { demo: false },
            KeptServer::HotelServer { address, accept_plain_http, fingerprint } => {
                ServerChoice::HotelServer { address, accept_plain_http, fingerprint }
            }
        })
    }

    /// Opens the way to a server, and looks whether somebody is signed in there.
    async fn open(&self, state: &mut State, choice: &ServerChoice, verify: bool) -> Result<()> {
        state.notice = None;
        let backend = match choice {
            ServerChoice::ThisComputer { demo } => {
                state.is_demo = *demo;
                self.open_inside(state).await?
            }
            ServerChoice::HotelServer { address, accept_plain_http, fingerprint } => {
                state.is_demo = false;
                let server = Server::parse(address, *accept_plain_http)?;
                let trust = self.trust(fingerprint.as_deref()).await?;
                let backend = Backend::remote(server.with_trust(trust))?;
                if verify {
                    backend.verify().await?;
                }
                backend
            }
        };
        state.needs_setup = backend.needs_setup();
        state.backend = Some(backend);
        if state.is_demo {
            let body = json!({ "username": DEMO_USERNAME, "password": DEMO_PASSWORD });
            self.begin_session(state, "/auth/login/", &body).await?;
            return Ok(());
        }
        self.restore_session(state).await?;
        Ok(())
    }

    /// Whose word is taken for the certificate of a server elsewhere.
    ///
    /// # Errors
    /// `ca_file`.
    async fn trust(&self, fingerprint: Option<&str>) -> Result<Trust> {
        if let Some(fingerprint) = fingerprint {
            return Ok(Trust::Pinned(fingerprint.to_owned()));
        }
        let kept = lock(&self.settings).get().ca_file.clone();
        match self.environment.ca_file.as_ref().or(kept.as_ref()) {
            Some(file) => Trust::also(file).await,
            None => Ok(Trust::System),
        }
    }

    /// Starts the server inside. What keeps it from being shared keeps nobody here from working.
    async fn open_inside(&self, state: &mut State) -> Result<Backend> {
        let (port, shared_port) = {
            let settings = lock(&self.settings);
            let kept = settings.get();
            (kept.port, kept.shared.then_some(kept.shared_port))
        };
        let mut place = if state.is_demo {
            Place { data_dir: self.environment.demo_dir(), port, shared_port: None, demo: true }
        } else {
            Place { data_dir: self.environment.data_dir.clone(), port, shared_port, demo: false }
        };
        match Backend::embedded(place.clone()).await {
            Err(error) if place.shared_port.is_some() => {
                place.shared_port = None;
                let backend = Backend::embedded(place).await?;
                state.notice = Some(error.message);
                Ok(backend)
            }
            opened => opened,
        }
    }

    /// How the server inside is shared with other desks.
    ///
    /// # Errors
    /// `not_inside`: the server is elsewhere, or the demo hotel's.
    pub(crate) async fn sharing(&self) -> Result<Sharing> {
        sharing(&*self.state.lock().await)
    }

    /// Shares the server inside, or no longer. It is started again for that; whoever is connected comes
    /// back by themselves, unless they came through the door that is closed.
    ///
    /// # Errors
    /// `not_inside`, or why it cannot be shared; then it is not.
    pub(crate) async fn share(&self, wanted: bool) -> Result<Sharing> {
        let mut state = self.state.lock().await;
        sharing(&state)?;
        let kept = lock(&self.settings).change(|settings| settings.shared = wanted);
        if let Some(backend) = state.backend.take() {
            backend.stop().await;
        }
        state.backend = Some(self.open_inside(&mut state).await?);
        if let Some(reason) = state.notice.take() {
            let _ = lock(&self.settings).change(|settings| settings.shared = false);
            return Err(Error::new("not_shared", reason));
        }
        kept?;
        sharing(&state)
    }

    /// Takes the kept sign-in up again. What the server says about it is only asked for: when it is away
    /// just now, the inbox opens and waits for it.
    async fn restore_session(&self, state: &mut State) -> Result<()> {
        let Some(backend) = &state.backend else { return Ok(()) };
        let account = backend.account();
        let kept = match keychain::load(&account).await {
            Ok(kept) => kept,
            Err(keychain::NoKeyring) => {
                state.keyring_failed = true;
                return Ok(());
            }
        };
        let Some(mut kept) = kept else { return Ok(()) };
        match backend.api.call(Method::GET, "/auth/me/", None, Some(&kept.token)).await {
            Ok(user) => {
                kept.user = serde_json::from_value(user).map_err(Error::internal)?;
                state.session = Some(kept);
            }
            Err(error) if error.code == "unauthorized" => {
                state.keyring_failed = keychain::forget(&account).await.is_err();
            }
            Err(error) => {
                tracing::info!(%error, "the sign-in is taken up without the server");
                state.session = Some(kept);
            }
        }
        Ok(())
    }

    async fn begin_session(&self, state: &mut State, path: &str, body: &Value) -> Result<User> {
        let Some(backend) = &state.backend else {
            return Err(Error::new("no_server", "Choose a server first."));
        };
        let answer = backend.api.call(Method::POST, path, Some(body), None).await?;
        let token = answer.get("token").and_then(Value::as_str).map(Token::new);
        let user = answer.get("user").cloned().map(serde_json::from_value::<User>);
        let (Some(token), Some(Ok(user))) = (token, user) else {
            return Err(Error::internal("the answer to a sign-in is not understood"));
        };
        let sign_in = SignIn { token, user: user.clone() };
        if !state.is_demo {
            let kept = keychain::store(&backend.account(), &sign_in).await;
            state.keyring_failed = kept.is_err();
        }
        state.disconnect().await;
        state.session = Some(sign_in);
        Ok(user)
    }

    fn startup(&self, state: &mut State) -> Startup {
        let screen = match (&state.backend, &state.session) {
            (None, _) => Screen::Choose,
            (_, Some(_)) => Screen::Inbox,
            _ if state.needs_setup => Screen::Setup,
            _ => Screen::SignIn,
        };
        let given = self.environment.demo || self.environment.server_url.is_some();
        Startup {
            screen,
            user: state.session.as_ref().map(|session| session.user.clone()),
            server_url: state.backend.as_ref().map(|it| it.api.server().as_str().to_owned()),
            can_choose: !given || screen == Screen::Choose,
            can_share: sharing(state).is_ok(),
            keyring: if state.keyring_failed { Keyring::Unavailable } else { Keyring::Ok },
            notice: state.notice.take(),
        }
    }
}

fn sharing(state: &State) -> Result<Sharing> {
    match state.backend.as_ref().and_then(Backend::sharing) {
        Some(shared) if !state.is_demo => Ok(Sharing {
            shared: shared.map(|shared| SharedAt {
                addresses: shared.addresses(),
                fingerprint: shared.fingerprint.clone(),
            }),
        }),
        _ => Err(Error::new("not_inside", "Only the server on this computer can be shared here.")),
    }
}
