//! Native messages, for problems that the page in the window cannot show.

#[cfg(all(unix, not(target_os = "macos")))]
use rfd::MessageDialogResult;
use rfd::{MessageButtons, MessageLevel};

#[cfg(all(unix, not(target_os = "macos")))]
use crate::environment::has_screen;

/// Shows a message beside the window, without waiting for the person.
pub(crate) fn show(title: &'static str, text: &'static str) {
    tauri::async_runtime::spawn(show_and_wait(title, text));
}

/// Shows a message while the program runs, and waits until the person has read it.
pub(crate) async fn show_and_wait(title: &str, text: &str) {
    rfd::AsyncMessageDialog::new()
        .set_level(MessageLevel::Warning)
        .set_title(title)
        .set_description(text)
        .set_buttons(MessageButtons::Ok)
        .show()
        .await;
}

/// Shows a message where there is no window, and waits until the person has read it.
pub(crate) fn show_alone(title: &str, text: &str) {
    #[cfg(all(unix, not(target_os = "macos")))]
    if !has_screen() {
        return;
    }
    rfd::MessageDialog::new()
        .set_level(MessageLevel::Error)
        .set_title(title)
        .set_description(text)
        .set_buttons(MessageButtons::Ok)
        .show();
}

/// Asks a question where there is no window. Returns whether the person chose `yes`.
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) fn ask_alone(title: &str, text: &str, yes: &str, no: &str) -> bool {
    if !has_screen() {
        return false;
    }
    let answer = rfd::MessageDialog::new()
        .set_level(MessageLevel::Warning)
        .set_title(title)
        .set_description(text)
        .set_buttons(MessageButtons::OkCancelCustom(yes.to_owned(), no.to_owned()))
        .show();
    matches!(answer, MessageDialogResult::Ok)
        || matches!(answer, MessageDialogResult::Custom(chosen) if chosen == yes)
}
