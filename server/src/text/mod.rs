//! Texts that people and other programs give to things. Each kind is read by one type here, at every input
//! path: HTTP, gateways, command line.

mod folding;
mod number;
mod visible;

use serde::{Deserialize, Deserializer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _};

pub(crate) use folding::{SearchWord, folded, folded_room, room_key, search_words, username_key};
pub(crate) use number::{NUMBER_MAX_CHARS, Number};
pub(crate) use visible::has_visible_character;

/// What a person is called, staff or guest.
pub(crate) type PersonName = Text<200>;

/// What a hotel is called.
pub(crate) type PropertyName = Text<200>;

/// What a department is called.
pub(crate) type DepartmentName = Text<100>;

/// What a gateway is called.
pub(crate) type GatewayName = Text<200>;

/// What is on the door of a room.
pub(crate) type RoomNumber = Text<40>;

/// What a floor is called.
pub(crate) type Floor = Text<40>;

/// A guest's language, as a BCP 47 tag.
pub(crate) type Language = Text<35>;

/// The label of a conversation.
pub(crate) type Label = Text<60>;

/// What somebody looks for: a name at the longest.
pub(crate) type Search = Text<200>;

/// What is wrong with a text. The sentence goes on after its name: "a name must not be empty".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TextError {
    #[error("must not be empty")]
    Empty,
    #[error("must have at most {0} characters")]
    TooLong(usize),
    #[error("must be one line, without tabs or other control characters")]
    ControlCharacters,
    #[error("must not contain spaces")]
    Spaces,
    #[error("must not contain invisible characters")]
    Invisible,
    #[error("must not mix letters of different scripts, such as Latin and Cyrillic")]
    MixedScripts,
}

/// A text without spaces around it. One that was checked has a visible character, has at most `MAX_CHARS`
/// characters, and no control character is among them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Text<const MAX_CHARS: usize>(String);

impl<const MAX_CHARS: usize> Text<MAX_CHARS> {
    /// Reads a text.
    ///
    /// # Errors
    /// [`TextError`].
    pub(crate) fn read(given: &str) -> Result<Self, TextError> {
        let text = Self::from(given.to_owned());
        text.check().map(|()| text)
    }

    /// Makes the best of a text that must not be refused: control characters become spaces, what is
    /// too long is cut. Returns `None` when nothing visible is left.
    pub(crate) fn cleaned(given: &str) -> Option<Self> {
        let spaced: String =
            given.chars().map(|char| if breaks_line(char) { ' ' } else { char }).collect();
        let cut: String = spaced.trim().chars().take(MAX_CHARS).collect();
        Some(Self::from(cut)).filter(|text| has_visible_character(&text.0))
    }

    fn check(&self) -> Result<(), TextError> {
        if !has_visible_character(&self.0) {
            Err(TextError::Empty)
        } else if self.0.chars().count() > MAX_CHARS {
            Err(TextError::TooLong(MAX_CHARS))
        } else if self.0.contains(breaks_line) {
            Err(TextError::ControlCharacters)
        } else {
            Ok(())
        }
    }
}

/// What somebody signs in with, in its composed form (NFKC): shown as it was given, compared by
/// [`username_key`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Username(Text<64>);

impl Username {
    /// Reads a username.
    ///
    /// # Errors
    /// [`TextError`].
    pub(crate) fn read(given: &str) -> Result<Self, TextError> {
        let username = Self::from(given.to_owned());
        username.check().map(|()| username)
    }

    fn check(&self) -> Result<(), TextError> {
        self.0.check()?;
        let username = self.as_ref();
        if username.contains(char::is_whitespace) {
            return Err(TextError::Spaces);
        }
        if username.contains(visible::is_invisible) {
            return Err(TextError::Invisible);
        }
        // Scripts are those of letters; punctuation belongs to all of them.
        let letters: String = username.chars().filter(|char| char.is_alphabetic()).collect();
        if letters.check_restriction_level(RestrictionLevel::HighlyRestrictive) {
            Ok(())
        } else {
            Err(TextError::MixedScripts)
        }
    }
}

/// For optional members: a text without a visible character counts as absent.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Text, has_visible_character};

    pub(crate) fn deserialize<'de, D, const MAX_CHARS: usize>(
        deserializer: D,
    ) -> Result<Option<Text<MAX_CHARS>>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let given = Option::<Text<MAX_CHARS>>::deserialize(deserializer)?;
        Ok(given.filter(|text| has_visible_character(&text.0)))
    }
}

/// For members that may be missing and must not be refused.
pub(crate) mod cleaned {
    use super::{Deserialize, Deserializer, Text};

    pub(crate) fn deserialize<'de, D, const MAX_CHARS: usize>(
        deserializer: D,
    ) -> Result<Option<Text<MAX_CHARS>>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let given = Option::<String>::deserialize(deserializer)?;
        Ok(given.and_then(|given| Text::cleaned(&given)))
    }
}

