//! A person's own account in the app: where they are signed in, and a second factor from the picture to the next
//! sign-in.

use frontdesk_server::clock::Clock;
use totp_rs::{Builder, Secret};

use crate::{
    app::App,
    hotel::{PASSWORD, Server, USERNAME},
    session::Session,
    sign_in, story,
};

/// How long a code is shown.
const STEP_SECONDS: u64 = 30;

/// What an authenticator would show, so many steps from now: each code is taken only once.
fn code(key: &str, steps: u64) -> String {
    let secret = Secret::try_from_base32(key).unwrap();
    let totp = Builder::new().with_secret(secret).build_noncompliant();
    let now = u64::try_from(Clock::System.now().as_millis()).unwrap() / 1000;
    totp.generate(now + steps * STEP_SECONDS).to_string()
}

async fn open_account(app: &App<'_>) {
    app.press("Account of Ana Silva*").await;
    app.press("Account and devices…").await;
    app.read("This device").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_added_in_the_app_and_asked_for_at_the_next_sign_in() {
    story(async {
        let session = Session::start();
        let server = Server::start().await;
        let url = server.url();
        let variables = [("FRONTDESK_SERVER_URL", url.as_str())];
        let app = App::start(&session, &variables).await;
        sign_in(&app).await;
        open_account(&app).await;
        app.read("Frontdesk app").await;
        app.press("Set up two-step sign-in…").await;
        app.fill("Password", PASSWORD).await;
        app.press("Continue").await;
        app.find("textbox", "Code").await;
        let script = "return document.querySelector('dialog code').textContent";
        let key = app.client.execute(script, Vec::new()).await.unwrap();
        let key = key.as_str().unwrap().replace(' ', "");
        app.screenshot("second-factor");
        app.fill("Code", &code(&key, 0)).await;
        app.press("Turn on").await;
        app.find("list", "Recovery codes").await;
        app.screenshot("recovery-codes");
        app.press("I have saved them").await;
        app.read("You have 10 recovery codes left").await;
        app.press("Close").await;
        app.press("Account of Ana Silva*").await;
        app.press("Sign out").await;

        app.fill("Username", USERNAME).await;
        app.fill("Password", PASSWORD).await;
        app.press("Sign in").await;
        app.find("textbox", "Code").await;
        app.screenshot("sign-in-code");
        app.fill("Code", &code(&key, 1)).await;
        app.press("Sign in").await;
        app.find("list", "Conversations").await;
        app.connection(&["Connected"]).await;
        app.quit().await;

        // The sign-in is kept like any other, and asks for nothing again.
        let app = App::start(&session, &variables).await;
        app.find("list", "Conversations").await;
        app.connection(&["Connected"]).await;
        app.quit().await;
    })
    .await;
}
