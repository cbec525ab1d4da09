//! What is written without a connection, over the end of the program.

use std::path::PathBuf;

use crate::{
    app::{App, eventually},
    hotel::{Gateway, Server, USERNAME},
    session::Session,
    sign_in, story,
};

/// What is asked for a keyring, and is none.
struct NoKeyring;

#[zbus::interface(name = "com.example.NoKeyring")]
impl NoKeyring {}

/// The files of texts that wait.
fn sealed(session: &Session) -> Vec<PathBuf> {
    let folder = PathBuf::from(&session.environment["XDG_CONFIG_HOME"]).join("frontdesk");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|it| it == "sealed")).collect()
}

/// Ana has Amelia's conversation open, and the server goes away.
async fn cut_off(app: &App<'_>, server: &mut Server, gateway: &Gateway) {
    sign_in(app).await;
    gateway.write("Amelia Hart", "204", "Could we have two more towels?").await;
    app.open("204 Amelia Hart").await;
    app.read_messages("Could we have two more towels?").await;
    server.go_away().await;
    app.connection(&["Reconnecting…", "Offline"]).await;
}

async fn write(app: &App<'_>, text: &str) {
    app.fill("Message", text).await;
    app.press("Send").await;
    // The bubble comes from where the text is kept.
    app.read_messages(text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_offline_is_sent_once_after_a_crash_and_what_was_withdrawn_never() {
    story(async {
        let session = Session::start();
        let mut server = Server::start().await;
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        let variables = [("FRONTDESK_SERVER_URL", &*server.url())];
        let app = App::start(&session, &variables).await;
        cut_off(&app, &mut server, &gateway).await;
        app.read("Messages that you write are kept here").await;
        write(&app, "Never mind.").await;
        app.press("Withdraw").await;
        eventually("empty outbox", async || sealed(&session).is_empty().then_some(())).await;
        for text in ["On second thoughts…", "They are on their way.", "Anything else?"] {
            write(&app, text).await;
        }
        app.screenshot("waiting");
        app.kill().await;

        // Nothing of it can be read on the disk.
        let [file] = sealed(&session).try_into().unwrap();
        let bytes = std::fs::read(file).unwrap();
        for word in [&b"towels"[..], b"way", b"Anything"] {
            assert!(!bytes.windows(word.len()).any(|part| part == word));
        }

        // Still without the server: what waits can be seen, and withdrawn.
        let app = App::start(&session, &variables).await;
        app.press("3 messages waiting to be sent").await;
        app.read("They are on their way.").await;
        app.screenshot("waiting-after-a-crash");
        app.press("Withdraw").await;
        app.find("button", "2 messages waiting to be sent").await;
        app.kill().await;

        let app = App::start(&session, &variables).await;
        server.come_back().await;
        assert_eq!(gateway.replies(2).await, ["They are on their way.", "Anything else?"]);
        app.connection(&["Connected"]).await;
        app.find("tab", "Open*").await.click().await.unwrap();
        app.open("204 Amelia Hart").await;
        write(&app, "Good night!").await;
        let said = ["They are on their way.", "Anything else?", "Good night!"];
        assert_eq!(gateway.replies(3).await, said, "each once, in order, and nothing else");
        eventually("empty outbox", async || sealed(&session).is_empty().then_some(())).await;
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_asks_about_what_waits_and_deletes_it() {
    story(async {
        let session = Session::start();
        let mut server = Server::start().await;
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        let app = App::start(&session, &[("FRONTDESK_SERVER_URL", &server.url())]).await;
        cut_off(&app, &mut server, &gateway).await;
        write(&app, "They are on their way.").await;
        assert_eq!(sealed(&session).len(), 1);
        app.press("Account of Ana Silva*").await;
        app.press("Sign out").await;
        app.press("Sign out and delete").await;
        app.find("textbox", "Username").await;
        assert!(sealed(&session).is_empty());

        server.come_back().await;
        sign_in(&app).await;
        app.find("tab", "Open*").await.click().await.unwrap();
        app.open("204 Amelia Hart").await;
        write(&app, "Good night!").await;
        assert_eq!(gateway.replies(1).await, ["Good night!"]);
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keyring_nothing_is_written_and_the_screen_says_so() {
    story(async {
        let session = Session::without_keyring();
        // Somebody has the keyring's name and knows nothing, so that none is started when it is asked for.
        let nobody = zbus::connection::Builder::address(session.bus()).unwrap();
        let nobody = nobody.serve_at("/", NoKeyring).unwrap();
        let nobody = nobody.name("org.freedesktop.secrets").unwrap().build().await.unwrap();
        let mut server = Server::start().await;
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        let app = App::start(&session, &[("FRONTDESK_SERVER_URL", &server.url())]).await;
        cut_off(&app, &mut server, &gateway).await;
        app.read("this computer has no keyring to store them safely").await;
        write(&app, "They are on their way.").await;
        app.screenshot("no-keyring");
        let folder = PathBuf::from(&session.environment["XDG_CONFIG_HOME"]).join("frontdesk");
        assert!(!folder.exists() || sealed(&session).is_empty());
        // Her sign-in ends, and what she wrote is still there when she is back.
        server.sign_out(USERNAME).await;
        server.come_back().await;
        app.read("Your session has ended").await;
        assert!(gateway.so_far().is_empty());
        sign_in(&app).await;
        assert_eq!(gateway.replies(1).await, ["They are on their way."]);
        app.quit().await;
        drop(nobody);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_another_database_goes_to_no_stranger() {
    story(async {
        let session = Session::start();
        let mut server = Server::start().await;
        let gateway = Gateway::make(server.data_dir(), server.url()).await;
        let variables = [("FRONTDESK_SERVER_URL", &*server.url())];
        let app = App::start(&session, &variables).await;
        cut_off(&app, &mut server, &gateway).await;
        write(&app, "They are on their way.").await;
        app.kill().await;

        // The same account, and under the same number another guest's conversation.
        server.replace().await;
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        gateway.write("Joseph Okafor", "118", "Is breakfast included?").await;
        let app = App::start(&session, &variables).await;
        sign_in(&app).await;
        app.read("The server's data was replaced").await;
        app.press("1 message was not sent").await;
        app.read("They are on their way.").await;
        app.read("before you try again").await;
        app.screenshot("another-database");
        assert!(gateway.so_far().is_empty());
        // She has looked, and says that it is for this one.
        app.press("Try again").await;
        assert_eq!(gateway.replies(1).await, ["They are on their way."]);
        app.quit().await;
    })
    .await;
}
