//! The one window: where it stands, what closing it means, and where its links lead.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tauri::{
    AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
    plugin::TauriPlugin,
    webview::{NewWindowResponse, PageLoadEvent},
};
use tauri_plugin_opener::OpenerExt;
use tauri_plugin_window_state::{AppHandleExt, StateFlags};

use tokio::sync::Notify;

use crate::{NAME, WINDOW, computer, desk::Desk, tray};

mod fit;
mod page;
pub(crate) mod zoom;

/// When the window has not moved for this long, its position is saved.
const STANDS_STILL: Duration = Duration::from_secs(1);

/// The saved window state. Whether it was hidden is not saved: starting the app always shows the window.
fn kept() -> StateFlags {
    StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED
}

/// Keeps the window's place between starts.
pub(crate) fn placement() -> TauriPlugin<tauri::Wry> {
    tauri_plugin_window_state::Builder::new().with_state_flags(kept()).build()
}

/// Opens it. `data_dir`: where the server inside keeps everything.
pub(crate) fn open(app: &AppHandle, desk: Arc<Desk>, data_dir: &Path) -> tauri::Result<()> {
    let (navigating, opening, loaded) = (app.clone(), app.clone(), Arc::clone(&desk));
    let is_placed = AtomicBool::new(false);
    let (folder, is_kept) = page_folder(app, data_dir);
    let window = WebviewWindowBuilder::new(app, WINDOW, WebviewUrl::default())
        .title(NAME)
        .data_directory(folder)
        .incognito(!is_kept)
        .inner_size(1280.0, 800.0)
        .initialization_script(include_str!("window.js"))
        // After the page has loaded, so that creating the tray icon does not delay it.
        .on_page_load(move |window, load| {
            if load.event() == PageLoadEvent::Finished {
                tray::put_up(window.app_handle(), loaded.tray_state());
                // By now the desktop has drawn a frame around it.
                if !is_placed.swap(true, Ordering::Relaxed) {
                    fit_to_screen(&window);
                }
            }
        })
        // A file or link dropped on the window must not replace the page.
        .on_navigation(move |url| {
            let stays = is_interface(url);
            if !stays {
                open_outside(&navigating, url);
            }
            stays
        })
        .on_new_window(move |url, _features| {
            open_outside(&opening, &url);
            NewWindowResponse::Deny
        })
        .build()?;
    zoom::apply(&window, desk.zoom());
    page::watch(&window, Arc::clone(&desk));
    desk.alerts.set_focused(window.is_focused().unwrap_or(false));
    fit_to_screen(&window);
    let watched = window.clone();
    let maximised = Arc::new(Maximised::default());
    let moved = keep_place(window.clone(), Arc::clone(&maximised));
    window.on_window_event(move |event| match event {
        WindowEvent::Moved(_) => moved.notify_one(),
        WindowEvent::Resized(_) => {
            moved.notify_one();
            if maximised.has_ended(&watched) {
                fit_to_screen(&watched);
            }
        }
        WindowEvent::Focused(focused) => {
            desk.alerts.set_focused(*focused);
            if *focused {
                desk.alerts.set_hidden(false);
            }
        }
        WindowEvent::CloseRequested { api, .. } => {
            api.prevent_close();
            desk.alerts.set_hidden(true);
            close(watched.clone());
        }
        _ => {}
    });
    Ok(())
}

/// Whether the window is maximised. The size that it had before may be that of a screen that is gone.
#[derive(Debug, Default)]
struct Maximised {
    /// When that was asked last.
    was: AtomicBool,
    /// It ended, and the window has not stood still since.
    ended: AtomicBool,
}

impl Maximised {
    /// Whether it has ended since this was asked last.
    fn has_ended(&self, window: &WebviewWindow) -> bool {
        let is_maximised = window.is_maximized().unwrap_or(false);
        let has_ended = self.was.swap(is_maximised, Ordering::Relaxed) && !is_maximised;
        self.ended.fetch_or(has_ended, Ordering::Relaxed);
        has_ended
    }

