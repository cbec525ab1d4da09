//! People who come and go at one desk, and what stays of them.

use std::{collections::HashMap, path::Path};

use axum::{Json, Router, routing::post};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};
use zbus::{
    Proxy,
    zvariant::{self, ObjectPath, OwnedObjectPath, OwnedValue},
};

use crate::{
    app::{App, eventually},
    click,
    hotel::{Gateway, PASSWORD, Server, USERNAME},
    notifications::Notifications,
    open_window,
    session::Session,
    sign_in, story,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_knows_nobody_is_set_up_with_the_token_that_it_printed() {
    story(async {
        let session = Session::start();
        let (server, token) = Server::start_empty().await;
        let app = App::start(&session, &[]).await;
        app.find("radio", "Hotel server").await.click().await.unwrap();
        app.fill("Server address", &server.url()).await;
        app.press("Continue").await;
        app.press("First time here? Set up your hotel").await;
        app.fill("Hotel name", "The Grand").await;
        app.fill("Your name", "Ana Silva").await;
        app.fill("Username", USERNAME).await;
        app.fill("Password", PASSWORD).await;
        app.fill("Setup code", token.reveal()).await;
        app.screenshot("setup-token");
        app.press("Create account").await;
        app.find("list", "Conversations").await;
        app.connection(&["Connected"]).await;
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_to_one_person_is_gone_for_the_next() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let server = Server::start().await;
        let url = server.url();
        let variables = [("FRONTDESK_SERVER_URL", url.as_str())];
        let gateway = Gateway::make(server.data_dir(), server.url()).await;
        let app = App::start(&session, &variables).await;
        sign_in(&app).await;
        app.close_window().await;
        gateway.write("Amelia Hart", "204", "Could we have two more towels?").await;
        let shown = notifications.wait_for(1).await;
        open_window(&app, &session, &variables).await;
        app.press("Account of Ana Silva*").await;
        app.press("Sign out").await;
        app.find("textbox", "Username").await;
        eventually("empty screen", async || {
            (notifications.closed() == [shown[0].id]).then_some(())
        })
        .await;

        // Another service counts anew: a click there is on no older notification.
        sign_in(&app).await;
        app.close_window().await;
        notifications.end().await;
        let mut notifications = Notifications::serve(session.bus()).await;
        gateway.write("Joseph Okafor", "118", "Is breakfast included?").await;
        let shown = notifications.wait_for(1).await;
        click(&app, &notifications, shown[0].id).await;
        app.read_messages("Is breakfast included?").await;
        app.quit().await;
    })
    .await;
}

/// The sign-in in the keyring.
async fn kept(session: &Session, account: &str) -> Option<Value> {
    let bus = zbus::connection::Builder::address(session.bus()).unwrap().build().await.unwrap();
    let ask = async |path: &OwnedObjectPath, part: &str| {
        let interface = format!("org.freedesktop.Secret.{part}");
        Proxy::new_owned(bus.clone(), "org.freedesktop.secrets", path.clone(), interface).await
    };
    let path = ObjectPath::try_from("/org/freedesktop/secrets").unwrap().into();
    let service = ask(&path, "Service").await.unwrap();
    let opened: (OwnedValue, OwnedObjectPath) =
        service.call("OpenSession", &("plain", zvariant::Value::from(""))).await.unwrap();
    let attributes = HashMap::from([("service", "Frontdesk"), ("username", account)]);
    let found: (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) =
        service.call("SearchItems", &(attributes,)).await.unwrap();
    let item = ask(found.0.first()?, "Item").await.unwrap();
    let secret: (OwnedObjectPath, Vec<u8>, Vec<u8>, String) =
        item.call("GetSecret", &(opened.1,)).await.unwrap();
    serde_json::from_slice(&secret.2).ok()
}

/// Whether a file or a folder has these words somewhere in it.
fn holds(path: &Path, words: &[u8]) -> bool {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).unwrap();
        return entries.filter_map(Result::ok).any(|entry| holds(&entry.path(), words));
    }
    // Sockets and the like hold nothing.
    let bytes = std::fs::read(path).unwrap_or_default();
    path.is_file() && bytes.windows(words.len()).any(|part| part == words)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proof_of_a_sign_in_is_in_the_keyring_and_nowhere_else() {
    story(async {
        let session = Session::start();
        let server = Server::start().await;
        let log = tempfile::NamedTempFile::new().unwrap();
        let url = server.url();
        let variables = [("FRONTDESK_SERVER_URL", url.as_str()), ("RUST_LOG", "trace")];
        let app = App::start_logged(&session, &variables, log.reopen().unwrap()).await;
        sign_in(&app).await;
        let kept = async || kept(&session, &url).await;
        let kept = eventually("sign-in in the keyring", kept).await;
        let token = kept["token"].as_str().unwrap();
        assert!(token.len() >= 20);

        for folder in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"] {
            assert!(!holds(Path::new(&session.environment[folder]), token.as_bytes()), "{folder}");
        }
        // Beside the keyring's own files, which are encrypted.
        assert!(!holds(Path::new(&session.environment["XDG_DATA_HOME"]), token.as_bytes()));
        assert!(!holds(server.data_dir(), token.as_bytes()));
        assert!(holds(log.path(), b"TRACE") && !holds(log.path(), token.as_bytes()), "the log");
        for process in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            for told in ["cmdline", "environ"] {
                let told = std::fs::read(process.path().join(told)).unwrap_or_default();
                assert!(!told.windows(token.len()).any(|part| part == token.as_bytes()));
            }
        }
        let script =
            "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])";
        let storage = app.client.execute(script, Vec::new()).await.unwrap();
        assert!(!storage.as_str().unwrap().contains(token));
        app.quit().await;
    })
    .await;
}

/// A server that remembers what sign-ins say, and gives each device a secret.
async fn guarded(said: watch::Sender<Vec<Value>>) -> String {
    let login = async move |Json(body): Json<Value>| {
        let is_known = body.get("device_secret").is_some();
        said.send_modify(|said| said.push(body));
        let mut answer = json!({ "token": "proof", "expires_at": "2030-01-01T00:00:00.000Z", "user": {
            "id": 1, "username": USERNAME, "name": "Ana Silva", "user_type": "department_staff",
            "departments": ["reception"], "is_admin": false, "property": { "id": 1, "name": "The Grand", "time_zone": "UTC" },
        }});
        if !is_known {
            answer["device_secret"] = json!("only this computer knows");
        }
        Json(answer)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/auth/login/", post(login));
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_computer_that_a_person_has_used_is_known_again() {
    story(async {
        let session = Session::start();
        let (said, mut saying) = watch::channel(Vec::new());
        let url = guarded(said).await;
        let app = App::start(&session, &[("FRONTDESK_SERVER_URL", url.as_str())]).await;
        for _ in ["the first time", "and again"] {
            app.fill("Username", USERNAME).await;
            app.fill("Password", PASSWORD).await;
            app.press("Sign in").await;
            app.press("Account of Ana Silva*").await;
            app.press("Sign out").await;
            app.find("textbox", "Username").await;
        }
        let said = saying.wait_for(|said| said.len() >= 2).await.unwrap();
        assert_eq!(said[0].get("device_secret"), None);
        assert_eq!(said[1]["device_secret"], "only this computer knows");
        app.quit().await;
    })
    .await;
}
