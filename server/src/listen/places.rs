//! How many connections there may be: in all, and for each address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ipnet::IpNet;
use tokio_util::task::TaskTracker;

use crate::{Config, auth::network, hub::lock};

/// Open files that connections leave to everything else: database, backups, gateways, the command line. At
/// most a quarter of all.
const FOR_FILES: usize = 128;

/// Places that are kept for this computer and trusted proxies: at most an eighth of all open files.
const FOR_NEAR: usize = 64;

/// The connections that there are.
#[derive(Debug)]
pub(crate) struct Places {
    per_address: usize,
    unlimited: Vec<IpNet>,
    /// In all.
    most: usize,
    /// In all, before one more of a stranger is refused.
    most_with_strangers: usize,
    taken: Mutex<Taken>,
    /// Connections that the server has closed and whose last bytes are on their way.
    closing: TaskTracker,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Of strangers, by what one person has at will.
    by_network: HashMap<IpAddr, usize>,
}

/// One connection's place, given back when it ends.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    /// Without one it counts among all only.
    network: Option<IpAddr>,
}

/// Lets this program have as many open files as the system allows it, and says how many. Systems begin with
/// 1,024, for the sake of programs that cannot count further.
pub(crate) fn raise_open_files() -> usize {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(most) => usize::try_from(most).unwrap_or(usize::MAX),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            1024
        }
    }
}

impl Places {
    /// Places for connections, of so many open files.
    pub(crate) fn new(config: &Config, open_files: usize) -> Self {
        let proxies = config.trusted_proxies.iter().chain(&config.unlimited_addresses);
        let most = open_files - FOR_FILES.min(open_files / 4);
        Self {
            per_address: config.connections_per_address,
            unlimited: proxies.copied().collect(),
            most,
            most_with_strangers: most - FOR_NEAR.min(open_files / 8),
            taken: Mutex::default(),
            closing: TaskTracker::new(),
        }
    }

    /// Waits until the last bytes of all connections have arrived, or `patience` is over. No connection may be
    /// served any more.
    pub(crate) async fn all_closed(&self, patience: Duration) {
        self.closing.close();
        if tokio::time::timeout(patience, self.closing.wait()).await.is_err() {
            tracing::debug!(connections = self.closing.len(), "ended while clients were sending");
        }
    }

    /// A place for one more, unless there are too many.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let is_near = self.unlimited.iter().any(|network| network.contains(&peer));
        let most = if is_near { self.most } else { self.most_with_strangers };
        let network = (!is_near && self.per_address > 0).then(|| network(peer));
        let mut taken = lock(&self.taken);
        if taken.all >= most {
            return None;
        }
        if let Some(network) = network {
            let count = taken.by_network.entry(network).or_default();
            if *count >= self.per_address {
                return None;
            }
            *count += 1;
        }
        taken.all += 1;
        drop(taken);
        Some(Place { places: Arc::clone(self), network })
    }
}

impl Place {
    /// Where a connection counts whose last bytes are on their way.
    pub(super) fn closing(&self) -> &TaskTracker {
        &self.places.closing
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.places.taken);
        taken.all -= 1;
        let Some(network) = self.network else { return };
        if let Some(count) = taken.by_network.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                taken.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(per_address: usize, open_files: usize) -> Arc<Places> {
        let mut config = Config::new("unused");
        config.connections_per_address = per_address;
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        Arc::new(Places::new(&config, open_files))
    }

    fn take(places: &Arc<Places>, peer: &str) -> Option<Place> {
        places.take(peer.parse().unwrap())
    }

    #[test]
    fn all_addresses_that_one_person_has_count_as_one() {
        let places = places(2, 1000);
        let first = take(&places, "2001:db8:1:2::1");
        let second = take(&places, "2001:db8:1:2:ffff:ffff:ffff:ffff");
        assert!(first.is_some() && second.is_some());
        assert!(take(&places, "2001:db8:1:2:3::4").is_none());
        assert!(take(&places, "2001:db8:1:3::1").is_some(), "a neighbour");
        drop(first);
        assert!(take(&places, "2001:db8:1:2:3::4").is_some());
        // An IPv4 address is one address, however it is written.
        let held = [take(&places, "192.0.2.1"), take(&places, "::ffff:192.0.2.1")];
        assert!(held.iter().all(Option::is_some) && take(&places, "192.0.2.1").is_none());
        assert!(take(&places, "192.0.2.2").is_some());
    }

    #[test]
    fn strangers_leave_room_for_this_computer_and_all_leave_room_for_files() {
        let places = places(0, 1024);
        let mut held = Vec::new();
        while let Some(place) = take(&places, "192.0.2.1") {
            held.push(place);
        }
        assert_eq!(held.len(), 1024 - FOR_FILES - FOR_NEAR);
        let near = ["127.0.0.1", "::1", "10.1.2.3"];
        while let Some(place) = take(&places, near[held.len() % near.len()]) {
            held.push(place);
        }
        assert_eq!(held.len(), 1024 - FOR_FILES);
        held.truncate(1024 - FOR_FILES - FOR_NEAR - 1);
        assert!(take(&places, "192.0.2.7").is_some());
    }

    #[test]
    fn where_there_are_few_open_files_there_is_still_room_for_everybody() {
        let places = places(0, 64);
        let strangers: Vec<_> = (0..40).map(|_| take(&places, "192.0.2.1")).collect();
        assert!(strangers.iter().all(Option::is_some) && take(&places, "192.0.2.1").is_none());
        assert!(take(&places, "127.0.0.1").is_some());
    }
}
