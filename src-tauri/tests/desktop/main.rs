//! The real program on a real desktop: window, keyring, notifications and restart.
//!
//! Each story has a desktop of its own (`.ci/desktop-session`), so they need none and disturb none.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod alerts;
mod app;
mod far;
mod hotel;
mod keyring;
mod notifications;
mod outbox;
mod page;
mod people;
mod second_factor;
mod session;
mod starting;
mod surroundings;

use std::time::Duration;

use app::App;
use hotel::{Gateway, PASSWORD, Server, USERNAME};
use notifications::Notifications;
use session::Session;

/// How long a whole story may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

async fn story(told: impl Future<Output = ()>) {
    tokio::time::timeout(PATIENCE, told).await.expect("the story ends");
}

async fn sign_in(app: &App<'_>) {
    app.fill("Username", USERNAME).await;
    app.fill("Password", PASSWORD).await;
    app.press("Sign in").await;
    app.find("list", "Conversations").await;
    app.connection(&["Connected"]).await;
}

/// Clicks a notification, once, and waits for the window.
async fn click(app: &App<'_>, notifications: &Notifications, id: u32) {
    notifications.click(id).await;
    app.window("Frontdesk").await;
}

/// Opens the window again, as a second start does.
async fn open_window(app: &App<'_>, session: &Session, variables: &[(&str, &str)]) {
    let mut second = session.command(env!("CARGO_BIN_EXE_frontdesk"));
    assert!(second.envs(variables.iter().copied()).status().unwrap().success());
    app.window("Frontdesk").await;
}

