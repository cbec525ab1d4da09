//! Contract 2, 4: gateways are listed, changed, replaced and revoked, over HTTP and on the command line.

use frontdesk_server::protocol::Timestamp;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::{
    common::{Answer, Callback, Client, Gateway, House, callback::Reply, until},
    deliveries::{becomes, id, of, says, state},
};

/// An address that nobody has (RFC 5737).
const ELSEWHERE: &str = "https://203.0.113.7/replies";

/// The gateways that an admin sees.
async fn listed(admin: &Client) -> Vec<Value> {
    let page = admin.get("/gateways/").await.expect(200);
    page["results"].as_array().unwrap().clone()
}

/// The one of this name.
async fn shown(admin: &Client, name: &str) -> Value {
    listed(admin).await.into_iter().find(|gateway| gateway["name"] == name).unwrap()
}

async fn patch(admin: &Client, gateway: &Value, body: Value) -> Answer {
    admin.patch(&format!("/gateways/{}/", gateway["id"]), body).await
}

/// The messages that a key can bring in.
async fn brings(house: &House, key: &Value, external_id: &str) -> u16 {
    let gateway = house.anyone.with_token(key.as_str().unwrap());
    let body =
        json!({"external_id": external_id, "whatsapp_number": "+44 7700 900123", "content": "Hi"});
    gateway.post("/gateway/messages/", body).await.status
}

