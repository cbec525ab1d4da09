//! The desktop's notifications. A newer one about a conversation takes the older one's place.

#[cfg(all(unix, not(target_os = "macos")))]
mod bus;
#[cfg(any(windows, target_os = "macos"))]
mod toast;

use frontdesk_server::protocol::Id;
use tokio::sync::mpsc;

use super::Notification;
#[cfg(all(unix, not(target_os = "macos")))]
use bus::serve;
#[cfg(any(windows, target_os = "macos"))]
use toast::serve;

/// Notifications that may wait for the desktop; with more, the unread count on the tray still tells.
const MAX_WAITING: usize = 64;

/// What the desktop is asked for.
#[derive(Debug)]
enum Asked {
    Show(Notification),
    /// Those on the screen are nobody's business any more.
    Withdraw,
}

/// Notifications on the screen.
#[derive(Debug)]
pub(crate) struct Shown {
    asked: mpsc::Sender<Asked>,
}

impl Shown {
    /// None yet, of the program with this identifier. `on_click` is called with the conversation of a
    /// notification that somebody clicks.
    pub(crate) fn new(identifier: &str, on_click: impl Fn(Id) + Send + Sync + 'static) -> Self {
        let (asked, asking) = mpsc::channel(MAX_WAITING);
        tauri::async_runtime::spawn(serve(identifier.to_owned(), asking, on_click));
        Self { asked }
    }

    /// Shows a notification.
    pub(crate) fn show(&self, notification: Notification) {
        self.ask(Asked::Show(notification));
    }

    /// Takes all of them off the screen, where the desktop can; a click on one leads nowhere.
    pub(crate) fn withdraw(&self) {
        self.ask(Asked::Withdraw);
    }

    fn ask(&self, what: Asked) {
        if self.asked.try_send(what).is_err() {
            tracing::warn!("the desktop takes no notifications");
        }
    }
}
