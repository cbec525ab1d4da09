//! A keyring that somebody has to unlock first.

use tokio::sync::watch;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use crate::{
    app::App,
    hotel::{Gateway, Server},
    session::Session,
    sign_in, story,
};

/// It says nothing until it is unlocked, and then that it cannot.
struct Locked {
    asked: watch::Sender<bool>,
    unlocked: watch::Receiver<bool>,
}

#[zbus::interface(name = "org.freedesktop.Secret.Service")]
impl Locked {
    async fn open_session(
        &self,
        _algorithm: String,
        _input: Value<'_>,
    ) -> zbus::fdo::Result<(OwnedValue, OwnedObjectPath)> {
        self.asked.send_replace(true);
        let _ = self.unlocked.clone().wait_for(|unlocked| *unlocked).await;
        Err(zbus::fdo::Error::Failed("nobody knows the password".to_owned()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_keyring_that_is_locked() {
    story(async {
        let session = Session::without_keyring();
        let (asked, mut asking) = watch::channel(false);
        let (unlock, unlocked) = watch::channel(false);
        let keyring = zbus::connection::Builder::address(session.bus()).unwrap();
        let locked = Locked { asked, unlocked };
        let keyring = keyring.serve_at("/org/freedesktop/secrets", locked).unwrap();
        let keyring = keyring.name("org.freedesktop.secrets").unwrap().build().await.unwrap();
        let server = Server::start().await;
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        let app = App::start(&session, &[("FRONTDESK_SERVER_URL", &server.url())]).await;
        app.read("Waiting for this computer").await;
        app.screenshot("locked-keyring");
        asking.wait_for(|asked| *asked).await.unwrap();

        // It is still locked, and everything works.
        sign_in(&app).await;
        gateway.write("Amelia Hart", "204", "Could we have two more towels?").await;
        app.open("204 Amelia Hart").await;
        app.read_messages("Could we have two more towels?").await;
        app.fill("Message", "They are on their way.").await;
        app.press("Send").await;
        assert_eq!(gateway.replies(1).await, ["They are on their way."]);
        app.press("Account of Ana Silva*").await;
        app.press("Sign out").await;
        app.find("textbox", "Username").await;
        unlock.send_replace(true);
        app.read("has no keyring").await;
        app.quit().await;
        drop(keyring);
    })
    .await;
}
