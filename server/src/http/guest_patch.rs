//! What a `PATCH` changes about a guest.

use garde::Validate;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use ts_rs::TS;
use utoipa::ToSchema;

use crate::{
    protocol::{GuestInfo, ID_MAX, Id},
    store::guests::GuestData,
    text::{Language, PersonName},
};

use super::{
    guest_numbers::number,
    patch::{Member, unchanged},
    problem::Problem,
};

/// What to change about a guest; missing members stay. What `GET` shows and cannot be changed may be sent
/// as it is.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub(super) struct GuestPatch {
    /// Cannot be changed.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = i64, required = false, read_only)]
    #[ts(as = "Option<i64>", optional)]
    id: Member<Value>,
    /// Changed only by check-in and check-out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, required = false, read_only)]
    #[ts(as = "Option<String>", optional = nullable)]
    room_number: Member<Value>,
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = String, required = false)]
    #[ts(as = "Option<String>", optional)]
    name: Member<PersonName>,
    /// A phone number in any usual form; without a country code, it is a number of the property's country.
    /// `null` removes it.
    #[serde(default)]
    #[garde(custom(number_length))]
    #[schema(value_type = Option<String>, required = false)]
    #[ts(as = "Option<String>", optional = nullable)]
    whatsapp_number: Member<String>,
    /// BCP 47 tag; `null` removes it.
    #[serde(default, with = "blank_is_absent")]
    #[garde(dive)]
    #[schema(value_type = Option<String>, required = false)]
    #[ts(as = "Option<String>", optional = nullable)]
    language: Member<Language>,
    /// The id of the guest who has the number now (`guest_id` of `number_taken`), when that is another
    /// person: the number is taken over from that guest.
    #[garde(inner(range(min = 1, max = ID_MAX)))]
    #[ts(optional)]
    number_from: Option<Id>,
}

fn number_length(given: &Member<String>, (): &()) -> garde::Result {
    match given {
        Member::Value(number) if number.chars().count() > crate::text::NUMBER_MAX_CHARS => {
            Err(garde::Error::new("is too long"))
        }
        _ => Ok(()),
    }
}

/// A language without a visible character counts as absent.
mod blank_is_absent {
    use super::{Deserialize, Deserializer, Language, Member};

    pub(super) fn deserialize<'de, D>(deserializer: D) -> Result<Member<Language>, D::Error>
    where
        D: Deserializer<'de>,
    {
        Ok(match Member::<Language>::deserialize(deserializer)? {
            Member::Value(language) if language.as_ref().is_empty() => Member::Absent,
            member => member,
        })
    }
}

/// The changes to a guest.
pub(super) struct GuestChange {
    /// The new values.
    pub(super) data: GuestData,
    pub(super) removes_number: bool,
    pub(super) removes_language: bool,
    /// From whom the number is taken over.
    pub(super) number_from: Option<Id>,
}

impl GuestPatch {
    /// The difference from `before`; `country` is the property's. `None`: no change.
    ///
    /// # Errors
    /// `422` for a member that cannot be changed, or not to that.
    pub(super) fn change(
        self,
        before: &GuestInfo,
        country: Option<&str>,
    ) -> Result<Option<GuestChange>, Problem> {
        unchanged("id", &self.id, before.id)?;
        unchanged("room_number", &self.room_number, &before.room_number)?;
        let name = self.name.required("name")?.map(String::from);
        let removes_number =
            self.whatsapp_number == Member::Null && before.whatsapp_number.is_some();
        let digits = match self.whatsapp_number {
            Member::Value(given) => Some(number("whatsapp_number", &given, country)?),
            Member::Absent | Member::Null => None,
        };
        let shown = before.whatsapp_number.as_deref().map(|number| number.trim_start_matches('+'));
        let removes_language = self.language == Member::Null && before.language.is_some();
        let language = match self.language {
            Member::Value(language) => Some(String::from(language)),
            Member::Absent | Member::Null => None,
        };
        let data = GuestData {
            name: name.filter(|name| *name != before.name),
            whatsapp_number: digits.filter(|digits| Some(digits.as_str()) != shown),
            language: language.filter(|language| before.language.as_ref() != Some(language)),
        };
        let is_none = data.name.is_none()
            && data.whatsapp_number.is_none()
            && data.language.is_none()
            && !removes_number
            && !removes_language;
        let number_from = self.number_from;
        Ok((!is_none).then_some(GuestChange {
            data,
            removes_number,
            removes_language,
            number_from,
        }))
    }
}