/// For texts of programs that may write a number instead: its digits are the text.
pub(crate) mod lenient {
    use serde::{Deserialize as _, Deserializer, de::Error as _};
    use serde_json::value::RawValue;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<String>, D::Error> {
        // As it is written: a number of any length keeps its digits.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let raw = raw.get();
        match raw.as_bytes().first() {
            Some(b'n') => Ok(None),
            Some(b'"') => serde_json::from_str(raw).map(Some).map_err(D::Error::custom),
            Some(b'-' | b'0'..=b'9') => Ok(Some(raw.to_owned())),
            _ => Err(D::Error::custom("must be text")),
        }
    }

    pub(crate) fn cleaned<'de, D: Deserializer<'de>, const MAX_CHARS: usize>(
        deserializer: D,
    ) -> Result<Option<super::Text<MAX_CHARS>>, D::Error> {
        Ok(deserialize(deserializer)?.and_then(|given| super::Text::cleaned(&given)))
    }

    pub(crate) fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        deserialize(deserializer)?.ok_or_else(|| D::Error::custom("must be text"))
    }
}

/// Reading a request makes the value; validating the request, which names every member that is wrong,
/// checks it.
macro_rules! door {
    ([$($generics:tt)*] $name:ty, $make:expr) => {
        impl<$($generics)*> From<String> for $name {
            fn from(given: String) -> Self {
                let make: fn(&str) -> Self = $make;
                make(&given)
            }
        }

        impl<$($generics)*> garde::Validate for $name {
            type Context = ();

            fn validate_into(
                &self,
                (): &(),
                parent: &mut dyn FnMut() -> garde::Path,
                report: &mut garde::Report,
            ) {
                if let Err(error) = self.check() {
                    report.append(parent(), garde::Error::new(error));
                }
            }
        }

        impl<$($generics)*> From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_ref().to_owned()
            }
        }
    };
}

door!([const MAX_CHARS: usize] Text<MAX_CHARS>, |given| Self(given.trim().to_owned()));
door!([] Username, |given| Self(Text(given.trim().nfkc().collect())));

impl<const MAX_CHARS: usize> AsRef<str> for Text<MAX_CHARS> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Username {
    fn as_ref(&self) -> &str {
        self.0.as_ref()
    }
}

/// Controls, and what else begins a new line.
fn breaks_line(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_something_on_one_line() {
        for (given, expected) in [
            (" 204 ", Ok("204")),
            ("Ünal 渡辺 🙂", Ok("Ünal 渡辺 🙂")),
            ("", Err(TextError::Empty)),
            (" \u{a0}\t", Err(TextError::Empty)),
            ("\u{200b}\u{3164}\u{2800}", Err(TextError::Empty)),
            ("\u{ad}\u{fe0f}", Err(TextError::Empty)),
            ("a\tb", Err(TextError::ControlCharacters)),
            ("a\nb\u{7}", Err(TextError::ControlCharacters)),
        ] {
            let read = Text::<40>::read(given);
            assert_eq!(read.as_ref().map(AsRef::as_ref), expected.as_ref().copied(), "{given:?}");
        }
        assert!(Text::<40>::read(&"ü".repeat(40)).is_ok());
        assert_eq!(Text::<40>::read(&"ü".repeat(41)), Err(TextError::TooLong(40)));
        assert_eq!(Username::read("ana silva"), Err(TextError::Spaces));
        assert_eq!(Username::read(" "), Err(TextError::Empty));
        assert!(Username::read(" ana ").is_ok_and(|username| username.as_ref() == "ana"));
    }

    #[test]
    fn a_username_is_what_it_looks_like() {
        for (given, expected) in [
            ("ana", Ok("ana")),
            ("Ünal", Ok("Ünal")),
            ("U\u{308}nal", Ok("Ünal")),
            ("田中yuki", Ok("田中yuki")),
            ("김yuki", Ok("김yuki")),
            ("мария.петрова", Ok("мария.петрова")),
            ("मोहन", Ok("मोहन")),
            ("ana+late@hotel-aurora_2", Ok("ana+late@hotel-aurora_2")),
            ("ａｎａ", Ok("ana")),
            ("аna", Err(TextError::MixedScripts)),
            ("αna", Err(TextError::MixedScripts)),
            ("田中мария", Err(TextError::MixedScripts)),
            ("an\u{200b}a", Err(TextError::Invisible)),
            ("ana\u{ad}", Err(TextError::Invisible)),
            ("ana\u{202e}", Err(TextError::Invisible)),
            ("a\u{2800}na", Err(TextError::Invisible)),
            ("\u{3164}", Err(TextError::Empty)),
            ("ana\u{3000}silva", Err(TextError::Spaces)),
        ] {
            let read = Username::read(given);
            assert_eq!(read.as_ref().map(AsRef::as_ref), expected.as_ref().copied(), "{given:?}");
        }
    }

    #[test]
    fn what_must_not_be_refused_is_cleaned() {
        for (given, expected) in [
            ("a\nb\u{7}", Some("a b")),
            (" 204 ", Some("204")),
            ("\u{7} \n", None),
            ("\u{200b}", None),
            ("12345678", Some("12345")),
            ("1234 678", Some("1234")),
        ] {
            let cleaned = Text::<5>::cleaned(given);
            assert_eq!(cleaned.as_ref().map(AsRef::as_ref), expected, "{given:?}");
            assert!(cleaned.is_none_or(|text| text.check().is_ok()), "{given:?}");
        }
    }
}
