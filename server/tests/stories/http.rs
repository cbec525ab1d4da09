//! Contract 2: what holds for every call of the HTTP interface.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{House, client::send, soon};

const CREATE: &str = "/chat/conversations/create/";

#[tokio::test]
async fn every_path_works_with_and_without_its_last_slash() {
    let house = House::start().await;
    let conversation = house.conversation("reception").await;
    for path in [
        "/auth/me".to_owned(),
        "/auth/sessions".to_owned(),
        "/chat/conversations".to_owned(),
        format!("/chat/conversations/{conversation}"),
        format!("/chat/conversations/{conversation}/messages"),
        "/guests".to_owned(),
        "/guests/1".to_owned(),
        "/rooms".to_owned(),
        "/stays".to_owned(),
        "/staff".to_owned(),
        "/departments".to_owned(),
        "/healthz".to_owned(),
        "/readyz".to_owned(),
        "/metrics".to_owned(),
        "/docs".to_owned(),
    ] {
        for path in [
            path.clone(),
            format!("{path}/"),
            format!("{path}?limit=5"),
            format!("{path}/?limit=5"),
        ] {
            let answer = house.admin.get(&path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        }
    }
    for path in ["/chat/conversations/close", "/chat/conversations/close/"] {
        house.admin.post(path, json!({"conversation_id": conversation})).await.expect(200);
    }
}

#[tokio::test]
async fn whatever_cannot_be_done_is_a_problem() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let foreign = house.conversation("restaurant").await;
    house.anyone.get("/chat/conversations/").await.problem(401, "unauthorized");
    let unknown = house.anyone.get("/auth/nothing/").await;
    assert!(unknown.status == 404 || unknown.status == 401, "{}", unknown.text);
    ana.get("/chat/conversations/7777/").await.problem(404, "conversation_not_found");
    ana.get("/chat/conversations/nonsense/").await.problem(404, "not_found");
    ana.get(&format!("/chat/conversations/{foreign}/")).await.problem(403, "access_denied");
    let path = format!("/chat/conversations/{foreign}/messages/");
    ana.get(&path).await.problem(403, "access_denied");
    let close = json!({"conversation_id": foreign});
    ana.post("/chat/conversations/close/", close).await.problem(403, "access_denied");
    ana.get("/chat/conversations/?department=restaurant").await.problem(403, "access_denied");
    ana.get("/staff/").await.problem(403, "forbidden");
    ana.post("/departments/", json!({"name": "Spa"})).await.problem(403, "forbidden");
    ana.delete("/auth/me/").await.problem(405, "method_not_allowed");

    let raw = |text: &str| ana.request(Method::POST, CREATE).body(text.to_owned());
    let typed = |text: &str| raw(text).header("content-type", "application/json");
    send(raw("{}")).await.problem(415, "unsupported_media_type");
    send(typed("{")).await.problem(400, "invalid_json");
    send(typed("{\"guest_id\":1,\"department\":\"reception\"} {}"))
        .await
        .problem(400, "invalid_json");
    let big = format!("{{\"department\":\"{}\"}}", "x".repeat(300 * 1024));
    send(typed(&big)).await.problem(413, "body_too_large");

    // Bad input names its members.
    for (body, field) in [
        (json!([]), "body"),
        (json!({"guest_id": 1}), "department"),
        (json!({"guest_id": "1", "department": "reception"}), "guest_id"),
        (json!({"guest_id": 0, "department": "reception"}), "guest_id"),
        (json!({"department": "reception"}), "guest_id"),
        (json!({"guest_id": 1, "room_number": "204", "department": "reception"}), "guest_id"),
        (json!({"guest_id": 1, "department": "nowhere"}), "department"),
        (json!({"guest_id": 1, "department": "reception", "content": "  "}), "content"),
        (json!({"guest_id": 1, "department": "reception", "content": "x".repeat(4097)}), "content"),
        (json!({"guest_id": 1, "department": "reception", "client_id": ""}), "client_id"),
        (
            json!({"guest_id": 1, "department": "reception", "client_id": "x".repeat(65)}),
            "client_id",
        ),
    ] {
        let problem = ana.post(CREATE, body.clone()).await.problem(422, "invalid_input");
        let error = &problem["errors"][0];
        assert_eq!(error["field"], field, "{body}: {problem}");
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    }
    let staff = json!({"username": "bob", "name": "Bob", "password": "x", "user_type": 5});
    let problem = house.admin.post("/staff/", staff).await.problem(422, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], "user_type", "{problem}");
}

#[tokio::test]
async fn a_query_that_cannot_be_read_names_what_is_wrong_in_it() {
    let house = House::start().await;
    let admin = &house.admin;
    let mine = house.conversation("reception").await;
    let messages = format!("/chat/conversations/{mine}/messages/");
    const NUMBER: &str = "must be a positive whole number";
    for (path, query, field, message) in [
        ("/chat/conversations/", "limit=0", "limit", ""),
        ("/chat/conversations/", "limit=201", "limit", ""),
        ("/chat/conversations/", "limit=abc", "limit", NUMBER),
        ("/chat/conversations/", "limit=-1", "limit", NUMBER),
        ("/chat/conversations/", "limit=99999999999", "limit", "is too large"),
        ("/chat/conversations/", "limit=5&limit=6", "limit", "must appear only once"),
        ("/chat/conversations/", "status=foo", "status", "must be one of active, closed, all"),
        ("/chat/conversations/", "waiting=maybe", "waiting", "must be true or false"),
        ("/chat/conversations/", "cursor=nonsense", "cursor", ""),
        (&messages, "limit=0", "limit", ""),
        (&messages, "limit=201", "limit", ""),
        (&messages, "before=0", "before", ""),
        (&messages, "before=x", "before", NUMBER),
        (&messages, "after=-1", "after", ""),
        (&messages, "before=5&after=1", "after", ""),
        ("/guests/", "cursor=abc", "cursor", NUMBER),
        ("/stays/", "active=x", "active", "must be true or false"),
        ("/stays/", "guest_id=x", "guest_id", NUMBER),
        ("/audit/", "subject_id=x", "subject_id", NUMBER),
        ("/guests/1/export/", "format=xml", "format", "must be json or pdf"),
    ] {
        let problem = admin.get(&format!("{path}?{query}")).await.problem(422, "invalid_input");
        let error = &problem["errors"][0];
        assert_eq!(error["field"], field, "{query}: {problem}");
        assert!(error["message"].as_str().unwrap().contains(message), "{query}: {problem}");
    }
    // An empty value counts as absent.
    for path in [
        "/chat/conversations/?limit=&status=&waiting=&cursor=&department=&q=",
        &format!("{messages}?before=&after=&limit="),
        "/stays/?active=&guest_id=",
    ] {
        admin.get(path).await.expect(200);
    }
}

