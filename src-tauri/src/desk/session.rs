//! Signing in and out, and taking a sign-in up again.

use std::{sync::Arc, time::Duration};

use frontdesk_server::protocol::User;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Desk,
    line::Line,
    seam::{Keyring, SetupBody},
};
use crate::{
    backend::Backend,
    connection::Push,
    error::{Error, Result},
    keychain::{SignIn, Token},
    outbox,
    sealed::Owner,
    trust,
};

/// Where a person signs in.
const SIGN_IN: &str = "/auth/login/";

/// A keyring may start later than this program: it is tried this many times, at this interval.
const TRIES: u32 = 12;
const TRY_EVERY: Duration = Duration::from_secs(5);

impl Desk {
    /// Reads `GET /setup/` (the hotel's name, and whether it is set up) before anybody has signed in.
    pub(crate) async fn setup_state(&self) -> Result<Value> {
        let api = self.state().backend.as_ref().map(|backend| backend.api.clone());
        let api = api.ok_or_else(|| Error::new("no_server", "Choose a server first."))?;
        api.call(Method::GET, "/setup/", None, None).await
    }

    /// Makes the first account and signs it in.
    pub(crate) async fn set_up(self: &Arc<Self>, body: SetupBody) -> Result<User> {
        let _flow = self.flow.lock().await;
        let inside = {
            let state = self.state();
            state.backend.as_ref().and_then(Backend::setup_token).map(str::to_owned)
        };
        let mut request = json!({
            "setup_token": inside.or(body.setup_token).unwrap_or_default(),
            "property_name": body.property_name,
            "username": body.username,
            "name": body.name,
            "password": body.password,
        });
        if let (Some(zone), Some(request)) = (body.time_zone, request.as_object_mut()) {
            request.insert("time_zone".to_owned(), zone.into());
        }
        let user = self.begin_session("/setup/", request).await?;
        self.state().needs_setup = false;
        Ok(user)
    }

    /// Signs a person in and keeps the sign-in.
    pub(crate) async fn sign_in(
        self: &Arc<Self>,
        username: &str,
        password: &str,
        code: Option<&str>,
    ) -> Result<User> {
        let _flow = self.flow.lock().await;
        let body = json!({ "username": username, "password": password, "code": code });
        self.begin_session(SIGN_IN, body).await
    }

    /// Signs the person out, here and, when it can be reached, on the server.
    pub(crate) async fn sign_out(&self) {
        let _flow = self.flow.lock().await;
        let (owner, session, api) = {
            let mut state = self.state();
            let api = state.backend.as_ref().map(|backend| backend.api.clone());
            (state.owner(), state.session.take(), api)
        };
        self.forget().await;
        self.alerts.end();
        if let Some(owner) = owner {
            let folder = &self.environment.config_dir;
            drop(self.take_left(&owner));
            self.forget_drafts(&owner).await;
            outbox::forget(&self.keychain, folder.clone(), owner).await;
        }
        if let (Some(api), Some(session)) = (api, session) {
            // The person does not wait for a server that is away; the session ends by itself.
            tauri::async_runtime::spawn(async move {
                let token = Some(&session.token);
                if let Err(error) = api.call(Method::POST, "/auth/logout/", None, token).await {
                    tracing::info!(%error, "the session could not be ended on the server; it stays until it \
                        expires");
                }
            });
        }
    }

    /// The server does not accept this proof any more.
    pub(super) async fn end_session(&self, token: &Token, reason: String) {
        let _flow = self.flow.lock().await;
        let generation = {
            let mut state = self.state();
            // Somebody else has signed in meanwhile.
            if !state.is_session(token) {
                return;
            }
            state.session = None;
            state.line.as_ref().map(Line::generation)
        };
        if let Some(generation) = generation {
            // The person may not look at the window: the tray and a notification say it, too.
            self.alerts.signed_out(generation);
        }
        self.forget().await;
        self.push(Push::SignedOut { reason });
    }

    async fn forget(&self) {
        self.disconnect().await;
        let mut state = self.state();
        state.turn += 1;
        if let Some(backend) = &state.backend
            && !state.is_demo
        {
            self.keychain.forget(&backend.account());
        }
    }

