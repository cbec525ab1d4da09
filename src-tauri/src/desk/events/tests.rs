//! Who waits is asked for, and nothing is passed on after the end.

use std::sync::Mutex;

use axum::{Json, Router, http::StatusCode, routing::get};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use super::*;
use crate::{address::Server, alerts::Generation};

/// Remembers what is passed on.
#[derive(Default)]
struct Recorder {
    listed: watch::Sender<Vec<Id>>,
    names: Mutex<BTreeMap<String, String>>,
    repeat: watch::Sender<Option<u8>>,
    /// Conversation and message of each answer, list by list.
    not_delivered: watch::Sender<Vec<Vec<(Id, Id)>>>,
}

impl Audience for Recorder {
    fn push(&self, _: Push) {}

    fn apply(&self, _: Generation, input: Input<'_>) {
        if let Input::List { conversations, .. } = input {
            let ids = conversations.iter().map(|it| it.id);
            self.listed.send_modify(|listed| listed.extend(ids));
        } else if let Input::NotDelivered { answers, .. } = input {
            let answers = answers.iter().map(|it| (it.about.conversation_id, it.message_id));
            self.not_delivered.send_modify(|lists| lists.push(answers.collect()));
        }
    }

    fn sync_clock(&self, _: Timestamp, _: bool) {}

    fn name_departments(&self, _: Generation, names: BTreeMap<String, String>) {
        *self.names.lock().unwrap() = names;
    }

    fn is_own_message(&self, _: Id) -> bool {
        true
    }

    fn set_default_repeat(&self, _: Generation, minutes: u8) {
        self.repeat.send_replace(Some(minutes));
    }

    fn signed_out(self: Arc<Self>, _: Token, _: String) {}
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn list(id: Id, next_cursor: Option<&str>) -> Value {
    let time = "2026-11-23T17:00:00.000Z";
    json!({ "next_cursor": next_cursor, "epoch": "k3f", "seq": 4, "results": [{
        "id": id, "department": "reception", "conversation_type": "general", "status": "active",
        "guest_info": { "id": 1, "name": "Amelia Hart", "room_number": "204" },
        "unread_count": 1, "waiting_since": time, "last_message_preview": "Hello",
        "last_message_at": time, "created_at": time, "updated_at": time, "closed_at": null,
    }]})
}

/// Conversations in which answers were not delivered: one of them, and one as a server of before shows it.
fn not_reached() -> Value {
    let mut page = list(9, None);
    let row = page["results"][0].clone();
    page["results"][0]["undelivered_since"] = json!("2026-11-23T17:01:00.000Z");
    page["results"].as_array_mut().unwrap().push(row);
    page["results"][1]["id"] = json!(10);
    page
}

/// Messages of conversation 9: the person (7) wrote 501, 502 and 503, a colleague 504.
fn messages() -> Value {
    let time = "2026-11-23T17:01:00.000Z";
    let message = |(id, sender, state): (Id, Id, &str)| {
        json!({
            "id": id, "conversation_id": 9, "sender_type": "staff", "sender_id": sender,
            "sender_name": "Ana", "message_type": "text", "content": "Coming", "created_at": time,
            "is_read": false, "client_id": null, "department": "reception",
            "guest_info": { "id": 1, "name": "Amelia Hart", "room_number": "204" },
            "delivery": { "state": state, "reason": null, "reason_code": null, "at": time },
        })
    };
    let of = [(501, 7, "failed"), (502, 7, "none"), (503, 7, "sent"), (504, 8, "failed")];
    json!({ "results": of.map(message), "has_more": false, "epoch": "k3f", "seq": 5 })
}

/// A server whose list is asked for; the first request fails, and others are answered once `answers` allows it.
async fn server(answers: watch::Receiver<bool>) -> (Api, watch::Receiver<usize>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::on_loopback(listener.local_addr().unwrap().port()).unwrap();
    let (requests, requested) = watch::channel(0);
    let answer = async move |uri: axum::http::Uri| {
        let mut answers = answers.clone();
        if uri.query().unwrap().contains("not_reached=true") {
            return (StatusCode::OK, Json(not_reached()));
        }
        requests.send_modify(|requests| *requests += 1);
        if *requests.borrow() == 1 {
            return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "code": "internal" })));
        }
        answers.wait_for(|may| *may).await.unwrap();
        let query = uri.query().unwrap();
        assert!(query.contains("waiting=true"), "{query}");
        let is_second = query.ends_with("cursor=next");
        let page = if is_second { list(2, None) } else { list(1, Some("next")) };
        (StatusCode::OK, Json(page))
    };
    let user = json!({
        "id": 7, "username": "ana", "name": "Ana", "user_type": "department_staff",
        "departments": ["reception"], "is_admin": false,
        "property": { "id": 1, "name": "The Grand", "time_zone": "UTC" },
    });
    let departments = json!({ "results": [{ "slug": "reception", "name": "Front office" }] });
    let setup = json!({ "demo": { "accounts": [], "repeat_minutes": 5 } });
    let router = Router::new()
        .route("/chat/conversations/", get(answer))
        .route("/chat/conversations/9/messages/", get(async || Json(messages())))
        .route("/auth/me/", get(async || Json(user)))
        .route("/departments/", get(async || Json(departments)))
        .route("/setup/", get(async || Json(setup)));
    tokio::spawn(axum::serve(listener, router).into_future());
    (Api::new(server).unwrap(), requested)
}

