//! A hotel: a server, staff, and a gateway through which a guest writes and is answered.

use std::path::Path;

use axum::{Json, Router, extract::State, routing::post};
use frontdesk_server::{
    Config, SetupToken, Tls,
    admin::{Password, Request, Response, perform},
    clock::Clock,
    protocol::UserType,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub const USERNAME: &str = "ana";
pub const PASSWORD: &str = "two towels for 204";

/// An encrypted way in.
pub struct Door {
    pub listener: TcpListener,
    pub tls: Tls,
    pub host: &'static str,
}

/// A server that can go away and come back.
pub struct Server {
    data: tempfile::TempDir,
    port: u16,
    running: Option<(CancellationToken, JoinHandle<()>)>,
    setup_token: Option<SetupToken>,
    clock: Clock,
}

impl Server {
    /// Starts a server that knows nobody; returns the token that it prints.
    pub async fn start_empty() -> (Self, SetupToken) {
        let data = tempfile::tempdir().unwrap();
        let token = SetupToken::generate();
        let setup_token = Some(token.clone());
        let port = crate::app::free_port();
        let clock = Clock::System;
        let mut server = Self { data, port, running: None, setup_token, clock };
        server.serve(None).await;
        (server, token)
    }

    /// Starts a server with one account, [`USERNAME`].
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// The same, with an encrypted door beside the one on loopback, and a name in the world.
    pub async fn start_with(door: Option<Door>) -> Self {
        Self::start_at(tempfile::tempdir().unwrap(), door, Clock::System).await
    }

    /// The same, with a clock that stands still until [`Self::pass`] moves it.
    pub async fn start_with_its_own_time() -> Self {
        let clock = Clock::standing_at(Clock::System.now());
        Self::start_at(tempfile::tempdir().unwrap(), None, clock).await
    }

    async fn start_at(data: tempfile::TempDir, door: Option<Door>, clock: Clock) -> Self {
        let port = crate::app::free_port();
        let mut server = Self { data, port, running: None, setup_token: None, clock };
        server.serve(door).await;
        server.employ(USERNAME, "Ana Silva", "reception").await;
        server
    }

    /// Lets this number of seconds pass on a server with its own time.
    pub fn pass(&self, seconds: i64) {
        let Clock::Manual(millis) = &self.clock else { panic!("it has the computer's time") };
        millis.fetch_add(seconds * 1_000, std::sync::atomic::Ordering::SeqCst);
    }

    /// Makes an account with [`PASSWORD`].
    pub async fn employ(&self, username: &str, name: &str, department: &str) {
        let account = Request::StaffCreate {
            property: None,
            username: username.to_owned(),
            name: name.to_owned(),
            departments: vec![department.to_owned()],
            user_type: UserType::DepartmentStaff,
            is_admin: false,
            password: Some(Password(PASSWORD.to_owned())),
        };
        perform(self.data_dir(), account).await.unwrap();
    }

    /// Ends everybody's sign-in of this name.
    pub async fn sign_out(&self, username: &str) {
        let request = Request::StaffSignOut { property: None, username: username.to_owned() };
        perform(self.data_dir(), request).await.unwrap();
    }

    /// Another database takes the place of this one, at the same address and with the same account.
    pub async fn replace(&mut self) {
        self.data = tempfile::tempdir().unwrap();
        self.serve(None).await;
        self.employ(USERNAME, "Ana Silva", "reception").await;
    }

    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Stops accepting and closes every connection.
    pub async fn go_away(&mut self) {
        let (stop, served) = self.running.take().unwrap();
        stop.cancel();
        served.await.unwrap();
    }

    /// Serves again, at the same address.
    pub async fn come_back(&mut self) {
        self.serve(None).await;
    }

    /// The same, with an encrypted door beside.
    pub async fn come_back_with(&mut self, door: Door) {
        self.serve(Some(door)).await;
    }

    async fn serve(&mut self, door: Option<Door>) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        let stop = CancellationToken::new();
        let mut config = Config::new(self.data.path());
        config.setup_token.clone_from(&self.setup_token);
        config.clock = self.clock.clone();
        config.public_hosts.extend(door.iter().map(|door| door.host.to_owned()));
        let mut opened = frontdesk_server::Server::open(config).await.unwrap();
        if let Some(Door { listener, tls, .. }) = door {
            opened = opened.and_listen(listener, tls);
        }
        let shutdown = stop.clone().cancelled_owned();
        let served = tokio::spawn(async move { opened.run(listener, shutdown).await.unwrap() });
        self.running = Some((stop, served));
    }
}

/// A guest's telephone, and what arrived on it.
pub struct Gateway {
    url: String,
    key: String,
    replies: watch::Receiver<Vec<Value>>,
}

impl Gateway {
    /// Makes a gateway on a running server's data directory.
    pub async fn make(data_dir: &Path, url: String) -> Self {
        // The first one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let callback_url = Some(format!("http://{}/replies", listener.local_addr().unwrap()));
        let (arrived, replies) = watch::channel(Vec::new());
        let callback = Router::new().route("/replies", post(reply)).with_state(arrived);
        tokio::spawn(axum::serve(listener, callback).into_future());
        let (name, stays) = ("SMS".to_owned(), false);
        let new = Request::GatewayCreate { property: None, name, callback_url, stays };
        let made = perform(data_dir, new).await.unwrap();
        let Response::Gateway { key, .. } = made else { panic!("{made:?}") };
        Self { url, key, replies }
    }

    /// The guest in a room writes; returns the server's answer.
    pub async fn write(&self, guest: &str, room: &str, content: &str) -> Value {
        let message = json!({
            "external_id": format!("{guest} {content}"),
            "guest_ref": guest,
            "name": guest,
            "room_number": room,
            "content": content,
        });
        let request = reqwest::Client::new()
            .post(format!("{}/gateway/messages/", self.url))
            .bearer_auth(&self.key)
            .json(&message);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201, "{message}");
        answer.json().await.unwrap()
    }

    /// What has arrived up to now.
    pub fn so_far(&self) -> Vec<String> {
        texts(&self.replies.borrow())
    }

    /// Waits until so many replies have arrived in all, each counted once, and returns their texts.
    pub async fn replies(&mut self, count: usize) -> Vec<String> {
        let replies = self.replies.wait_for(|replies| replies.len() >= count).await.unwrap();
        texts(&replies)
    }
}

fn texts(replies: &[Value]) -> Vec<String> {
    replies.iter().map(|reply| reply["content"].as_str().unwrap().to_owned()).collect()
}

async fn reply(State(arrived): State<watch::Sender<Vec<Value>>>, Json(reply): Json<Value>) {
    // A server that was killed before it heard of its success sends the same delivery again.
    arrived.send_if_modified(|replies| {
        let is_new = replies.iter().all(|known| known["delivery_id"] != reply["delivery_id"]);
        if is_new {
            replies.push(reply);
        }
        is_new
    });
}
