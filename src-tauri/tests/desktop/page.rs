//! The page in the window dies or hangs while somebody types and a guest writes.
//!
//! `WebDriver` ends with the page, so the app runs without it here, and a person's keys and mouse are imitated.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    app::{App, close_window, eventually, signal},
    hotel::{Gateway, Server},
    notifications::Notifications,
    session::Session,
    sign_in, story,
};

/// The window works again within this time, also on a busy machine.
const BACK_WITHIN: Duration = Duration::from_secs(30);

/// Where the field for a message is in a window of the size that the app has at its first start.
const FIELD: [&str; 2] = ["700", "768"];

/// What of the drafts is on disk.
fn drafts(session: &Session) -> Vec<u8> {
    let folder = Path::new(&session.environment["XDG_CONFIG_HOME"]).join("frontdesk");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_draft = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("drafts-") && name.ends_with(".sealed")
    };
    files.filter(is_draft).flat_map(|path| std::fs::read(path).unwrap_or_default()).collect()
}

/// Clicks into the field for a message.
pub fn enter_field(session: &Session, window: &str) {
    session.act(&["windowactivate", "--sync", window]);
    session.act(&["mousemove", "--window", window, FIELD[0], FIELD[1], "click", "1"]);
}

/// Types an answer that is not sent yet, and waits after each letter until the letter is kept.
async fn type_draft(session: &Session, window: &str, text: &str) {
    enter_field(session, window);
    for letter in text.chars() {
        let before = drafts(session);
        session.act(&["type", &letter.to_string()]);
        eventually("the draft", async || (drafts(session) != before).then_some(())).await;
    }
}

/// A guest writes until the app announces it: what came before it was connected is not announced. Returns the
/// notification's id.
pub async fn announce(
    notifications: &mut Notifications,
    gateway: &Gateway,
    written: &mut u32,
) -> u32 {
    loop {
        *written += 1;
        gateway.write("Amelia Hart", "204", &format!("{written} more towels, please")).await;
        let shown = notifications.wait_for(1);
        if let Ok(shown) = tokio::time::timeout(Duration::from_secs(2), shown).await {
            return shown[0].id;
        }
    }
}

/// Presses Enter until the draft has arrived: the window works.
pub async fn send_draft(session: &Session, gateway: &mut Gateway, count: usize) -> String {
    loop {
        session.act(&["key", "Return"]);
        let arrived = tokio::time::timeout(Duration::from_millis(300), gateway.replies(count));
        if let Ok(replies) = arrived.await {
            return replies.last().unwrap().clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_dies_or_hangs_is_loaded_again_and_the_guest_who_writes_is_announced() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let server = Server::start().await;
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        let variables = [("FRONTDESK_SERVER_URL", &*server.url())];
        let app = App::start(&session, &variables).await;
        sign_in(&app).await;
        app.close_window().await;
        app.quit().await;

        let log = tempfile::NamedTempFile::new().unwrap();
        let mut app = session.command(env!("CARGO_BIN_EXE_frontdesk"));
        let mut app = app.envs(variables).stderr(log.reopen().unwrap()).spawn().unwrap();
        // A click on a notification opens its conversation.
        eventually("window", async || session.windows("Frontdesk").pop()).await;
        close_window(&session).await;
        let announced = announce(&mut notifications, &gateway, &mut 0).await;
        notifications.click(announced).await;
        let window = eventually("window", async || session.windows("Frontdesk").pop()).await;
        session.screenshot("page-opened");

        for (count, fault) in ["KILL", "STOP"].into_iter().enumerate() {
            let draft = format!("Draft{count}");
            type_draft(&session, &window, &draft).await;
            session.screenshot(&format!("page-before-{fault}"));
            let before = notifications.so_far().len();
            let page = session.page_pid().expect("the page has a process");
            let began = Instant::now();
            signal(fault, page);
            gateway.write("Amelia Hart", "204", &format!("Is anybody there? {count}")).await;
            let shown = notifications.wait_for(before + 1).await;
            println!("after {fault}: announced after {} ms", began.elapsed().as_millis());
            // More than three within ten seconds become one about all who wait.
            let titles = ["204 · Amelia Hart", "1 guest is waiting"];
            assert!(titles.contains(&&*shown[before].title), "{}", shown[before].title);
            // Another page, with the conversation and the draft.
            assert_eq!(send_draft(&session, &mut gateway, count + 1).await, draft);
            let took = began.elapsed();
            println!("after {fault}: works again after {} ms", took.as_millis());
            assert!(took < BACK_WITHIN, "{fault}: {took:?}");
            assert_ne!(session.page_pid(), Some(page));
            session.screenshot(&format!("page-after-{fault}"));
        }
        let said = std::fs::read_to_string(log.path()).unwrap();
        assert_eq!(said.matches("the page in the window has stopped").count(), 2, "{said}");

        // The third time within a minute, a message says what to do.
        signal("KILL", session.page_pid().unwrap());
        let message = async || session.windows("Frontdesk has a problem").pop();
        eventually("message", message).await;
        session.screenshot("page-stopped-three-times");
        assert_eq!(gateway.replies(2).await.len(), 2, "each text once");
        signal("TERM", app.id());
        app.wait().unwrap();
    })
    .await;
}
