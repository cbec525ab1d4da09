//! The requests of the command line. A request is carried out by the process that has the data directory
//! open: the running server (over its local socket), or the command itself.

mod execute;
mod gateways;
mod guests;
mod perform;
mod place;
mod properties;
mod socket;
mod staff;
mod stays;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::{
    guestdata::Format,
    journal::WriteError,
    protocol::{Id, UserType},
    region::{CountryCode, TimeZoneName},
    store::{StoreError, staff::StaffError},
    text::TextError,
};

pub use perform::{note_backup, perform};
pub use properties::RETENTION_MAX_DAYS;

pub use gateways::{GatewayLastError, GatewayLine};
pub(crate) use gateways::{
    Secrets as GatewaySecrets, callback as gateway_callback, entries as gateway_entries,
};
pub(crate) use properties::{Choices, choose, chosen};
pub(crate) use socket::AdminSocket;

/// Something to be done to the data.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the members are the command line's options")]
pub enum Request {
    /// A new hotel.
    PropertyCreate { name: String },
    /// All properties, or one.
    PropertyList { property: Option<Id> },
    /// What a property has chosen; what is `None` stays. 0 days: conversations are kept for ever.
    PropertySet {
        property: Option<Id>,
        name: Option<String>,
        time_zone: Option<TimeZoneName>,
        country: Option<CountryChoice>,
        retention_days: Option<i64>,
        retention: Option<RetentionKind>,
        second_factor: Option<SecondFactorRule>,
    },
    /// A guest's data is about to be handed out.
    GuestExport { property: Option<Id>, id: Id, format: Format },
    /// Nothing of this guest is left.
    GuestErase { property: Option<Id>, id: Id },
    /// A new account.
    StaffCreate {
        property: Option<Id>,
        username: String,
        name: String,
        /// Slugs; the first is the person's first department.
        departments: Vec<String>,
        user_type: UserType,
        is_admin: bool,
        /// `None`: one is made up and answered.
        password: Option<Password>,
    },
    /// All accounts, or those of one property.
    StaffList { property: Option<Id> },
    /// Nobody signs in with this account any more; whoever is signed in is signed out.
    StaffDisable { property: Option<Id>, username: String },
    /// A new password; whoever is signed in is signed out.
    StaffSetPassword { property: Option<Id>, username: String, password: Option<Password> },
    /// Ends all sessions of the account.
    StaffSignOut { property: Option<Id>, username: String },
    /// Takes the second factor of the account away, and ends all its sessions.
    StaffRemoveSecondFactor { property: Option<Id>, username: String },
    /// A guest arrives.
    GuestCheckIn {
        property: Option<Id>,
        name: String,
        room: String,
        whatsapp: Option<String>,
        language: Option<String>,
        /// Who arrives when a guest of another name has the number.
        #[serde(default)]
        arrives: Option<Arrives>,
    },
    /// A guest leaves.
    GuestCheckOut { property: Option<Id>, guest: GuestChoice },
    /// Rooms, known ones left as they are.
    RoomAdd { property: Option<Id>, numbers: Vec<String> },
    /// A program that brings guests' messages in.
    GatewayCreate {
        property: Option<Id>,
        name: String,
        callback_url: Option<String>,
        #[serde(default)]
        stays: bool,
    },
    /// All gateways, or those of one property.
    GatewayList { property: Option<Id> },
    /// Changes a gateway; members that are `None` stay.
    GatewaySet {
        property: Option<Id>,
        id: Id,
        name: Option<String>,
        callback_url: Option<Choice<String>>,
        is_disabled: Option<bool>,
        replies_through: Option<Choice<Id>>,
    },
    /// A new key and signing secret for a gateway.
    GatewayRenewKey { property: Option<Id>, id: Id },
    /// The demo hotel.
    DemoLoad,
    /// Logs that a backup was written.
    NoteBackup,
    /// Confirms the date after the clock has jumped.
    ClockConfirm,
}

/// A new value, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice<T> {
    /// No value.
    None,
    /// This value.
    Value(T),
}

impl<T> Choice<T> {
    fn into_option(self) -> Option<T> {
        match self {
            Self::None => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// The country that a property gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountryChoice {
    /// None: only international telephone numbers are read.
    None,
    /// This one.
    Country(CountryCode),
}

/// What becomes of closed conversations in the end.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, ToSchema, TS,
)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum RetentionKind {
    /// They are deleted.
    Delete,
    /// They stay without guest and texts.
    Anonymise,
}

/// Who needs a second factor.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, ToSchema, TS,
)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SecondFactorRule {
    /// Each person decides.
    Optional,
    /// Admins must set it up.
    Admins,
}

/// A password on its way to being hashed, or to the one who asked for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Who arrives with a number that a guest of another name has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrives {
    /// The same person, who is called by the new name from now on.
    SameGuest,
    /// Another person, who takes the number over.
    NewGuest,
}

