//! Wrong passwords make the next try wait: for that account from that address, and, much later, for
//! that address and for that account as a whole.
//!
//! The last two could be used against the desk by a guest who types a colleague's name again and
//! again. So they never concern a device that shows by its secret that it signed this person in
//! before: it has a count of its own. An address shows nothing: guests may have the desk's, and where
//! it made a difference, they could tell by it who has an account.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Mutex,
    time::Duration,
};

use sha2::{Digest, Sha256};

use crate::{
    hub::lock,
    protocol::{Id, Timestamp},
    store::sign_in::{FailureKey, Failures},
    text::username_key,
};

/// Failures of one account from one address, or on one device, that cost nothing (contract 2).
const FREE_FAILURES: u32 = 5;

/// Failures from one address, whatever the accounts, that cost nothing.
const FREE_FAILURES_OF_ADDRESS: u32 = 50;

/// Failures of one account, whatever the addresses, that cost nothing.
const FREE_FAILURES_OF_ACCOUNT: u32 = 100;

/// The first wait; it doubles with each failure.
const FIRST_WAIT: Duration = Duration::from_secs(15);

/// The longest wait (contract 2).
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// Failures are forgotten after so long without another one.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// Counts that are remembered, beside one for each account that exists; beyond it the oldest half is forgotten.
const REMEMBERED: usize = 10_000;

/// Failures, by what they are counted by. Also in the database, so that a restart forgives nothing.
#[derive(Debug)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<FailureKey, Failures>>,
}

/// Who tries a password.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visitor<'a> {
    pub(crate) account: &'a str,
    /// `None`: a proxy passed the request on and does not say from whom.
    pub(crate) address: Option<IpAddr>,
    /// Whether there is such an account: the count of all its failures is never forgotten to make room for others.
    pub(crate) is_account: bool,
    /// The device that signed the person in before, and shows it.
    pub(crate) device: Option<Id>,
}

/// A try that was let through. It counts as failed until it is settled, so that many at once get no
/// further than one after the other. Dropped without that, it was no failure and proves nothing
/// either: as if there had been no try.
#[derive(Debug)]
#[must_use]
pub(crate) struct Attempt<'a> {
    throttle: &'a Throttle,
    /// Also when the last failure was, before this try.
    keys: Vec<(FailureKey, Scope, Option<Timestamp>)>,
    at: Timestamp,
    /// Older counts are forgotten; those of accounts that exist are not before the second time.
    forget_before: (Timestamp, Timestamp),
    is_settled: bool,
}

/// What must be written after a try.
pub(crate) type Changed = (Vec<(FailureKey, Option<Failures>)>, (Timestamp, Timestamp));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    AccountAndAddress,
    Device,
    Address,
    Account,
}

impl Scope {
    const fn free_failures(self) -> u32 {
        match self {
            Self::AccountAndAddress | Self::Device => FREE_FAILURES,
            Self::Address => FREE_FAILURES_OF_ADDRESS,
            Self::Account => FREE_FAILURES_OF_ACCOUNT,
        }
    }

    /// Whether the right password proves that the failures were slips. It does not where the failures may
    /// be those of others: otherwise a person with an account could reset the count of their attempts at
    /// other accounts.
    const fn is_forgiven(self) -> bool {
        matches!(self, Self::AccountAndAddress | Self::Device)
    }

    fn key(self, words: &[&str]) -> FailureKey {
        let mut hash = Sha256::new();
        hash.update(format!("{self:?}"));
        for word in words {
            hash.update([0]);
            hash.update(word);
        }
        hash.finalize().into()
    }
}

impl Visitor<'_> {
    fn keys(&self) -> Vec<(FailureKey, Scope)> {
        let account = username_key(self.account);
        let key = |scope: Scope, words: &[&str]| (scope.key(words), scope);
        if let Some(id) = self.device {
            return vec![key(Scope::Device, &[&account, &id.to_string()])];
        }
        let mut keys = vec![key(Scope::Account, &[&account])];
        if let Some(known) = self.address {
            let address = network(known).to_string();
            keys.push(key(Scope::AccountAndAddress, &[&account, &address]));
            // Behind a proxy on this machine that nobody told of, everybody has this address.
            if !known.is_loopback() {
                keys.push(key(Scope::Address, &[&address]));
            }
        }
        keys
    }
}

