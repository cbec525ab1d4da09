//! The one window: where it stands, what closing it means, and where its links lead.

use std::{sync::Arc, time::Duration};

use tauri::{
    AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
    plugin::TauriPlugin,
    webview::{NewWindowResponse, PageLoadEvent},
};
use tauri_plugin_opener::OpenerExt;
use tauri_plugin_window_state::{AppHandleExt, StateFlags};

use tokio::sync::Notify;

use crate::{NAME, WINDOW, computer, desk::Desk, tray};

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

/// Opens it.
pub(crate) fn open(app: &AppHandle, desk: Arc<Desk>) -> tauri::Result<()> {
    let (navigating, opening, loaded) = (app.clone(), app.clone(), Arc::clone(&desk));
    let window = WebviewWindowBuilder::new(app, WINDOW, WebviewUrl::default())
        .title(NAME)
        .inner_size(1280.0, 800.0)
        .min_inner_size(900.0, 600.0)
        .initialization_script(include_str!("window.js"))
        // After the page has loaded, so that creating the tray icon does not delay it.
        .on_page_load(move |window, load| {
            if load.event() == PageLoadEvent::Finished {
                tray::put_up(window.app_handle(), loaded.tray_state());
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
    desk.alerts.set_focused(window.is_focused().unwrap_or(false));
    let watched = window.clone();
    let moved = keep_place(app.clone());
    window.on_window_event(move |event| match event {
        WindowEvent::Moved(_) | WindowEvent::Resized(_) => moved.notify_one(),
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

/// Keeps the window's place a moment after each move, so that it is there after a crash, too.
fn keep_place(app: AppHandle) -> Arc<Notify> {
    let moved = Arc::new(Notify::new());
    let moving = Arc::clone(&moved);
    tauri::async_runtime::spawn(async move {
        loop {
            moving.notified().await;
            // While it moves, it waits.
            while tokio::time::timeout(STANDS_STILL, moving.notified()).await.is_ok() {}
            // Its size is asked for on the window's own thread.
            let on = app.clone();
            if app.run_on_main_thread(move || save_place(&on)).is_err() {
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
