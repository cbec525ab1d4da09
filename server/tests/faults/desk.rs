//! A desk that never stops writing, and the oracle that knows what was acknowledged.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{Client, Program, Socket, program, socket, soon};

/// A clerk who is signed in to the real program, and one conversation.
#[derive(Clone, Debug)]
pub struct Desk {
    pub data_dir: PathBuf,
    pub client: Client,
    pub conversation: i64,
    password: String,
}

/// Every text that was sent, and the id that was acknowledged for it.
#[derive(Debug)]
pub struct Oracle {
    texts: Mutex<HashMap<String, Option<i64>>>,
    /// What was answered with `unavailable` and not sent again.
    refused: Mutex<HashSet<String>>,
    acknowledged: watch::Sender<usize>,
    unavailable: watch::Sender<usize>,
    enough: AtomicBool,
}

/// The ids of what was acknowledged at some moment.
#[derive(Debug)]
pub struct Acknowledged(HashMap<String, i64>);

/// One of those who write.
#[derive(Debug)]
pub struct Sender {
    name: usize,
    count: usize,
    /// How many texts it sends before one of them is answered.
    in_flight: usize,
    /// Client ids of what was sent and not acknowledged.
    waiting: Vec<String>,
}

/// Why a sender stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Gone,
    /// Everything it sent was answered.
    Answered,
}

/// Those who write, each in a task of its own.
pub type Writing = JoinSet<(Sender, End)>;

async fn sign_in(anyone: &Client, password: &str) -> Client {
    let body = json!({"username": "ana", "password": password});
    let signed_in = anyone.post("/auth/login/", body).await.expect(200);
    anyone.with_token(signed_in["token"].as_str().unwrap())
}

impl Desk {
    /// Makes the house and starts the server.
    pub async fn open(data_dir: PathBuf) -> (Self, Program) {
        let line = ["staff", "create", "--username", "ana", "--name", "Ana"];
        let line = [&line[..], &["--department", "reception"]].concat();
        let account = program::cli(&data_dir, &line).await.object();
        let line = ["guest", "check-in", "--name", "Amelia Hart", "--room", "204"];
        let guest = program::cli(&data_dir, &line).await.object()["guest_id"].clone();
        let server = serve(&data_dir).await;
        let anyone = Client::new(Arc::new(RwLock::new(server.address.clone())));
        let password = account["password"].as_str().unwrap().to_owned();
        let client = sign_in(&anyone, &password).await;
        let body = json!({"guest_id": guest, "department": "reception"});
        let made = client.post("/chat/conversations/create/", body).await.expect(201);
        let conversation = made["id"].as_i64().unwrap();
        (Self { data_dir, client, conversation, password }, server)
    }

    /// The desk on a restored copy of its data, signed in again, and its server.
    pub async fn restored(&self, data_dir: PathBuf) -> (Self, Program) {
        let mut restored = Self { data_dir, ..self.clone() };
        restored.check().await;
        let server = restored.reopen().await;
        restored.client = sign_in(&self.client, &self.password).await;
        (restored, server)
    }

    /// Starts the server again; the clerk is still signed in.
    pub async fn reopen(&self) -> Program {
        let server = serve(&self.data_dir).await;
        self.client.address.write().unwrap().clone_from(&server.address);
        server
    }

    pub async fn connect(&self) -> Socket {
        let proof = format!("Bearer {}", self.client.token.as_deref().unwrap());
        let headers = [("authorization", proof.as_str())];
        let request = socket::request(&self.client.host(), "/ws/chat/", &headers);
        Socket::open(request).await.unwrap()
    }

    /// Connects everyone and has them write, each in a task of its own.
    pub async fn write(&self, senders: Vec<Sender>, oracle: &Arc<Oracle>) -> Writing {
        let mut writing = Writing::new();
        for mut sender in senders {
            let (socket, oracle) = (self.connect().await, Arc::clone(oracle));
            let conversation = self.conversation;
            writing.spawn(async move {
                let end = sender.write(socket, conversation, &oracle).await;
                (sender, end)
            });
        }
        writing
    }

    /// Every message of the conversation.
    pub async fn stored(&self) -> Vec<Value> {
        let (mut stored, mut after) = (Vec::new(), 0);
        loop {
            let id = self.conversation;
            let path = format!("/chat/conversations/{id}/messages/?after={after}&limit=200");
            let page = self.client.get(&path).await.expect(200);
            stored.extend(page["results"].as_array().unwrap().clone());
            if page["has_more"] == false {
                return stored;
            }
            after = stored.last().unwrap()["id"].as_i64().unwrap();
        }
    }

