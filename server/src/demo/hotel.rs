//! The house itself and the people who work in it.

/// What the hotel is called.
pub(super) const NAME: &str = "Hotel Seeblick";

/// Where it stands.
pub(super) const TIME_ZONE: &str = "Europe/Zurich";

/// Its country.
pub(super) const COUNTRY: &str = "CH";

/// How far the hotel's clocks are ahead of UTC in winter.
pub(super) const HOURS_BEFORE_UTC: i64 = 1;

/// What brings the guests' messages in.
pub(super) const GATEWAY: &str = "Guest phones";

/// Floors with rooms: 101 to 512.
pub(super) const FLOORS: [u8; 5] = [1, 2, 3, 4, 5];

/// Rooms on each.
pub(super) const ROOMS_PER_FLOOR: u8 = 12;

/// Somebody who works in the demo hotel.
pub(super) struct Person {
    pub(super) username: &'static str,
    pub(super) name: &'static str,
    pub(super) is_admin: bool,
    pub(super) departments: &'static [&'static str],
}

const fn person(
    username: &'static str,
    name: &'static str,
    departments: &'static [&'static str],
) -> Person {
    Person { username, name, is_admin: false, departments }
}

const fn admin(
    username: &'static str,
    name: &'static str,
    departments: &'static [&'static str],
) -> Person {
    Person { username, name, is_admin: true, departments }
}

/// All twelve.
pub(super) const STAFF: [Person; 12] = [
    admin(
        "ana",
        "Ana Silva",
        &["reception", "housekeeping", "room_service", "restaurant", "management"],
    ),
    person("raj", "Raj Patel", &["reception"]),
    person("lea", "Léa Dubois", &["reception", "restaurant"]),
    person("jonas", "Jonas Weber", &["reception"]),
    person("fatima", "Fatima Haddad", &["housekeeping"]),
    person("tomasz", "Tomasz Nowak", &["housekeeping"]),
    person("lucia", "Lucía Romero", &["housekeeping"]),
    person("ben", "Ben Okafor", &["room_service"]),
    person("chloe", "Chloé Martin", &["room_service", "restaurant"]),
    person("marco", "Marco Bianchi", &["restaurant"]),
    person("sofie", "Sofie Jansen", &["restaurant", "room_service"]),
    admin("helen", "Helen Frei", &["management", "reception"]),
];
