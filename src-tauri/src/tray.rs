//! The icon beside the clock, the window's title, and hiding and showing the window.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tauri::{
    AppHandle, Manager,
    image::Image,
    menu::{Menu, MenuItem},
    tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent},
};

use crate::{NAME, WINDOW};

const TRAY: &str = "tray";

/// Puts the icon up, once, with how many conversations have something unread. A desktop without a place for
/// it leaves the window as the only way in: it is hidden all the same when closed, and a second start shows
/// it again.
pub(crate) fn put_up(app: &AppHandle, unread: u32) {
    if app.tray_by_id(TRAY).is_some() {
        return;
    }
    // The library behind it is loaded at run time, and its absence is a panic there.
    let built = catch_unwind(AssertUnwindSafe(|| build(app)));
    match built {
        Ok(Ok(())) => show_unread(app, unread),
        Ok(Err(error)) => tracing::warn!(%error, "there is no tray"),
        Err(_) => tracing::warn!("there is no tray: libayatana-appindicator3 is missing"),
    }
}

fn build(app: &AppHandle) -> tauri::Result<()> {
    let show = MenuItem::with_id(app, "show", "Show Frontdesk", true, None::<&str>)?;
    let quit = MenuItem::with_id(app, "quit", "Quit", true, None::<&str>)?;
    let menu = Menu::with_items(app, &[&show, &quit])?;
    TrayIconBuilder::with_id(TRAY)
        .icon(Image::from_bytes(include_bytes!("../icons/tray.png"))?)
        .tooltip(NAME)
        .menu(&menu)
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
    let shown = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!(%error, "the window cannot be shown");
    }
}

/// Says how many conversations have something unread, in the window's title and on the tray.
pub(crate) fn show_unread(app: &AppHandle, count: u32) {
    let title = match count {
        0 => NAME.to_owned(),
        count => format!("({count}) {NAME}"),
    };
    if let Some(window) = app.get_webview_window(WINDOW)
        && let Err(error) = window.set_title(&title)
    {
        tracing::warn!(%error, "the title cannot be set");
    }
    if let Some(tray) = app.tray_by_id(TRAY) {
        let tooltip = match count {
            0 => NAME.to_owned(),
            1 => format!("{NAME}: 1 conversation with something unread"),
            count => format!("{NAME}: {count} conversations with something unread"),
        };
        let beside = (count > 0).then(|| count.to_string());
        let told = tray.set_tooltip(Some(tooltip)).and_then(|()| tray.set_title(beside));
        if let Err(error) = told {
            tracing::warn!(%error, "the tray cannot be changed");
        }
    }
}
