//! What a server is told before it starts.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use crate::{auth::SetupToken, clock::Clock};

/// How one server behaves. [`Config::new`] gives the values of the contract.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the database and everything else that is kept; made when missing.
    pub data_dir: PathBuf,
    /// Commands a connection may send per second, in bursts of three times as many; 0: any number.
    pub commands_per_second: u32,
    /// Origins of browsers, beside the server's own, that may use the session cookie.
    pub allowed_origins: Vec<String>,
    /// Addresses, beside loopback, that may read `/metrics`.
    pub metrics_addresses: Vec<IpAddr>,
    /// Proxies that say in `X-Forwarded-For` who calls; what others say there is ignored.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Fill an empty data directory with the demo hotel, and let simulated guests write.
    pub demo: bool,
    /// How long a person's last connection may be gone before colleagues hear of it.
    pub presence_grace: Duration,
    /// Opens `POST /setup/` while there is no staff; `None`: one is made and printed on standard error.
    pub setup_token: Option<SetupToken>,
    /// Where the time comes from.
    pub clock: Clock,
}

impl Config {
    /// A server with the contract's values that keeps its data in `data_dir`.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            commands_per_second: 20,
            allowed_origins: Vec::new(),
            metrics_addresses: Vec::new(),
            trusted_proxies: Vec::new(),
            demo: false,
            presence_grace: Duration::from_secs(5),
            setup_token: None,
            clock: Clock::System,
        }
    }
}
