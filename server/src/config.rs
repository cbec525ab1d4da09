//! What a server is told before it starts.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    time::Duration,
};

use crate::{
    auth::{self, ForeignOrigin, SetupToken},
    clock::Clock,
    delivery::AddressRules,
    region::TimeZoneName,
    tls::Tls,
};

/// How one server behaves. [`Config::new`] gives the values of the contract.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the database and everything else that is kept; made when missing.
    pub data_dir: PathBuf,
    /// Commands a connection may send per second, in bursts of three times as many; 0: any number.
    pub commands_per_second: u32,
    /// Origins of browsers, beside the server's own, that may use the session cookie: of the same site, which
    /// [`Config::check`] checks.
    pub allowed_origins: Vec<String>,
    /// Names by which browsers may call the server, beside `localhost` and bare addresses. Empty: only
    /// those while it listens on loopback, and any name when it listens elsewhere.
    pub public_hosts: Vec<String>,
    /// The path below which browsers find the server: empty, or one that begins with a slash and does not end with
    /// one, such as `/desk`. A proxy may cut it off or leave it.
    pub public_path: String,
    /// Addresses, beside loopback, that may read `/metrics`.
    pub metrics_addresses: Vec<IpAddr>,
    /// TLS for those who come in; without it, it ends at a proxy or nobody is in between.
    pub tls: Option<Tls>,
    /// Proxies that say in `X-Forwarded-For` who calls; what others say there is ignored.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Connections that one address may have open at the same time; 0: any number.
    pub connections_per_address: usize,
    /// WebSockets that one person may have open at the same time; 0: any number.
    pub connections_per_person: usize,
    /// Addresses, beside trusted proxies, that may have any number.
    pub unlimited_addresses: Vec<ipnet::IpNet>,
    /// How long a connection may take for the head of a request, or stay without one.
    pub head_timeout: Duration,
    /// How long a request may take from there to its answer; a socket's answer is the upgrade.
    pub request_timeout: Duration,
    /// How long a connection may take nothing of what it is told.
    pub write_timeout: Duration,
    /// Guests' messages that one gateway may bring in per second, in bursts of five times as many; 0: any number.
    pub gateway_messages_per_second: u32,
    /// Networks of this computer that replies may be sent to, also where an admin has set the callback over HTTP.
    pub callback_networks: Vec<ipnet::IpNet>,
    /// Whether callbacks that were set over HTTP may be on this computer, as in the server of the desktop app.
    pub callbacks_to_this_computer: bool,
    /// Fill an empty data directory with the demo hotel, and let simulated guests write.
    pub demo: bool,
    /// How many times as often the simulated guests write. `None`: at the usual rate, and alerts do not
    /// repeat.
    pub demo_pace: Option<NonZeroU32>,
    /// Backups, one a day, that are kept in the data directory; 0: none are made.
    pub daily_backups: u32,
    /// Go on with a database that has lost data which its daily backups have.
    pub accept_lost_data: bool,
    /// How long a person may be without a connection before colleagues get `user_disconnected`.
    pub presence_grace: Duration,
    /// Opens `POST /setup/` while there is no staff; `None`: nothing does.
    pub setup_token: Option<SetupToken>,
    /// Where the time comes from.
    pub clock: Clock,
    /// The time zone of new hotels, unless they name their own.
    pub time_zone: TimeZoneName,
}

impl Config {
    /// Checks what depends on where the server listens: pages of the allowed origins must be of its own site.
    ///
    /// # Errors
    /// [`ForeignOrigin`], in words for the person who starts the program.
    pub fn check(&self, listener: SocketAddr) -> Result<(), ForeignOrigin> {
        auth::check_listed(self, listener)
    }

    /// A server with the contract's values that keeps its data in `data_dir`.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            commands_per_second: 20,
            allowed_origins: Vec::new(),
            metrics_addresses: Vec::new(),
            public_hosts: Vec::new(),
            public_path: String::new(),
            tls: None,
            trusted_proxies: Vec::new(),
            connections_per_address: 256,
            connections_per_person: 64,
            unlimited_addresses: vec![
                ipnet::Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
                ipnet::IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            ],
            head_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            gateway_messages_per_second: 100,
            callback_networks: Vec::new(),
            callbacks_to_this_computer: false,
            demo: false,
            demo_pace: None,
            daily_backups: 0,
            accept_lost_data: false,
            presence_grace: Duration::from_secs(5),
            setup_token: None,
            clock: Clock::System,
            time_zone: TimeZoneName::of_this_computer(),
        }
    }

    /// The addresses that callbacks which were set over HTTP may have.
    pub(crate) fn callback_rules(&self) -> AddressRules {
        AddressRules {
            loopback: self.callbacks_to_this_computer,
            networks: self.callback_networks.clone(),
        }
    }
}
