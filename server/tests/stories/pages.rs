//! Pages in browsers: those of other origins that the hotel lists, and the desk's own page below a path.

use reqwest::Method;
use serde_json::json;

use crate::common::{
    Answer, Client, House, Socket, client::send, house::PASSWORD, socket::request,
};

const LISTED: &str = "https://pages.desk.example:8443";

/// A house that is called `desk.example` and lists a page of a sub-domain.
async fn house() -> House {
    House::start_with(|config| {
        config.public_hosts = vec!["desk.example".to_owned()];
        config.allowed_origins = vec![LISTED.to_owned()];
    })
    .await
}

/// The cookie of somebody who is signed in in a browser.
async fn signed_in(anyone: &Client) -> String {
    let login = json!({"username": "admin", "password": PASSWORD, "cookie": true});
    let answer = anyone.post("/auth/login/", login).await;
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// What a browser asks before a call that is not a simple one.
async fn preflight(anyone: &Client, path: &str, origin: &str, method: &str) -> Answer {
    let call = anyone.request(Method::OPTIONS, path).header("origin", origin);
    let call = call.header("access-control-request-method", method);
    send(call.header("access-control-request-headers", "content-type")).await
}

#[tokio::test]
async fn a_listed_page_reads_answers_and_calls_with_the_cookie() {
    let house = house().await;
    let cookie = signed_in(&house.anyone).await;
    for path in ["/guests/", "/auth/me", "/chat/conversations/create/", "/staff/1/"] {
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            let allowed = preflight(&house.anyone, path, LISTED, method).await;
            assert_eq!(allowed.status, 200, "{method} {path}: {allowed:?}");
            assert_eq!(allowed.header("access-control-allow-origin"), LISTED);
            assert_eq!(allowed.header("access-control-allow-credentials"), "true");
            assert!(allowed.header("access-control-allow-methods").contains(method), "{allowed:?}");
            let headers = allowed.header("access-control-allow-headers");
            assert!(headers.contains("content-type"), "{allowed:?}");
        }
    }
    let call = house.anyone.request(Method::POST, "/guests/").header("cookie", &cookie);
    let made = send(call.header("origin", LISTED).json(&json!({"name": "Amelia Hart"}))).await;
    assert_eq!(made.header("access-control-allow-origin"), LISTED);
    assert_eq!(made.header("access-control-allow-credentials"), "true");
    assert!(made.header("vary").to_lowercase().contains("origin"), "{made:?}");
    made.expect(201);
    // Refusals can be read, too.
    let call = house.anyone.request(Method::GET, "/auth/me/").header("origin", LISTED);
    let refused = send(call).await;
    assert_eq!(refused.header("access-control-allow-origin"), LISTED);
    refused.problem(401, "unauthorized");
}

#[tokio::test]
async fn no_other_page_is_allowed_to_read_anything() {
    let house = house().await;
    let cookie = signed_in(&house.anyone).await;
    for origin in [
        "https://evil.example",
        "https://desk.example",
        "https://pages.desk.example",
        "http://pages.desk.example:8443",
        "https://pages.desk.example:8443.evil.example",
        "null",
    ] {
        let asked = preflight(&house.anyone, "/guests/", origin, "POST").await;
        assert_eq!(asked.header("access-control-allow-origin"), "", "{origin}");
        let call = house.anyone.request(Method::GET, "/auth/me/").header("cookie", &cookie);
        let read = send(call.header("origin", origin)).await;
        assert_eq!(read.header("access-control-allow-origin"), "", "{origin}");
    }
    // Without a list there is nothing to be asked.
    let house = House::start().await;
    let asked = preflight(&house.anyone, "/guests/", LISTED, "POST").await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (405, ""));
}

