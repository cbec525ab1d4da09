//! Wrong passwords make the next try wait, for that account from that address only.

use std::{collections::HashMap, net::IpAddr, sync::Mutex};

use crate::{hub::lock, protocol::Timestamp};

/// Failures that cost nothing (contract 2).
const FREE_FAILURES: u32 = 5;

/// The first wait, in milliseconds; it doubles with each failure.
const FIRST_WAIT_MILLIS: i64 = 15_000;

/// The longest wait: 15 minutes.
const LONGEST_WAIT_MILLIS: i64 = 15 * 60 * 1000;

/// Pairs of account and address that are remembered; beyond it the oldest half is forgotten.
const REMEMBERED: usize = 10_000;

/// Failures by account and address.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<(String, IpAddr), Failures>>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Failures {
    fn wait_until(self) -> Timestamp {
        if self.count < FREE_FAILURES {
            return self.last;
        }
        let doublings = (self.count - FREE_FAILURES).min(20);
        let wait = (FIRST_WAIT_MILLIS << doublings).min(LONGEST_WAIT_MILLIS);
        self.last.plus_millis(wait)
    }
}

impl Throttle {
    /// How many seconds this account must wait from this address; `None`: it may try.
    pub(crate) fn wait_seconds(&self, account: &str, from: IpAddr, now: Timestamp) -> Option<u64> {
        let failures = *lock(&self.failures).get(&(account.to_lowercase(), from))?;
        let left_millis = failures.wait_until().as_millis() - now.as_millis();
        u64::try_from(left_millis).ok().filter(|left| *left > 0).map(|left| left.div_ceil(1000))
    }

    /// A try failed.
    pub(crate) fn failed(&self, account: &str, from: IpAddr, now: Timestamp) {
        let mut failures = lock(&self.failures);
        if failures.len() >= REMEMBERED {
            let mut times: Vec<_> = failures.values().map(|each| each.last).collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied().unwrap_or(now);
            failures.retain(|_, each| each.last > middle);
        }
        let each = failures
            .entry((account.to_lowercase(), from))
            .or_insert(Failures { count: 0, last: now });
        // Somebody who comes back after a day starts anew.
        if now.as_millis() - each.last.as_millis() > 24 * 60 * 60 * 1000 {
            each.count = 0;
        }
        each.count = each.count.saturating_add(1);
        each.last = now;
    }

    /// A try succeeded.
    pub(crate) fn succeeded(&self, account: &str, from: IpAddr) {
        lock(&self.failures).remove(&(account.to_lowercase(), from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_are_free_then_the_wait_doubles_to_a_quarter_of_an_hour() {
        let throttle = Throttle::default();
        let home = IpAddr::from([127, 0, 0, 1]);
        let mut now = Timestamp::from_millis(1_000_000);
        for _ in 0..FREE_FAILURES {
            assert_eq!(throttle.wait_seconds("ana", home, now), None);
            throttle.failed("ana", home, now);
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = throttle.wait_seconds("Ana", home, now).unwrap();
            waits.push(wait);
            now = now.plus_millis(i64::try_from(wait).unwrap() * 1000);
            assert_eq!(throttle.wait_seconds("ana", home, now), None);
            throttle.failed("ana", home, now);
        }
        assert_eq!(waits, [15, 30, 60, 120, 240, 480, 900, 900]);
        let elsewhere = IpAddr::from([10, 0, 0, 7]);
        assert_eq!(throttle.wait_seconds("ana", elsewhere, now), None);
        throttle.succeeded("ana", home);
        assert_eq!(throttle.wait_seconds("ana", home, now), None);
    }
}
