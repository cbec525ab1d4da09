//! The desktop's notifications. A newer one about a topic replaces the older one.

#[cfg(all(unix, not(target_os = "macos")))]
mod bus;
#[cfg(any(windows, target_os = "macos"))]
mod toast;

use frontdesk_server::protocol::Id;
use tokio::sync::{mpsc, oneshot};

#[cfg(all(unix, not(target_os = "macos")))]
use bus::serve;
#[cfg(any(windows, target_os = "macos"))]
use toast::serve;

/// Requests that may wait for the desktop. Further ones are dropped and logged; the tray and the title show the
/// count all the same.
const MAX_REQUESTS: usize = 64;

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// This conversation.
    Conversation(Id),
    /// All guests who wait.
    Waiting,
    /// An answer in this conversation that was not delivered.
    Undelivered(Id),
    /// The connection to the server.
    Connection,
    /// Nothing: a test.
    Test,
}

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) topic: Topic,
    pub(crate) title: String,
    pub(crate) body: String,
    /// It stays until somebody dismisses it, where the desktop can do that.
    pub(crate) is_urgent: bool,
    /// The desktop plays a sound of its own, because Frontdesk cannot. Otherwise it is asked not to.
    pub(crate) plays_sound: bool,
    /// It has a button *Silence*.
    pub(crate) offers_silence: bool,
}

/// What somebody clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Click {
    /// The notification itself.
    Open(Topic),
    /// Its button *Silence*.
    Silence,
}

/// Which notifications are taken off the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    /// Those about one conversation each.
    Conversations,
    Topic(Topic),
}

/// What the desktop is asked for.
#[derive(Debug)]
enum Request {
    /// The sender gets the desktop's answer.
    Show(Notice, oneshot::Sender<Result<(), String>>),
    Withdraw(Which),
}

/// Notifications on the screen.
#[derive(Debug)]
pub(crate) struct Notifications {
    requests: mpsc::Sender<Request>,
}

impl Notifications {
    /// None yet, of the program with this identifier. `on_click` is called with what somebody clicks.
    pub(crate) fn new(identifier: &str, on_click: impl Fn(Click) + Send + Sync + 'static) -> Self {
        let (requests, requested) = mpsc::channel(MAX_REQUESTS);
        tauri::async_runtime::spawn(serve(identifier.to_owned(), requested, on_click));
        Self { requests }
    }

    /// Shows a notification.
    ///
    /// # Errors
    /// Why the desktop does not show it.
    pub(crate) async fn show(&self, notice: Notice) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        self.request(Request::Show(notice, answer));
        let unavailable = || Err("This desktop has no notification service.".to_owned());
        answered.await.unwrap_or_else(|_| unavailable())
    }

    /// Takes notifications off the screen, where the desktop can; a click on one of them does nothing.
    pub(crate) fn withdraw(&self, which: Which) {
        self.request(Request::Withdraw(which));
    }

    fn request(&self, request: Request) {
        if self.requests.try_send(request).is_err() {
            tracing::warn!("the queue of notifications is full");
        }
    }
}

impl Which {
    fn includes(&self, topic: Topic) -> bool {
        match self {
            Self::All => true,
            Self::Conversations => matches!(topic, Topic::Conversation(_)),
            Self::Topic(wanted) => *wanted == topic,
        }
    }
}