    /// The same once the window stands still: only then are its size and its place certain.
    fn has_ended_for_good(&self, window: &WebviewWindow) -> bool {
        self.has_ended(window);
        self.ended.swap(false, Ordering::Relaxed)
    }
}

fn fit_to_screen(window: &WebviewWindow) {
    if let Err(error) = fit::fit(window) {
        tracing::warn!(%error, "the window is not fitted to the screen");
    }
}

/// Where the web view keeps its cache, and whether it is kept at all: the platform's data folder, else that of the
/// server inside, else the platform's cache folder. No hotel data is in it.
fn page_folder(app: &AppHandle, data_dir: &Path) -> (PathBuf, bool) {
    let usual = app.path().app_local_data_dir().ok();
    let cache = app.path().app_cache_dir().ok();
    let lasting = usual.into_iter().chain([data_dir.join("page")]).chain(cache);
    for folder in lasting {
        match fs::create_dir_all(&folder) {
            Ok(()) => return (folder, true),
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "no page is kept there");
            }
        }
    }
    (std::env::temp_dir().join("frontdesk-page"), false)
}

/// Keeps the window's place a moment after each move, so that it is there after a crash, too.
fn keep_place(window: WebviewWindow, maximised: Arc<Maximised>) -> Arc<Notify> {
    let moved = Arc::new(Notify::new());
    let moving = Arc::clone(&moved);
    tauri::async_runtime::spawn(async move {
        loop {
            moving.notified().await;
            // While it moves, it waits.
            while tokio::time::timeout(STANDS_STILL, moving.notified()).await.is_ok() {}
            // Its size is asked for on the window's own thread.
            let (on, maximised) = (window.clone(), Arc::clone(&maximised));
            let stands_still = move || {
                if maximised.has_ended_for_good(&on) {
                    fit_to_screen(&on);
                }
                save_place(on.app_handle());
            };
            if window.run_on_main_thread(stands_still).is_err() {
                return;
            }
        }
    });
    moved
}

fn save_place(app: &AppHandle) {
    if let Err(error) = app.save_window_state(kept()) {
        tracing::warn!(%error, "the window's position could not be saved");
    }
}

/// The app goes on without its window, behind the tray's icon. Where there is no tray, the window is minimised: it
/// could not be found again otherwise.
fn close(window: WebviewWindow) {
    save_place(window.app_handle());
    tauri::async_runtime::spawn(async move {
        let has_tray = window.app_handle().tray_by_id(tray::TRAY).is_some();
        let hidden =
            if has_tray && computer::has_tray().await { window.hide() } else { window.minimize() };
        if let Err(error) = hidden {
            tracing::warn!(%error, "the window cannot be closed");
        }
    });
}

/// The interface comes from inside the program: under this scheme, or this host on Windows.
fn is_interface(url: &Url) -> bool {
    (url.scheme() == "tauri" && url.host_str() == Some("localhost"))
        || (url.scheme() == "http" && url.host_str() == Some("tauri.localhost"))
}

/// A link in a message opens in the browser; anything but a web page opens nowhere.
fn open_outside(app: &AppHandle, url: &Url) {
    if !is_web_page(url) {
        return tracing::info!(scheme = url.scheme(), "a link was not opened");
    }
    if let Err(error) = app.opener().open_url(url.as_str(), None::<&str>) {
        tracing::warn!(%error, "the browser cannot be opened");
    }
}

fn is_web_page(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn only_the_interface_is_shown_in_the_window() {
        assert!(is_interface(&url("tauri://localhost/index.html")));
        assert!(is_interface(&url("http://tauri.localhost/")));
        for other in ["https://tauri.localhost.example.com/", "http://localhost/", "tauri://other/"]
        {
            assert!(!is_interface(&url(other)), "{other}");
        }
    }

    #[test]
    fn only_web_pages_are_opened_outside() {
        assert!(is_web_page(&url("https://example.com/menu")));
        assert!(is_web_page(&url("http://example.com/")));
        for other in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "mailto:a@example.com",
            "https://example.com@evil.example/",
            "smb://server/share",
        ] {
            assert!(!is_web_page(&url(other)), "{other}");
        }
    }
}
