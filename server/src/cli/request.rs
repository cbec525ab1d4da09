//! What a command line asks for.

use std::io::Read as _;

use frontdesk_server::{
    admin::{Arrives, Choice, GuestChoice, Password, Request},
    protocol::{Id, UserType},
};

use super::{
    Failure,
    args::{
        CheckOut, Clock, Command, Demo, Gateway, GatewayMembers, GatewaySet, Guest, PasswordSource,
        Property, PropertySet, Room, Staff,
    },
};

/// The request that a command stands for.
pub(super) fn request(command: Command, property: Option<Id>) -> Result<Request, Failure> {
    Ok(match command {
        Command::Property(Property::Create { name }) => Request::PropertyCreate { name },
        Command::Property(Property::List) => Request::PropertyList { property },
        Command::Property(Property::Set(set)) => {
            let PropertySet { name, time_zone, country, retention_days, retention, second_factor } =
                set;
            Request::PropertySet {
                property,
                name,
                time_zone,
                country,
                retention_days,
                retention,
                second_factor,
            }
        }
        Command::Guest(Guest::Erase { id }) => Request::GuestErase { property, id },
        Command::Guest(Guest::Export { id, format, .. }) => {
            Request::GuestExport { property, id, format }
        }
        Command::Staff(staff) => staff_request(staff, property)?,
        Command::Guest(Guest::CheckIn {
            name,
            room,
            whatsapp,
            language,
            same_guest,
            new_guest,
        }) => {
            let arrives = match (same_guest, new_guest) {
                (true, _) => Some(Arrives::SameGuest),
                (_, true) => Some(Arrives::NewGuest),
                _ => None,
            };
            Request::GuestCheckIn { property, name, room, whatsapp, language, arrives }
        }
        Command::Guest(Guest::CheckOut(CheckOut { guest, room, whatsapp })) => {
            let guest = guest
                .map(GuestChoice::Id)
                .or(room.map(GuestChoice::Room))
                .or(whatsapp.map(GuestChoice::Whatsapp))
                .ok_or_else(|| {
                    Failure::Usage(
                        "specify the guest with --guest, --room or --whatsapp".to_owned(),
                    )
                })?;
            Request::GuestCheckOut { property, guest }
        }
        Command::Room(Room::Add { rooms }) => Request::RoomAdd { property, numbers: rooms },
        Command::Gateway(gateway) => gateway_request(gateway, property),
        Command::Clock(Clock::Confirm) => Request::ClockConfirm,
        Command::Demo(Demo::Load) => Request::DemoLoad,
        Command::Serve(_)
        | Command::Backup { .. }
        | Command::Restore { .. }
        | Command::Check
        | Command::Audit(_) => {
            return Err(Failure::Usage("this command is not a request to the server".to_owned()));
        }
    })
}

fn gateway_request(gateway: Gateway, property: Option<Id>) -> Request {
    let set = |id, is_disabled, replies_through: Option<Id>| Request::GatewaySet {
        property,
        id,
        name: None,
        callback_url: None,
        is_disabled: Some(is_disabled),
        replies_through: replies_through.map(Choice::Value),
    };
    match gateway {
        Gateway::Create { name, callback_url, stays } => {
            Request::GatewayCreate { property, name, callback_url, stays }
        }
        Gateway::List => Request::GatewayList { property },
        Gateway::Set(GatewaySet { id, members }) => {
            let GatewayMembers { name, callback_url, replies_through } = members;
            let is_disabled = None;
            Request::GatewaySet { property, id, name, callback_url, is_disabled, replies_through }
        }
        Gateway::RenewKey { id } => Request::GatewayRenewKey { property, id },
        Gateway::Disable { id, replies_through } => set(id, true, replies_through),
        Gateway::Enable { id } => set(id, false, None),
    }
}

fn staff_request(staff: Staff, property: Option<Id>) -> Result<Request, Failure> {
    Ok(match staff {
        Staff::Create { username, name, departments, user_type, admin, password } => {
            if departments.is_empty() && user_type == UserType::DepartmentStaff {
                return Err(Failure::Usage(
                    "department staff need a department; add --department reception, for example"
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
        // Some shells write a byte order mark first.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let password = text.lines().next().unwrap_or_default();
        if password.is_empty() {
            return Err(Failure::Usage(
                "standard input contains no password; put the password on its first line"
                    .to_owned(),
            ));
        }
        Ok(Some(Password(password.to_owned())))
    }
}
