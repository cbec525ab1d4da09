//! Contract 1.1: who gets in, what the others are told, and when a connection has to go.

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use reqwest::Method;
use serde_json::json;

use crate::common::{House, Socket, client::send, house::PASSWORD, socket::request};

async fn status(host: &str, path: &str, headers: &[(&'static str, &str)]) -> u16 {
    match Socket::open(request(host, path, headers)).await {
        Ok(_) => 101,
        Err(status) => status.as_u16(),
    }
}

#[tokio::test]
async fn a_token_opens_the_door_as_header_and_in_the_query_with_and_without_the_last_slash() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let (host, token) = (ana.host(), ana.token.clone().unwrap());
    let bearer = format!("Bearer {token}");
    for path in ["/ws/chat/", "/ws/chat"] {
        assert_eq!(status(&host, path, &[("authorization", &bearer)]).await, 101);
        assert_eq!(status(&host, &format!("{path}?token={token}"), &[]).await, 101);
        assert_eq!(status(&host, path, &[]).await, 401);
        assert_eq!(status(&host, path, &[("authorization", "Bearer nonsense")]).await, 401);
        assert_eq!(status(&host, path, &[("authorization", &token)]).await, 401);
        assert_eq!(status(&host, &format!("{path}?token=nonsense"), &[]).await, 401);
    }
}

#[tokio::test]
async fn the_first_proof_present_decides() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let token = ana.token.clone().unwrap();
    let (host, bearer) = (ana.host(), format!("Bearer {token}"));
    let cookie = format!("frontdesk_session={token}");
    let own = format!("http://{host}");
    let wrong = [("authorization", "Bearer wrong")];
    assert_eq!(status(&host, &format!("/ws/chat/?token={token}"), &wrong).await, 401);
    let right = [("authorization", bearer.as_str())];
    assert_eq!(status(&host, "/ws/chat/?token=wrong", &right).await, 101);
    let with_cookie = [("cookie", cookie.as_str()), ("origin", own.as_str())];
    assert_eq!(status(&host, "/ws/chat/", &with_cookie).await, 101);
    assert_eq!(status(&host, "/ws/chat/?token=wrong", &with_cookie).await, 401);
    // Another scheme is no proof: a proxy in front of the server may ask for one of its own.
    let basic = ("authorization", "Basic YW5hOnNlY3JldA==");
    assert_eq!(status(&host, &format!("/ws/chat/?token={token}"), &[basic]).await, 101);
    let with_cookie = [basic, with_cookie[0], with_cookie[1]];
    assert_eq!(status(&host, "/ws/chat/", &with_cookie).await, 101);
    assert_eq!(status(&host, "/ws/chat/", &[basic]).await, 401);
}