    /// `frontdesk-server check` finds nothing.
    pub async fn check(&self) {
        let check = program::cli(&self.data_dir, &["check"]).await;
        assert_eq!(check.code, Some(0), "{check:?}");
    }
}

async fn serve(data_dir: &std::path::Path) -> Program {
    Program::serve(data_dir, &["--commands-per-second", "0"]).await
}

/// A colleague who only listens.
#[derive(Debug)]
pub struct Witness {
    socket: Socket,
    /// Ids of the texts that were heard, by client id.
    heard: HashMap<String, i64>,
}

impl Witness {
    /// One who hears every text of the conversation.
    pub async fn of(desk: &Desk) -> Self {
        let mut socket = desk.connect().await;
        socket.subscribe(desk.conversation).await;
        Self { socket, heard: HashMap::new() }
    }

    /// Everything that was heard by now, each once.
    pub async fn heard(&mut self) -> &HashMap<String, i64> {
        // Refused without asking the disk, so that it is answered while the disk refuses, too.
        self.socket.send(json!({"type": "nothing"})).await;
        loop {
            let frame = self.socket.next().await;
            if frame["code"] == "invalid_type" {
                return &self.heard;
            }
            if frame["type"] == "message" {
                let client_id = frame["data"]["client_id"].as_str().unwrap().to_owned();
                let id = frame["data"]["id"].as_i64().unwrap();
                let before = self.heard.insert(client_id.clone(), id);
                assert_eq!(before, None, "{client_id} was heard twice");
            }
        }
    }
}

/// Waits until all of them have stopped.
pub async fn stopped(mut writing: Writing) -> Vec<(Sender, End)> {
    let mut senders = Vec::new();
    while let Some(stopped) = soon("a sender to stop", writing.join_next()).await {
        senders.push(stopped.unwrap());
    }
    senders
}

/// Waits until all of them have stopped, for one and the same reason.
pub async fn all_stopped(writing: Writing, expected: End) -> Vec<Sender> {
    let stopped = stopped(writing).await.into_iter();
    stopped
        .map(|(sender, end)| {
            assert_eq!(end, expected);
            sender
        })
        .collect()
}

impl Oracle {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            texts: Mutex::default(),
            refused: Mutex::default(),
            acknowledged: watch::Sender::new(0),
            unavailable: watch::Sender::new(0),
            enough: AtomicBool::new(false),
        })
    }

    /// From now on nothing new is written; or it is again.
    pub fn enough(&self, enough: bool) {
        self.enough.store(enough, Ordering::SeqCst);
    }

    /// Acknowledgments so far.
    pub fn acknowledged(&self) -> usize {
        *self.acknowledged.borrow()
    }

    /// Texts so far that were answered with `unavailable`.
    pub fn unavailable(&self) -> usize {
        *self.unavailable.borrow()
    }

    /// Waits for so many acknowledgments.
    pub async fn acknowledgments(&self, count: usize) {
        let mut changes = self.acknowledged.subscribe();
        soon("acknowledgments", changes.wait_for(|now| *now >= count)).await.unwrap();
    }

    /// What is acknowledged by now.
    pub fn snapshot(&self) -> Acknowledged {
        let texts = self.texts.lock().unwrap();
        let ids = texts.iter().filter_map(|(client_id, id)| Some((client_id.clone(), (*id)?)));
        Acknowledged(ids.collect())
    }

    fn note(&self, client_id: &str, message_id: i64) {
        let before = self.texts.lock().unwrap().insert(client_id.to_owned(), Some(message_id));
        let before = before.unwrap();
        assert!(
            before.is_none_or(|before| before == message_id),
            "{client_id} was acknowledged as {before:?}, and as {message_id} later"
        );
        self.acknowledged.send_modify(|count| *count += 1);
    }

    /// What was acknowledged is there under its id, and nothing is there twice.
    pub fn nothing_is_lost(&self, stored: &[Value]) {
        let mut by_client_id = HashMap::new();
        for row in stored {
            let client_id = row["client_id"].as_str().unwrap();
            assert_eq!(row["content"], content(client_id));
            let twice = by_client_id.insert(client_id, row["id"].as_i64().unwrap());
            assert_eq!(twice, None, "{client_id} is there twice");
        }
        let refused = self.refused.lock().unwrap();
        let kept: Vec<_> =
            refused.iter().filter(|id| by_client_id.contains_key(id.as_str())).collect();
        assert!(kept.is_empty(), "refused and stored all the same: {kept:?}");
        let texts = self.texts.lock().unwrap();
        let lost: Vec<_> = texts
            .iter()
            .filter(|(_, id)| id.is_some())
            .filter(|(client_id, id)| by_client_id.get(client_id.as_str()) != id.as_ref())
            .collect();
        assert!(
            lost.is_empty(),
            "acknowledged and lost: {} of {}: {lost:?}",
            lost.len(),
            texts.len()
        );
        assert!(by_client_id.keys().all(|client_id| texts.contains_key(*client_id)));
    }

    /// What others heard was acknowledged under the same id: nothing of what was refused.
    pub fn nothing_else_was_heard(&self, heard: &HashMap<String, i64>) {
        let texts = self.texts.lock().unwrap();
        let wrong: Vec<_> = heard
            .iter()
            .filter(|(client_id, id)| texts[client_id.as_str()] != Some(**id))
            .collect();
        assert!(wrong.is_empty(), "heard and not acknowledged: {wrong:?}");
    }

    /// The same after everyone sent everything again that was not answered.
    pub fn everything_is_there_once(&self, stored: &[Value]) {
        self.nothing_is_lost(stored);
        assert_eq!(stored.len(), self.texts.lock().unwrap().len());
    }
}

