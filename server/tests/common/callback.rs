//! The other end of a gateway: takes replies, and answers as a test tells it to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    net::TcpListener,
    sync::{OwnedRwLockWriteGuard, RwLock, mpsc},
    task::JoinHandle,
};

use super::soon;

/// One request that came.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub path: String,
    pub headers: HeaderMap,
    pub bytes: Bytes,
    pub body: Value,
}

/// While it exists, no request is answered.
#[derive(Debug)]
pub struct Held {
    _lock: OwnedRwLockWriteGuard<()>,
}

impl Held {
    /// Lets the answers go.
    pub fn release(self) {
        drop(self);
    }
}

/// A listening callback.
#[derive(Debug)]
pub struct Callback {
    pub url: String,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    answers: Arc<Mutex<VecDeque<Reply>>>,
    held: Arc<RwLock<()>>,
    task: JoinHandle<()>,
}

/// What a callback answers.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16),
    RedirectTo(String),
}

#[derive(Clone)]
struct Shared {
    told: mpsc::UnboundedSender<Delivery>,
    answers: Arc<Mutex<VecDeque<Reply>>>,
    held: Arc<RwLock<()>>,
}

impl Callback {
    /// Listens on a port of its own.
    pub async fn start() -> Self {
        let (told, deliveries) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/replies", listener.local_addr().unwrap());
        let held = Arc::new(RwLock::new(()));
        let shared = Shared { told, answers: Arc::clone(&answers), held: Arc::clone(&held) };
        let router = Router::new().fallback(take).with_state(shared);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, deliveries, answers, held, task }
    }

    /// Answers the next requests so; those after them with 204.
    pub fn will_answer(&self, answers: impl IntoIterator<Item = Reply>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// Holds back the answers to requests until it is released.
    pub fn hold(&self) -> Held {
        Held { _lock: self.held.clone().try_write_owned().unwrap() }
    }

    /// The next request.
    pub async fn next(&mut self) -> Delivery {
        soon("a delivery", self.deliveries.recv()).await.unwrap()
    }

    /// No request has come.
    pub fn got_nothing(&mut self) {
        let unexpected = self.deliveries.try_recv();
        assert!(unexpected.is_err(), "{unexpected:?}");
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Delivery {
    /// Whether the signature is that of this secret, over these very bytes.
    pub fn is_signed_with(&self, signing_secret: &str) -> bool {
        let header = |name: &str| self.headers[name].to_str().unwrap().to_owned();
        let mut mac = Hmac::<Sha256>::new_from_slice(signing_secret.as_bytes()).unwrap();
        mac.update(header("x-frontdesk-timestamp").as_bytes());
        mac.update(b".");
        mac.update(&self.bytes);
        let expected = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        header("x-frontdesk-signature") == expected
    }

    pub fn content(&self) -> &str {
        self.body["content"].as_str().unwrap()
    }
}

async fn take(
    State(shared): State<Shared>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let delivery = Delivery { path: uri.path().to_owned(), headers, bytes, body };
    let answer = shared.answers.lock().unwrap().pop_front().unwrap_or(Reply::Status(204));
    drop(shared.held.read().await);
    // The test may be over.
    let _ = shared.told.send(delivery);
    match answer {
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::RedirectTo(url) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, url)]).into_response()
        }
    }
}
