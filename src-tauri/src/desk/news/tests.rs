//! Who is told of what was missed, and who is not any more.

use axum::{Json, Router, http::StatusCode, routing::get};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use super::*;
use crate::address::Server;

/// Remembers what it hears.
#[derive(Default)]
struct Ear {
    shown: watch::Sender<Vec<String>>,
}

impl Audience for Ear {
    fn push(&self, _: Push) {}

    fn show(&self, notification: Notification) {
        self.shown.send_modify(|shown| shown.push(notification.title));
    }

    fn attention(&self) -> (bool, bool) {
        (false, false)
    }

    fn signed_out(self: Arc<Self>, _: Token, _: String) {}
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// The list of one conversation that began after the gap did.
fn list() -> Value {
    let time = "2026-11-23T17:00:00.000Z";
    json!({ "next_cursor": null, "results": [{
        "id": 1, "department": "reception", "conversation_type": "general", "status": "active",
        "guest_info": { "id": 1, "name": "Amelia Hart", "room_number": "204" },
        "unread_count": 1, "waiting_since": time, "last_message_preview": "Hello",
        "last_message_at": time, "created_at": time, "updated_at": time, "closed_at": null,
    }]})
}

/// A server whose list is asked for; each asking is told, and answered as `answers` says.
async fn server(answers: watch::Receiver<bool>) -> (Api, watch::Receiver<usize>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::on_loopback(listener.local_addr().unwrap().port()).unwrap();
    let (asking, asked) = watch::channel(0);
    let answer = async move || {
        let mut answers = answers.clone();
        asking.send_modify(|asked| *asked += 1);
        if *asking.borrow() == 1 {
            return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "code": "internal" })));
        }
        answers.wait_for(|may| *may).await.unwrap();
        (StatusCode::OK, Json(list()))
    };
    let router = Router::new().route("/chat/conversations/", get(answer));
    tokio::spawn(axum::serve(listener, router).into_future());
    (Api::new(server).unwrap(), asked)
}

/// A teller whose connection has lost events.
async fn lost(api: Api) -> (Arc<Ear>, mpsc::Sender<News>, CancellationToken) {
    let ear = Arc::new(Ear::default());
    let from = (api, Token::new("proof"));
    let teller = Teller::new(Arc::clone(&ear), from, Notifier::new(7, Vec::new()), Part::none());
    let (news, told) = mpsc::channel(8);
    let stop = CancellationToken::new();
    Arc::new(teller).start(told, &stop);
    news.send(News::CaughtUp(at(100))).await.unwrap();
    news.send(News::Lost(at(200))).await.unwrap();
    (ear, news, stop)
}

#[tokio::test]
async fn what_was_missed_is_asked_for_until_the_server_answers() {
    let (_may, answers) = watch::channel(true);
    let (api, mut asked) = server(answers).await;
    let (ear, _news, _stop) = lost(api).await;
    let mut shown = ear.shown.subscribe();
    let shown = shown.wait_for(|shown| !shown.is_empty()).await.unwrap();
    assert_eq!(*shown, ["204 · Amelia Hart"]);
    assert!(*asked.borrow_and_update() >= 2, "the first request failed");
}

#[tokio::test]
async fn nobody_is_told_after_the_connection_has_ended() {
    let (may, answers) = watch::channel(false);
    let (api, mut asked) = server(answers).await;
    let (ear, news, stop) = lost(api).await;
    asked.wait_for(|asked| *asked >= 2).await.unwrap();
    stop.cancel();
    // The teller lets go of its news, and the one who asks of the answer.
    news.closed().await;
    may.send(true).unwrap();
    // The last one who could tell is gone.
    while Arc::strong_count(&ear) > 1 {
        assert!(ear.shown.borrow().is_empty());
        tokio::task::yield_now().await;
    }
    assert!(ear.shown.borrow().is_empty());
}