#[tokio::test]
async fn every_answer_carries_its_security_headers_and_no_foreign_page_may_read_it() {
    let house = House::start().await;
    for path in ["/auth/me/", "/healthz", "/nothing", "/"] {
        let call = house.admin.request(Method::GET, path).header("origin", "https://evil.example");
        let answer = send(call).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src"), "{path}");
        assert!(!answer.header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        // Nothing about guests stays in a cache; the page of the program is asked for each time.
        let caching = if path == "/" { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), caching, "{path}");
    }
}

#[tokio::test]
async fn the_interface_describes_itself() {
    let house = House::start().await;
    let description = house.anyone.get("/openapi.json").await.expect(200);
    let paths = description["paths"].as_object().unwrap();
    for path in [
        "/setup/",
        "/auth/login/",
        "/auth/logout/",
        "/auth/me/",
        "/auth/sessions/",
        "/auth/sessions/{id}/",
        "/auth/password/",
        "/chat/conversations/",
        "/chat/conversations/{id}/",
        "/chat/conversations/{id}/messages/",
        "/chat/conversations/create/",
        "/chat/conversations/close/",
        "/chat/conversations/reopen/",
        "/chat/conversations/transfer/",
        "/guests/",
        "/guests/{id}/",
        "/rooms/",
        "/stays/",
        "/stays/{id}/checkout/",
        "/staff/",
        "/staff/{id}/",
        "/departments/",
        "/gateway/messages/",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert!(paths.contains_key(path), "{path} is not described");
    }
    let members = &description["components"]["schemas"]["Conversation"]["properties"];
    for member in [
        "id",
        "guest_info",
        "department",
        "conversation_type",
        "status",
        "unread_count",
        "waiting_since",
        "last_message_preview",
        "last_message_at",
        "created_at",
        "updated_at",
        "closed_at",
    ] {
        assert!(members.get(member).is_some(), "{member}: {members}");
    }
}

#[tokio::test]
async fn a_request_that_does_not_come_to_its_end_is_told_so() {
    let mut house = House::start().await;
    house.config.request_timeout = Duration::from_millis(50);
    let house = house.restart().await;
    let head = "POST /auth/login/ HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"us";
    let answer = raw(&house, head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    assert!(answer.contains("\"code\":\"request_timeout\""), "{answer}");
}

#[tokio::test]
async fn a_probe_of_the_old_kind_need_not_name_the_server() {
    let house = House::start().await;
    for path in ["/healthz", "/readyz", "/healthz/"] {
        let answer = raw(&house, &format!("GET {path} HTTP/1.0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.0 200 "), "{path}: {answer}");
    }
    let other = raw(&house, "GET /metrics HTTP/1.0\r\n\r\n").await;
    assert!(other.starts_with("HTTP/1.0 421 "), "{other}");
}

/// What the server answers to this, until it hangs up.
async fn raw(house: &House, text: &str) -> String {
    let mut stream = TcpStream::connect(house.anyone.host()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("the server to hang up", stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn whoever_keeps_the_server_running_sees_that_it_does() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest = house.guest("204", "Verysecret Guestname").await;
    let conversation = house.conversation_with(guest, "reception").await;
    let mut socket = ana.connect().await;
    socket.send_text(conversation, "verysecret text").await;
    socket.everything().await;
    assert_eq!(house.anyone.get("/healthz").await.expect(200)["status"], "ok");
    assert_eq!(house.anyone.get("/readyz").await.expect(200)["status"], "ok");
    let metrics = house.anyone.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    let text = metrics.text.to_lowercase();
    assert!(text.contains("connections 1"), "{text}");
    // Without an `Accept` header the answer is in the format that every version of Prometheus reads.
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(metrics.text.contains("# TYPE frontdesk_commands_total counter\n"), "{text}");
    assert!(metrics.text.contains("\nfrontdesk_commands_total{"), "{text}");
    assert!(!text.contains("# eof") && !text.contains("# unit"), "{text}");
    let better = house.anyone.request(Method::GET, "/metrics");
    let kinds = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
    let better = send(better.header("accept", kinds)).await;
    assert!(better.header("content-type").starts_with("application/openmetrics-text; version=1"));
    assert!(better.text.contains("# TYPE frontdesk_commands counter\n"), "{}", better.text);
    assert!(better.text.ends_with("# EOF\n"), "{}", better.text);
    for secret in ["verysecret", "ana\"", ana.token.as_deref().unwrap()] {
        assert!(!metrics.text.contains(secret), "{secret}");
    }
}
