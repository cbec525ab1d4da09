//! Which server it is, from the first start on.

use std::sync::Arc;

use serde_json::json;
use tauri::ipc::Channel;

use super::{
    Desk, STARTUP_WITHIN, State, lock,
    seam::{Keyring, Screen, ServerChoice, SharedAt, Sharing, Startup},
};
use crate::{
    address::{Server, Typed},
    backend::{Backend, Place},
    connection::Push,
    error::{Error, Result},
    probe,
    settings::KeptServer,
    trust::Trust,
};

/// Who works at the desk of the demo hotel.
const DEMO_USERNAME: &str = "ana";

impl Desk {
    /// A window opened, or was reloaded.
    pub(crate) async fn start(self: &Arc<Self>, window: Channel<Push>) -> Startup {
        *lock(&self.window) = Some(window);
        self.warm_up().await;
        let open_conversation = self.state().line.as_ref().and_then(|line| line.open_conversation);
        Startup { open_conversation, ..self.startup_soon().await }
    }

    /// Opens the server that was chosen before while the window is still loading.
    pub(crate) async fn warm_up(self: &Arc<Self>) {
        if self.state().backend.is_some() {
            return;
        }
        let _flow = self.flow.lock().await;
        if self.state().backend.is_none()
            && let Some(choice) = self.kept_choice()
        {
            let opening = async {
                let elsewhere = self.elsewhere(&choice).await?;
                self.open(&choice, elsewhere).await
            };
            if let Err(error) = opening.await {
                tracing::error!(%error, "the server that was chosen does not open");
                self.state().failure = Some(error);
            }
        }
    }

    /// The person chose a server.
    pub(crate) async fn choose(self: &Arc<Self>, choice: ServerChoice) -> Result<Startup> {
        let flow = self.flow.lock().await;
        // What does not answer takes nobody's place.
        let elsewhere = self.find_elsewhere(&choice).await?;
        self.disconnect().await;
        self.alerts.end();
        {
            let mut state = self.state();
            (state.session, state.notice, state.failure) = (None, None, None);
        }
        self.stop_backend().await;
        let port = self.open(&choice, elsewhere).await?;
        let kept = match choice {
            // Tried out, not moved into.
            ServerChoice::ThisComputer { demo: true, .. }
            | ServerChoice::HotelServer { once: true, .. } => None,
            ServerChoice::ThisComputer { .. } => Some(KeptServer::ThisComputer),
            ServerChoice::HotelServer { accept_plain_http, fingerprint, .. } => {
                let state = self.state();
                let backend = state.backend.as_ref();
                backend.map(|backend| KeptServer::HotelServer {
                    address: backend.api.server().as_str().to_owned(),
                    accept_plain_http,
                    fingerprint,
                })
            }
        };
        if kept.is_some()
            && let Err(error) = self.keep_server(kept, port).await
        {
            self.state().notice = Some(error.message);
        }
        drop(flow);
        Ok(self.startup_soon().await)
    }

    /// Keeps the choice of a server for the next start, and the port that was chosen for it.
    async fn keep_server(&self, server: Option<KeptServer>, port: Option<u16>) -> Result<()> {
        let change = self.settings.change(|settings| {
            settings.server = server;
            settings.port = port.unwrap_or(settings.port);
        });
        change.await
    }

    /// What was chosen before: by the environment, or by the person.
    fn kept_choice(&self) -> Option<ServerChoice> {
        if self.environment.demo {
            return Some(ServerChoice::this_computer(true));
        }
        let kept = self.settings.get().server;
        if let Some(url) = &self.environment.server_url {
            return Some(given_choice(url, kept));
        }
        Some(match kept? {
            KeptServer::ThisComputer => ServerChoice::this_computer(false),
            KeptServer::HotelServer { address, accept_plain_http, fingerprint } => {
                ServerChoice::HotelServer { address, accept_plain_http, fingerprint, once: false }
            }
        })
    }

    /// The way to a server elsewhere, which may be down now and there later. Where the environment does not say the
    /// scheme, the server is asked for.
    async fn elsewhere(&self, choice: &ServerChoice) -> Result<Option<Backend>> {
        let ServerChoice::HotelServer { address, accept_plain_http, fingerprint, .. } = choice
        else {
            return Ok(None);
        };
        if !Typed::parse(address)?.has_scheme()
            && let Ok(found) = self.find_elsewhere(choice).await
        {
            return Ok(found);
        }
        let server = Server::parse(address, *accept_plain_http)?;
        let trust = self.trust(fingerprint.as_deref()).await?;
        Backend::remote(server.with_trust(trust)).map(Some)
    }

    /// The same for a server that has to answer.
    async fn find_elsewhere(&self, choice: &ServerChoice) -> Result<Option<Backend>> {
        let ServerChoice::HotelServer { address, accept_plain_http, fingerprint, .. } = choice
        else {
            return Ok(None);
        };
        let typed = Typed::parse(address)?;
        let trust = self.trust(fingerprint.as_deref()).await?;
        Backend::remote(probe::find(&typed, *accept_plain_http, &trust).await?).map(Some)
    }

    /// Opens a server, and looks whether somebody is signed in there. Returns the port of the server inside where that
    /// is another one than before.
    async fn open(
        self: &Arc<Self>,
        choice: &ServerChoice,
        elsewhere: Option<Backend>,
    ) -> Result<Option<u16>> {
        let is_demo = matches!(choice, ServerChoice::ThisComputer { demo: true, .. });
        self.state().is_demo = is_demo;
        let backend = match elsewhere {
            Some(backend) => backend,
            None => self.open_inside(choice).await?,
        };
        let has_other_port = matches!(choice, ServerChoice::ThisComputer { any_port: true, .. });
        let port = if has_other_port { backend.port() } else { None };
        {
            let mut state = self.state();
            state.needs_setup = backend.needs_setup();
            state.backend = Some(backend);
        }
        if is_demo {
            let body = json!({
                "username": DEMO_USERNAME,
                "password": frontdesk_server::demo::PASSWORD,
            });
            self.begin_session("/auth/login/", body).await?;
            return Ok(port);
        }
        self.take_up_session();
        Ok(port)
    }

