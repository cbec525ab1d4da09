//! A server in this process, and the people in its house.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use frontdesk_server::{Config, ServeError, auth::SetupToken, region::TimeZoneName};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{Answer, Client, Output, Socket, described, program, socket, soon};

/// The password of everyone.
pub const PASSWORD: &str = "correct horse battery";

/// A running house, with an admin who is in every department.
pub struct House {
    pub admin: Person,
    /// Nobody in particular.
    pub anyone: Client,
    pub config: Config,
    folder: Option<TempDir>,
    running: Option<Running>,
    count: AtomicU64,
}

struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

/// A house whose server is not running.
pub struct Stopped(House);

/// A staff member who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: i64,
    pub username: String,
    pub name: String,
    pub client: Client,
}

/// A gateway of the house.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub signing_secret: String,
    pub client: Client,
}

impl std::ops::Deref for Person {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Person {
    /// Connects; returns once the server has the connection in its groups.
    pub async fn connect(&self) -> Socket {
        let mut socket = self.try_connect().await.unwrap();
        socket.everything().await;
        socket
    }

    /// Connects, if the server lets the person in.
    pub async fn try_connect(&self) -> Result<Socket, u16> {
        let token = self.token.as_deref().unwrap();
        let proof = format!("Bearer {token}");
        let request = socket::request(&self.host(), "/ws/chat/", &[("authorization", &proof)]);
        Socket::open(request).await.map_err(|status| status.as_u16())
    }

    /// The conversations that the person's list shows.
    pub async fn list(&self, query: &str) -> Vec<Value> {
        let page = self.get(&format!("/chat/conversations/{query}")).await.expect(200);
        page["results"].as_array().unwrap().clone()
    }

    pub async fn conversation(&self, id: i64) -> Value {
        self.get(&format!("/chat/conversations/{id}/")).await.expect(200)
    }

    /// Texts of the newest page of a conversation.
    pub async fn texts(&self, conversation_id: i64) -> Vec<String> {
        let path = format!("/chat/conversations/{conversation_id}/messages/?limit=200");
        let page = self.get(&path).await.expect(200);
        let texts = page["results"].as_array().unwrap().iter();
        texts.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
    }
}

impl House {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a house whose configuration is adjusted first. Whoever goes stays online, unless the
    /// test says otherwise.
    pub async fn start_with(adjust: impl FnOnce(&mut Config)) -> Self {
        Self::set_up(adjust, json!({})).await
    }

    /// The same with more members in the body that sets it up.
    pub async fn set_up(adjust: impl FnOnce(&mut Config), members: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path().join("data"));
        config.presence_grace = Duration::from_secs(3600);
        config.setup_token = Some(SetupToken::generate());
        config.time_zone = TimeZoneName::default();
        adjust(&mut config);
        let (address, running) = run(config.clone()).await;
        let anyone = Client::new(Arc::new(RwLock::new(address)));
        described::learn(&anyone).await;
        let mut setup = json!({
            "setup_token": config.setup_token.as_ref().unwrap().reveal(),
            "property_name": "Hotel Aurora",
            "username": "admin",
            "name": "Ada Min",
            "password": PASSWORD,
        });
        setup.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let signed_in = anyone.post("/setup/", setup).await.expect(200);
        let admin = person(&anyone, &signed_in);
        let (folder, running) = (Some(folder), Some(running));
        Self { admin, anyone, config, folder, running, count: AtomicU64::new(0) }
    }

    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// A number that nothing else in this house has.
    pub fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Makes an account and signs it in.
    pub async fn staff(&self, username: &str, departments: &[&str]) -> Person {
        self.account(json!({"username": username, "departments": departments})).await
    }

    /// Makes an account out of more than a name and departments, and signs it in.
    pub async fn account(&self, mut account: Value) -> Person {
        let username = account["username"].as_str().unwrap().to_owned();
        account["password"] = json!(PASSWORD);
        if account["name"].is_null() {
            let (first, rest) = username.split_at(1);
            account["name"] = json!(format!("{}{rest}", first.to_uppercase()));
        }
        self.admin.post("/staff/", account).await.expect(201);
        self.sign_in(&username).await
    }

