//! `serve`: the server, from its first line to its last.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use frontdesk_server::{Config, OpenError, ServeError, Server, SetupToken, Tls, demo};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::{Failure, args::Serve};

pub(super) async fn run(data_dir: PathBuf, options: Serve, json: bool) -> Result<(), Failure> {
    start_log(&options.log, json)?;
    // From here on, a signal stops the program in order, also while the database is being opened.
    let signal = stop_signal().map_err(|error| Failure::failed(&error))?;
    let listener = match TcpListener::bind(&options.listen).await {
        Ok(listener) => listener,
        // If a server is using this data directory, that is the more helpful reason.
        Err(_) if Server::is_running(&data_dir) => {
            return Err(Failure::failed(&OpenError::InUse(data_dir)));
        }
        Err(error) => return Err(cannot_listen(&options.listen, &error)),
    };
    let address = listener.local_addr().map_err(|error| Failure::failed(&error))?;
    let token = SetupToken::generate();
    let mut config = Config::new(data_dir);
    config.commands_per_second = options.commands_per_second;
    config.allowed_origins = options.allowed_origins;
    config.metrics_addresses = options.metrics_addresses;
    config.public_hosts = options.public_hosts;
    config.connections_per_address = options.connections_per_address;
    config.connections_per_person = options.connections_per_person;
    config.gateway_messages_per_second = options.gateway_messages_per_second;
    config.callback_networks = options.callback_networks;
    config.trusted_proxies = options.trusted_proxies;
    config.tls = match (options.tls_cert, options.tls_key) {
        (Some(certificate), Some(key)) => {
            let tls = Tls::from_files(certificate, key);
            Some(tls.map_err(|error| Failure::failed(&error))?)
        }
        _ => None,
    };
    config.public_path = options.public_path;
    config.check(address).map_err(|error| Failure::Usage(error.to_string()))?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    config.accept_lost_data = options.accept_lost_data;
    config.daily_backups = options.daily_backups;
    config.demo = options.demo;
    config.demo_pace = options.demo_pace;
    config.setup_token = Some(token.clone());
    let server = Server::open(config).await.map_err(|error| Failure::failed(&error))?;
    if server.needs_setup().await.map_err(|error| Failure::failed(&error))? {
        tell(&format!(
            "This server has no accounts yet. Set it up in the desktop app or a browser with this one-time setup code:\n\n    {}\n\n\
             or create an account on the command line: frontdesk-server staff create --help\n",
            token.reveal()
        ));
    }
    if options.demo {
        tell(&demo::logins());
    }
    let serving = server.run(listener, signal);
    let line = serde_json::json!({ "event": "listening", "url": format!("{scheme}://{address}") });
    let mut out = io::stdout().lock();
    // Standard output may be closed; the server runs anyway.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    drop(out);
    serving.await.map_err(|error: ServeError| Failure::failed(&error))
}

fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn start_log(filter: &str, json: bool) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| {
        Failure::Usage(format!(
            "--log {filter:?} is not a valid filter ({error}); specify a level such as info"
        ))
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let ansi = io::IsTerminal::is_terminal(&io::stderr());
    let started = if json { log.json().try_init() } else { log.with_ansi(ansi).try_init() };
    started.map_err(|error| Failure::Failed(error.to_string()))
}

fn cannot_listen(listen: &str, error: &io::Error) -> Failure {
    Failure::Failed(match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program is already listening on {listen}; stop it, or choose another \
             port with --listen"
        ),
        io::ErrorKind::PermissionDenied => {
            format!(
                "this user is not allowed to listen on {listen}; choose a port above \
                 1023 with --listen"
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{listen} is not an address of this computer; choose another one with --listen")
        }
        _ => format!(
            "the server cannot listen on {listen} ({error}); choose another address with --listen"
        ),
    })
}

/// Done when the program is told to stop.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Done when the program is told to stop.
#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    let mut close = tokio::signal::windows::ctrl_close()?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = close.recv() => {}
        }
    })
}