/// How the command line names a guest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestChoice {
    /// By id.
    Id(Id),
    /// By number, written in any way.
    Whatsapp(String),
    /// By the room they stay in.
    Room(String),
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the members are those that `--json` prints")]
pub enum Response {
    /// The hotel.
    Property { id: Id, name: String },
    /// Properties and what they have chosen.
    Properties { properties: Vec<PropertyLine> },
    /// Handing the guest's data out is in the log.
    GuestExport { property_id: Id, guest_id: Id },
    /// Nothing of the guest is left, but in copies that are older.
    GuestErased {
        guest_id: Id,
        conversations: usize,
        messages: u64,
        /// Whether the files hold nothing of them either.
        is_cleared: bool,
        older_copies: Vec<String>,
    },
    /// The account; the password only when it was made up.
    StaffCreated { id: Id, username: String, password: Option<Password> },
    /// Accounts.
    Staff { accounts: Vec<Account> },
    /// The account is disabled.
    StaffDisabled { id: Id, username: String },
    /// The account has a new password; here only when it was made up.
    PasswordSet { id: Id, username: String, password: Option<Password> },
    /// All sessions of the account have ended.
    SignedOut { id: Id, username: String },
    /// The account has no second factor any more, and no session.
    SecondFactorRemoved { id: Id, username: String },
    /// The guest is in.
    CheckedIn { guest_id: Id, stay_id: Id, room_number: String },
    /// The guest is out.
    CheckedOut { guest_id: Id, stay_id: Id, room_number: String },
    /// The rooms, in the order in which they were given.
    Rooms { rooms: Vec<RoomLine> },
    /// The gateway, with what is told only once.
    Gateway { id: Id, name: String, key: String, signing_secret: String },
    /// Gateways, without their keys and secrets.
    Gateways { gateways: Vec<GatewayLine> },
    /// The demo hotel is there.
    Demo { property_id: Id, name: String, username: String, password: Password },
    /// The backup is in the log.
    BackupNoted,
    /// The date is confirmed; whether the clock had jumped.
    ClockConfirmed { had_jumped: bool },
}

/// A property, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyLine {
    /// Its id.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// Name of its time zone in the IANA database.
    pub time_zone: String,
    /// ISO 3166-1 alpha-2 code of its country.
    pub country: Option<String>,
    /// Days after which closed conversations go; `None`: they are kept.
    pub retention_days: Option<i64>,
    /// What becomes of them then.
    pub retention: RetentionKind,
    /// Who needs a second factor.
    pub second_factor: SecondFactorRule,
}

/// An account, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: Id,
    /// What they sign in with.
    pub username: String,
    /// What others see.
    pub name: String,
    /// What it is for.
    pub user_type: UserType,
    /// Whether admin calls are open to it.
    pub is_admin: bool,
    /// Slugs, the first department first.
    pub departments: Vec<String>,
    /// Whether nobody can sign in with it.
    pub disabled: bool,
    /// The property it belongs to.
    pub property_id: Id,
}

/// A room, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomLine {
    /// Its id.
    pub id: Id,
    /// What is on its door.
    pub number: String,
}

/// Why a request was not carried out: a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum AdminError {
    /// The request itself is not right (exit code 2).
    #[error("{0}")]
    Usage(String),
    /// It cannot be done (exit code 1).
    #[error("{0}")]
    Failed(String),
}

impl AdminError {
    /// It cannot be done.
    pub(crate) fn failed(sentence: impl Into<String>) -> Self {
        Self::Failed(sentence.into())
    }

    /// The request itself is not right.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self::Usage(sentence.into())
    }
}

impl AdminError {
    /// The same as of a change that can only fail in storage.
    pub(crate) fn from_store(error: WriteError<StoreError>) -> Self {
        match error {
            WriteError::Refused(error) => error.into(),
            WriteError::Unavailable => WriteError::<Self>::Unavailable.into(),
        }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self::Failed(format!(
            "nothing was changed, because the database cannot be used: {}",
            error.explain()
        ))
    }
}

impl From<WriteError<Self>> for AdminError {
    fn from(error: WriteError<Self>) -> Self {
        match error {
            WriteError::Refused(error) => error,
            WriteError::Unavailable => Self::failed(
                "nothing was changed, because the database cannot be written; check whether \
                 the disk is full, then try again",
            ),
        }
    }
}

impl From<StaffError> for AdminError {
    fn from(error: StaffError) -> Self {
        match error {
            StaffError::Store(error) => error.into(),
            error => Self::failed(error.to_string()),
        }
    }
}

/// What was given on the command line, or what is wrong with it.
fn given<T>(what: &str, read: Result<T, TextError>) -> Result<T, AdminError> {
    read.map_err(|error| AdminError::usage(format!("{what} {error}")))
}
