//! Fills an empty database with the demo hotel.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use crate::{
    admin::AdminError,
    app::App,
    audit::{Actor, Entry, Subject},
    auth::{Secret, hash_secret},
    journal::Written,
    protocol::{ConversationStatus, Id, Timestamp, UserType},
    store::{
        StoreError,
        demo::{self, PastConversation, PastMessage},
        departments,
        gateways::{self, GatewayError, NewGateway},
        guests::{self, GuestData},
        properties,
        staff::{self, NewStaff, StaffError},
    },
};

use super::{
    PASSWORD,
    guests::GUESTS,
    hotel,
    past::{Story, When, past},
};

const MINUTE_MILLIS: i64 = 60 * 1000;
const DAY_MILLIS: i64 = 24 * 60 * MINUTE_MILLIS;

/// Fills the database, in one transaction; returns the property.
pub(super) async fn fill(app: &App) -> Result<Id, AdminError> {
    let hash = app.passwords.hash(PASSWORD.to_owned()).await;
    let hash = hash.ok_or_else(|| {
        AdminError::Failed("the passwords of the demo hotel could not be hashed".to_owned())
    })?;
    let now = app.clock.now();
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let property_id = write(writer, hash, now).await?;
            let (actor, subject) = (Actor::CommandLine, Subject::Property(property_id));
            let entry = Entry::new(property_id, actor, "created", subject).with("demo");
            Ok::<_, AdminError>(Written::logged(property_id, [entry]))
        })
    });
    Ok(written.await?)
}

async fn write(
    writer: &mut SqliteConnection,
    password_hash: String,
    now: Timestamp,
) -> Result<Id, StoreError> {
    let property_id = departments::create_property(writer, hotel::NAME, now).await?;
    demo::mark(writer).await?;
    let (zone, country) = (hotel::TIME_ZONE, Some(hotel::COUNTRY));
    properties::set_region(writer, property_id, zone, country).await?;
    let staff = write_staff(writer, property_id, password_hash, now).await?;
    for floor in hotel::FLOORS {
        for room in 1..=hotel::ROOMS_PER_FLOOR {
            let number = format!("{floor}{room:02}");
            guests::add_room(writer, property_id, &number, Some(&floor.to_string())).await?;
        }
    }
    let gateway = NewGateway {
        property_id,
        name: hotel::GATEWAY.to_owned(),
        key_hash: hash_secret(Secret::generate().reveal()),
        signing_secret: format!("fdgs_{}", Secret::generate().reveal()),
        may_call_loopback: true,
        stays: false,
        callback_url: None,
    };
    let made = gateways::create(writer, &gateway, now).await;
    let gateway_id = made.map_err(|error| match error {
        GatewayError::Store(error) => error,
        _ => StoreError::Damaged("a demo gateway that cannot be made"),
    })?;
    let mut guest_ids = HashMap::new();
    for guest in GUESTS {
        let data = GuestData {
            name: Some(guest.name.to_owned()),
            whatsapp_number: Some(guest.number.to_owned()),
            language: Some(guest.language.to_owned()),
        };
        let arrived = now.plus_millis(-guest.arrived_days_ago * DAY_MILLIS);
        let Some(id) = guests::create(writer, property_id, &data, arrived).await? else {
            return Err(StoreError::Damaged("two demo guests with one number"));
        };
        let leaves = now.plus_millis(guest.leaves_in_days * DAY_MILLIS);
        guests::check_in(writer, (property_id, id), guest.room, Some(leaves), arrived).await?;
        demo::settle_guest(writer, (id, gateway_id), guest.key).await?;
        guest_ids.insert(guest.key, id);
    }
    let mut conversations = Vec::new();
    for story in past()? {
        let department_id = departments::by_slug(writer, property_id, &story.department)
            .await?
            .ok_or(StoreError::Damaged("a demo story without its department"))?;
        let guest_id = guest_ids
            .get(story.guest.as_str())
            .ok_or(StoreError::Damaged("a demo story without its guest"))?;
        conversations.push(conversation(story, (*guest_id, department_id), &staff, now)?);
    }
    demo::insert_past(writer, (property_id, gateway_id), conversations).await?;
    Ok(property_id)
}

async fn write_staff(
    writer: &mut SqliteConnection,
    property_id: Id,
    password_hash: String,
    now: Timestamp,
) -> Result<HashMap<&'static str, Id>, StoreError> {
    let mut ids = HashMap::new();
    for person in hotel::STAFF {
        let new = NewStaff {
            property_id,
            username: person.username.to_owned(),
            name: person.name.to_owned(),
            password_hash: password_hash.clone(),
            user_type: UserType::DepartmentStaff,
            is_admin: person.is_admin,
            departments: person.departments.iter().map(|slug| (*slug).to_owned()).collect(),
        };
        let id = match staff::create(writer, &new, now).await {
            Ok(id) => id,
            Err(StaffError::Store(error)) => return Err(error),
            Err(_) => return Err(StoreError::Damaged("a demo account that cannot be made")),
        };
        ids.insert(person.username, id);
    }
    Ok(ids)
}

fn conversation(
    story: Story,
    (guest_id, department_id): (Id, Id),
    staff: &HashMap<&'static str, Id>,
    now: Timestamp,
) -> Result<PastConversation, StoreError> {
    let mut at = began(story.began, now);
    let mut messages = Vec::with_capacity(story.lines.len());
    for (minutes, who, content) in story.lines {
        at = at.plus_millis(minutes * MINUTE_MILLIS);
        let staff_id = match who.as_str() {
            "" => None,
            username => Some(
                *staff
                    .get(username)
                    .ok_or(StoreError::Damaged("a demo story without its staff"))?,
            ),
        };
        messages.push(PastMessage { staff_id, content, at });
    }
    let is_closed = story.status == ConversationStatus::Closed;
    let closed_at = is_closed.then(|| at.plus_millis(4 * MINUTE_MILLIS).min(now));
    Ok(PastConversation { guest_id, department_id, messages, closed_at })
}

/// When a story began: at a time of a past day in the hotel's (winter) time, or so long ago.
fn began(when: When, now: Timestamp) -> Timestamp {
    match when {
        When::MinutesAgo(minutes) => now.plus_millis(-minutes * MINUTE_MILLIS),
        When::DaysAgo(days, hour, minute) => {
            let midnight = now.as_millis().div_euclid(DAY_MILLIS) * DAY_MILLIS;
            let time = (hour - hotel::HOURS_BEFORE_UTC) * 60 + minute;
            Timestamp::from_millis(midnight - days * DAY_MILLIS + time * MINUTE_MILLIS)
        }
    }
}
