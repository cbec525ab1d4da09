//! What can be written on the command line. The comments here are what `--help` shows.

use std::{io::Read as _, net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, builder::BoolishValueParser};
use frontdesk_server::{
    admin::{GuestChoice, Password, Request, RetentionKind, SecondFactorRule},
    guestdata::Format,
    protocol::{Id, UserType},
};

use ipnet::IpNet;

use super::Failure;

/// The chat server of Frontdesk: guests write, the right staff answer
#[derive(Debug, Parser)]
#[command(name = "frontdesk-server", version, propagate_version = true)]
pub(super) struct Cli {
    /// Folder of the database; made when missing [default: the user's data folder]
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
    /// The demo hotel
    #[command(subcommand)]
    Demo(Demo),
    /// Copy the database into a new file, also while the server runs
    Backup {
        /// The file to be written; must not exist
        #[arg(env = "FRONTDESK_BACKUP_FILE")]
        file: PathBuf,
    },
    /// Put a backup in the place of the database; the server must be stopped
    Restore {
        /// The file that `backup` wrote
        #[arg(env = "FRONTDESK_RESTORE_FILE")]
        file: PathBuf,
    },
    /// Check the integrity of the database and what must hold in it
    Check,
    /// Who did what, in a log that shows when somebody has changed it
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(
        long,
        env = "FRONTDESK_LISTEN",
        default_value = "127.0.0.1:8765",
        value_name = "ADDRESS:PORT"
    )]
    #[arg(value_parser = listen_address)]
    pub(super) listen: String,

    /// Fill an empty data folder with the demo hotel and let simulated guests write
    #[arg(long, env = "FRONTDESK_DEMO", value_parser = BoolishValueParser::new())]
    pub(super) demo: bool,

    /// Backups, one a day, that are kept in `backups` in the data folder; 0: none are made
    #[arg(long, env = "FRONTDESK_DAILY_BACKUPS", default_value_t = 0, value_name = "N")]
    pub(super) daily_backups: u32,

    /// Commands a connection may send per second, in bursts of three times as many; 0: any number
    #[arg(long, env = "FRONTDESK_COMMANDS_PER_SECOND", default_value_t = 20, value_name = "N")]
    pub(super) commands_per_second: u32,

    /// Origin of a browser, beside the server's own, that may sign in with a cookie; may be repeated
    #[arg(long = "allowed-origin", env = "FRONTDESK_ALLOWED_ORIGIN", value_name = "ORIGIN")]
    #[arg(value_delimiter = ',')]
    pub(super) allowed_origins: Vec<String>,

    /// Name by which browsers call this server, such as desk.hotel.example; may be repeated
    #[arg(long = "public-host", env = "FRONTDESK_PUBLIC_HOST", value_name = "NAME")]
    #[arg(value_delimiter = ',')]
    pub(super) public_hosts: Vec<String>,

    /// Connections that one address may have at the same time; 0: any number
    #[arg(
        long,
        env = "FRONTDESK_CONNECTIONS_PER_ADDRESS",
        default_value_t = 256,
        value_name = "N"
    )]
    pub(super) connections_per_address: usize,

    /// Address, beside loopback, that may read /metrics; may be repeated
    #[arg(long = "metrics-address", env = "FRONTDESK_METRICS_ADDRESS", value_name = "IP")]
    #[arg(value_delimiter = ',')]
    pub(super) metrics_addresses: Vec<IpAddr>,

    /// Serve with TLS: the certificate chain, as PEM; read again every hour
    #[arg(long, env = "FRONTDESK_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,

    /// The key of the certificate, as PEM
    #[arg(long, env = "FRONTDESK_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,

    /// Proxy that says in X-Forwarded-For who calls, as an address or a network; may be repeated
    #[arg(long = "trusted-proxy", env = "FRONTDESK_TRUSTED_PROXY", value_name = "IP[/BITS]")]
    #[arg(value_delimiter = ',', value_parser = network)]
    pub(super) trusted_proxies: Vec<IpNet>,

    /// What is logged: a level, or a filter such as `info,frontdesk_server::delivery=debug`
    #[arg(long, env = "FRONTDESK_LOG", default_value = "info", value_name = "FILTER")]
    pub(super) log: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum Property {
    /// Make a property with the departments every property starts with
    Create {
        /// What the hotel is called
        #[arg(long, env = "FRONTDESK_NAME")]
        name: String,
    },
    /// List properties and what they have chosen
    List,
    /// Choose how long a property keeps closed conversations, and who needs a second factor
    Set(PropertySet),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct PropertySet {
    /// Days after which closed conversations go; 0: they are kept
    #[arg(long, env = "FRONTDESK_RETENTION_DAYS", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(i64).range(0..=36_500))]
    retention_days: Option<i64>,
    /// What becomes of them then
    #[arg(long, env = "FRONTDESK_RETENTION", value_enum)]
    retention: Option<RetentionKind>,
    /// Who can do nothing without a second factor
    #[arg(long, env = "FRONTDESK_SECOND_FACTOR", value_enum)]
    second_factor: Option<SecondFactorRule>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Staff {
    /// Make an account
    Create {
        /// What they sign in with; unique on the server
        #[arg(long, env = "FRONTDESK_USERNAME")]
        username: String,
        /// What others see
        #[arg(long, env = "FRONTDESK_NAME")]
        name: String,
        /// Department by its slug (`reception`, `room_service`); may be repeated, the first comes first
        #[arg(long = "department", env = "FRONTDESK_DEPARTMENT", value_name = "DEPARTMENT")]
        #[arg(value_delimiter = ',')]
        departments: Vec<String>,
        /// What the account is for
        #[arg(long, env = "FRONTDESK_USER_TYPE", value_enum, default_value = "department_staff")]
        user_type: UserType,
        /// May administer the property
        #[arg(long, env = "FRONTDESK_ADMIN", value_parser = BoolishValueParser::new())]
        admin: bool,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List accounts
    List,
    /// Let nobody sign in with an account any more
    Disable {
        /// The account
        #[arg(env = "FRONTDESK_USERNAME")]
        username: String,
    },
    /// Give an account a new password
    SetPassword {
        /// The account
        #[arg(env = "FRONTDESK_USERNAME")]
        username: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Take the second factor of an account away, for whoever has lost it; ends all its sessions
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
    /// Read the password from standard input instead of making one up
    #[arg(long, env = "FRONTDESK_PASSWORD_STDIN", value_parser = BoolishValueParser::new())]
    password_stdin: bool,
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
    },
    /// A guest leaves
    CheckOut(CheckOut),
    /// Write everything that is known of a guest into a new file
    Export {
        /// The guest, by the id that check-in gave
        #[arg(env = "FRONTDESK_GUEST", value_parser = clap::value_parser!(i64).range(1..))]
        id: Id,
        /// For programs, or for people
        #[arg(long, env = "FRONTDESK_FORMAT", value_enum, default_value = "json")]
        format: Format,
        /// The file to be written; must not exist
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
    guest: Option<Id>,
    /// The guest who stays in this room
    #[arg(long, env = "FRONTDESK_ROOM")]
    room: Option<String>,
    /// The guest with this number
    #[arg(long, env = "FRONTDESK_WHATSAPP", value_name = "NUMBER")]
    whatsapp: Option<String>,
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
    /// Make a gateway; prints its key and signing secret, once
    Create {
        /// What staff call it
        #[arg(long, env = "FRONTDESK_NAME")]
        name: String,
        /// Where replies are sent; without one they do not leave the house
        #[arg(long, env = "FRONTDESK_CALLBACK_URL", value_name = "URL")]
        callback_url: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Follow the log from its first entry to its last; name the first that does not follow
    Verify {
        /// Hash of an entry, noted earlier, that must still be there
        #[arg(long, env = "FRONTDESK_KNOWN_HASH", value_name = "HASH")]
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
pub(super) enum Demo {
    /// Fill an empty data folder with the demo hotel
    Load,
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "write an address or a network, such as 10.0.0.2 or 10.0.0.0/24".to_owned())
}

fn listen_address(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("write an address and a port, such as 127.0.0.1:8765 or [::1]:8765".to_owned()),
    }
}

/// The data folder, absolute.
pub(super) fn data_dir(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let chosen = given
        .or_else(|| {
            directories::ProjectDirs::from("", "", "frontdesk-server")
                .map(|folders| folders.data_dir().to_owned())
        })
        .ok_or_else(|| Failure::Usage("say where the data is: --data-dir DIR".to_owned()))?;
    std::path::absolute(&chosen).map_err(|error| {
        Failure::Usage(format!("--data-dir {} is no folder: {error}", chosen.display()))
    })
}

/// The request that a command stands for.
pub(super) fn request(command: Command, property: Option<Id>) -> Result<Request, Failure> {
    Ok(match command {
        Command::Property(Property::Create { name }) => Request::PropertyCreate { name },
        Command::Property(Property::List) => Request::PropertyList { property },
        Command::Property(Property::Set(set)) => {
            let PropertySet { retention_days, retention, second_factor } = set;
            Request::PropertySet { property, retention_days, retention, second_factor }
        }
        Command::Guest(Guest::Erase { id }) => Request::GuestErase { property, id },
        Command::Guest(Guest::Export { id, format, .. }) => {
            Request::GuestExport { property, id, format }
        }
        Command::Staff(staff) => staff_request(staff, property)?,
        Command::Guest(Guest::CheckIn { name, room, whatsapp, language }) => {
            Request::GuestCheckIn { property, name, room, whatsapp, language }
        }
        Command::Guest(Guest::CheckOut(CheckOut { guest, room, whatsapp })) => {
            let guest = guest
                .map(GuestChoice::Id)
                .or(room.map(GuestChoice::Room))
                .or(whatsapp.map(GuestChoice::Whatsapp))
                .ok_or_else(|| {
                    Failure::Usage("say who leaves: --guest, --room or --whatsapp".to_owned())
                })?;
            Request::GuestCheckOut { property, guest }
        }
        Command::Room(Room::Add { rooms }) => Request::RoomAdd { property, numbers: rooms },
        Command::Gateway(Gateway::Create { name, callback_url }) => {
            Request::GatewayCreate { property, name, callback_url }
        }
        Command::Demo(Demo::Load) => Request::DemoLoad,
        Command::Serve(_)
        | Command::Backup { .. }
        | Command::Restore { .. }
        | Command::Check
        | Command::Audit(_) => {
            return Err(Failure::Usage("this command is no request".to_owned()));
        }
    })
}

fn staff_request(staff: Staff, property: Option<Id>) -> Result<Request, Failure> {
    Ok(match staff {
        Staff::Create { username, name, departments, user_type, admin, password } => {
            if departments.is_empty() && user_type == UserType::DepartmentStaff {
                return Err(Failure::Usage(
                    "department staff work in a department: add --department reception (or another)"
                        .to_owned(),
                ));
            }
            Request::StaffCreate {
                property,
                username,
                name,
                departments,
                user_type,
                is_admin: admin,
                password: password.read()?,
            }
        }
        Staff::List => Request::StaffList { property },
        Staff::Disable { username } => Request::StaffDisable { property, username },
        Staff::SetPassword { username, password } => {
            Request::StaffSetPassword { property, username, password: password.read()? }
        }
        Staff::SignOut { username } => Request::StaffSignOut { property, username },
        Staff::RemoveSecondFactor { username } => {
            Request::StaffRemoveSecondFactor { property, username }
        }
    })
}

impl PasswordSource {
    /// The password on standard input, without the line's end. Returns `None` if one is to be made up.
    fn read(&self) -> Result<Option<Password>, Failure> {
        if !self.password_stdin {
            return Ok(None);
        }
        let mut text = String::new();
        std::io::stdin()
            .take(64 * 1024)
            .read_to_string(&mut text)
            .map_err(|error| Failure::Failed(format!("standard input cannot be read: {error}")))?;
        let password = text.lines().next().unwrap_or_default();
        if password.is_empty() {
            return Err(Failure::Usage(
                "standard input holds no password: write it there, in one line".to_owned(),
            ));
        }
        Ok(Some(Password(password.to_owned())))
    }
}

#[cfg(test)]
mod tests;
