//! Where a command does what it does.

use sqlx::SqliteConnection;

use crate::{
    audit::{Actor, Entry, Subject},
    journal::Written,
    protocol::{Id, Timestamp},
    region::{CountryCode, TimeZoneName},
    store::{departments, properties},
};

use super::AdminError;

/// Name of the property that is made when a command needs one and there is none.
const FIRST_PROPERTY: &str = "Hotel";

/// The property that a command is about, and what the audit log is to say of what is done there.
pub(super) struct Place {
    pub(super) property_id: Id,
    log: Vec<Entry>,
}

impl Place {
    pub(super) const fn new(property_id: Id) -> Self {
        Self { property_id, log: Vec::new() }
    }

    /// One that there must be already.
    pub(super) async fn known(
        writer: &mut SqliteConnection,
        wanted: Option<Id>,
    ) -> Result<Self, AdminError> {
        let known = departments::properties(writer).await?;
        Ok(Self::new(choose_property(&known, wanted)?))
    }

    /// The same; the first one is made when there is none.
    pub(super) async fn known_or_first(
        writer: &mut SqliteConnection,
        wanted: Option<Id>,
        time_zone: &TimeZoneName,
        now: Timestamp,
    ) -> Result<Self, AdminError> {
        let known = departments::properties(&mut *writer).await?;
        if wanted.is_none() && known.is_empty() {
            return Self::made(writer, FIRST_PROPERTY, time_zone, now).await;
        }
        Ok(Self::new(choose_property(&known, wanted)?))
    }

    /// A new one.
    pub(super) async fn made(
        writer: &mut SqliteConnection,
        name: &str,
        time_zone: &TimeZoneName,
        now: Timestamp,
    ) -> Result<Self, AdminError> {
        let id = departments::create_property(writer, name, now).await?;
        let country = CountryCode::of_time_zone(time_zone.as_ref());
        let country = country.as_ref().map(AsRef::as_ref);
        properties::set_region(writer, id, time_zone.as_ref(), country).await?;
        let mut place = Self::new(id);
        place.did("created", Subject::Property(id));
        Ok(place)
    }

    /// Something was done here.
    pub(super) fn did(&mut self, action: &'static str, subject: Subject) {
        self.log.push(Entry::new(self.property_id, Actor::CommandLine, action, subject));
    }

    /// The end of the write: what was done here is logged with it.
    pub(super) fn written<T>(self, value: T) -> Written<T> {
        Written::logged(value, self.log)
    }
}

/// The property that is wanted, of those that there are.
pub(super) fn choose_property(
    known: &[(Id, String)],
    wanted: Option<Id>,
) -> Result<Id, AdminError> {
    let names = || {
        let names: Vec<_> = known.iter().map(|(id, name)| format!("{id} ({name})")).collect();
        names.join(", ")
    };
    match (wanted, known) {
        (None, [(id, _)]) => Ok(*id),
        (None, []) => Err(AdminError::failed(
            "there is no property yet; create one with `property create --name NAME`",
        )),
        (None, _) => Err(AdminError::usage(format!(
            "there are several properties; choose one with --property: {}",
            names()
        ))),
        (Some(wanted), known) if known.iter().any(|(id, _)| *id == wanted) => Ok(wanted),
        (Some(wanted), []) => Err(AdminError::failed(format!(
            "there is no property {wanted}; create one with `property create --name NAME`"
        ))),
        (Some(wanted), _) => Err(AdminError::failed(format!(
            "there is no property {wanted}; the properties are: {}",
            names()
        ))),
    }
}
