//! The icon beside the clock, the window's title, and hiding and showing the window.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tauri::{
    AppHandle, Manager,
    image::Image,
    menu::{Menu, MenuItem},
    tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent},
};

use crate::{NAME, WINDOW, alerts::TrayState, attention::Status, desk::Desk};

/// The icon's name inside the program.
pub(crate) const TRAY: &str = "tray";

/// Creates the tray icon, once, in the given state. Where the desktop has no tray, the window is the only
/// access to the app: closing it minimises it, and starting the app again shows it.
pub(crate) fn put_up(app: &AppHandle, state: TrayState) {
    if app.tray_by_id(TRAY).is_some() {
        return;
    }
    // The library behind it is loaded at run time, and its absence is a panic there.
    let built = catch_unwind(AssertUnwindSafe(|| build(app)));
    match built {
        Ok(Ok(())) => show_state(app, state),
        Ok(Err(error)) => tracing::warn!(%error, "there is no tray"),
        Err(_) => tracing::warn!("there is no tray: libayatana-appindicator3 is missing"),
    }
}

/// The tray's menu; its first line shows the state.
fn menu(app: &AppHandle, status: &str) -> tauri::Result<Menu<tauri::Wry>> {
    let status = MenuItem::with_id(app, "status", status, false, None::<&str>)?;
    let show = MenuItem::with_id(app, "show", "Show Frontdesk", true, None::<&str>)?;
    let quit = MenuItem::with_id(app, "quit", "Quit", true, None::<&str>)?;
    Menu::with_items(app, &[&status, &show, &quit])
}

fn build(app: &AppHandle) -> tauri::Result<()> {
    TrayIconBuilder::with_id(TRAY)
        .icon(icon(false)?)
        .tooltip(NAME)
        .menu(&menu(app, NAME)?)
        .show_menu_on_left_click(false)
        .on_menu_event(|app, event| match event.id().as_ref() {
            "show" => bring_forward(app),
            "quit" => app.exit(0),
            _ => {}
        })
        .on_tray_icon_event(|tray, event| {
            let left = matches!(
                event,
                TrayIconEvent::Click {
                    button: MouseButton::Left,
                    button_state: MouseButtonState::Up,
                    ..
                }
            );
            if left {
                bring_forward(tray.app_handle());
            }
        })
        .build(app)?;
    Ok(())
}

/// Shows the window in front of the others.
pub(crate) fn bring_forward(app: &AppHandle) {
    let Some(window) = app.get_webview_window(WINDOW) else { return };
    app.state::<Arc<Desk>>().alerts.set_hidden(false);
    let shown = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!(%error, "the window cannot be shown");
    }
}

/// Shows in the window's title and on the tray how many guests wait, whether notifications are paused, and whether
/// the server can be reached.
pub(crate) fn show_state(app: &AppHandle, state: TrayState) {
    if let Some(window) = app.get_webview_window(WINDOW)
        && let Err(error) = window.set_title(&title(state))
    {
        tracing::warn!(%error, "the title cannot be set");
    }
    let Some(tray) = app.tray_by_id(TRAY) else { return };
    let text = description(state);
    let mut shown = tray.set_tooltip(Some(format!("{NAME}: {text}"))).and_then(|()| {
        // On Linux there is no tooltip; the menu says it.
        tray.set_menu(Some(menu(app, &text)?)).and_then(|()| tray.set_title(beside(state)))
    });
    if let Ok(icon) = icon(is_away(state)) {
        shown = shown.and_then(|()| tray.set_icon(Some(icon)));
    }
    if let Err(error) = shown {
        tracing::warn!(%error, "the tray cannot be changed");
    }
}

fn is_away(state: TrayState) -> bool {
    matches!(state.status, Some(Status::Offline | Status::SignedOut))
}

/// `(3) Frontdesk – notifications paused`
fn title(state: TrayState) -> String {
    let count = match state.count {
        0 => String::new(),
        count => format!("({count}) "),
    };
    let status = match state.status {
        Some(Status::Offline) => "Offline – ",
        Some(Status::SignedOut) => "Signed out – ",
        _ => "",
    };
    let paused = if state.is_paused { " – notifications paused" } else { "" };
    format!("{count}{status}{NAME}{paused}")
}

/// A line for the tooltip and the menu.
fn description(state: TrayState) -> String {
    let connection = match state.status {
        Some(Status::Offline) => Some("Offline".to_owned()),
        Some(Status::SignedOut) => Some("Signed out".to_owned()),
        _ => None,
    };
    let count = match state.count {
        0 => None,
        1 => Some("1 unread conversation waiting".to_owned()),
        count => Some(format!("{count} unread conversations waiting")),
    };
    let paused = state.is_paused.then(|| "notifications paused".to_owned());
    let parts: Vec<_> = [connection, count, paused].into_iter().flatten().collect();
    if parts.is_empty() { "Nobody waiting".to_owned() } else { parts.join(", ") }
}

/// Where the desktop shows a text beside the icon.
fn beside(state: TrayState) -> Option<String> {
    match state.status {
        Some(Status::Offline) => Some("Offline".to_owned()),
        Some(Status::SignedOut) => Some("Signed out".to_owned()),
        _ => (state.count > 0).then(|| state.count.to_string()),
    }
}

/// Grey while the server cannot be reached.
fn icon(is_grey: bool) -> tauri::Result<Image<'static>> {
    let image = Image::from_bytes(include_bytes!("../icons/tray.png"))?;
    if !is_grey {
        return Ok(image);
    }
    let mut pixels = image.rgba().to_vec();
    let (pixels_of_four, _) = pixels.as_chunks_mut::<4>();
    for [red, green, blue, _] in pixels_of_four {
        let sum = u16::from(*red) + u16::from(*green) + u16::from(*blue);
        let grey = u8::try_from(sum / 3).unwrap_or(u8::MAX);
        (*red, *green, *blue) = (grey, grey, grey);
    }
    Ok(Image::new_owned(pixels, image.width(), image.height()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_says_offline_paused_and_how_many_wait() {
        let state = |count, status, is_paused| TrayState { count, status: Some(status), is_paused };
        for (state, expected) in [
            (state(0, Status::Connected, false), "Frontdesk"),
            (state(3, Status::Connected, false), "(3) Frontdesk"),
            (state(3, Status::Offline, false), "(3) Offline – Frontdesk"),
            (state(0, Status::SignedOut, false), "Signed out – Frontdesk"),
            (state(1, Status::Connected, true), "(1) Frontdesk – notifications paused"),
            (state(0, Status::Connecting, false), "Frontdesk"),
        ] {
            assert_eq!(title(state), expected);
        }
        assert_eq!(
            description(state(2, Status::Offline, true)),
            "Offline, 2 unread conversations waiting, notifications paused"
        );
        assert_eq!(description(state(0, Status::Connected, false)), "Nobody waiting");
    }
}
