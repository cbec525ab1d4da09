//! Who may come in: passwords, sessions and the proofs that requests carry (contract 1.1).

mod admission;
mod origin;
mod password;
mod second_factor;
mod secret;
mod strength;
mod throttle;
mod turns;
mod used_codes;

pub use origin::ForeignOrigin;
pub use secret::SetupToken;

pub(crate) use admission::{Admin, Admitted, COOKIE, OwnAccount, bearer, cookie, require};
pub(crate) use origin::{check_listed, is_listed, require_own_page};
pub(crate) use password::{PasswordRefused, Passwords, Verdict, generate_password};
pub(crate) use second_factor::{Code, TotpSecret, hash_recovery_code, picture, recovery_codes};
pub(crate) use secret::{Secret, hash_secret};
pub(crate) use strength::{PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS, PASSWORD_TYPED_MAX_CHARS};
pub(crate) use throttle::{Attempt, Changed, Throttle, Visitor, network};
pub(crate) use turns::Turns;
pub(crate) use used_codes::UsedCodes;

use std::time::Duration;

use crate::protocol::Timestamp;

/// How long a session lasts from its last use (contract 2).
pub(crate) const SESSION: Duration = Duration::from_hours(30 * 24);

/// When a session used at `now` ends.
pub(crate) fn session_end(now: Timestamp) -> Timestamp {
    now.plus(SESSION)
}
