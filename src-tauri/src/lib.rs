//! The desktop app of Frontdesk: everything that knows Tauri, and nothing else does.

use std::process::ExitCode;

use tauri::{WebviewUrl, WebviewWindowBuilder};

/// Opens the window and stays until the app is quit.
#[must_use]
pub fn run() -> ExitCode {
    let ran = tauri::Builder::default()
        .setup(|app| {
            WebviewWindowBuilder::new(app, "main", WebviewUrl::default())
                .title("Frontdesk")
                .build()?;
            Ok(())
        })
        .run(context());
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the window cannot be opened");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "Tauri's macro writes a call that macOS needs")]
fn context() -> tauri::Context {
    tauri::generate_context!()
}