/// What the log says of gateways, the newest last: who did what, and which members it was about.
async fn logged(house: &House) -> Vec<String> {
    let log = house.admin.get("/audit/?subject=gateway&limit=200").await.expect(200);
    let mut entries: Vec<_> = log["results"].as_array().unwrap().clone();
    entries.reverse();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    entries
        .iter()
        .map(|entry| {
            let line = [&entry["actor"], &entry["action"], &entry["detail"]].map(text).join(" ");
            line.trim_end().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn an_admin_lists_changes_renews_and_disables_gateways() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let body = json!({"name": " SMS ", "callback_url": ELSEWHERE});
    let made = house.admin.post("/gateways/", body.clone()).await.expect(201);
    let members: Vec<_> = made.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["id", "key", "name", "signing_secret"]);
    assert_eq!(made["name"], "SMS");
    house.admin.post("/gateways/", body).await.problem(409, "gateway_exists");
    let expected = json!({
        "id": made["id"], "name": "SMS", "callback_url": ELSEWHERE, "stays": false, "replies_through": null,
        "is_disabled": false, "last_message_at": null, "pending": 0, "failed": 0, "last_error": null,
    });
    assert_eq!(listed(&house.admin).await, [expected]);
    assert_eq!(brings(&house, &made["key"], "1").await, 201);
    let at = shown(&house.admin, "SMS").await["last_message_at"].clone();
    assert!(serde_json::from_value::<Timestamp>(at).is_ok());

    // Everything that is shown may be sent back; counters are ignored, and nothing changes.
    let seen = shown(&house.admin, "SMS").await;
    let mut sent_back = seen.clone();
    sent_back["pending"] = json!(7);
    sent_back["last_message_at"] = json!("2020-01-01T00:00:00Z");
    assert_eq!(patch(&house.admin, &made, sent_back).await.expect(200), seen);
    assert_eq!(patch(&house.admin, &made, json!({})).await.expect(200), seen);
    for (body, field) in [
        (json!({"id": 999}), "id"),
        (json!({"stays": true}), "stays"),
        (json!({"name": null}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"is_disabled": null}), "is_disabled"),
        (json!({"callback_url": "ftp://203.0.113.7/"}), "callback_url"),
        (json!({"callback_url": "nonsense"}), "callback_url"),
        (json!({"key": "x"}), "key"),
    ] {
        let problem = patch(&house.admin, &made, body.clone()).await.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    let named = patch(&house.admin, &made, json!({"name": "Text messages"})).await.expect(200);
    assert_eq!(named["name"], "Text messages");
    let none = patch(&house.admin, &made, json!({"callback_url": null})).await.expect(200);
    assert!(none["callback_url"].is_null());

    let path = format!("/gateways/{}/renew-key/", made["id"]);
    let renewed = house.admin.post(&path, json!({})).await.expect(200);
    assert_eq!(brings(&house, &made["key"], "2").await, 401);
    assert_eq!(brings(&house, &renewed["key"], "2").await, 201);
    assert_ne!(renewed["signing_secret"], made["signing_secret"]);
    let disabled = patch(&house.admin, &made, json!({"is_disabled": true})).await.expect(200);
    assert_eq!(disabled["is_disabled"], true);
    assert_eq!(brings(&house, &renewed["key"], "3").await, 401);
    let reports = house.anyone.with_token(renewed["key"].as_str().unwrap());
    let body = json!({"statuses": []});
    reports.post("/gateway/statuses/", body).await.problem(401, "unauthorized");
    patch(&house.admin, &made, json!({"is_disabled": false})).await.expect(200);
    assert_eq!(brings(&house, &renewed["key"], "3").await, 201);
    assert_eq!(
        logged(&house).await,
        [
            "staff created",
            "staff updated name",
            "staff updated callback_url",
            "staff key_renewed",
            "staff updated is_disabled",
            "staff updated is_disabled",
        ]
    );
    // The paths work without their final slash; only admins use them, and unknown ids name nothing.
    house.admin.get("/gateways").await.expect(200);
    ana.get("/gateways/").await.problem(403, "forbidden");
    ana.post("/gateways/", json!({"name": "x"})).await.problem(403, "forbidden");
    patch(&ana, &made, json!({"name": "x"})).await.problem(403, "forbidden");
    ana.post(&path, json!({})).await.problem(403, "forbidden");
    let nothing = json!({"id": 999});
    patch(&house.admin, &nothing, json!({"name": "x"})).await.problem(404, "gateway_not_found");
    let path = "/gateways/999/renew-key/";
    house.admin.post(path, json!({})).await.problem(404, "gateway_not_found");
}

#[tokio::test]
async fn the_time_of_the_latest_message_outlasts_the_server() {
    let house = House::start().await;
    let sms = house.gateway("sms", None).await;
    sms.writes("1", "+44 7700 900123", "Towels?").await;
    let before = shown(&house.admin, "sms").await["last_message_at"].clone();
    assert!(before.is_string());
    let house = house.restart().await;
    assert_eq!(shown(&house.admin, "sms").await["last_message_at"], before);
}

#[tokio::test]
async fn the_command_line_lists_changes_renews_and_disables_gateways_too() {
    let house = House::start().await;
    let made = house.cli(&["gateway", "create", "--name", "sms", "--stays"]).await.object();
    let id = made["id"].to_string();
    let listed = house.cli(&["gateway", "list"]).await.object();
    assert_eq!(listed["stays"], true);
    assert_eq!(listed["id"], made["id"]);
    assert!(listed["callback_url"].is_null() && listed["last_error"].is_null());
    let callback = "http://127.0.0.1:9/";
    let set = ["gateway", "set", &id, "--name", "Text messages", "--callback-url", callback];
    let changed = house.cli(&set).await.object();
    assert_eq!(
        (&changed["name"], &changed["callback_url"]),
        (&json!("Text messages"), &json!(callback))
    );
    house.cli(&set).await.object();
    let none = house.cli(&["gateway", "set", &id, "--callback-url", "none"]).await.object();
    assert!(none["callback_url"].is_null());
    house.cli(&["gateway", "set", &id]).await.failure(2);
    let renewed = house.cli(&["gateway", "renew-key", &id]).await.object();
    assert_eq!(brings(&house, &made["key"], "1").await, 401);
    assert_eq!(brings(&house, &renewed["key"], "1").await, 201);
    assert_eq!(house.cli(&["gateway", "disable", &id]).await.object()["is_disabled"], true);
    assert_eq!(brings(&house, &renewed["key"], "2").await, 401);
    assert_eq!(house.cli(&["gateway", "enable", &id]).await.object()["is_disabled"], false);
    assert_eq!(brings(&house, &renewed["key"], "2").await, 201);
    assert_eq!(
        logged(&house).await,
        [
            "command_line created",
            "command_line updated name,callback_url",
            "command_line updated callback_url",
            "command_line key_renewed",
            "command_line updated is_disabled",
            "command_line updated is_disabled",
        ]
    );
    house.cli(&["gateway", "disable", "999"]).await.failure(1);
    house.cli(&["gateway", "renew-key", "999"]).await.failure(1);
    house.cli(&["gateway", "disable", &id, "--replies-through", &id]).await.failure(1);
    assert_eq!(house.cli(&["gateway", "list"]).await.object()["is_disabled"], false);
}

/// A house whose guest has written through a gateway that does not answer, and another gateway that does.
struct Replaced {
    house: House,
    dead: Callback,
    alive: Callback,
    old: Gateway,
    new: Gateway,
    conversation: i64,
}

impl Replaced {
    async fn open() -> Self {
        let house = House::start().await;
        let (dead, alive) = (Callback::start().await, Callback::start().await);
        let old = house.gateway("old", Some(&dead.url)).await;
        let new = house.gateway("new", Some(&alive.url)).await;
        dead.will_answer((0..50).map(|_| Reply::Status(503)));
        let conversation = id(&old.writes("1", "(0044) 7700 900123", "Towels?").await);
        Self { house, dead, alive, old, new, conversation }
    }
}

#[tokio::test]
async fn waiting_and_later_replies_leave_through_the_gateway_that_replaces_another() {
    let Replaced { house, mut dead, mut alive, old, new, conversation } = Replaced::open().await;
    let mut desk = house.admin.connect().await;
    let first = says(&mut desk, conversation, "first").await;
    let second = says(&mut desk, conversation, "second").await;
    let tried = dead.next().await;
    let [old_one, new_one] = [shown(&house.admin, "old").await, shown(&house.admin, "new").await];
    until("the problem to show", async || {
        shown(&house.admin, "old").await["last_error"]["status"] == 503
    })
    .await;
    assert_eq!(shown(&house.admin, "old").await["pending"], 2);
    let through = json!({"replies_through": new_one["id"]});
    let changed = patch(&house.admin, &old_one, through.clone()).await.expect(200);
    assert_eq!(changed["replies_through"], new_one["id"]);
    for (message, text) in [(first, "first"), (second, "second")] {
        let sent = alive.next().await;
        assert_eq!(sent.content(), text);
        assert!(sent.is_signed_with(&new.signing_secret));
        // As the gateway wrote it that is replaced.
        assert_eq!(sent.body["guest"]["address"], "(0044) 7700 900123");
        if message == first {
            assert_eq!(sent.body["delivery_id"], tried.body["delivery_id"]);
        }
        becomes(&mut desk, message, "sent").await;
    }
    assert_eq!(house.admin.conversation(conversation).await["reply_via"], "new");
    let later = says(&mut desk, conversation, "later").await;
    assert_eq!(alive.next().await.body["message_id"], later);
    becomes(&mut desk, later, "sent").await;
    // Its guests may still write through it; the replies leave through the other one all the same.
    old.writes("2", "(0044) 7700 900123", "Thanks").await;
    desk.updated("new_message").await;
    let after = says(&mut desk, conversation, "after").await;
    assert_eq!(alive.next().await.body["message_id"], after);
    becomes(&mut desk, after, "sent").await;
    let repeated = patch(&house.admin, &old_one, through).await.expect(200);
    assert_eq!(repeated["pending"], 0);
    // And through itself again.
    patch(&house.admin, &old_one, json!({"replies_through": null})).await.expect(200);
    assert_eq!(house.admin.conversation(conversation).await["reply_via"], "old");
    let log = logged(&house).await;
    assert_eq!(log[2..], ["staff updated replies_through", "staff updated replies_through"]);
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn a_gateway_that_is_disabled_takes_no_replies_until_it_is_replaced_or_enabled() {
    let Replaced { house, dead, mut alive, conversation, .. } = Replaced::open().await;
    let mut desk = house.admin.connect().await;
    let old = shown(&house.admin, "old").await["id"].to_string();
    let new = shown(&house.admin, "new").await["id"].to_string();
    house.cli(&["gateway", "disable", &old]).await.object();
    assert!(house.admin.conversation(conversation).await["reply_via"].is_null());
    let waits = says(&mut desk, conversation, "nobody takes it").await;
    assert_eq!(state(&house.admin, conversation, waits).await, of("stored", "no_way"));
    house.cli(&["gateway", "enable", &old]).await.object();
    let pending = says(&mut desk, conversation, "it waits").await;
    until("it to be tried", async || shown(&house.admin, "old").await["last_error"].is_object())
        .await;
    let disabled =
        house.cli(&["gateway", "disable", &old, "--replies-through", &new]).await.object();
    assert_eq!((&disabled["is_disabled"], &disabled["pending"]), (&json!(true), &json!(0)));
    assert_eq!(alive.next().await.body["message_id"], pending);
    becomes(&mut desk, pending, "sent").await;
    assert_eq!(house.admin.conversation(conversation).await["reply_via"], "new");
    drop(dead);
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn only_a_gateway_of_the_property_that_takes_replies_can_replace_another() {
    let Replaced { house, .. } = Replaced::open().await;
    let silent = house.gateway("silent", None).await;
    drop(silent);
    let other = house.cli(&["property", "create", "--name", "Hotel Borealis"]).await.object();
    let property = other["id"].to_string();
    let line = [
        "--property",
        &property,
        "gateway",
        "create",
        "--name",
        "theirs",
        "--callback-url",
        ELSEWHERE,
    ];
    let theirs = house.cli(&line).await.object();
    let [old, new] = [shown(&house.admin, "old").await, shown(&house.admin, "new").await];
    let silent = shown(&house.admin, "silent").await;
    let refused = async |gateway: &Value, to: &Value| {
        let body = json!({"replies_through": to});
        let problem = patch(&house.admin, gateway, body).await.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "replies_through", "{problem}");
    };
    for to in [&old["id"], &silent["id"], &theirs["id"], &json!(999)] {
        refused(&old, to).await;
    }
    patch(&house.admin, &new, json!({"is_disabled": true})).await.expect(200);
    refused(&old, &new["id"]).await;
    patch(&house.admin, &new, json!({"is_disabled": false})).await.expect(200);
    patch(&house.admin, &old, json!({"replies_through": new["id"]})).await.expect(200);
    refused(&silent, &old["id"]).await;
    // A gateway that replaces one that replaces others also replaces those.
    let body = json!({"name": "newest", "callback_url": ELSEWHERE});
    let newest = house.admin.post("/gateways/", body).await.expect(201);
    patch(&house.admin, &new, json!({"replies_through": newest["id"]})).await.expect(200);
    assert_eq!(shown(&house.admin, "old").await["replies_through"], newest["id"]);
    // Another hotel's gateways do not exist for this one's admins.
    assert!(listed(&house.admin).await.iter().all(|gateway| gateway["name"] != "theirs"));
    patch(&house.admin, &theirs, json!({"name": "x"})).await.problem(404, "gateway_not_found");
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn callbacks_on_this_computer_are_set_on_the_command_line_only() {
    let house = House::start().await;
    let create = async |house: &House, url: &str| {
        let body = json!({"name": format!("Gateway {}", house.number()), "callback_url": url});
        house.admin.post("/gateways/", body).await
    };
    let refused = async |house: &House, url: &str| {
        let problem = create(house, url).await.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "callback_url", "{url}");
    };
    for url in ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://0x7f.1/"] {
        refused(&house, url).await;
    }
    for url in ["http://169.254.169.254/", "http://[fe80::1]/", "http://[fd00:ec2::254]/"] {
        refused(&house, url).await;
        let line = ["gateway", "create", "--name", "x", "--callback-url", url];
        assert!(house.cli(&line).await.failure(2).contains("is not called"), "{url}");
    }
    create(&house, "http://192.168.1.20:9/").await.expect(201);
    let made = create(&house, ELSEWHERE).await.expect(201);
    let body = json!({"callback_url": "http://127.0.0.1:9/"});
    patch(&house.admin, &made, body.clone()).await.problem(422, "invalid_input");
    // One that was set on the command line stays, and may be sent back.
    let id = made["id"].to_string();
    let set = ["gateway", "set", &id, "--callback-url", "http://127.0.0.1:9/"];
    house.cli(&set).await.object();
    patch(&house.admin, &made, body.clone()).await.expect(200);

    let house = House::start_with(|config| {
        config.callback_networks = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut callback = Callback::start().await;
    refused(&house, "http://169.254.169.254/").await;
    refused(&house, "http://[::1]:9/").await;
    let made = create(&house, &callback.url).await.expect(201);
    assert_eq!(brings(&house, &made["key"], "1").await, 201);
    let conversation = house.admin.list("").await[0]["id"].as_i64().unwrap();
    let mut desk = house.admin.connect().await;
    says(&mut desk, conversation, "Coming").await;
    assert_eq!(callback.next().await.content(), "Coming");
    let house = House::start_with(|config| config.callbacks_to_this_computer = true).await;
    create(&house, &callback.url).await.expect(201);
}

#[tokio::test]
async fn a_reply_to_an_address_that_is_not_called_fails_and_the_gateway_shows_why() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let stopped = house.stop().await;
    // As if an admin had set it over HTTP: nothing but the check before each attempt is in the way.
    let url = format!("sqlite://{}", stopped.data_dir().join("frontdesk.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("update gateway set may_call_loopback = 0").execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let house = stopped.start().await;
    let mut desk = house.admin.connect().await;
    let message = says(&mut desk, conversation, "Coming").await;
    let failed = becomes(&mut desk, message, "failed").await;
    assert_eq!(failed["reason_code"], "address_refused");
    let error = shown(&house.admin, "sms").await["last_error"].clone();
    assert_eq!(error["reason"], failed["reason"]);
    assert!(error["status"].is_null() && error["at"].is_string(), "{error}");
    assert_eq!(shown(&house.admin, "sms").await["failed"], 1);
    callback.got_nothing();
}

#[tokio::test]
async fn a_gateway_brings_so_many_messages_a_second_and_others_have_their_own_limit() {
    let house = House::start_with(|config| config.gateway_messages_per_second = 1).await;
    let (sms, mail) = (house.gateway("sms", None).await, house.gateway("mail", None).await);
    let message = async |gateway: &Gateway, external_id: &str| {
        let body = json!({"external_id": external_id, "whatsapp_number": "+44 7700 900123", "content": "Hi"});
        gateway.message(body).await
    };
    let mut number = 0;
    let refused = loop {
        number += 1;
        let answer = message(&sms, &number.to_string()).await;
        if answer.status != 201 {
            break answer;
        }
    };
    assert!(number > 5, "a burst of five seconds' worth: {number}");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    refused.problem(429, "too_many_requests");
    message(&mail, "1").await.expect(201);
    // Reports do not take the messages' place.
    let body = json!({"statuses": [{"delivery_id": "nothing", "state": "read"}]});
    sms.client.post("/gateway/statuses/", body).await.expect(200);
    // What was refused is not stored, and is taken when it is sent again.
    until("it to be taken", async || message(&sms, &number.to_string()).await.status == 201).await;
}
