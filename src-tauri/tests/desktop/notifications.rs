//! The desktop's notification service, as a test sees it.

use std::collections::HashMap;

use tokio::sync::watch;
use zbus::{interface, object_server::SignalEmitter, zvariant::OwnedValue};

const PATH: &str = "/org/freedesktop/Notifications";

/// A notification that a program showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub id: u32,
    pub app: String,
    pub title: String,
    pub body: String,
    /// Each action, then its label.
    pub actions: Vec<String>,
    pub suppresses_sound: bool,
    pub sound_name: Option<String>,
    /// 2: stays until it is dismissed.
    pub urgency: Option<u8>,
}

/// The service. It records what is shown, and clicks when it is told to.
pub struct Notifications {
    connection: zbus::Connection,
    shown: watch::Receiver<Vec<Shown>>,
    closed: watch::Receiver<Vec<u32>>,
}

struct Service {
    shown: watch::Sender<Vec<Shown>>,
    closed: watch::Sender<Vec<u32>>,
}

#[interface(name = "org.freedesktop.Notifications")]
impl Service {
    #[expect(
        clippy::too_many_arguments,
        clippy::needless_pass_by_value,
        reason = "that is the interface"
    )]
    fn notify(
        &self,
        app_name: String,
        replaces_id: u32,
        _icon: String,
        summary: String,
        body: String,
        actions: Vec<String>,
        hints: HashMap<String, OwnedValue>,
        _timeout_ms: i32,
    ) -> u32 {
        let mut id = replaces_id;
        self.shown.send_modify(|shown| {
            if id == 0 {
                id = u32::try_from(shown.len()).unwrap() + 1;
            }
            let hint = |name| hints.get(name);
            let sound_name = hint("sound-name").and_then(|it| it.downcast_ref::<&str>().ok());
            shown.push(Shown {
                id,
                app: app_name,
                title: summary,
                body,
                actions,
                suppresses_sound: hint("suppress-sound")
                    .is_some_and(|it| bool::try_from(it) == Ok(true)),
                sound_name: sound_name.map(str::to_owned),
                urgency: hint("urgency").and_then(|it| it.try_into().ok()),
            });
        });
        id
    }

    fn close_notification(&self, id: u32) {
        self.closed.send_modify(|closed| closed.push(id));
    }

    fn get_capabilities(&self) -> Vec<String> {
        ["actions", "body", "body-markup"].map(str::to_owned).to_vec()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        let words = ["test", "frontdesk", "1", "1.2"];
        words.map(str::to_owned).into()
    }

    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, action: &str)
    -> zbus::Result<()>;
}

impl Notifications {
    /// Takes the service's name on a bus.
    pub async fn serve(bus: &str) -> Self {
        let (sender, shown) = watch::channel(Vec::new());
        let (closing, closed) = watch::channel(Vec::new());
        let connection = zbus::connection::Builder::address(bus)
            .unwrap()
            .serve_at(PATH, Service { shown: sender, closed: closing })
            .unwrap()
            .name("org.freedesktop.Notifications")
            .unwrap()
            .build()
            .await
            .unwrap();
        Self { connection, shown, closed }
    }

    /// Waits until so many notifications were shown in all, and returns them.
    pub async fn wait_for(&mut self, count: usize) -> Vec<Shown> {
        self.shown.wait_for(|shown| shown.len() >= count).await.unwrap().clone()
    }

    /// What was shown up to now.
    pub fn so_far(&self) -> Vec<Shown> {
        self.shown.borrow().clone()
    }

    /// What programs have taken off the screen.
    pub fn closed(&self) -> Vec<u32> {
        self.closed.borrow().clone()
    }

    /// Ends the service; another one counts anew.
    pub async fn end(self) {
        self.connection.close().await.unwrap();
    }

    /// Clicks a notification.
    pub async fn click(&self, id: u32) {
        self.act(id, "default").await;
    }

    /// Presses a button of a notification.
    pub async fn act(&self, id: u32, action: &str) {
        let emitter = SignalEmitter::new(&self.connection, PATH).unwrap();
        Service::action_invoked(&emitter, id, action).await.unwrap();
    }
}
