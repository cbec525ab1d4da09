//! Notices that the computer's network changed, so that a lost connection is tried again at once.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

/// Nobody waits longer than this for a network that has come back.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Returns once the computer has an address that it did not have before.
pub(super) async fn new_address() {
    arrival(addresses, LOOK_EVERY).await;
}

async fn arrival(addresses: impl Fn() -> BTreeSet<IpAddr>, look_every: Duration) {
    let mut known = addresses();
    loop {
        tokio::time::sleep(look_every).await;
        let now = addresses();
        if now.difference(&known).next().is_some() {
            return;
        }
        known = now;
    }
}

/// The computer's addresses on its networks.
fn addresses() -> BTreeSet<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().filter(|it| !it.is_loopback()).map(if_addrs::Interface::ip).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn an_address_that_comes_back_is_noticed_and_one_that_goes_is_not() {
        let address = IpAddr::from([192, 168, 1, 7]);
        let seen = Mutex::new([vec![address], vec![], vec![], vec![address]].into_iter());
        let looks = std::cell::Cell::new(0);
        arrival(
            || {
                looks.set(looks.get() + 1);
                seen.lock().unwrap().next().unwrap().into_iter().collect()
            },
            Duration::from_millis(1),
        )
        .await;
        assert_eq!(looks.get(), 4);
    }
}
