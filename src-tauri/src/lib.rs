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
#[cfg(all(unix, not(target_os = "macos")))]
mod desktop;
mod drafts;
mod environment;
mod error;
mod files;
#[cfg(all(unix, not(target_os = "macos")))]
mod instance;
mod keep_awake;
mod keychain;
mod log;
mod message;
mod network;
mod notify;
mod outbox;
mod probe;
mod sealed;
mod settings;
mod sound;
mod tray;
mod trust;
mod window;

use std::{process::ExitCode, sync::Arc};

use tauri::{Manager, RunEvent};

use desk::Desk;
use environment::Environment;

/// The program's name, as people read it.
const NAME: &str = "Frontdesk";

/// The one window.
const WINDOW: &str = "main";

/// Shown when the program cannot run at all.
const CANNOT_START: &str = "Frontdesk cannot start";

/// Opens the window and stays until the app is quit.
#[must_use]
pub fn run() -> ExitCode {
    let environment = Environment::read();
    log::start(environment.as_ref().map(|it| it.data_dir.as_path()));
    let Some(environment) = environment else {
        return cannot_start(
            "There is no home directory. Set HOME or FRONTDESK_DATA_DIR and start it again.",
        );
    };
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::warn!("another TLS provider is already installed");
    }
    let context = context();
    let name = environment.instance_id(&context.config().identifier);
    start(environment, context, name)
}

fn cannot_start(why: &str) -> ExitCode {
    tracing::error!(why, CANNOT_START);
    message::show_alone(CANNOT_START, why);
    ExitCode::FAILURE
}

/// Starts unless the desk runs already.
#[cfg(all(unix, not(target_os = "macos")))]
fn start(environment: Environment, context: tauri::Context, name: String) -> ExitCode {
    let held = match tauri::async_runtime::block_on(instance::look(&name)) {
        instance::Start::First(held) => held,
        instance::Start::Shown => return ExitCode::SUCCESS,
        instance::Start::Left => return ExitCode::FAILURE,
        // Anew, as this process has shown a message already: the window's toolkit belongs to that message's thread.
        instance::Start::Ended => return start_anew(),
    };
    let _bus = desktop::stay_without_bus();
    let serving = move |app: &tauri::AppHandle| {
        tauri::async_runtime::spawn(instance::serve(app.clone(), name.clone(), held.clone()));
    };
    run_until_quit(tauri::Builder::default(), context, environment, serving)
}

#[cfg(any(windows, target_os = "macos"))]
fn start(environment: Environment, context: tauri::Context, name: String) -> ExitCode {
    // First: a second start ends here.
    let plugin = tauri_plugin_single_instance::Builder::new()
        .dbus_id(name)
        .callback(|app, _arguments, _folder| tray::bring_forward(app))
        .build();
    run_until_quit(tauri::Builder::default().plugin(plugin), context, environment, |_| {})
}

#[cfg(all(unix, not(target_os = "macos")))]
fn start_anew() -> ExitCode {
    use std::os::unix::process::CommandExt as _;
    let error = match std::env::current_exe() {
        Ok(program) => std::process::Command::new(program).args(std::env::args_os().skip(1)).exec(),
        Err(error) => error,
    };
    tracing::error!(%error, "Frontdesk cannot be started again");
    ExitCode::FAILURE
}

fn run_until_quit(
    builder: tauri::Builder<tauri::Wry>,
    context: tauri::Context,
    environment: Environment,
    started: impl Fn(&tauri::AppHandle) + Send + 'static,
) -> ExitCode {
    let built = builder
        .plugin(tauri_plugin_opener::init())
        .plugin(window::placement())
        .invoke_handler(commands::handler())
        .setup(move |app| {
            started(app.handle());
            let data_dir = environment.data_dir.clone();
            let desk = Desk::new(app.handle().clone(), environment);
            app.manage(Arc::clone(&desk));
            let early = Arc::clone(&desk);
            tauri::async_runtime::spawn(async move { early.warm_up().await });
            tauri::async_runtime::spawn(Arc::clone(&desk).watch_computer());
            quit_on_signals(app.handle().clone());
            // An error here would be a panic in Tauri.
            if let Err(error) = window::open(app.handle(), desk, &data_dir) {
                window_failed(app.handle().clone(), &error);
            }
            Ok(())
        })
        .build(context);
    match built {
        Ok(app) => {
            app.run(on_event);
            ExitCode::SUCCESS
        }
        Err(error) => cannot_start(&format!("The window cannot be opened: {error}.")),
    }
}

/// There is no window: a message says so, and the program ends when the person has read it.
fn window_failed(app: tauri::AppHandle, error: &tauri::Error) {
    tracing::error!(%error, "the window cannot be opened");
    let why = format!("The window cannot be opened: {error}.");
    tauri::async_runtime::spawn(async move {
        message::show_and_wait(CANNOT_START, &why).await;
        app.exit(1);
    });
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

#[expect(clippy::disallowed_methods, reason = "Tauri's macro writes a call that macOS needs")]
fn context() -> tauri::Context {
    tauri::generate_context!()
}