    /// Takes the kept sign-in up again, as soon as the keyring says what it is. What the server says about
    /// it is only asked for: when it is away just now, the inbox opens and waits for it.
    pub(super) fn take_up_session(self: &Arc<Self>) {
        let (turn, account) = {
            let mut state = self.state();
            state.turn += 1;
            let Some(backend) = &state.backend else { return };
            (state.turn, backend.account())
        };
        self.keyring.send_replace(Keyring::Waiting);
        let desk = Arc::clone(self);
        tauri::async_runtime::spawn(async move {
            for attempt in 1..=TRIES {
                let kept = desk.keychain.load(&account).await;
                let is_there = kept.is_ok();
                if !desk.took_up(turn, kept.ok().flatten(), is_there) || is_there {
                    break;
                }
                if attempt < TRIES {
                    tokio::time::sleep(TRY_EVERY).await;
                }
            }
            desk.check_session(turn).await;
        });
    }

    /// The keyring has answered. Returns whether anybody still wants to know.
    fn took_up(&self, turn: u64, kept: Option<SignIn>, is_there: bool) -> bool {
        {
            let mut state = self.state();
            // Somebody has signed in by themselves, or chosen another server.
            if state.turn != turn {
                return false;
            }
            state.session = kept;
        }
        self.set_keyring(is_there);
        true
    }

    /// Says whether sign-ins are kept, and to the window where things stand now.
    fn set_keyring(&self, is_there: bool) {
        let keyring = if is_there { Keyring::Ok } else { Keyring::Unavailable };
        let before = self.keyring.send_replace(keyring);
        if before != keyring {
            self.push_startup();
        }
    }

    /// Asks the server whether it still accepts the sign-in that was taken up, and who that is by now.
    async fn check_session(&self, turn: u64) {
        let Ok((api, token)) = self.api() else { return };
        if self.state().turn != turn {
            return;
        }
        match api.call(Method::GET, "/auth/me/", None, Some(&token)).await {
            Ok(user) => match serde_json::from_value::<User>(user) {
                Ok(user) => self.know_person(&token, user).await,
                Err(error) => tracing::warn!(%error, "the answer could not be read"),
            },
            Err(error) if error.code == "unauthorized" => {
                let reason = "Your session has ended. Please sign in again.".to_owned();
                self.end_session(&token, reason).await;
            }
            Err(error) => {
                tracing::info!(%error, "the server cannot be reached; the stored sign-in is used");
            }
        }
    }

    /// The person has changed since the sign-in was kept.
    async fn know_person(&self, token: &Token, user: User) {
        let (account, session) = {
            let mut state = self.state();
            if !state.is_session(token) {
                return;
            }
            let (Some(backend), Some(session)) = (&state.backend, &state.session) else { return };
            if session.user == user {
                return;
            }
            let account = backend.account();
            let session = SignIn { user, ..session.clone() };
            state.session = Some(session.clone());
            (account, session)
        };
        self.push_startup();
        let _ = self.keychain.store(&account, &session).await;
    }

    pub(super) async fn begin_session(
        self: &Arc<Self>,
        path: &str,
        mut body: Value,
    ) -> Result<User> {
        let (api, account, is_demo) = {
            let state = self.state();
            let Some(backend) = &state.backend else {
                return Err(Error::new("no_server", "Choose a server first."));
            };
            (backend.api.clone(), backend.account(), state.is_demo)
        };
        let username = body.get("username").and_then(Value::as_str).unwrap_or_default();
        let device = Owner::device_name(&account, username);
        // Setting up makes the first account: no device is known yet.
        if !is_demo
            && path == SIGN_IN
            && let Some(secret) = self.keychain.device_secret(&device).await
            && let Some(body) = body.as_object_mut()
        {
            body.insert("device_secret".to_owned(), secret.into());
        }
        let answer = match api.call(Method::POST, path, Some(&body), None).await {
            Err(error) => return Err(trust::with_fingerprint(error, api.server()).await),
            Ok(answer) => answer,
        };
        let token = answer.get("token").and_then(Value::as_str).map(Token::new);
        let user = answer.get("user").cloned().map(serde_json::from_value::<User>);
        let (Some(token), Some(Ok(user))) = (token, user) else {
            return Err(Error::internal("the answer to a sign-in is not understood"));
        };
        self.disconnect().await;
        let session = SignIn { token, user: user.clone() };
        {
            let mut state = self.state();
            state.turn += 1;
            state.session = Some(session.clone());
        }
        if !is_demo {
            if let Some(secret) = answer.get("device_secret").and_then(Value::as_str) {
                self.keychain.store_device_secret(&device, secret.to_owned());
            }
            // Signing in does not wait until the keyring is unlocked.
            let desk = Arc::clone(self);
            tauri::async_runtime::spawn(async move {
                let kept = desk.keychain.store(&account, &session).await;
                desk.set_keyring(kept.is_ok());
            });
        }
        Ok(user)
    }
}