/// What is passed on from a connection that is live.
async fn live(api: Api) -> (Arc<Recorder>, mpsc::Sender<News>, CancellationToken) {
    let recorder = Arc::new(Recorder::default());
    let (news, received) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let from = (api, Token::new("proof"));
    let generation = Generation::for_tests();
    EventForwarder::start(Arc::clone(&recorder), from, 7, generation, received, &stop);
    news.send(News::CaughtUp(at(100))).await.unwrap();
    (recorder, news, stop)
}

#[tokio::test]
async fn who_waits_is_asked_for_until_the_server_answers_and_on_every_page() {
    let (_may, answers) = watch::channel(true);
    let (api, mut requested) = server(answers).await;
    let (recorder, _news, _stop) = live(api).await;
    let mut listed = recorder.listed.subscribe();
    let listed = listed.wait_for(|listed| !listed.is_empty()).await.unwrap();
    assert_eq!(*listed, [1, 2]);
    assert_eq!(*requested.borrow_and_update(), 3, "the first request failed");
    let mut repeat = recorder.repeat.subscribe();
    assert_eq!(*repeat.wait_for(Option::is_some).await.unwrap(), Some(5));
    assert_eq!(recorder.names.lock().unwrap()["reception"], "Front office");
}

#[tokio::test]
async fn the_persons_answers_that_failed_are_read_at_first_and_after_events_were_lost() {
    let (_may, answers) = watch::channel(true);
    let (api, _requested) = server(answers).await;
    let (recorder, news, _stop) = live(api).await;
    let mut lists = recorder.not_delivered.subscribe();
    lists.wait_for(|lists| lists.len() == 1).await.unwrap();
    news.send(News::Lost(at(200))).await.unwrap();
    let lists = lists.wait_for(|lists| lists.len() == 2).await.unwrap();
    // The newest one of theirs; not the one that was sent, and not the colleague's.
    assert_eq!(*lists, [[(9, 502)], [(9, 502)]]);
}

#[tokio::test]
async fn nothing_is_passed_on_after_the_connection_has_ended() {
    let (may, answers) = watch::channel(false);
    let (api, mut requested) = server(answers).await;
    let (recorder, news, stop) = live(api).await;
    requested.wait_for(|requests| *requests >= 2).await.unwrap();
    stop.cancel();
    news.closed().await;
    may.send(true).unwrap();
    // The last task that could pass something on has ended.
    while Arc::strong_count(&recorder) > 1 {
        tokio::task::yield_now().await;
    }
    assert!(recorder.listed.borrow().is_empty());
}

#[test]
fn the_demo_hotel_starts_without_repeats_unless_the_server_sets_them() {
    for (setup, expected) in [
        (json!({ "demo": null }), None),
        (json!({}), None),
        (json!({ "demo": { "accounts": [] } }), Some(0)),
        (json!({ "demo": { "repeat_minutes": 10 } }), Some(10)),
        (json!({ "demo": { "repeat_minutes": 7 } }), None),
    ] {
        assert_eq!(default_repeat(&setup), expected, "{setup}");
    }
}
