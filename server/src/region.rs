//! Where a hotel is: names of time zones and codes of countries.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

/// The country of each time zone that belongs to one; the file says where this is from.
const ZONE_COUNTRIES: &str = include_str!("../data/zone-countries.txt");

/// All codes of ISO 3166-1 alpha-2, in order.
#[rustfmt::skip]
const COUNTRIES: [&str; 249] = [
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW",
    "AX", "AZ", "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN",
    "BO", "BQ", "BR", "BS", "BT", "BV", "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG",
    "CH", "CI", "CK", "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ",
    "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EG", "EH", "ER", "ES", "ET", "FI",
    "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL",
    "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM", "HN", "HR",
    "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM",
    "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA",
    "LB", "LC", "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME",
    "MF", "MG", "MH", "MK", "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU",
    "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP",
    "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG", "PH", "PK", "PL", "PM", "PN", "PR",
    "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW", "SA", "SB", "SC", "SD",
    "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV",
    "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO",
    "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE",
    "VG", "VI", "VN", "VU", "WF", "WS", "YE", "YT", "ZA", "ZM", "ZW",
];

/// Why a text names no time zone or country. The sentence goes on after the member's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// The IANA time zone database does not have this name.
    #[error("must be an IANA time zone name, such as Europe/Zurich")]
    TimeZone,
    /// ISO 3166-1 has no such code.
    #[error("must be a two-letter country code (ISO 3166-1), such as CH")]
    Country,
}

/// The name of a time zone, spelled as in the IANA database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZoneName(String);

impl TimeZoneName {
    /// Reads a name, in any case.
    ///
    /// # Errors
    /// [`RegionError::TimeZone`].
    pub fn read(given: &str) -> Result<Self, RegionError> {
        let zone = find(given.trim()).ok_or(RegionError::TimeZone)?;
        zone.iana_name().map(|name| Self(name.to_owned())).ok_or(RegionError::TimeZone)
    }

    /// The zone that this computer's clock shows; UTC where it has none.
    #[must_use]
    pub fn of_this_computer() -> Self {
        let zone = TimeZone::system();
        let name = zone.iana_name().and_then(|name| Self::read(name).ok());
        name.filter(|zone| !zone.is_utc()).unwrap_or_default()
    }

    /// Whether this is UTC under one of its names.
    fn is_utc(&self) -> bool {
        matches!(
            self.0.strip_prefix("Etc/").unwrap_or(&self.0),
            "UTC" | "UCT" | "Universal" | "Zulu"
        )
    }
}

impl Default for TimeZoneName {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

/// The zone with a name that is stored. One that is not in this version's database is shown as UTC.
#[must_use]
pub fn zone(name: &str) -> TimeZone {
    find(name).unwrap_or(TimeZone::UTC)
}

/// The database inside the program: every installation knows the same names.
fn find(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown())
}

/// A country: two capital letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryCode(String);

impl CountryCode {
    /// Reads a code, in any case.
    ///
    /// # Errors
    /// [`RegionError::Country`].
    pub fn read(given: &str) -> Result<Self, RegionError> {
        let code = given.trim().to_ascii_uppercase();
        let is_known = COUNTRIES.binary_search(&code.as_str()).is_ok();
        if is_known { Ok(Self(code)) } else { Err(RegionError::Country) }
    }

    /// The country that a time zone belongs to. `None`: to none, as UTC does.
    #[must_use]
    pub fn of_time_zone(zone: &str) -> Option<Self> {
        let mut lines = ZONE_COUNTRIES.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(_, name)| *name == zone).map(|(code, _)| Self(code.to_owned()))
    }
}

macro_rules! text {
    ($name:ty) => {
        impl TryFrom<String> for $name {
            type Error = RegionError;

            fn try_from(given: String) -> Result<Self, RegionError> {
                Self::read(&given)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(TimeZoneName);
text!(CountryCode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_is_read_in_any_case() {
        for (given, expected) in [
            ("Europe/Zurich", Some("Europe/Zurich")),
            (" europe/ZURICH ", Some("Europe/Zurich")),
            ("Asia/Calcutta", Some("Asia/Calcutta")),
            ("UTC", Some("UTC")),
            ("utc", Some("UTC")),
            ("Etc/GMT+3", Some("Etc/GMT+3")),
            ("Etc/Unknown", None),
            ("Mars/Olympus", None),
            ("+02:00", None),
            ("../Zurich", None),
            ("", None),
        ] {
            let read = TimeZoneName::read(given);
            assert_eq!(read.as_ref().ok().map(AsRef::as_ref), expected, "{given:?}");
        }
    }

    #[test]
    fn a_country_is_two_letters_of_the_list() {
        assert!(COUNTRIES.is_sorted());
        assert_eq!(CountryCode::read(" ch ").map(String::from), Ok("CH".to_owned()));
        for odd in ["", "C", "CHE", "XX", "UK", "Ch é"] {
            assert_eq!(CountryCode::read(odd), Err(RegionError::Country), "{odd:?}");
        }
    }

    #[test]
    fn a_time_zone_belongs_to_at_most_one_country() {
        for (zone, country) in [
            ("Europe/Zurich", Some("CH")),
            ("Europe/London", Some("GB")),
            ("America/New_York", Some("US")),
            // Older names of zones that have others today.
            ("Asia/Calcutta", Some("IN")),
            ("Atlantic/Reykjavik", Some("IS")),
            ("America/Coral_Harbour", Some("CA")),
            ("UTC", None),
            ("Etc/UTC", None),
            ("CET", None),
            ("EST5EDT", None),
        ] {
            let found = CountryCode::of_time_zone(zone);
            assert_eq!(found.as_ref().map(AsRef::as_ref), country, "{zone}");
        }
    }

    #[test]
    fn the_table_names_zones_and_countries_that_there_are() {
        let lines: Vec<_> = ZONE_COUNTRIES.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() > 500);
        for line in lines {
            let (code, name) = line.split_once(' ').unwrap();
            assert!(CountryCode::read(code).is_ok(), "{line}");
            assert_eq!(TimeZoneName::read(name).map(String::from), Ok(name.to_owned()), "{line}");
        }
    }
}
