//! Attacks from the network: other sites' pages, names that suddenly stand for this server, callers who
//! take their time, and callers who come a hundred times.

use std::{
    path::Path,
    process::Command,
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use frontdesk_server::Config;
use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::common::{
    Client, House, Program, Socket, client::send, house::PASSWORD, program, socket::request, soon,
    until,
};

#[tokio::test]
async fn only_pages_of_the_house_act_for_whoever_is_signed_in() {
    let house = House::start_with(|config| {
        config.allowed_origins = vec!["https://desk.hotel.example".to_owned()];
        config.public_hosts = vec!["hotel.example".to_owned()];
    })
    .await;
    let login = json!({"username": "admin", "password": PASSWORD, "cookie": true});
    let answer = house.anyone.post("/auth/login/", login.clone()).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("frontdesk_session="), "{cookie}");
    let token = house.admin.token.clone().unwrap();
    let host = house.anyone.host();
    let port = host.rsplit_once(':').unwrap().1;
    // The origin, and whether it is the house's own.
    let table = [
        (Some(format!("http://{host}")), true),
        (Some(format!("https://{host}")), true),
        (Some("https://desk.hotel.example".to_owned()), true),
        (None, false),
        (Some("null".to_owned()), false),
        (Some(String::new()), false),
        (Some("https://evil.example".to_owned()), false),
        // Tricks with the end, the beginning and the middle of the name.
        (Some(format!("http://{host}.evil.example")), false),
        (Some("https://desk.hotel.example.evil.example".to_owned()), false),
        (Some("https://evildesk.hotel.example".to_owned()), false),
        (Some("https://evil.example/https://desk.hotel.example".to_owned()), false),
        (Some(format!("http://{host}@evil.example")), false),
        (Some(format!("http://evil.example:{port}")), false),
        (Some(format!("http://{host} https://evil.example")), false),
        // Another port, another scheme, another name for the same computer.
        (Some("http://127.0.0.1:1".to_owned()), false),
        (Some("http://127.0.0.1".to_owned()), false),
        (Some("https://desk.hotel.example:8443".to_owned()), false),
        (Some("http://desk.hotel.example".to_owned()), false),
        (Some(format!("ftp://{host}")), false),
        (Some(format!("//{host}")), false),
        (Some(host.clone()), false),
        (Some(format!("http://localhost:{port}")), false),
        (Some("http://hotel.example".to_owned()), false),
    ];
    for (origin, is_own) in table {
        let mut headers = vec![("cookie", cookie.as_str())];
        headers.extend(origin.as_deref().map(|origin| ("origin", origin)));
        let opened = Socket::open(request(&host, "/ws/chat/", &headers)).await;
        let status = opened.map_or_else(|status| status.as_u16(), |_| 101);
        assert_eq!(status, if is_own { 101 } else { 403 }, "socket from {origin:?}");

        for (method, path) in [
            (Method::POST, "/guests/"),
            (Method::PATCH, "/guests/1/"),
            (Method::DELETE, "/auth/sessions/999999/"),
        ] {
            let mut call = house.anyone.request(method.clone(), path).header("cookie", &cookie);
            if let Some(origin) = &origin {
                call = call.header("origin", origin);
            }
            let answer = send(call.json(&json!({"name": "Somebody"}))).await;
            assert_eq!(answer.status != 403, is_own, "{method} {path} from {origin:?}: {answer:?}");
        }
        // Signing a visitor in from another page; without an origin it is no page.
        let mut call = house.anyone.request(Method::POST, "/auth/login/").json(&login);
        if let Some(origin) = &origin {
            call = call.header("origin", origin);
        }
        let expected = if is_own || origin.is_none() { 200 } else { 403 };
        assert_eq!(send(call).await.status, expected, "login from {origin:?}");

        // A bearer token is not sent by browsers of themselves: there is nothing to forge.
        let bearer = format!("Bearer {token}");
        headers[0] = ("authorization", &bearer);
        assert!(Socket::open(request(&host, "/ws/chat/", &headers)).await.is_ok());
    }
    let call = house.anyone.request(Method::POST, "/guests/").header("cookie", &cookie);
    let call =
        call.header("origin", format!("http://{host}")).header("origin", "https://evil.example");
    send(call.json(&json!({"name": "Somebody"}))).await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_name_that_suddenly_stands_for_this_computer_opens_nothing() {
    let house = House::start_with(|config| config.public_hosts = vec!["hotel.example".to_owned()]);
    let house = house.await;
    let token = house.admin.token.clone().unwrap();
    for (host, is_own) in [
        ("127.0.0.1:1234", true),
        ("localhost", true),
        ("[::1]:8765", true),
        ("hotel.example", true),
        ("hotel.example:8443", true),
        ("evil.example", false),
        ("evil.example:8765", false),
        ("127.0.0.1.evil.example", false),
        ("hotel.example.evil.example", false),
        ("192.168.0.1", false),
    ] {
        for path in ["/", "/openapi.json", "/auth/me/", "/auth/login/", "/healthz", "/assets/x.js"]
        {
            let method = if path == "/auth/login/" { Method::POST } else { Method::GET };
            let call = house.anyone.request(method, path).bearer_auth(&token).header("host", host);
            let answer = send(call).await;
            assert_eq!(answer.status != 421, is_own, "{path} as {host}: {answer:?}");
            if !is_own {
                assert_ne!(answer.header("content-security-policy"), "");
                answer.problem(421, "unknown_host");
            }
        }
        // The page of a rebound name has the name as its origin, too.
        let origin = format!("http://{host}");
        let bearer = format!("Bearer {token}");
        let mut upgrade = request(
            &house.anyone.host(),
            "/ws/chat/",
            &[("authorization", &bearer), ("origin", &origin)],
        );
        upgrade.headers_mut().insert("host", host.parse().unwrap());
        let opened = Socket::open(upgrade).await;
        let status = opened.map_or_else(|status| status.as_u16(), |_| 101);
        assert_eq!(status, if is_own { 101 } else { 421 }, "{host}");
    }
    for head in [
        "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ] {
        let answer = raw(&house, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}

/// Writes, and reads until the server hangs up.
async fn raw(house: &House, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.anyone.host()).await.unwrap();
    // The server may have read enough before the end.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = soon("the server to hang up", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn whoever_never_comes_to_the_point_is_hung_up_on() {
    let house = House::start_with(|config| config.head_timeout = Duration::from_millis(200)).await;
    let mut control = house.admin.connect().await;
    for beginning in [
        "",
        "GET",
        "GET / HTTP/1.1\r\nHost: localhost\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    ] {
        raw(&house, beginning.as_bytes()).await;
    }
    // Nor does it help to add a little from time to time.
    let mut stream = TcpStream::connect(house.anyone.host()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ").await.unwrap();
    soon("the server to hang up", async {
        while stream.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    // A socket that is silent is none of them.
    control.nothing_more().await;
}

#[tokio::test]
async fn a_request_whose_body_never_comes_is_answered_all_the_same() {
    // Long enough for the setting up, which hashes a password.
    let house = House::start_with(|config| config.request_timeout = Duration::from_secs(2)).await;
    let head = "POST /auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n";
    let (nothing, some) = (head.to_owned(), format!("{head}{{\"username\": "));
    let (nothing, some) =
        tokio::join!(raw(&house, nothing.as_bytes()), raw(&house, some.as_bytes()));
    for answer in [nothing, some] {
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
}

/// Asks for far more than the system keeps for a client that takes nothing.
async fn ask_for_much(house: &House) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(house.anyone.host().parse().unwrap()).await.unwrap();
    let asked = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20);
    stream.write_all(asked.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn whoever_takes_nothing_of_the_answer_is_hung_up_on() {
    let patience = Duration::from_millis(400);
    let house = House::start_with(|config| config.write_timeout = patience).await;
    // Who takes a little from time to time may take as long as they like.
    let mut slow = ask_for_much(&house).await;
    let started = Instant::now();
    let mut bytes = [0_u8; 16 * 1024];
    while started.elapsed() < 4 * patience {
        assert!(soon("a part of the answer", slow.read(&mut bytes)).await.unwrap() > 0);
        tokio::time::sleep(patience / 40).await;
    }
    let mut stuck = ask_for_much(&house).await;
    soon("the server to hang up", async {
        // It reads nothing more before its answers are taken: these bytes wait with the system.
        while stuck.write_all(b"GET").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn heads_and_bodies_have_a_size() {
    let house = House::start().await;
    let long = "a".repeat(100 * 1024);
    let answer =
        raw(&house, format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: {long}\r\n\r\n").as_bytes())
            .await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let answer =
        raw(&house, format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let many = "X-A: b\r\n".repeat(200);
    let answer =
        raw(&house, format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let body = json!({"username": "a", "password": "b".repeat(300 * 1024)});
    house.anyone.post("/auth/login/", body).await.problem(413, "body_too_large");
    // A body that says it is endless is cut off where the limit is.
    let chunk = format!("10000\r\n{}\r\n", "c".repeat(0x10000)).repeat(5);
    let head = "POST /auth/login/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = raw(&house, format!("{head}{chunk}0\r\n\r\n").as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
}

/// A connection that has been answered once and stays open; `None` if the server does not want it.
async fn stay(house: &House) -> Option<TcpStream> {
    stay_at(&house.anyone.host()).await
}

async fn stay_at(host: &str) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?;
    let mut answer = [0_u8; 12];
    soon("an answer", stream.read_exact(&mut answer)).await.ok()?;
    assert_eq!(&answer, b"HTTP/1.1 200");
    Some(stream)
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_sockets_count() {
    let limited = |config: &mut Config| {
        config.connections_per_address = 8;
        config.unlimited_addresses = Vec::new();
    };
    let house = House::start_with(limited).await;
    let socket = house.admin.connect().await;
    let mut open = Vec::new();
    while let Some(stream) = stay(&house).await {
        open.push(stream);
        assert!(open.len() <= 8, "more than are allowed");
    }
    // The test's own connections count as well: one for its requests, one for the socket.
    assert!((5..=7).contains(&open.len()), "{}", open.len());
    assert!(stay(&house).await.is_none());
    open.pop();
    let freed =
        until("the place of a connection that ended", || async { stay(&house).await.is_some() });
    freed.await;
    while let Some(stream) = stay(&house).await {
        open.push(stream);
    }
    socket.leave().await;
    until("the place of a socket that ended", || async { stay(&house).await.is_some() }).await;
}

#[tokio::test]
async fn this_computer_and_trusted_proxies_have_as_many_as_they_like() {
    let house = House::start_with(|config| config.connections_per_address = 2).await;
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(stay(&house).await.unwrap());
    }
    let house = House::start_with(|config| {
        config.connections_per_address = 2;
        config.unlimited_addresses = Vec::new();
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    for _ in 0..10 {
        open.push(stay(&house).await.unwrap());
    }
}

/// A server as a process of its own that the system allows so many open files (as `ulimit` says it), and a
/// client that is signed in to it.
#[cfg(unix)]
async fn limited(folder: &Path, open_files: &str) -> (Program, Client) {
    // A connection has two ends, and this program has the other ones.
    assert!(rlimit::increase_nofile_limit(u64::MAX).unwrap() > 2_000);
    let data_dir = folder.join("data");
    let line = ["staff", "create", "--username", "ana", "--name", "Ana"];
    let line = [&line[..], &["--department", "reception"]].concat();
    let account = program::cli(&data_dir, &line).await.object();
    let mut shell = Command::new("/bin/sh");
    let script = format!("ulimit {open_files} && exec \"$0\" \"$@\"");
    shell.env_clear().args(["-c", &script]).arg(program::command().get_program());
    let server = Program::serve_by(shell, &data_dir, &[]).await;
    let anyone = Client::new(Arc::new(RwLock::new(server.address.clone())));
    let body = json!({"username": "ana", "password": account["password"]});
    let signed_in = anyone.post("/auth/login/", body).await.expect(200);
    let ana = anyone.with_token(signed_in["token"].as_str().unwrap());
    (server, ana)
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_takes_as_many_open_files_as_it_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let (server, ana) = limited(folder.path(), "-Sn 256").await;
    let mut open = Vec::new();
    for _ in 0..1_100 {
        open.push(stay_at(&server.address).await.unwrap());
    }
    ana.get("/chat/conversations/").await.expect(200);
    server.kill().await;
}

#[cfg(unix)]
#[tokio::test]
async fn connections_leave_open_files_to_the_database_and_to_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let (server, ana) = limited(folder.path(), "-n 256").await;
    let mut open = Vec::new();
    while let Some(stream) = stay_at(&server.address).await {
        open.push(stream);
        assert!(open.len() <= 192, "more than there are places");
    }
    assert!(open.len() > 150, "{}", open.len());
    // What is connected already goes on, and everything that needs files works.
    ana.get("/chat/conversations/").await.expect(200);
    let data_dir = folder.path().join("data");
    let line = ["guest", "check-in", "--name", "Amelia Hart", "--room", "204"];
    program::cli(&data_dir, &line).await.object();
    let copy = folder.path().join("copy");
    program::cli(&data_dir, &["backup", copy.to_str().unwrap()]).await.object();
    open.truncate(100);
    until("a place that was given back", || async { stay_at(&server.address).await.is_some() })
        .await;
    assert_eq!(server.terminate().await.0, Some(0));
}

#[tokio::test]
async fn once_reached_by_tls_never_again_without() {
    let house = House::start().await;
    let plain = house.anyone.get("/").await;
    assert_eq!(plain.header("strict-transport-security"), "");
    for (proto, expected) in [
        ("https", "max-age=31536000"),
        ("HTTPS", "max-age=31536000"),
        ("https,http", "max-age=31536000"),
        ("http, https", ""),
    ] {
        let call = house.anyone.request(Method::GET, "/").header("x-forwarded-proto", proto);
        assert_eq!(send(call).await.header("strict-transport-security"), expected, "{proto}");
        let login = json!({"username": "admin", "password": PASSWORD, "cookie": true});
        let call = house.anyone.request(Method::POST, "/auth/login/").json(&login);
        let answer = send(call.header("x-forwarded-proto", proto)).await;
        let is_secure = answer.header("set-cookie").contains("Secure");
        assert_eq!(is_secure, !expected.is_empty(), "{proto}");
    }
}

#[tokio::test]
async fn the_metrics_are_not_for_those_behind_a_proxy() {
    let house = House::start().await;
    house.anyone.get("/metrics").await.expect(200);
    let call = house.anyone.request(Method::GET, "/metrics");
    let answer = send(call.header("x-forwarded-for", "203.0.113.9")).await;
    answer.problem(403, "forbidden");
}

/// The status of `/metrics`, asked for by this name.
async fn metrics_by_name(house: &House, host: &str) -> u16 {
    send(house.anyone.request(Method::GET, "/metrics").header("host", host)).await.status
}

#[tokio::test]
async fn a_trusted_proxy_that_names_nobody_does_not_open_the_metrics() {
    let proxied = |config: &mut Config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    };
    let house = House::start_with(proxied).await;
    house.anyone.get("/metrics").await.problem(403, "forbidden");
    let call = house.anyone.request(Method::GET, "/metrics");
    send(call.header("x-forwarded-for", "unknown")).await.problem(403, "forbidden");
    // An address that may read them may do so as before.
    let house = House::start_with(|config| {
        proxied(config);
        config.metrics_addresses = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    house.anyone.get("/metrics").await.expect(200);
}

#[tokio::test]
async fn the_metrics_are_asked_for_by_a_name_of_this_computer() {
    let house = House::start_with(|config| {
        config.public_hosts = vec!["desk.example".to_owned()];
    })
    .await;
    for (host, status) in [
        ("desk.example", 403),
        ("localhost.desk.example", 421),
        ("localhost", 200),
        ("LOCALHOST:8765", 200),
        ("127.0.0.1", 200),
        ("127.1.2.3:80", 200),
        ("[::1]:8765", 200),
    ] {
        assert_eq!(metrics_by_name(&house, host).await, status, "{host}");
    }
    let house = House::start_with(|config| {
        config.public_hosts = vec!["desk.example".to_owned()];
        config.metrics_addresses = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    assert_eq!(metrics_by_name(&house, "desk.example").await, 200);
}

#[tokio::test]
async fn the_log_says_once_that_a_trusted_proxy_names_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let server = Program::serve(&data_dir, &["--trusted-proxy", "127.0.0.1"]).await;
    let anyone = Client::new(Arc::new(RwLock::new(server.address.clone())));
    let reported = || {
        let log = std::fs::read_to_string(data_dir.with_extension("log")).unwrap();
        log.matches("X-Forwarded-For").count()
    };
    let call = anyone.request(Method::GET, "/setup/").header("x-forwarded-for", "203.0.113.9");
    send(call).await.expect(200);
    // Probes are the proxy's own.
    anyone.get("/readyz").await.expect(200);
    assert_eq!(reported(), 0);
    for _ in 0..3 {
        anyone.get("/setup/").await.expect(200);
    }
    assert_eq!(reported(), 1);
    server.kill().await;
}

#[tokio::test]
async fn a_list_is_no_object() {
    let house = House::start().await;
    let login = house.anyone.post("/auth/login/", json!(["admin", PASSWORD])).await;
    login.problem(422, "invalid_input");
    house.admin.post("/guests/", json!(["Amelia", null, null])).await.problem(422, "invalid_input");
    house.admin.post("/guests/", json!("Amelia")).await.problem(422, "invalid_input");
    house.admin.post("/guests/", json!(null)).await.problem(422, "invalid_input");
    let call = house.admin.request(Method::POST, "/guests/");
    let answer = send(call.header("content-type", "application/json").body("[Amelia")).await;
    answer.problem(400, "invalid_json");
}

#[tokio::test]
async fn bodies_that_never_come_take_nobodys_turn() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let head = format!(
        "POST /guests/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 9\r\n\r\n",
        ana.token.as_deref().unwrap()
    );
    let mut waiting = Vec::new();
    for _ in 0..65 {
        let mut stream = TcpStream::connect(house.anyone.host()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    ana.get("/auth/me/").await.expect(200);
}

#[tokio::test]
async fn an_answer_that_needs_no_body_loses_no_connection() {
    let house = House::start().await;
    let stranger = house.anyone.with_token("wrong");
    let guest = json!({"name": "x".repeat(60_000)});
    for _ in 0..50 {
        stranger.post("/guests/", guest.clone()).await.problem(401, "unauthorized");
        house.anyone.post("/nowhere/", guest.clone()).await;
    }
}