impl Acknowledged {
    /// All of it is there under its id.
    pub fn nothing_is_lost_of(&self, stored: &[Value]) {
        let id_of = |row: &Value| {
            (row["client_id"].as_str().unwrap().to_owned(), row["id"].as_i64().unwrap())
        };
        let stored: HashMap<_, _> = stored.iter().map(id_of).collect();
        let lost: Vec<_> =
            self.0.iter().filter(|(client_id, id)| stored.get(*client_id) != Some(*id)).collect();
        assert!(lost.is_empty() && !self.0.is_empty(), "acknowledged and lost: {lost:?}");
    }
}

fn content(client_id: &str) -> String {
    format!("The text of {client_id}")
}

impl Sender {
    pub fn several(count: usize, in_flight: usize) -> Vec<Self> {
        let sender = |name| Self { name, count: 0, in_flight, waiting: Vec::new() };
        (0..count).map(sender).collect()
    }

    /// Sends again what was not acknowledged, then new texts, a few at a time, until the connection
    /// is gone; or until there was enough or storage failed, and everything is answered.
    async fn write(&mut self, mut socket: Socket, conversation: i64, oracle: &Oracle) -> End {
        let mut unanswered = self.waiting.len();
        for client_id in &self.waiting {
            oracle.refused.lock().unwrap().remove(client_id);
            if !send(&mut socket, conversation, client_id).await {
                break;
            }
        }
        let mut refused = false;
        loop {
            while unanswered < self.in_flight && !refused && !oracle.enough.load(Ordering::SeqCst) {
                self.count += 1;
                unanswered += 1;
                let client_id = format!("{}-{}", self.name, self.count);
                oracle.texts.lock().unwrap().insert(client_id.clone(), None);
                let sent = send(&mut socket, conversation, &client_id).await;
                self.waiting.push(client_id);
                if !sent {
                    // What was answered before the end may still be read.
                    refused = true;
                }
            }
            if unanswered == 0 {
                return End::Answered;
            }
            let Ok(frame) = socket.next_or_close().await else { return End::Gone };
            let Some(client_id) = frame["client_id"].as_str() else { continue };
            if frame["status"] == "received" {
                oracle.note(client_id, frame["message_id"].as_i64().unwrap());
                self.waiting.retain(|waiting| waiting != client_id);
                unanswered -= 1;
            } else if frame["type"] == "error" {
                assert_eq!(frame["code"], "unavailable", "{frame}");
                oracle.unavailable.send_modify(|count| *count += 1);
                oracle.refused.lock().unwrap().insert(client_id.to_owned());
                refused = true;
                unanswered -= 1;
            }
        }
    }
}

async fn send(socket: &mut Socket, conversation: i64, client_id: &str) -> bool {
    let command = json!({
        "type": "text", "conversation_id": conversation, "content": content(client_id),
        "client_id": client_id,
    });
    socket.try_send(Message::text(command.to_string())).await
}