    /// Whose word is taken for the certificate of a server elsewhere.
    ///
    /// # Errors
    /// `ca_file`.
    async fn trust(&self, fingerprint: Option<&str>) -> Result<Trust> {
        if let Some(fingerprint) = fingerprint {
            return Ok(Trust::Pinned(fingerprint.to_owned()));
        }
        let kept = self.settings.get().ca_file;
        match self.environment.ca_file.as_ref().or(kept.as_ref()) {
            Some(file) => Trust::also(file).await,
            None => Ok(Trust::System),
        }
    }

    /// Starts the server inside. What keeps it from being shared keeps nobody here from working.
    async fn open_inside(&self, choice: &ServerChoice) -> Result<Backend> {
        let kept = self.settings.get();
        let is_demo = self.state().is_demo;
        let shared_port = kept.shared.then_some(kept.shared_port);
        let (any_port, restore, accept_lost_data) = match choice {
            ServerChoice::ThisComputer { any_port, restore, accept_lost_data, .. } => {
                (*any_port, restore.clone(), *accept_lost_data)
            }
            ServerChoice::HotelServer { .. } => (false, None, false),
        };
        let mut place = Place {
            data_dir: self.environment.data_dir.clone(),
            port: kept.port,
            shared_port,
            demo: is_demo,
            any_port,
            restore,
            accept_lost_data,
        };
        if is_demo {
            (place.data_dir, place.shared_port) = (self.environment.demo_dir(), None);
        }
        match Backend::embedded(place.clone()).await {
            // What the person has to decide first is not about sharing.
            Err(error) if place.shared_port.is_some() && error.code != "data_lost" => {
                place.shared_port = None;
                let backend = Backend::embedded(place).await?;
                self.state().notice = Some(error.message);
                Ok(backend)
            }
            opened => opened,
        }
    }

    /// How the server inside is shared with other desks.
    ///
    /// # Errors
    /// `not_inside`: the server is elsewhere, or the demo hotel's.
    pub(crate) fn sharing(&self) -> Result<Sharing> {
        sharing(&self.state())
    }

    /// Shares the server inside, or no longer. It is started again for that; whoever is connected comes
    /// back by themselves, unless they came through the door that is closed.
    ///
    /// # Errors
    /// `not_inside`, or why it cannot be shared; then it is not.
    pub(crate) async fn share(&self, wanted: bool) -> Result<Sharing> {
        let _flow = self.flow.lock().await;
        self.sharing()?;
        let kept = self.settings.change(|settings| settings.shared = wanted).await;
        self.stop_backend().await;
        let backend = self.open_inside(&ServerChoice::this_computer(false)).await?;
        let reason = {
            let mut state = self.state();
            state.backend = Some(backend);
            state.notice.take()
        };
        if let Some(reason) = reason {
            let _ = self.settings.change(|settings| settings.shared = false).await;
            return Err(Error::new("not_shared", reason));
        }
        kept?;
        self.sharing()
    }

    /// Where things stand, once the keyring has said who is signed in: a person who has to unlock it first
    /// is not left before an empty window.
    async fn startup_soon(&self) -> Startup {
        let mut keyring = self.keyring.subscribe();
        let answered = keyring.wait_for(|it| *it != Keyring::Waiting);
        let _ = tokio::time::timeout(STARTUP_WITHIN, answered).await;
        self.startup()
    }

    /// Where things stand.
    pub(super) fn startup(&self) -> Startup {
        let mut state = self.state();
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
            can_share: sharing(&state).is_ok(),
            keyring: *self.keyring.borrow(),
            notice: state.notice.take(),
            failure: state.failure.take(),
            open_conversation: None,
        }
    }
}

/// The server that the environment names. What was accepted before counts for the same one.
fn given_choice(url: &str, kept: Option<KeptServer>) -> ServerChoice {
    let is_same = |address: &str| {
        let parsed = (Server::parse(url, true), Server::parse(address, true));
        matches!(parsed, (Ok(given), Ok(kept)) if given == kept)
    };
    let (accept_plain_http, fingerprint) = match kept {
        Some(KeptServer::HotelServer { address, accept_plain_http, fingerprint })
            if is_same(&address) =>
        {
            (accept_plain_http, fingerprint)
        }
        _ => (false, None),
    };
    let address = url.to_owned();
    ServerChoice::HotelServer { address, accept_plain_http, fingerprint, once: false }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_accepted_counts_for_the_same_server_however_it_is_written() {
        let kept = |address: &str| KeptServer::HotelServer {
            address: address.to_owned(),
            accept_plain_http: true,
            fingerprint: Some("f".repeat(64)),
        };
        let fingerprint = |url, address: &str| match given_choice(url, Some(kept(address))) {
            ServerChoice::HotelServer { fingerprint, accept_plain_http, .. } => {
                assert_eq!(accept_plain_http, fingerprint.is_some());
                fingerprint
            }
            ServerChoice::ThisComputer { .. } => None,
        };
        for url in ["desk.example.com", "https://Desk.Example.com/", "https://desk.example.com:443"]
        {
            assert!(fingerprint(url, "https://desk.example.com").is_some(), "{url}");
        }
        for url in ["http://desk.example.com", "https://desk.example.com:8443", "other.example.com"]
        {
            assert_eq!(fingerprint(url, "https://desk.example.com"), None, "{url}");
        }
    }
}