    pub async fn sign_in(&self, username: &str) -> Person {
        let signed_in = self.try_sign_in(username, PASSWORD).await.expect(200);
        person(&self.anyone, &signed_in)
    }

    pub async fn try_sign_in(&self, username: &str, password: &str) -> Answer {
        let body = json!({"username": username, "password": password});
        self.anyone.post("/auth/login/", body).await
    }

    /// Checks a guest in; returns the guest's id.
    pub async fn guest(&self, room: &str, name: &str) -> i64 {
        let guest = self.admin.post("/guests/", json!({"name": name})).await.expect(201);
        let stay = json!({"guest_id": guest["id"], "room_number": room});
        self.admin.post("/stays/", stay).await.expect(201);
        guest["id"].as_i64().unwrap()
    }

    /// Starts a conversation with a new guest; returns its id.
    pub async fn conversation(&self, department: &str) -> i64 {
        let number = self.number();
        let guest = self.guest(&format!("{}", 100 + number), &format!("Guest {number}")).await;
        self.conversation_with(guest, department).await
    }

    pub async fn conversation_with(&self, guest_id: i64, department: &str) -> i64 {
        let body = json!({"guest_id": guest_id, "department": department});
        let made = self.admin.post("/chat/conversations/create/", body).await.expect(201);
        made["id"].as_i64().unwrap()
    }

    /// Makes a gateway.
    pub async fn gateway(&self, name: &str, callback_url: Option<&str>) -> Gateway {
        let mut line = vec!["gateway", "create", "--name", name];
        if let Some(url) = callback_url {
            line.extend(["--callback-url", url]);
        }
        let made = self.cli(&line).await.object();
        Gateway {
            signing_secret: made["signing_secret"].as_str().unwrap().to_owned(),
            client: self.anyone.with_token(made["key"].as_str().unwrap()),
        }
    }

    /// Runs the program on this house's data directory, with `--json`.
    pub async fn cli(&self, line: &[&str]) -> Output {
        program::cli(self.data_dir(), line).await
    }

    /// Stops the server and waits for its end.
    pub async fn stop(mut self) -> Stopped {
        self.running.take().unwrap().end().await;
        Stopped(self)
    }

    /// Stops the server and starts it again on the same data. Connections end.
    pub async fn restart(self) -> Self {
        self.stop().await.start().await
    }
}

impl Stopped {
    pub fn data_dir(&self) -> PathBuf {
        self.0.config.data_dir.clone()
    }

    pub async fn cli(&self, line: &[&str]) -> Output {
        self.0.cli(line).await
    }

    pub async fn start(self) -> House {
        let mut house = self.0;
        let (address, running) = run(house.config.clone()).await;
        *house.anyone.address.write().unwrap() = address;
        house.running = Some(running);
        house
    }
}

impl Running {
    async fn end(self) {
        self.stop.send(()).unwrap();
        soon("the server to stop", self.task).await.unwrap().unwrap();
    }
}

impl Gateway {
    /// Brings a guest's message in.
    pub async fn message(&self, body: Value) -> Answer {
        self.client.post("/gateway/messages/", body).await
    }

    /// Brings a message of a guest with this number in, who writes to reception.
    pub async fn writes(&self, external_id: &str, number: &str, content: &str) -> Value {
        self.message(json!({
            "external_id": external_id,
            "whatsapp_number": number,
            "name": format!("Guest {number}"),
            "content": content,
        }))
        .await
        .expect(201)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.task.abort();
        }
        drop(self.folder.take());
    }
}

/// Serves on a free port.
async fn run(config: Config) -> (String, Running) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(frontdesk_server::serve(listener, config, async {
        // A house that is dropped without being stopped goes on until its runtime ends.
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    }));
    (address, Running { stop, task })
}

fn person(anyone: &Client, signed_in: &Value) -> Person {
    let user = &signed_in["user"];
    Person {
        id: user["id"].as_i64().unwrap(),
        username: user["username"].as_str().unwrap().to_owned(),
        name: user["name"].as_str().unwrap().to_owned(),
        client: anyone.with_token(signed_in["token"].as_str().unwrap()),
    }
}
