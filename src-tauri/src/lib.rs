//! The desktop app of Frontdesk: everything that knows Tauri, and nothing else does.
//!
//! The window shows the interface; `desk` holds what it works on, and goes on while it is hidden.

mod address;
mod alerts;
mod api;
mod attention;
mod backend;
mod commands;
mod computer;
mod connection;
mod desk;
mod drafts;
mod environment;
mod error;
mod files;
mod keep_awake;
mod keychain;
mod network;
mod notify;
mod outbox;
mod sealed;
mod settings;
mod sound;
mod tray;
mod trust;
mod window;

use std::{process::ExitCode, sync::Arc};

use tauri::{Manager, RunEvent};
use tracing_subscriber::EnvFilter;

use desk::Desk;
use environment::Environment;

/// The program's name, as people read it.
const NAME: &str = "Frontdesk";

/// The one window.
const WINDOW: &str = "main";

/// Opens the window and stays until the app is quit.
#[must_use]
pub fn run() -> ExitCode {
    start_log();
    let Some(environment) = Environment::read() else {
        tracing::error!("there is no home directory; set HOME or FRONTDESK_DATA_DIR");
        return ExitCode::FAILURE;
    };
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::warn!("another TLS provider is already installed");
    }
    match build(environment) {
        Ok(app) => {
            app.run(on_event);
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(%error, "the window cannot be opened");
            ExitCode::FAILURE
        }
    }
}

fn build(environment: Environment) -> tauri::Result<tauri::App> {
    let context = context();
    let instance = environment.instance_id(&context.config().identifier);
    tauri::Builder::default()
        // This plugin must come first: a second instance ends in it.
        .plugin(
            tauri_plugin_single_instance::Builder::new()
                .dbus_id(instance)
                .callback(|app, _arguments, _folder| tray::bring_forward(app))
                .build(),
        )
        .plugin(tauri_plugin_opener::init())
        .plugin(window::placement())
        .invoke_handler(commands::handler())
        .setup(move |app| {
            let desk = Desk::new(app.handle().clone(), environment);
            app.manage(Arc::clone(&desk));
            let early = Arc::clone(&desk);
            tauri::async_runtime::spawn(async move { early.warm_up().await });
            tauri::async_runtime::spawn(Arc::clone(&desk).watch_computer());
            window::open(app.handle(), desk)?;
            quit_on_signals(app.handle().clone());
            Ok(())
        })
        .build(context)
}

fn on_event(app: &tauri::AppHandle, event: RunEvent) {
    match event {
        // The last window was closed: the app stays in the tray. A call of `exit` has a code and ends the
        // app.
        RunEvent::ExitRequested { code: None, api, .. } => api.prevent_exit(),
        RunEvent::Exit => {
            let desk = Arc::clone(&app.state::<Arc<Desk>>());
            tauri::async_runtime::block_on(desk.close());
        }
        _ => {}
    }
}

/// Stops the app in order when the person signs out of the computer.
fn quit_on_signals(app: tauri::AppHandle) {
    tauri::async_runtime::spawn(async move {
        match ended_by_signal().await {
            Ok(()) => app.exit(0),
            Err(error) => {
                tracing::warn!(%error, "signals cannot be handled; they end the app at once");
            }
        }
    });
}

#[cfg(unix)]
async fn ended_by_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        pressed = tokio::signal::ctrl_c() => pressed,
    }
}

#[cfg(not(unix))]
async fn ended_by_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// To standard error; `RUST_LOG` chooses what.
fn start_log() {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,frontdesk=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

#[expect(clippy::disallowed_methods, reason = "Tauri's macro writes a call that macOS needs")]
fn context() -> tauri::Context {
    tauri::generate_context!()
}