/// What one person has at will: an address, or 2^64 of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

/// When the next try is let through.
fn wait_until(failures: Failures, scope: Scope) -> Timestamp {
    let Some(doublings) = failures.count.checked_sub(scope.free_failures()) else {
        return failures.last;
    };
    let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(doublings));
    failures.last.plus(wait.min(LONGEST_WAIT))
}

impl Throttle {
    /// One that remembers what is in the database.
    pub(crate) fn new(failures: impl IntoIterator<Item = (FailureKey, Failures)>) -> Self {
        Self { failures: Mutex::new(failures.into_iter().collect()) }
    }

    /// The clock has jumped by this many milliseconds: waits last as long as they would have without that.
    pub(crate) fn shift(&self, millis: i64) {
        for each in lock(&self.failures).values_mut() {
            each.last = each.last.plus_millis(millis);
        }
    }

    /// Lets a try through, or says how many seconds it must wait. Costs next to nothing.
    pub(crate) fn begin(&self, visitor: &Visitor<'_>, now: Timestamp) -> Result<Attempt<'_>, u64> {
        self.begin_with(visitor.keys(), visitor.is_account, now)
    }

    /// The same for a person who is signed in and must show their password once more.
    pub(crate) fn begin_again(&self, staff_id: Id, now: Timestamp) -> Result<Attempt<'_>, u64> {
        let key = Scope::Device.key(&["again", &staff_id.to_string()]);
        self.begin_with(vec![(key, Scope::Device)], true, now)
    }

    /// The same for a code of a second factor that a signed-in person has begun.
    pub(crate) fn begin_code(&self, staff_id: Id, now: Timestamp) -> Result<Attempt<'_>, u64> {
        self.begin_with(vec![(Self::code_key(staff_id), Scope::Device)], true, now)
    }

    /// They begin another second factor: codes of the one before say nothing of it.
    pub(crate) fn forget_codes(&self, staff_id: Id) {
        lock(&self.failures).remove(&Self::code_key(staff_id));
    }

    /// How many of those codes were wrong.
    pub(crate) fn wrong_codes(&self, staff_id: Id) -> u32 {
        lock(&self.failures).get(&Self::code_key(staff_id)).map_or(0, |each| each.count)
    }

    fn code_key(staff_id: Id) -> FailureKey {
        Scope::Device.key(&["code", &staff_id.to_string()])
    }

    fn begin_with(
        &self,
        keys: Vec<(FailureKey, Scope)>,
        is_account: bool,
        now: Timestamp,
    ) -> Result<Attempt<'_>, u64> {
        let mut failures = lock(&self.failures);
        let mut left = Duration::ZERO;
        for (key, scope) in &keys {
            if let Some(known) = failures.get_mut(key) {
                // A clock that was put back must not make anybody wait until it is there again.
                known.last = known.last.min(now);
                if now.since(known.last) > FORGOTTEN_AFTER {
                    failures.remove(key);
                    continue;
                }
                left = left.max(wait_until(*known, *scope).since(now));
            }
        }
        if !left.is_zero() {
            return Err(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
        }
        let day_ago = now.minus(FORGOTTEN_AFTER);
        let mut forget_before = day_ago;
        let others = || failures.values().filter(|each| !each.is_of_account);
        if failures.len() >= REMEMBERED && others().count() >= REMEMBERED {
            let mut times: Vec<_> = others().map(|each| each.last).collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied().unwrap_or(now);
            forget_before = forget_before.max(middle);
            failures
                .retain(|_, each| each.last > if each.is_of_account { day_ago } else { middle });
        }
        let counted = |(key, scope): (FailureKey, Scope)| {
            let before = failures.get(&key).map(|each| each.last);
            let new = Failures { count: 0, last: now, is_of_account: false };
            let each = failures.entry(key).or_insert(new);
            // There is one of these for each account, so their number is bounded.
            each.is_of_account = is_account && scope == Scope::Account;
            each.count = each.count.saturating_add(1);
            each.last = now;
            (key, scope, before)
        };
        let keys = keys.into_iter().map(counted).collect();
        let forget_before = (forget_before, day_ago);
        Ok(Attempt { throttle: self, keys, at: now, forget_before, is_settled: false })
    }
}

