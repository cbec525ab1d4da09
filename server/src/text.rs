//! Texts that people and other programs give to things. What each kind may look like stands here, for
//! every door: HTTP, gateways, command line.

use serde::{Deserialize, Deserializer};

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

/// Most digits of a number that can be dialled (E.164).
const NUMBER_MAX_DIGITS: usize = 15;

/// What is wrong with a text. The sentence goes on after its name: "a name must not be empty".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TextError {
    #[error("must not be empty")]
    Empty,
    #[error("must have at most {0} characters")]
    TooLong(usize),
    #[error("must be one line, without tabs or other control characters")]
    ControlCharacters,
    #[error("must not have spaces in it")]
    Spaces,
    #[error("must be a number with its country: +44 7700 900123")]
    NotInternational,
}

/// A text without spaces around it. One that has passed a door is not empty, has at most `MAX_CHARS`
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
    /// too long is cut. Returns `None` when nothing is left.
    fn cleaned(given: &str) -> Option<Self> {
        let spaced: String =
            given.chars().map(|char| if breaks_line(char) { ' ' } else { char }).collect();
        let cut: String = spaced.trim().chars().take(MAX_CHARS).collect();
        Some(Self::from(cut)).filter(|text| !text.0.is_empty())
    }

    fn check(&self) -> Result<(), TextError> {
        if self.0.is_empty() {
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

/// What somebody signs in with.
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
        if self.0.0.contains(char::is_whitespace) { Err(TextError::Spaces) } else { Ok(()) }
    }
}

/// The digits of a guest's number as staff write it: with its country, because the guest's own messages
/// come with it. What a gateway brings is read by [`digits`] alone: no number of it is refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Number(String);

impl Number {
    /// Reads a number.
    ///
    /// # Errors
    /// [`TextError`].
    pub(crate) fn read(given: &str) -> Result<Self, TextError> {
        let number = Self::from(given.to_owned());
        number.check().map(|()| number)
    }

    fn check(&self) -> Result<(), TextError> {
        // No country's code begins with a 0.
        let is_international = !self.0.is_empty() && !self.0.starts_with('0');
        if is_international && self.0.len() <= NUMBER_MAX_DIGITS {
            Ok(())
        } else {
            Err(TextError::NotInternational)
        }
    }
}

/// Digits of a phone number, written in any way. A leading `00` is another way of writing `+`, and the
/// `(0)` of `+44 (0)7700 900123` is only dialled inside the country.
pub(crate) fn digits(number: &str) -> String {
    let number = number.trim_start();
    let is_international = number.starts_with('+') || number.starts_with("00");
    let dialled = if is_international { number.replace("(0)", "") } else { number.to_owned() };
    let digits: String = dialled.chars().filter(char::is_ascii_digit).collect();
    match digits.trim_start_matches('0') {
        significant if number.starts_with("00") && !significant.is_empty() => {
            significant.to_owned()
        }
        _ => digits,
    }
}

/// For members that may be missing: a text that says nothing is as good as missing.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Text};

    pub(crate) fn deserialize<'de, D, const MAX_CHARS: usize>(
        deserializer: D,
    ) -> Result<Option<Text<MAX_CHARS>>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let given = Option::<Text<MAX_CHARS>>::deserialize(deserializer)?;
        Ok(given.filter(|text| !text.0.is_empty()))
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
door!([] Username, |given| Self(Text(given.trim().to_owned())));
door!([] Number, |given| Self(digits(given)));

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

impl AsRef<str> for Number {
    fn as_ref(&self) -> &str {
        &self.0
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
    fn what_must_not_be_refused_is_cleaned() {
        for (given, expected) in [
            ("a\nb\u{7}", Some("a b")),
            (" 204 ", Some("204")),
            ("\u{7} \n", None),
            ("12345678", Some("12345")),
            ("1234 678", Some("1234")),
        ] {
            let cleaned = Text::<5>::cleaned(given);
            assert_eq!(cleaned.as_ref().map(AsRef::as_ref), expected, "{given:?}");
            assert!(cleaned.is_none_or(|text| text.check().is_ok()), "{given:?}");
        }
    }

    #[test]
    fn a_number_is_its_digits_with_its_country() {
        for (given, expected) in [
            ("+44 7700 900123", "447700900123"),
            ("0044 7700-900123", "447700900123"),
            ("447700900123", "447700900123"),
            ("+44 (0)7700 900123", "447700900123"),
            ("0044 (0) 7700 900123", "447700900123"),
            ("(030) 12-34 / 5", "03012345"),
            ("0000", "0000"),
            ("none", ""),
        ] {
            assert_eq!(digits(given), expected, "{given:?}");
        }
        for odd in ["07700 900123", "none", "", "+44 7700 900123 900123"] {
            assert_eq!(Number::read(odd), Err(TextError::NotInternational), "{odd:?}");
        }
        assert!(Number::read("12").is_ok());
    }
}