#[tokio::test]
async fn the_cookie_counts_only_on_pages_of_the_house() {
    let house = House::start_with(|config| {
        config.public_hosts = vec!["desk.example".to_owned()];
        config.allowed_origins = vec!["https://desk.example".to_owned()];
    })
    .await;
    let ana = house.staff("ana", &["reception"]).await;
    let login = json!({"username": "ana", "password": PASSWORD, "cookie": true});
    let answer = house.anyone.post("/auth/login/", login).await;
    let set = answer.header("set-cookie").to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure"), "{set}");
    assert!(answer.expect(200)["token"].is_null());
    let cookie = set.split(';').next().unwrap();

    let host = ana.host();
    let own = format!("http://{host}");
    for (origin, expected) in [
        (own.as_str(), 101),
        ("https://desk.example", 101),
        ("https://evil.example", 403),
        ("null", 403),
    ] {
        let headers = [("cookie", cookie), ("origin", origin)];
        assert_eq!(status(&host, "/ws/chat/", &headers).await, expected, "{origin}");
    }
    assert_eq!(status(&host, "/ws/chat/", &[("cookie", cookie)]).await, 403);

    // Reading is harmless; what changes something needs the origin as well.
    let call = |method: Method, path: &str, origin: Option<&str>| {
        let mut call = house.anyone.request(method, path).header("cookie", cookie);
        if let Some(origin) = origin {
            call = call.header("origin", origin);
        }
        call
    };
    send(call(Method::GET, "/auth/me/", None)).await.expect(200);
    let body = json!({"name": "Somebody"});
    for (origin, expected) in [
        (None, 403),
        (Some("https://evil.example"), 403),
        (Some(own.as_str()), 201),
        (Some("https://desk.example"), 201),
    ] {
        let answer = send(call(Method::POST, "/guests/", origin).json(&body)).await;
        assert_eq!(answer.status, expected, "{origin:?}: {}", answer.text);
    }
    let logout = send(call(Method::POST, "/auth/logout/", Some(&own))).await;
    logout.expect(204);
    send(call(Method::GET, "/auth/me/", None)).await.problem(401, "unauthorized");

    // A page of another site gets no session by the set-up either. This hotel is set up already.
    let setup = json!({
        "setup_token": house.config.setup_token.as_ref().unwrap().reveal(), "property_name": "Other",
        "username": "eve", "name": "Eve", "password": PASSWORD, "cookie": true,
    });
    for (origin, status, code) in
        [("https://evil.example", 403, "forbidden"), (own.as_str(), 409, "already_set_up")]
    {
        let call = house.anyone.request(Method::POST, "/setup/").header("origin", origin);
        send(call.json(&setup)).await.problem(status, code);
    }
}

#[tokio::test]
async fn behind_tls_the_cookie_is_secure() {
    let house = House::start().await;
    let login = json!({"username": "admin", "password": PASSWORD, "cookie": true});
    let call = house.anyone.request(Method::POST, "/auth/login/");
    let answer = send(call.header("x-forwarded-proto", "https").json(&login)).await;
    assert!(answer.header("set-cookie").contains("Secure"), "{:?}", answer.headers);
}

#[tokio::test]
async fn accounts_that_do_not_answer_guests_are_kept_out() {
    let house = House::start().await;
    let manager = json!({"username": "max", "user_type": "hotel_admin"});
    let manager = house.account(manager).await;
    assert_eq!(manager.try_connect().await.unwrap_err(), 403);
    // Over HTTP the manager is an admin.
    assert_eq!(manager.get("/auth/me/").await.expect(200)["is_admin"], true);

    let bob = house.staff("bob", &["reception"]).await;
    let disabled = json!({"is_disabled": true});
    house.admin.patch(&format!("/staff/{}/", bob.id), disabled).await.expect(200);
    let refused = bob.try_connect().await.unwrap_err();
    assert!(refused == 401 || refused == 403, "{refused}");
    house.try_sign_in("bob", PASSWORD).await.problem(403, "forbidden");
}

#[tokio::test]
async fn what_is_no_websocket_request_is_asked_to_become_one() {
    let house = House::start().await;
    let answer = house.admin.get("/ws/chat/").await;
    assert_eq!(answer.header("upgrade"), "websocket");
    answer.problem(426, "upgrade_required");
    house.anyone.get("/ws/chat/").await.problem(401, "unauthorized");
    // Only whoever could open one hears that.
    let token = house.admin.token.as_deref().unwrap();
    for (origin, status, code) in [
        ("https://elsewhere.example".to_owned(), 403, "forbidden"),
        (format!("http://{}", house.anyone.host()), 426, "upgrade_required"),
    ] {
        let request = house.anyone.request(Method::GET, "/ws/chat/").header("origin", origin);
        let request = request.header("cookie", format!("frontdesk_session={token}"));
        send(request).await.problem(status, code);
    }
}

#[tokio::test]
async fn connecting_sends_nothing() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    house.conversation("reception").await;
    let mut socket = ana.try_connect().await.unwrap();
    socket.nothing_more().await;
}