/// Through the first screens: this computer, the hotel, the first account.
async fn set_up(app: &App<'_>) {
    app.find("radio", "This computer").await.click().await.unwrap();
    app.press("Continue").await;
    app.fill("Hotel name", "The Grand").await;
    app.fill("Your name", "Ana Silva").await;
    app.fill("Username", USERNAME).await;
    app.fill("Password", PASSWORD).await;
    app.screenshot("setup");
    app.press("Create account").await;
    app.find("list", "Conversations").await;
    app.connection(&["Connected"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_sets_the_hotel_up_and_later_ones_go_to_the_inbox() {
    story(async {
        let session = Session::start();
        let data = tempfile::tempdir().unwrap();
        settings(&session, &format!(r#"{{"version":1,"port":{}}}"#, app::free_port()));
        let variables = [("FRONTDESK_DATA_DIR", data.path().to_str().unwrap())];
        let app = App::start(&session, &variables).await;
        set_up(&app).await;
        app.quit().await;

        let app = App::start(&session, &variables).await;
        app.find("list", "Conversations").await;
        app.connection(&["Connected"]).await;
        app.screenshot("later-start");
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_writes_the_clerk_is_notified_and_her_answer_arrives() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let server = Server::start().await;
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        let app = App::start(&session, &[("FRONTDESK_SERVER_URL", &server.url())]).await;
        sign_in(&app).await;

        // Looked at, nothing is announced.
        gateway.write("Joseph Okafor", "118", "Is breakfast included?").await;
        app.find("listitem", "118 Joseph Okafor*").await;

        // Closing the window leaves the app in the tray.
        app.close_window().await;
        gateway.write("Amelia Hart", "204", "Could we have two more <b>towels</b>?").await;
        let shown = notifications.wait_for(1).await;
        assert_eq!(shown[0].app, "Frontdesk");
        assert_eq!(shown[0].title, "204 · Amelia Hart");
        assert_eq!(shown[0].body, "Could we have two more &lt;b&gt;towels&lt;/b&gt;?\nReception");

        // A click opens exactly that conversation.
        click(&app, &notifications, shown[0].id).await;
        app.find("log", "Messages").await;
        app.read_messages("Could we have two more <b>towels</b>?").await;
        app.fill("Message", "They are on their way.").await;
        app.press("Send").await;
        assert_eq!(gateway.replies(1).await, ["They are on their way."]);
        app.read_messages("Sent").await;
        app.screenshot("answered");

        // A conversation that she takes part in goes on while she does not look.
        app.close_window().await;
        gateway.write("Amelia Hart", "204", "Thank you!").await;
        let shown = notifications.wait_for(2).await;
        assert_eq!((shown.len(), shown[1].body.as_str()), (2, "Thank you!\nReception"));
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_still_there_after_the_program_was_killed() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let data = tempfile::tempdir().unwrap();
        let port = app::free_port();
        settings(&session, &format!(r#"{{"version":1,"port":{port}}}"#));
        let variables = [("FRONTDESK_DATA_DIR", data.path().to_str().unwrap())];
        let app = App::start(&session, &variables).await;
        set_up(&app).await;
        let url = format!("http://127.0.0.1:{port}");
        let mut gateway = Gateway::make(data.path(), url).await;
        app.close_window().await;
        gateway.write("Amelia Hart", "204", "Could we have two more towels?").await;
        let shown = notifications.wait_for(1).await;
        click(&app, &notifications, shown[0].id).await;
        app.read_messages("Could we have two more towels?").await;
        app.fill("Message", "They are on their way.").await;
        app.press("Send").await;
        assert_eq!(gateway.replies(1).await, ["They are on their way."]);
        app.kill().await;

        let app = App::start(&session, &variables).await;
        app.connection(&["Connected"]).await;
        app.find("tab", "Open*").await.click().await.unwrap();
        app.open("204 Amelia Hart").await;
        app.read_messages("Could we have two more towels?").await;
        app.read_messages("They are on their way.").await;
        app.read_messages("Sent").await;
        app.quit().await;
        assert_eq!(gateway.replies(1).await.len(), 1, "once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_goes_and_comes_back_and_nothing_is_lost() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let mut server = Server::start().await;
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        let app = App::start(&session, &[("FRONTDESK_SERVER_URL", &server.url())]).await;
        sign_in(&app).await;
        gateway.write("Amelia Hart", "204", "Could we have two more towels?").await;
        app.open("204 Amelia Hart").await;
        app.find("log", "Messages").await;

        server.go_away().await;
        app.connection(&["Reconnecting…", "Offline"]).await;
        app.fill("Message", "They are on their way.").await;
        app.press("Send").await;
        app.read_messages("Waiting").await;
        app.close_window().await;

        server.come_back().await;
        assert_eq!(gateway.replies(1).await, ["They are on their way."]);
        gateway.write("Joseph Okafor", "118", "Is breakfast included?").await;
        let shown = notifications.wait_for(1).await;
        assert_eq!(shown[0].title, "118 · Joseph Okafor");
        click(&app, &notifications, shown[0].id).await;
        app.connection(&["Connected"]).await;
        app.read("Is breakfast included?").await;
        assert_eq!(notifications.so_far().len(), 1, "each conversation once");
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_desk_uses_a_shared_server_once_its_fingerprint_was_compared() {
    story(async {
        let session = Session::start();
        let data = tempfile::tempdir().unwrap();
        let (port, shared_port) = (app::free_port(), app::free_port());
        let kept = format!(r#"{{"version":1,"port":{port},"shared_port":{shared_port}}}"#);
        settings(&session, &kept);
        let variables = [("FRONTDESK_DATA_DIR", data.path().to_str().unwrap())];
        let app = App::start(&session, &variables).await;
        set_up(&app).await;
        app.press("Account of Ana Silva*").await;
        app.press("Share on this network…").await;
        app.find("switch", "Share this server").await.click().await.unwrap();
        app.read("Fingerprint").await;
        app.screenshot("shared");
        let told = fingerprint(&app).await;
        // The server was started again for it; this desk is back by itself.
        app.press("Close").await;
        app.connection(&["Connected"]).await;

        let other = Session::start();
        let elsewhere = tempfile::tempdir().unwrap();
        let variables = [
            ("FRONTDESK_DATA_DIR", elsewhere.path().to_str().unwrap()),
            // The way out of the house is no way inside it.
            ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ];
        let desk = App::start(&other, &variables).await;
        desk.find("radio", "Hotel server").await.click().await.unwrap();
        desk.fill("Server address", &format!("https://127.0.0.1:{shared_port}")).await;
        desk.press("Continue").await;
        desk.read("check that it shows this fingerprint").await;
        desk.screenshot("fingerprint");
        assert_eq!(fingerprint(&desk).await, told);
        let compared = "I compared the fingerprints, and they are the same";
        desk.find("checkbox", compared).await.click().await.unwrap();
        desk.press("Continue").await;
        sign_in(&desk).await;
        desk.quit().await;

        // It is not asked again.
        let desk = App::start(&other, &variables).await;
        desk.find("list", "Conversations").await;
        desk.connection(&["Connected"]).await;

        // Shared no longer, and whoever was connected through that door is not any more.
        app.press("Account of Ana Silva*").await;
        app.press("Share on this network…").await;
        app.find("switch", "Share this server").await.click().await.unwrap();
        desk.connection(&["Reconnecting", "Offline"]).await;
        app.press("Close").await;
        app.connection(&["Connected"]).await;
        desk.quit().await;
        app.quit().await;
    })
    .await;
}

/// The fingerprint on the screen.
async fn fingerprint(app: &App<'_>) -> String {
    let text = app.text().await;
    let hex = |word: &&str| word.len() == 4 && word.bytes().all(|it| it.is_ascii_hexdigit());
    let words: Vec<_> = text.split_whitespace().filter(hex).collect();
    assert_eq!(words.len(), 16, "{text}");
    words.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_brings_the_first_to_the_front() {
    story(async {
        let session = Session::start();
        let server = Server::start().await;
        let url = server.url();
        let variables = [("FRONTDESK_SERVER_URL", url.as_str())];
        let app = App::start(&session, &variables).await;
        sign_in(&app).await;
        app.close_window().await;
        open_window(&app, &session, &variables).await;
        app.quit().await;

        // The sign-in is in the keyring, and nothing of it in a file.
        let app = App::start(&session, &variables).await;
        app.find("list", "Conversations").await;
        app.connection(&["Connected"]).await;
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_one_clear_sentence() {
    story(async {
        let session = Session::start();
        let data = tempfile::tempdir().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        settings(&session, &format!(r#"{{"version":1,"port":{port}}}"#));
        let variables = [("FRONTDESK_DATA_DIR", data.path().to_str().unwrap())];
        let app = App::start(&session, &variables).await;
        app.press("Continue").await;
        app.read(&format!("Port {port} is used by another program")).await;
        app.press("Start my own Frontdesk on another port").await;
        app.read("Set up your hotel").await;
        app.quit().await;
    })
    .await;
}

/// Writes the settings that the app finds at its start.
fn settings(session: &Session, json: &str) {
    let folder = std::path::Path::new(&session.environment["XDG_CONFIG_HOME"]).join("frontdesk");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("settings.json"), json).unwrap();
}
