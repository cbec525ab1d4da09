//! The server inside, shared with the other desks of the house: an encrypted door beside the one on loopback, found
//! by mDNS.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    time::Duration,
};

use frontdesk_server::Tls;
use if_addrs::IfAddr;
use mdns_sd::{ServiceDaemon, ServiceEvent, ServiceInfo};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::error::{Error, Result};

/// What shared servers are announced as.
const SERVICE: &str = "_frontdesk._tcp.local.";

/// Shown when the computer does not say its name.
const NAMELESS: &str = "Frontdesk";

/// Longest name in an announcement, in bytes (RFC 6763, 4.1.1).
const NAME_MAX_BYTES: usize = 63;

/// How long the network is asked for servers.
const LOOK_FOR: Duration = Duration::from_secs(2);

/// More are not listed.
const FOUND_MAX: usize = 32;

/// The encrypted door of the server inside.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) fingerprint: String,
    pub(crate) port: u16,
    /// Without it, others type the address.
    _announcement: Option<Announcement>,
}

/// Lasts as long as this.
struct Announcement(ServiceDaemon);

impl fmt::Debug for Announcement {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Announcement")
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::debug!(%error, "the mDNS announcement could not be withdrawn; it lasts until it expires");
        }
    }
}

/// A server that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) address: String,
}

impl Shared {
    /// Listens on every address of this computer.
    ///
    /// # Errors
    /// `port_taken`, or `no_certificate` with the reason.
    pub(crate) async fn open(data_dir: &Path, port: u16) -> Result<(Self, TcpListener, Tls)> {
        let listener = TcpListener::bind(("0.0.0.0", port)).await.map_err(|error| {
            Error::new(
                "port_taken",
                format!("This server cannot be shared: port {port} cannot be used ({error})."),
            )
        })?;
        let port = listener.local_addr().map_err(Error::internal)?.port();
        let dir = data_dir.to_owned();
        let tls = tokio::task::spawn_blocking(move || Tls::own(&dir));
        let tls = tls.await.map_err(Error::internal)?;
        let tls = tls.map_err(|error| {
            Error::new("no_certificate", format!("This server cannot be shared: {error}."))
        })?;
        let shared = Self { fingerprint: tls.fingerprint(), port, _announcement: announce(port) };
        Ok((shared, listener, tls))
    }

    /// Where other desks reach it.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let mut addresses: Vec<_> = interfaces
            .iter()
            .filter(|interface| !interface.is_loopback())
            .filter_map(|interface| match interface.ip() {
                IpAddr::V4(address) => Some(format!("https://{address}:{}", self.port)),
                IpAddr::V6(_) => None,
            })
            .collect();
        addresses.sort();
        addresses
    }
}

/// Tells the network; a network that does not want to know is none the less one.
fn announce(port: u16) -> Option<Announcement> {
    let name = computer_name();
    let announced = ServiceDaemon::new().and_then(|daemon| {
        let host = format!("{}.local.", host_label(&name));
        let service = ServiceInfo::new(SERVICE, &name, &host, (), port, None)?.enable_addr_auto();
        daemon.register(service)?;
        Ok(Announcement(daemon))
    });
    announced.inspect_err(|error| tracing::warn!(%error, "the shared server is not announced")).ok()
}

/// Asks the network for servers.
pub(crate) async fn find() -> Vec<Found> {
    let mut found = BTreeMap::new();
    let ours = networks();
    let Ok(daemon) = ServiceDaemon::new() else { return Vec::new() };
    if let Ok(events) = daemon.browse(SERVICE) {
        let looking = async {
            while let Ok(event) = events.recv_async().await {
                let ServiceEvent::ServiceResolved(service) = event else { continue };
                let name = service.fullname.trim_end_matches(SERVICE).trim_end_matches('.');
                let addresses: Vec<_> = service.get_addresses_v4().into_iter().collect();
                if let Some(address) = nearest(&addresses, &ours) {
                    found.insert(name.to_owned(), format!("https://{address}:{}", service.port));
                }
                if found.len() >= FOUND_MAX {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(LOOK_FOR, looking).await;
    }
    let _ = daemon.shutdown();
    found.into_iter().map(|(name, address)| Found { name, address }).collect()
}

/// This computer's networks: an address in each, and its mask.
fn networks() -> Vec<(Ipv4Addr, Ipv4Addr)> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let networks = interfaces.into_iter().filter_map(|interface| match interface.addr {
        IfAddr::V4(it) if !it.is_loopback() => Some((it.ip, it.netmask)),
        _ => None,
    });
    networks.collect()
}

/// Of a computer with several addresses, the one in a network of ours; the same one each time.
fn nearest(addresses: &[Ipv4Addr], ours: &[(Ipv4Addr, Ipv4Addr)]) -> Option<Ipv4Addr> {
    let is_near =
        |address: Ipv4Addr| ours.iter().any(|(own, mask)| address & *mask == *own & *mask);
    let usable = addresses.iter().copied().filter(|it| !it.is_loopback());
    usable.min_by_key(|address| (!is_near(*address), *address))
}

/// What people call this computer.
fn computer_name() -> String {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let name = name.split('.').next().unwrap_or_default();
    match name {
        "" => NAMELESS.to_owned(),
        name => name.chars().take(NAME_MAX_BYTES / 4).collect(),
    }
}

/// The name as a label of the domain name system.
fn host_label(name: &str) -> String {
    let label: String =
        name.chars().filter(|it| it.is_ascii_alphanumeric() || *it == '-').collect();
    if label.is_empty() { NAMELESS.to_owned() } else { label }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, net::UdpSocket};

    use super::*;

    /// Whether what this computer says to a group comes back to it; some containers have no such network.
    fn has_multicast() -> bool {
        const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 87, 65);
        let heard = || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            socket.join_multicast_v4(&GROUP, &Ipv4Addr::UNSPECIFIED)?;
            socket.set_read_timeout(Some(LOOK_FOR))?;
            socket.send_to(b"?", (GROUP, socket.local_addr()?.port()))?;
            socket.recv(&mut [0; 1])
        };
        heard().is_ok()
    }

    #[tokio::test]
    async fn what_is_shared_is_found() {
        let _announced = announce(18_766).unwrap();
        if !has_multicast() {
            // Past the test harness, which shows nothing of tests that pass.
            writeln!(std::io::stderr().lock(), "SKIPPED: no multicast on this computer").unwrap();
            return;
        }
        let mut tries = 0..20;
        while !find().await.iter().any(|server| server.address.ends_with(":18766")) {
            assert!(tries.next().is_some(), "the announcement was not found");
        }
    }
    #[test]
    fn an_address_in_a_network_of_ours_comes_first() {
        let ip = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        let ours = [(ip("192.168.1.20"), ip("255.255.255.0"))];
        let addresses = ["172.17.0.1", "192.168.1.5", "10.8.0.3", "127.0.0.1"].map(ip);
        assert_eq!(nearest(&addresses, &ours), Some(ip("192.168.1.5")));
        assert_eq!(nearest(&addresses, &[]), Some(ip("10.8.0.3")), "the same one each time");
        assert_eq!(nearest(&[ip("127.0.0.1")], &ours), None);
    }
}
