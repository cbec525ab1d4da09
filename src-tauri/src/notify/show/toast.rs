//! Notifications of Windows and macOS, where each has a thread that waits for a click.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use frontdesk_server::protocol::Id;
use notify_rust::{Notification as Native, NotificationResponse};
use tokio::sync::mpsc;

use super::{Asked, Notification};

/// Beyond so many at once, a click only dismisses.
const MAX_THREADS: usize = 64;

/// Shows what is asked for, until nobody asks any more.
pub(super) async fn serve(
    identifier: String,
    mut asked: mpsc::Receiver<Asked>,
    on_click: impl Fn(Id) + Send + Sync + 'static,
) {
    let (identifier, on_click) = (Arc::<str>::from(identifier), Arc::new(on_click));
    let waiting = Arc::new(AtomicUsize::new(0));
    // Those of a person who left.
    let left = Arc::new(AtomicUsize::new(0));
    while let Some(asked) = asked.recv().await {
        let notification = match asked {
            Asked::Show(notification) => notification,
            Asked::Withdraw => {
                left.fetch_add(1, Ordering::Relaxed);
                continue;
            }
        };
        let (identifier, on_click) = (Arc::clone(&identifier), Arc::clone(&on_click));
        let (waiting, left, of) =
            (Arc::clone(&waiting), Arc::clone(&left), left.load(Ordering::Relaxed));
        let about = notification.conversation_id;
        let clicked = move || {
            if left.load(Ordering::Relaxed) == of {
                on_click(about);
            }
        };
        let spawned = std::thread::Builder::new()
            .name("notification".to_owned())
            .spawn(move || show_and_wait(&notification, &identifier, &waiting, clicked));
        if let Err(error) = spawned {
            tracing::error!(%error, "a notification cannot be shown");
        }
    }
}

/// Everything that blocks happens here. The thread keeps the handle: without it, nobody hears the click.
fn show_and_wait(
    notification: &Notification,
    identifier: &str,
    waiting: &AtomicUsize,
    on_click: impl FnOnce(),
) {
    let mut native = Native::new();
    native
        .appname(crate::NAME)
        .summary(&notification.title)
        .body(&notification.body)
        .action("default", "Open");
    decorate(&mut native, identifier);
    let handle = match native.show() {
        Ok(handle) => handle,
        Err(error) => {
            // Nowhere to show it: the unread count on the tray and in the title still tells.
            tracing::warn!(%error, "the desktop shows no notifications");
            return;
        }
    };
    if waiting.fetch_add(1, Ordering::Relaxed) < MAX_THREADS {
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
    }
    waiting.fetch_sub(1, Ordering::Relaxed);
}

/// Without its own id Windows shows the toast under another program's name, or not at all.
#[cfg(windows)]
fn decorate(native: &mut Native, identifier: &str) {
    native.app_id(identifier);
}

#[cfg(target_os = "macos")]
fn decorate(_: &mut Native, _: &str) {}