#[tokio::test]
async fn a_page_that_is_refused_is_told_what_would_allow_it() {
    let house = House::start_with(|config| config.public_hosts = vec!["desk.example".to_owned()]);
    let house = house.await;
    let cookie = signed_in(&house.anyone).await;
    // A proxy on another port that passes only the name on, and one that passes nothing on.
    let login = json!({"username": "admin", "password": PASSWORD, "cookie": true});
    for (origin, host) in
        [("https://desk.example:8443", "desk.example"), ("https://desk.example", "127.0.0.1:8765")]
    {
        let call = |method, path| {
            let call = house.anyone.request(method, path).header("cookie", &cookie);
            call.header("origin", origin).header("host", host)
        };
        for answer in [
            send(call(Method::POST, "/guests/").json(&json!({"name": "Jo"}))).await,
            send(call(Method::POST, "/auth/login/").json(&login)).await,
        ] {
            let problem = answer.problem(403, "forbidden");
            let detail = problem["detail"].as_str().unwrap();
            let option = format!("--allowed-origin {origin}");
            for part in [origin, host, &option] {
                assert!(detail.contains(part), "{part}: {detail}");
            }
        }
    }
    // The same name in another case, and with the port that its scheme has anyway.
    for (origin, host) in [
        ("https://desk.example", "Desk.Example"),
        ("https://desk.example", "desk.example:443"),
        ("http://desk.example", "DESK.EXAMPLE:80"),
        ("https://desk.example:8443", "desk.example:8443"),
    ] {
        let call = house.anyone.request(Method::POST, "/guests/").header("cookie", &cookie);
        let call = call.header("origin", origin).header("host", host);
        send(call.json(&json!({"name": "Jo"}))).await.expect(201);
    }
}

#[tokio::test]
async fn everything_is_found_below_a_path_whether_the_proxy_cuts_it_off_or_not() {
    let house = House::start_with(|config| config.public_path = "/desk".to_owned()).await;
    let admin = &house.admin;
    let login = json!({"username": "admin", "password": PASSWORD, "cookie": true});
    for path in ["", "/desk"] {
        admin.get(&format!("{path}/auth/me")).await.expect(200);
        admin.get(&format!("{path}/chat/conversations/?status=all")).await.expect(200);
        house.anyone.get(&format!("{path}/healthz")).await.expect(200);
        let page = house.anyone.get(&format!("{path}/docs/")).await;
        let files: Vec<_> =
            page.text.split('"').filter(|text| text.starts_with("/desk/docs/")).collect();
        assert_eq!(files.len(), 5, "{}", page.text);
        for file in files {
            assert_eq!(house.anyone.get(file).await.status, 200, "{file}");
        }
        let description = house.anyone.get(&format!("{path}/openapi.json")).await.expect(200);
        assert_eq!(description["servers"], json!([{"url": "/desk"}]));
        let bearer = format!("Bearer {}", admin.token.as_deref().unwrap());
        let upgrade =
            request(&admin.host(), &format!("{path}/ws/chat/"), &[("authorization", &bearer)]);
        assert!(Socket::open(upgrade).await.is_ok(), "{path}");
        // Cookies are sent to this hotel's path only.
        let answer = house.anyone.post(&format!("{path}/auth/login/"), login.clone()).await;
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies.len(), 2, "{answer:?}");
        for (cookie, path) in cookies.iter().zip(["/desk/", "/desk/auth/"]) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.split("; ").any(|part| part == format!("Path={path}")), "{cookie}");
        }
        let token = house.anyone.with_token(house.sign_in("admin").await.token.as_deref().unwrap());
        let out = token.post(&format!("{path}/auth/logout/"), json!({})).await;
        assert!(out.header("set-cookie").contains("Path=/desk/;"), "{out:?}");
    }
    // The page stands at one address, as it names its files by where it stands.
    for (path, expected) in [
        ("/desk", "/desk/"),
        ("/desk/guests-of-today", "./"),
        ("/desk/a/b", "../"),
        ("/desk/a/b/", "../../"),
        ("/a/b/", "../../"),
    ] {
        let call = house.anyone.request(Method::GET, path).header("accept", "text/html");
        let answer = send(call).await;
        assert_eq!((answer.status, answer.header("location")), (303, expected), "{path}");
    }
    assert_eq!(house.anyone.get("/desk/").await.status, 200);
    house.anyone.get("/deskx/auth/me/").await.problem(404, "not_found");
}
