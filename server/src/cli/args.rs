//! What can be written on the command line. The comments here are what `--help` shows.

mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::BoolishValueParser};
use frontdesk_server::{
    admin::{Choice, CountryChoice, RETENTION_MAX_DAYS, RetentionKind, SecondFactorRule},
    guestdata::Format,
    protocol::{Id, UserType},
    region::TimeZoneName,
};

pub(super) use serve::Serve;

use super::{Failure, names};

/// The chat server of Frontdesk: guests write, the right staff answer
#[derive(Debug, Parser)]
#[command(name = "frontdesk-server", version, propagate_version = true)]
pub(super) struct Cli {
    /// Folder of the database; created if missing [default: the user's data folder]
    #[arg(long, global = true, env = "FRONTDESK_DATA_DIR", value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,

    /// One JSON object per line instead of text
    #[arg(long, global = true, env = "FRONTDESK_JSON", value_parser = BoolishValueParser::new())]
    pub(super) json: bool,

    /// Property the command is about; needed where there are several
    #[arg(long, global = true, env = "FRONTDESK_PROPERTY", value_name = "ID")]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub(super) property: Option<Id>,

    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the server
    Serve(Box<Serve>),
    /// Properties: the hotels in this server
    #[command(subcommand)]
    Property(Property),
    /// Accounts of the people at the desk
    #[command(subcommand)]
    Staff(Staff),
    /// Guests who come and go
    #[command(subcommand)]
    Guest(Guest),
    /// Rooms
    #[command(subcommand)]
    Room(Room),
    /// Programs that bring guests' messages in and take replies out
    #[command(subcommand)]
    Gateway(Gateway),
    /// The computer's clock
    #[command(subcommand)]
    Clock(Clock),
    /// The demo hotel
    #[command(subcommand)]
    Demo(Demo),
    /// Copy the database into a new file, also while the server runs
    Backup {
        /// The file to write; must not exist
        #[arg(env = "FRONTDESK_BACKUP_FILE")]
        file: PathBuf,
    },
    /// Replace the database with a backup; the server must be stopped
    Restore {
        /// The file that `backup` wrote
        #[arg(env = "FRONTDESK_RESTORE_FILE")]
        file: PathBuf,
    },
    /// Check the integrity of the database
    Check,
    /// Who did what, in a log that shows when somebody has changed it
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Debug, Subcommand)]
pub(super) enum Property {
    /// Create a property with the usual departments
    Create {
        /// What the hotel is called
        #[arg(long, env = "FRONTDESK_NAME")]
        name: String,
    },
    /// List properties and their settings
    List,
    /// Change a property: its name, time zone and country, how long it keeps closed conversations, and
    /// who needs two-step sign-in
    Set(PropertySet),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct PropertySet {
    /// What the hotel is called
    #[arg(long, env = "FRONTDESK_NAME")]
    pub(super) name: Option<String>,
    /// Time zone by its IANA name, such as Europe/Zurich
    #[arg(long, env = "FRONTDESK_TIME_ZONE", value_name = "ZONE", value_parser = names::time_zone)]
    pub(super) time_zone: Option<TimeZoneName>,
    /// Country whose national telephone numbers are read, as two letters (CH); `none`: only
    /// international numbers are read
    #[arg(long, env = "FRONTDESK_COUNTRY", value_name = "CODE", value_parser = names::country)]
    pub(super) country: Option<CountryChoice>,
    /// Days after which closed conversations are deleted or anonymised; 0: they are kept
    #[arg(long, env = "FRONTDESK_RETENTION_DAYS", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(i64).range(0..=RETENTION_MAX_DAYS))]
    pub(super) retention_days: Option<i64>,
    /// What happens to them then
    #[arg(long, env = "FRONTDESK_RETENTION", value_enum)]
    pub(super) retention: Option<RetentionKind>,
    /// Who must use two-step sign-in
    #[arg(long, env = "FRONTDESK_SECOND_FACTOR", value_enum)]
    pub(super) second_factor: Option<SecondFactorRule>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Staff {
    /// Create an account
    Create {
        /// What they sign in with; unique on the server
        #[arg(long, env = "FRONTDESK_USERNAME")]
        username: String,
        /// What others see
        #[arg(long, env = "FRONTDESK_NAME")]
        name: String,
        /// Department by its slug or name (`room_service`); may be repeated, the first comes first
        #[arg(long = "department", env = "FRONTDESK_DEPARTMENT", value_name = "DEPARTMENT")]
        #[arg(value_delimiter = ',')]
        departments: Vec<String>,
        /// What the account is for
        #[arg(long, env = "FRONTDESK_USER_TYPE", value_enum, default_value = "department_staff")]
        user_type: UserType,
        /// Give the account admin rights
        #[arg(long, env = "FRONTDESK_ADMIN", value_parser = BoolishValueParser::new())]
        admin: bool,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List accounts
    List,
    /// Disable an account: nobody can sign in with it
    Disable {
        /// The account
        #[arg(env = "FRONTDESK_USERNAME")]
        username: String,
    },
    /// Set a new password for an account
    SetPassword {
        /// The account
        #[arg(env = "FRONTDESK_USERNAME")]
        username: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Turn off two-step sign-in for a person who has lost their phone; ends all their sessions
    RemoveSecondFactor {
        /// The account
        #[arg(env = "FRONTDESK_USERNAME")]
        username: String,
    },
    /// End all sessions of an account
    SignOut {
        /// The account
        #[arg(env = "FRONTDESK_USERNAME")]
        username: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct PasswordSource {
    /// Read the password from standard input instead of generating one
    #[arg(long, env = "FRONTDESK_PASSWORD_STDIN", value_parser = BoolishValueParser::new())]
    pub(super) password_stdin: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Guest {
    /// A guest arrives; a number that is known is the same guest again
    CheckIn {
        /// The guest's name
        #[arg(long, env = "FRONTDESK_NAME")]
        name: String,
        /// The room; added when unknown
        #[arg(long, env = "FRONTDESK_ROOM")]
        room: String,
        /// The guest's WhatsApp number, with its country: +44 7700 900123
        #[arg(long, env = "FRONTDESK_WHATSAPP", value_name = "NUMBER")]
        whatsapp: Option<String>,
        /// The language the guest speaks, as a tag: en, de, pt-BR
        #[arg(long, env = "FRONTDESK_LANGUAGE", value_name = "TAG")]
        language: Option<String>,
        /// A guest of another name has the number, and is the same person: the guest gets this name
        #[arg(long, env = "FRONTDESK_SAME_GUEST", conflicts_with = "new_guest")]
        same_guest: bool,
        /// A guest of another name has the number, and is another person: a new guest takes the number over
        #[arg(long, env = "FRONTDESK_NEW_GUEST")]
        new_guest: bool,
    },
    /// A guest leaves
    CheckOut(CheckOut),
    /// Export everything that is known about a guest into a new file
    Export {
        /// The guest, by the id that check-in gave
        #[arg(env = "FRONTDESK_GUEST", value_parser = clap::value_parser!(i64).range(1..))]
        id: Id,
        /// For programs, or for people
        #[arg(long, env = "FRONTDESK_FORMAT", value_enum, default_value = "json")]
        format: Format,
        /// The file to write; must not exist
        #[arg(env = "FRONTDESK_EXPORT_FILE")]
        file: PathBuf,
    },
    /// Erase a guest with everything written to and by them; cannot be undone
    Erase {
        /// The guest, by the id that check-in gave
        #[arg(env = "FRONTDESK_GUEST", value_parser = clap::value_parser!(i64).range(1..))]
        id: Id,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct CheckOut {
    /// The guest, by the id that check-in gave
    #[arg(long, env = "FRONTDESK_GUEST", value_name = "ID")]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub(super) guest: Option<Id>,
    /// The guest who stays in this room
    #[arg(long, env = "FRONTDESK_ROOM")]
    pub(super) room: Option<String>,
    /// The guest with this number
    #[arg(long, env = "FRONTDESK_WHATSAPP", value_name = "NUMBER")]
    pub(super) whatsapp: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Room {
    /// Add rooms; those that are known stay as they are
    Add {
        /// The numbers on their doors
        #[arg(required = true, env = "FRONTDESK_ROOM", value_delimiter = ',')]
        rooms: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Gateway {
    /// Create a gateway; prints its key and signing secret once
    Create {
        /// What staff call it
        #[arg(long, env = "FRONTDESK_NAME")]
        name: String,
        /// Where replies are sent; without one they do not leave the house
        #[arg(long, env = "FRONTDESK_CALLBACK_URL", value_name = "URL")]
        callback_url: Option<String>,
        /// Let it check guests in and out
        #[arg(long, env = "FRONTDESK_STAYS", value_parser = BoolishValueParser::new())]
        stays: bool,
    },
    /// List gateways, with the replies that wait for them and have failed
    List,
    /// Change a gateway: its name, where its replies are sent, and through which gateway they leave
    Set(GatewaySet),
    /// Give a gateway a new key and signing secret, which are printed once; the old ones stop working
    RenewKey {
        /// The gateway, by the id that `gateway list` shows
        #[arg(env = "FRONTDESK_GATEWAY", value_parser = clap::value_parser!(i64).range(1..))]
        id: Id,
    },
    /// Disable a gateway: its key stops working, and no replies leave through it
    Disable {
        /// The gateway, by the id that `gateway list` shows
        #[arg(env = "FRONTDESK_GATEWAY", value_parser = clap::value_parser!(i64).range(1..))]
        id: Id,
        /// Gateway through which waiting and later replies to its guests leave instead
        #[arg(long, env = "FRONTDESK_REPLIES_THROUGH", value_name = "ID")]
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        replies_through: Option<Id>,
    },
    /// Enable a gateway that was disabled
    Enable {
        /// The gateway, by the id that `gateway list` shows
        #[arg(env = "FRONTDESK_GATEWAY", value_parser = clap::value_parser!(i64).range(1..))]
        id: Id,
    },
}

#[derive(Debug, Args)]
pub(super) struct GatewaySet {
    /// The gateway, by the id that `gateway list` shows
    #[arg(env = "FRONTDESK_GATEWAY", value_parser = clap::value_parser!(i64).range(1..))]
    pub(super) id: Id,
    #[command(flatten)]
    pub(super) members: GatewayMembers,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct GatewayMembers {
    /// What staff call it
    #[arg(long, env = "FRONTDESK_NAME")]
    pub(super) name: Option<String>,
    /// Where replies are sent; `none`: they do not leave the house
    #[arg(long, env = "FRONTDESK_CALLBACK_URL", value_name = "URL", value_parser = names::url)]
    pub(super) callback_url: Option<Choice<String>>,
    /// Gateway through which waiting and later replies to its guests leave instead; `none`: later ones
    /// leave through this gateway again
    #[arg(long, env = "FRONTDESK_REPLIES_THROUGH", value_name = "ID", value_parser = names::gateway)]
    pub(super) replies_through: Option<Choice<Id>>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Verify the log from its first entry to its last; report the first entry that was changed
    Verify {
        /// Hash of an entry, noted earlier, that must still be there
        #[arg(long, env = "FRONTDESK_KNOWN_HASH", value_name = "HASH")]
        #[arg(value_parser = names::audit_hash)]
        known_hash: Option<String>,
    },
    /// List the newest entries, the newest first
    List {
        /// At most so many of a property
        #[arg(long, env = "FRONTDESK_LIMIT", default_value_t = 100, value_name = "N")]
        limit: u32,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Clock {
    /// Confirm the date after the clock has jumped, so that retention works again
    Confirm,
}

#[derive(Debug, Subcommand)]
pub(super) enum Demo {
    /// Fill an empty data directory with the demo hotel
    Load,
}

/// The data folder, absolute.
pub(super) fn data_dir(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let chosen = given
        .or_else(|| {
            directories::ProjectDirs::from("", "", "frontdesk-server")
                .map(|folders| folders.data_dir().to_owned())
        })
        .ok_or_else(|| {
            Failure::Usage("no data directory is known; specify one with --data-dir DIR".to_owned())
        })?;
    std::path::absolute(&chosen).map_err(|error| {
        Failure::Usage(format!("--data-dir {} is not a valid path: {error}", chosen.display()))
    })
}

#[cfg(test)]
mod tests;
