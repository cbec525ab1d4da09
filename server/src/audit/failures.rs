//! Failed sign-ins, bounded: whoever guesses passwords must not be able to fill the disk.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use crate::{app::App, hub::lock, journal::Written, protocol::Id, store::StoreError};

use super::{Actor, Entry, Subject};

/// Entries per account in one hour.
const PER_HOUR: u32 = 10;

const HOUR: Duration = Duration::from_hours(1);

/// How many failures of each account were logged in its current hour. As many accounts as there are:
/// a name that nobody has is not logged, as it may well be a password in the wrong box.
#[derive(Debug, Default)]
pub(crate) struct FailedSignIns(Mutex<HashMap<Id, (Duration, u32)>>);

impl FailedSignIns {
    /// Whether one more is logged; `now` is the time that has passed
    /// ([`Clock::passed`](crate::clock::Clock::passed)).
    fn take(&self, staff_id: Id, now: Duration) -> bool {
        let mut hours = lock(&self.0);
        let (began, count) = hours.entry(staff_id).or_insert((now, 0));
        if now.saturating_sub(*began) >= HOUR {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= PER_HOUR
    }

    /// Logs a wrong password. Nobody waits for it: an account that exists must not answer later than
    /// one that does not.
    pub(crate) fn log(app: &App, property_id: Id, staff_id: Id) {
        let now = app.clock.passed();
        if !app.failed_sign_ins.take(staff_id, now) {
            return;
        }
        let app = app.clone();
        tokio::spawn(async move {
            let actor = Actor::Server;
            let subject = Subject::Staff(staff_id);
            let entry = Entry::new(property_id, actor, "sign_in_failed", subject);
            let logged = app.journal.write(move |_| {
                Box::pin(async move { Ok::<_, StoreError>(Written::logged((), [entry])) })
            });
            if logged.await.is_err() {
                tracing::warn!(staff = staff_id, "a failed sign-in could not be logged");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_an_hour_are_logged_for_each_account() {
        let failures = FailedSignIns::default();
        let now = Duration::from_secs(1);
        let logged = |id, now| (0..1_000).filter(|_| failures.take(id, now)).count();
        assert_eq!(logged(1, now), 10);
        assert_eq!(logged(2, now), 10);
        assert_eq!(logged(1, now + HOUR - Duration::from_millis(1)), 0);
        assert_eq!(logged(1, now + HOUR), 10);
    }
}
