//! The desktop's notifications.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use frontdesk_server::protocol::Id;
use notify_rust::{Notification as Native, NotificationHandle, NotificationResponse};

use super::Notification;

/// Each notification on the screen has a thread that waits for a click; beyond so many, a click only
/// dismisses.
const MAX_WAITING: usize = 64;

/// Notifications on the screen: a newer one about a conversation takes the older one's place.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The program's, as the system knows it.
    identifier: Arc<str>,
    ids: Arc<Mutex<BTreeMap<Id, u32>>>,
    waiting: Arc<AtomicUsize>,
}

impl Shown {
    /// None yet, of the program with this identifier.
    pub(crate) fn new(identifier: &str) -> Self {
        Self { identifier: identifier.into(), ids: Arc::default(), waiting: Arc::default() }
    }

    /// Shows a notification, and calls `on_click` when it is clicked. Everything that blocks happens on a
    /// thread of its own, which keeps the handle: without it, nobody hears the click.
    pub(crate) fn show(
        &self,
        notification: Notification,
        on_click: impl FnOnce() + Send + 'static,
    ) {
        let shown = self.clone();
        let spawned = std::thread::Builder::new()
            .name("notification".to_owned())
            .spawn(move || shown.show_and_wait(&notification, on_click));
        if let Err(error) = spawned {
            tracing::error!(%error, "a notification cannot be shown");
        }
    }

    fn show_and_wait(&self, notification: &Notification, on_click: impl FnOnce()) {
        let about = notification.conversation_id;
        let mut native = Native::new();
        native
            .appname("Frontdesk")
            .summary(&notification.title)
            .body(&body(&notification.body))
            .action("default", "Open");
        decorate(&mut native, &self.identifier);
        if let Some(id) = self.lock().get(&about) {
            native.id(*id);
        }
        let handle = match native.show() {
            Ok(handle) => handle,
            Err(error) => {
                // Nowhere to show it: the unread count on the tray and in the title still tells.
                tracing::warn!(%error, "the desktop shows no notifications");
                return;
            }
        };
        let id = id(&handle);
        self.lock().insert(about, id);
        if self.waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            let waited = handle.wait_for_response(|response: &NotificationResponse| {
                // On Windows its button is an action of that name.
                match response {
                    NotificationResponse::Default => on_click(),
                    NotificationResponse::Action(name) if name == "default" => on_click(),
                    _ => {}
                }
            });
            if let Err(error) = waited {
                tracing::warn!(%error, "nobody hears a click on this notification");
            }
            let mut ids = self.lock();
            if ids.get(&about) == Some(&id) {
                ids.remove(&about);
            }
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Id, u32>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By what a later notification takes this one's place. Only some desktops have that.
#[cfg(all(unix, not(target_os = "macos")))]
fn id(handle: &NotificationHandle) -> u32 {
    handle.id()
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn id(_: &NotificationHandle) -> u32 {
    0
}

#[cfg(all(unix, not(target_os = "macos")))]
fn decorate(native: &mut Native, _: &str) {
    use notify_rust::Hint;
    native
        .icon("frontdesk")
        .hint(Hint::DesktopEntry("frontdesk".to_owned()))
        .hint(Hint::Category("im.received".to_owned()));
}

/// Without its own id Windows shows the toast under another program's name, or not at all.
#[cfg(windows)]
fn decorate(native: &mut Native, identifier: &str) {
    native.app_id(identifier);
}

#[cfg(target_os = "macos")]
fn decorate(_: &mut Native, _: &str) {}

/// What a guest wrote is text; some desktops read it as markup.
#[cfg(all(unix, not(target_os = "macos")))]
fn body(text: &str) -> String {
    let reads_markup = notify_rust::get_capabilities()
        .is_ok_and(|capabilities| capabilities.iter().any(|it| it == "body-markup"));
    if reads_markup { escape(text) } else { text.to_owned() }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn body(text: &str) -> String {
    text.to_owned()
}

#[cfg(all(unix, not(target_os = "macos")))]
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(all(test, unix, not(target_os = "macos")))]
mod tests {
    #[test]
    fn a_guests_words_are_no_markup() {
        let escaped = super::escape("<a href=\"https://x\">A & B</a>");
        assert_eq!(escaped, "&lt;a href=\"https://x\"&gt;A &amp; B&lt;/a&gt;");
    }
}
