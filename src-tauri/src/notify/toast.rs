//! Notifications of Windows and macOS, where each has a thread that waits for a click.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use notify_rust::{Notification as Native, NotificationResponse};
use tokio::sync::mpsc;

use super::{Click, Notice, Request};

/// Beyond this number at once, a click only dismisses.
const MAX_THREADS: usize = 64;

/// Carries requests out until there are no more.
pub(super) async fn serve(
    identifier: String,
    mut requests: mpsc::Receiver<Request>,
    on_click: impl Fn(Click) + Send + Sync + 'static,
) {
    let (identifier, on_click) = (Arc::<str>::from(identifier), Arc::new(on_click));
    let waiting = Arc::new(AtomicUsize::new(0));
    // Counts how often notifications were withdrawn: a click on an older one does nothing.
    let withdrawn = Arc::new(AtomicUsize::new(0));
    while let Some(request) = requests.recv().await {
        let (notice, answer) = match request {
            Request::Show(notice, answer) => (notice, answer),
            Request::Withdraw(super::Which::All) => {
                withdrawn.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            // These systems take back nothing; a click leads to what waits now.
            Request::Withdraw(_) => continue,
        };
        let (identifier, on_click) = (Arc::clone(&identifier), Arc::clone(&on_click));
        let (waiting, withdrawn, before) =
            (Arc::clone(&waiting), Arc::clone(&withdrawn), withdrawn.load(Ordering::Relaxed));
        let clicked = move |click| {
            if withdrawn.load(Ordering::Relaxed) == before {
                on_click(click);
            }
        };
        let spawned =
            std::thread::Builder::new().name("notification".to_owned()).spawn(move || {
                let native = native(&notice, &identifier);
                match native.show() {
                    Ok(handle) => {
                        let _ = answer.send(Ok(()));
                        wait_for_click(handle, &notice, &waiting, clicked);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the desktop shows no notifications");
                        let _ = answer.send(Err(error.to_string()));
                    }
                }
            });
        if let Err(error) = spawned {
            tracing::error!(%error, "a notification cannot be shown");
        }
    }
}

fn native(notice: &Notice, identifier: &str) -> Native {
    let mut native = Native::new();
    native.appname(crate::NAME).summary(&notice.title).body(&notice.body).action("default", "Open");
    if notice.offers_silence {
        native.action("silence", "Silence");
    }
    if notice.plays_sound {
        native.sound_name("Default");
    }
    decorate(&mut native, identifier);
    native
}

/// The thread keeps the handle: without it, a click is lost.
fn wait_for_click(
    handle: notify_rust::NotificationHandle,
    notice: &Notice,
    waiting: &AtomicUsize,
    on_click: impl FnOnce(Click),
) {
    if waiting.fetch_add(1, Ordering::Relaxed) < MAX_THREADS {
        let open = Click::Open(notice.topic);
        let waited = handle.wait_for_response(|response: &NotificationResponse| {
            // On Windows its button is an action of that name.
            match response {
                NotificationResponse::Default => on_click(open),
                NotificationResponse::Action(name) if name == "default" => on_click(open),
                NotificationResponse::Action(name) if name == "silence" => {
                    on_click(Click::Silence);
                }
                _ => {}
            }
        });
        if let Err(error) = waited {
            tracing::warn!(%error, "a click on this notification is lost");
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