#[tokio::test]
async fn a_session_that_is_ended_loses_its_connections_and_no_others() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let elsewhere = house.sign_in("ana").await;
    let mut here = ana.connect().await;
    let mut also_here = ana.connect().await;
    let mut there = elsewhere.connect().await;

    ana.post("/auth/logout/", json!({})).await.expect(204);
    assert_eq!(here.ended_at_once().await, 4401);
    assert_eq!(also_here.ended_at_once().await, 4401);
    there.nothing_more().await;
    assert_eq!(ana.try_connect().await.unwrap_err(), 401);

    // From another session, by its id.
    let third = house.sign_in("ana").await;
    let mut socket = third.connect().await;
    let sessions = third.get("/auth/sessions/").await.expect(200);
    for session in sessions["results"].as_array().unwrap() {
        if session["is_current"] == false {
            third.delete(&format!("/auth/sessions/{}/", session["id"])).await.expect(204);
        }
    }
    assert_eq!(there.ended_at_once().await, 4401);
    socket.nothing_more().await;
}

#[tokio::test]
async fn an_account_that_is_disabled_or_gets_a_password_loses_its_connections() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let mut anas = ana.connect().await;
    let mut bobs = bob.connect().await;
    let path = format!("/staff/{}/", ana.id);
    house.admin.patch(&path, json!({"is_disabled": true})).await.expect(200);
    assert_eq!(anas.ended_at_once().await, 4401);
    bobs.everything().await;
    let path = format!("/staff/{}/", bob.id);
    house.admin.patch(&path, json!({"password": "another good one"})).await.expect(200);
    assert_eq!(bobs.ended_at_once().await, 4401);
    house.try_sign_in("bob", PASSWORD).await.problem(401, "invalid_credentials");
    house.try_sign_in("bob", "another good one").await.expect(200);
}

#[tokio::test]
async fn departments_that_change_close_the_connections_and_the_next_one_is_in_the_new_ones() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception", "housekeeping"]).await;
    let mut socket = ana.connect().await;
    let path = format!("/staff/{}/", ana.id);
    house.admin.patch(&path, json!({"departments": ["housekeeping"]})).await.expect(200);
    assert_eq!(socket.ended_at_once().await, 4403);

    let mut socket = ana.connect().await;
    house.conversation("reception").await;
    let linen = house.conversation("housekeeping").await;
    let frame = socket.frame("new_conversation").await;
    assert_eq!(frame["data"]["id"], linen);
    socket.nothing_more().await;

    // The same departments again are no change.
    house.admin.patch(&path, json!({"departments": ["housekeeping"]})).await.expect(200);
    socket.nothing_more().await;
}

#[tokio::test]
async fn a_session_lasts_thirty_days_from_its_last_use() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let start = Timestamp::from_millis(1_790_000_000_000);
    let clock = Clock::standing_at(start);
    let Clock::Manual(now) = clock.clone() else { unreachable!() };
    let house = House::start_with(|config| config.clock = clock).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;

    now.store(start.as_millis() + 29 * DAY, std::sync::atomic::Ordering::SeqCst);
    ana.get("/auth/me/").await.expect(200);
    // That it was used is written behind the answer.
    crate::common::until("the session to be written as used", || async {
        let sessions = ana.get("/auth/sessions/").await.expect(200);
        sessions["results"][0]["last_used_at"] != sessions["results"][0]["created_at"]
    })
    .await;
    let mut socket = ana.connect().await;

    now.store(start.as_millis() + 31 * DAY, std::sync::atomic::Ordering::SeqCst);
    ana.get("/auth/me/").await.expect(200);
    bob.get("/auth/me/").await.problem(401, "unauthorized");
    socket.nothing_more().await;

    now.store(start.as_millis() + 90 * DAY, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(socket.ended_at_once().await, 4401);
    assert_eq!(ana.try_connect().await.unwrap_err(), 401);
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut socket = ana.connect().await;
    let (_stopped, code) = tokio::join!(house.stop(), socket.close_code());
    assert_eq!(code, 1001);
}