impl Attempt<'_> {
    /// The password was wrong.
    pub(crate) fn failed(mut self) -> Changed {
        self.is_settled = true;
        self.changed()
    }

    /// The password was right.
    pub(crate) fn succeeded(mut self) -> Changed {
        self.is_settled = true;
        self.take_back();
        let mut failures = lock(&self.throttle.failures);
        for (key, scope, _) in &self.keys {
            if scope.is_forgiven() {
                failures.remove(key);
            }
        }
        drop(failures);
        self.changed()
    }

    /// How the counts of this try stand now.
    fn changed(&self) -> Changed {
        let failures = lock(&self.throttle.failures);
        let counts = self.keys.iter().map(|(key, ..)| (*key, failures.get(key).copied()));
        (counts.collect(), self.forget_before)
    }

    fn take_back(&self) {
        let mut failures = lock(&self.throttle.failures);
        for (key, _, before) in &self.keys {
            let Some(each) = failures.get_mut(key) else { continue };
            each.count = each.count.saturating_sub(1);
            // Whoever fails meanwhile has the next one wait from then.
            if let Some(before) = before
                && each.last == self.at
            {
                each.last = *before;
            }
            if each.count == 0 {
                failures.remove(key);
            }
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.take_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn stranger(account: &str, address: IpAddr) -> Visitor<'_> {
        Visitor { account, address: Some(address), is_account: false, device: None }
    }

    fn fail(throttle: &Throttle, visitor: &Visitor<'_>, now: Timestamp) {
        throttle.begin(visitor, now).unwrap().failed();
    }

    #[test]
    fn five_failures_are_free_then_the_wait_doubles_to_a_quarter_of_an_hour() {
        let throttle = Throttle::new([]);
        let mut now = Timestamp::from_millis(1_000_000);
        for _ in 0..FREE_FAILURES {
            fail(&throttle, &stranger("ana", HOME), now);
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = throttle.begin(&stranger("Ana", HOME), now).unwrap_err();
            waits.push(wait);
            now = now.plus_millis(i64::try_from(wait).unwrap() * 1000);
            fail(&throttle, &stranger("ana", HOME), now);
        }
        assert_eq!(waits, [15, 30, 60, 120, 240, 480, 900, 900]);
        // Another account, and another address, are not concerned.
        fail(&throttle, &stranger("bob", HOME), now);
        fail(&throttle, &stranger("ana", IpAddr::from([10, 0, 0, 9])), now);
    }

    #[test]
    fn many_tries_at_once_get_no_further_than_one_after_the_other() {
        let throttle = Throttle::new([]);
        let now = Timestamp::from_millis(1_000_000);
        let visitor = stranger("ana", HOME);
        let pending: Vec<_> = (0..100).filter_map(|_| throttle.begin(&visitor, now).ok()).collect();
        assert_eq!(pending.len(), 5);
        drop(pending);
        fail(&throttle, &visitor, now);
    }

    #[test]
    fn an_address_and_an_account_as_a_whole_wait_too_but_not_on_known_devices() {
        let throttle = Throttle::new([]);
        let now = Timestamp::from_millis(1_000_000);
        let guest = IpAddr::from([10, 0, 0, 9]);
        let names: Vec<_> = (0..FREE_FAILURES_OF_ADDRESS).map(|n| format!("name{n}")).collect();
        for name in &names {
            fail(&throttle, &stranger(name, guest), now);
        }
        assert!(throttle.begin(&stranger("ana", guest), now).is_err());
        for host in 0..25 {
            for _ in 0..4 {
                fail(&throttle, &stranger("bob", IpAddr::from([10, 0, 1, host])), now);
            }
        }
        let desk = IpAddr::from([10, 0, 2, 1]);
        assert!(throttle.begin(&stranger("bob", desk), now).is_err());
        for (account, address) in [("ana", guest), ("bob", desk)] {
            let address = Some(address);
            let visitor = Visitor { account, address, is_account: true, device: Some(1) };
            fail(&throttle, &visitor, now);
        }
    }

    #[test]
    fn whoever_comes_through_a_proxy_that_names_nobody_counts_for_the_account_alone() {
        let throttle = Throttle::new([]);
        let now = Timestamp::from_millis(1_000_000);
        let unknown = |account| Visitor { account, address: None, is_account: false, device: None };
        let names: Vec<_> = (0..2 * FREE_FAILURES_OF_ADDRESS).map(|n| format!("name{n}")).collect();
        for name in &names {
            fail(&throttle, &unknown(name), now);
        }
        for _ in 0..FREE_FAILURES_OF_ACCOUNT {
            fail(&throttle, &unknown("ana"), now);
        }
        assert!(throttle.begin(&unknown("ana"), now).is_err());
        assert!(throttle.begin(&stranger("ana", HOME), now).is_err());
        fail(&throttle, &unknown("bob"), now);
    }

    #[test]
    fn a_known_device_may_not_guess_either() {
        let throttle = Throttle::new([]);
        let now = Timestamp::from_millis(1_000_000);
        let device = Some(1);
        for host in 0..5 {
            let address = Some(IpAddr::from([10, 0, 0, host]));
            let visitor = Visitor { account: "ana", address, is_account: true, device };
            fail(&throttle, &visitor, now);
        }
        let home = Visitor { account: "ana", address: Some(HOME), is_account: true, device };
        assert!(throttle.begin(&home, now).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_ends_after_a_day() {
        let throttle = Throttle::new([]);
        let mut now = Timestamp::from_millis(1_000_000);
        let names: Vec<_> = (0..REMEMBERED).map(|n| format!("name{n}")).collect();
        for name in &names {
            now = now.plus_millis(1);
            fail(&throttle, &stranger(name, HOME), now);
        }
        assert!(lock(&throttle.failures).len() <= REMEMBERED);
        let visitor = stranger("ana", HOME);
        for _ in 0..5 {
            fail(&throttle, &visitor, now);
        }
        assert!(throttle.begin(&visitor, now).is_err());
        fail(&throttle, &visitor, now.plus(FORGOTTEN_AFTER).plus_millis(1));
    }

    #[test]
    fn the_count_of_an_account_that_exists_is_not_forgotten_to_make_room() {
        let throttle = Throttle::new([]);
        let now = Timestamp::from_millis(1_000_000_000);
        let of = |account, address| Visitor {
            account,
            address: Some(address),
            is_account: true,
            device: None,
        };
        for host in 0..25 {
            for _ in 0..4 {
                fail(&throttle, &of("ana", IpAddr::from([10, 0, 1, host])), now);
            }
        }
        let names: Vec<_> = (0..3 * REMEMBERED).map(|n| format!("name{n}")).collect();
        for (number, name) in (1..).zip(&names) {
            fail(&throttle, &stranger(name, HOME), now.plus_millis(number / 10));
        }
        let later = now.plus(Duration::from_secs(5));
        let attacker = IpAddr::from([10, 0, 2, 1]);
        assert!(throttle.begin(&of("ana", attacker), later).is_err());
        assert!(lock(&throttle.failures).len() <= REMEMBERED + 3);
        // It is written down as one that stays.
        let waited = now.plus(LONGEST_WAIT);
        let changed = throttle.begin(&of("ana", attacker), waited).unwrap().failed();
        let kept = changed.0.iter().filter_map(|(_, failures)| *failures);
        assert_eq!(kept.filter(|each| each.is_of_account).map(|each| each.count).max(), Some(101));
        fail(&throttle, &of("ana", attacker), waited.plus(FORGOTTEN_AFTER).plus_millis(1));
    }

    #[test]
    fn a_clock_that_was_put_back_locks_nobody_out() {
        let throttle = Throttle::new([]);
        let now = Timestamp::from_millis(100_000_000);
        for _ in 0..5 {
            fail(&throttle, &stranger("ana", HOME), now);
        }
        let yesterday = now.minus(FORGOTTEN_AFTER);
        assert_eq!(throttle.begin(&stranger("ana", HOME), yesterday).unwrap_err(), 15);
        let later = yesterday.plus(FIRST_WAIT);
        assert!(throttle.begin(&stranger("ana", HOME), later).is_ok());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let one: IpAddr = "2001:db8:1:2::1".parse().unwrap();
        let other: IpAddr = "2001:db8:1:2:ffff::2".parse().unwrap();
        assert_eq!(network(one), network(other));
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(network(mapped), IpAddr::from([10, 0, 0, 1]));
    }
}
