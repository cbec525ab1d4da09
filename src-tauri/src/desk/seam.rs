//! Shapes of the interface's seam (`ui/src/backend/types.ts`) around choosing a server and signing in.

use frontdesk_server::protocol::{Id, User};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Which screen comes first, and what it shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Startup {
    pub(crate) screen: Screen,
    /// The signed-in person, on the inbox.
    pub(crate) user: Option<User>,
    /// Address of the server, to be shown.
    pub(crate) server_url: Option<String>,
    /// Whether another server can be chosen.
    pub(crate) can_choose: bool,
    pub(crate) keyring: Keyring,
    /// Whether the server is the one inside, which can be shared with other desks.
    pub(crate) can_share: bool,
    /// A sentence for the person.
    pub(crate) notice: Option<String>,
    /// Why the server that was chosen before did not open, with the ways out.
    pub(crate) failure: Option<Error>,
    /// The conversation that was on the screen of a page that stopped, and is shown again.
    pub(crate) open_conversation: Option<Id>,
}

/// See [`Startup::screen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Screen {
    Choose,
    Setup,
    SignIn,
    Inbox,
}

/// Whether the sign-in can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Keyring {
    Ok,
    /// It has not said yet: somebody has to unlock it.
    Waiting,
    Unavailable,
}

/// How the server inside is shared with other desks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Sharing {
    /// Addresses and the certificate's fingerprint; `None`: it is not shared.
    pub(crate) shared: Option<SharedAt>,
}

/// Where, and how it is known there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SharedAt {
    pub(crate) addresses: Vec<String>,
    pub(crate) fingerprint: String,
}

/// What the person chose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum ServerChoice {
    /// The server inside, with the demo hotel or with the real one.
    ThisComputer {
        #[serde(default)]
        demo: bool,
        /// Any free port instead of the one that is taken.
        #[serde(default)]
        any_port: bool,
        /// Name of a daily backup that takes the place of the database first.
        #[serde(default)]
        restore: Option<String>,
        /// Go on without data that only the backups have.
        #[serde(default)]
        accept_lost_data: bool,
    },
    /// One elsewhere.
    HotelServer {
        address: String,
        #[serde(default)]
        accept_plain_http: bool,
        /// Of its certificate, when the person has compared it.
        #[serde(default)]
        fingerprint: Option<String>,
        /// Not remembered for the next start.
        #[serde(default)]
        once: bool,
    },
}

impl ServerChoice {
    /// The server inside, as usual.
    pub(crate) fn this_computer(demo: bool) -> Self {
        Self::ThisComputer { demo, any_port: false, restore: None, accept_lost_data: false }
    }
}

/// The first account. The token that proves that it may be made comes with it for a server elsewhere.
#[derive(Clone, Deserialize)]
pub(crate) struct SetupBody {
    pub(crate) property_name: String,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) password: String,
    #[serde(default)]
    pub(crate) setup_token: Option<String>,
    /// IANA name of this computer's time zone.
    #[serde(default)]
    pub(crate) time_zone: Option<String>,
}
