//! Options of `serve`. The comments here are what `--help` shows.

use std::{net::IpAddr, num::NonZeroU32, path::PathBuf};

use clap::{Args, builder::BoolishValueParser};
use ipnet::IpNet;

use crate::cli::names;

/// Fastest pace of the demo: at the usual one, a guest writes every 10 to 40 s.
const DEMO_PACE_MAX: u32 = 100;

#[derive(Debug, Args)]
pub(in crate::cli) struct Serve {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(
        long,
        env = "FRONTDESK_LISTEN",
        default_value = "127.0.0.1:8765",
        value_name = "ADDRESS:PORT"
    )]
    #[arg(value_parser = listen_address)]
    pub(in crate::cli) listen: String,

    /// Fill an empty data folder with the demo hotel and let simulated guests write
    #[arg(long, env = "FRONTDESK_DEMO", value_parser = BoolishValueParser::new())]
    pub(in crate::cli) demo: bool,

    /// With --demo: guests write N times as often as usual, and alerts repeat while somebody waits
    #[arg(long, env = "FRONTDESK_DEMO_PACE", value_name = "N", requires = "demo")]
    #[arg(value_parser = demo_pace)]
    pub(in crate::cli) demo_pace: Option<NonZeroU32>,

    /// Number of daily backups to keep in `backups` in the data folder; 0: none are made
    #[arg(long, env = "FRONTDESK_DAILY_BACKUPS", default_value_t = 0, value_name = "N")]
    pub(in crate::cli) daily_backups: u32,

    /// Start although the database has lost data that its daily backups have
    #[arg(long, env = "FRONTDESK_ACCEPT_LOST_DATA", value_parser = BoolishValueParser::new())]
    pub(in crate::cli) accept_lost_data: bool,

    /// Commands a connection may send per second, in bursts of three times as many; 0: any number
    #[arg(long, env = "FRONTDESK_COMMANDS_PER_SECOND", default_value_t = 20, value_name = "N")]
    pub(in crate::cli) commands_per_second: u32,

    /// Origin of pages, beside the server's own, that may use the session cookie: another port or a sub-domain of
    /// its name; may be repeated
    #[arg(long = "allowed-origin", env = "FRONTDESK_ALLOWED_ORIGIN", value_name = "ORIGIN")]
    #[arg(value_delimiter = ',', value_parser = names::origin)]
    pub(in crate::cli) allowed_origins: Vec<String>,

    /// Name by which browsers call this server, such as desk.hotel.example; may be repeated
    #[arg(long = "public-host", env = "FRONTDESK_PUBLIC_HOST", value_name = "NAME")]
    #[arg(value_delimiter = ',', value_parser = names::host)]
    pub(in crate::cli) public_hosts: Vec<String>,

    /// Path below which browsers find this server behind a proxy, such as /desk/
    #[arg(long, env = "FRONTDESK_PUBLIC_PATH", default_value = "/", value_name = "PATH")]
    #[arg(value_parser = names::public_path, hide_default_value = true)]
    pub(in crate::cli) public_path: String,

    /// Connections that one address may have at the same time; 0: any number
    #[arg(
        long,
        env = "FRONTDESK_CONNECTIONS_PER_ADDRESS",
        default_value_t = 256,
        value_name = "N"
    )]
    pub(in crate::cli) connections_per_address: usize,

    /// WebSockets that one person may have at the same time; 0: any number
    #[arg(long, env = "FRONTDESK_CONNECTIONS_PER_PERSON", default_value_t = 64, value_name = "N")]
    pub(in crate::cli) connections_per_person: usize,

    /// Guests' messages that a gateway may bring in per second, in bursts of five times as many; 0: any number
    #[arg(
        long,
        env = "FRONTDESK_GATEWAY_MESSAGES_PER_SECOND",
        default_value_t = 100,
        value_name = "N"
    )]
    pub(in crate::cli) gateway_messages_per_second: u32,

    /// Network of this computer, such as 127.0.0.0/8, that replies may be sent to also where an admin has set the
    /// callback over HTTP; may be repeated
    #[arg(long = "callback-network", env = "FRONTDESK_CALLBACK_NETWORK", value_name = "IP[/BITS]")]
    #[arg(value_delimiter = ',', value_parser = network)]
    pub(in crate::cli) callback_networks: Vec<IpNet>,

    /// Address, beside loopback, that may read /metrics; may be repeated
    #[arg(long = "metrics-address", env = "FRONTDESK_METRICS_ADDRESS", value_name = "IP")]
    #[arg(value_delimiter = ',')]
    pub(in crate::cli) metrics_addresses: Vec<IpAddr>,

    /// Serve with TLS: the certificate chain (PEM); read again every hour
    #[arg(long, env = "FRONTDESK_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(in crate::cli) tls_cert: Option<PathBuf>,

    /// The key of the certificate (PEM)
    #[arg(long, env = "FRONTDESK_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(in crate::cli) tls_key: Option<PathBuf>,

    /// Proxy that says in X-Forwarded-For who calls, which it must do; an address or a network; may be repeated
    #[arg(long = "trusted-proxy", env = "FRONTDESK_TRUSTED_PROXY", value_name = "IP[/BITS]")]
    #[arg(value_delimiter = ',', value_parser = network)]
    pub(in crate::cli) trusted_proxies: Vec<IpNet>,

    /// What to log: a level, or a filter such as `info,frontdesk_server::delivery=debug`
    #[arg(long, env = "FRONTDESK_LOG", default_value = "info", value_name = "FILTER")]
    #[arg(value_parser = names::log_filter)]
    pub(in crate::cli) log: String,
}

fn demo_pace(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .ok()
        .filter(|pace: &NonZeroU32| pace.get() <= DEMO_PACE_MAX)
        .ok_or_else(|| format!("must be a whole number from 1 to {DEMO_PACE_MAX}"))
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "must be an address or a network, such as 10.0.0.2 or 10.0.0.0/24".to_owned())
}

fn listen_address(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("must be an address and a port, such as 127.0.0.1:8765 or [::1]:8765".to_owned()),
    }
}
