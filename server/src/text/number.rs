//! Reads phone numbers, however people and programs write them. Every input path uses this one parser.

use std::fmt;

use phonenumber::{
    country,
    metadata::{DATABASE, Metadata},
};

use super::visible::{digit_value, is_invisible};

/// Longest text that is read as a number, in characters.
pub(crate) const NUMBER_MAX_CHARS: usize = 255;

/// Most digits of a number that can be dialled from abroad (E.164).
const MAX_DIGITS: usize = 15;

/// A country's code, and one more digit.
const MIN_DIGITS: usize = 2;

/// After this number of digits, a `/` or `+` begins a second number.
const WHOLE_NUMBER_DIGITS: usize = 7;

/// Longest code of a country.
const COUNTRY_CODE_MAX_DIGITS: usize = 3;

/// Hosts of messenger addresses whose digits are not a phone number: hidden identities, groups, lists.
const HOSTS_WITHOUT_NUMBERS: [&str; 4] = ["lid", "g.us", "broadcast", "newsletter"];

/// Why a text is not a number. The sentence goes on after the name of the member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NumberError {
    #[error("must be a phone number, such as +44 7700 900123")]
    NoDigits,
    #[error("must be one phone number; “{0}” follows it")]
    SecondNumber(String),
    #[error("must be a phone number without an extension; “{0}” follows it")]
    Extension(String),
    #[error("must be a phone number and nothing else; “{0}” is not part of one")]
    LeftOver(String),
    #[error("must begin with an existing country code, such as +44")]
    NoCountryCode,
    #[error("must include the country code, such as +44 7700 900123")]
    NeedsCountry,
    #[error("must be a complete phone number; it is too short or too long for its country")]
    Impossible,
    #[error("must have at most {MAX_DIGITS} digits")]
    TooLong,
}

/// The digits of an international number (E.164, without `+`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number(String);

impl Number {
    /// Reads a number. `country` is the ISO 3166-1 alpha-2 code of the country in which a number without its
    /// country's code would be dialled.
    ///
    /// # Errors
    /// [`NumberError`].
    pub(crate) fn read(given: &str, country: Option<&str>) -> Result<Self, NumberError> {
        let text = plain(given);
        let (digits, is_international) = scan(&without_trunk_zero(address(&text)))?;
        let number = if is_international {
            international(digits)?
        } else {
            possible_international(&digits).map_or_else(|| national(&digits, country), Ok)?
        };
        if number.len() > MAX_DIGITS { Err(NumberError::TooLong) } else { Ok(Self(number)) }
    }
}

impl AsRef<str> for Number {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Number> for String {
    fn from(number: Number) -> Self {
        number.0
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// The text without invisible marks, with ASCII digits and punctuation, and without `tel:`.
fn plain(given: &str) -> String {
    let text: String = given
        .chars()
        .filter(|char| char.is_control() || !is_invisible(*char))
        .map(|char| match char {
            // The full-width forms stand in the order of ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                char::from_u32(u32::from(char) - 0xff01 + 0x21).unwrap_or(char)
            }
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            '\u{2044}' | '\u{2215}' => '/',
            space if space.is_whitespace() => ' ',
            other => digit_value(other).map_or(other, |digit| char::from(b'0' + digit)),
        })
        .collect();
    let text = text.trim();
    match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => {
            text.get(4..).unwrap_or_default().trim_start().to_owned()
        }
        _ => text.to_owned(),
    }
}

/// The number in a messenger address (`digits[:device]@host`); other texts as they are.
fn address(text: &str) -> &str {
    let Some((user, host)) = text.split_once('@') else { return text };
    let (number, device) = user.split_once(':').unwrap_or((user, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = !host.is_empty()
        && host.chars().all(|char| char.is_ascii_alphanumeric() || ".-".contains(char))
        && !HOSTS_WITHOUT_NUMBERS.iter().any(|other| host.eq_ignore_ascii_case(other));
    let is_number = is_digits(number.strip_prefix('+').unwrap_or(number)) && is_digits(device);
    if is_host && is_number { number } else { text }
}

/// Drops the `(0)` after a country's code: it is dialled within the country only.
fn without_trunk_zero(text: &str) -> String {
    let zero = text.split_once('(').and_then(|(before, rest)| {
        let (inside, after) = rest.split_once(')')?;
        (inside.trim() == "0").then_some((before, after))
    });
    let Some((before, after)) = zero else { return text.to_owned() };
    let code: String = before.chars().filter(char::is_ascii_digit).collect();
    let code = code.strip_prefix("00").unwrap_or(&code);
    let is_code = split(&format!("{code}0")).is_some_and(|(_, national)| national == "0");
    if is_code { format!("{before} {after}") } else { text.to_owned() }
}

/// The digits of a number, without `+` and `00`; and whether it had one of these.
fn scan(text: &str) -> Result<(String, bool), NumberError> {
    let mut digits = String::new();
    let mut has_plus = false;
    for (at, char) in text.char_indices() {
        let rest =
            || text.get(at..).unwrap_or_default().trim().chars().take(40).collect::<String>();
        match char {
            '0'..='9' => digits.push(char),
            '+' if digits.is_empty() && !has_plus => has_plus = true,
            '+' | '/' if digits.len() >= WHOLE_NUMBER_DIGITS => {
                if rest().contains(|char: char| char.is_ascii_digit()) {
                    return Err(NumberError::SecondNumber(rest()));
                }
            }
            ' ' | '(' | ')' | '-' | '.' | '/' => {}
            _ => return Err(left_over(&rest(), &digits)),
        }
    }
    if digits.is_empty() {
        return Err(NumberError::NoDigits);
    }
    match digits.strip_prefix("00") {
        Some(international) => Ok((international.to_owned(), true)),
        None => Ok((digits, has_plus)),
    }
}

fn left_over(rest: &str, digits: &str) -> NumberError {
    let word = rest.trim_start_matches([';', ',']).trim_start().to_lowercase();
    let is_extension =
        ["ext", "x", "#", "durchwahl", "poste"].iter().any(|it| word.starts_with(it));
    if digits.len() >= WHOLE_NUMBER_DIGITS && is_extension {
        return NumberError::Extension(rest.to_owned());
    }
    if digits.is_empty() && !rest.contains(|char: char| char.is_ascii_digit()) {
        return NumberError::NoDigits;
    }
    let end = rest.find(|char: char| char.is_ascii_digit() || char == ' ').unwrap_or(rest.len());
    let shown = rest.get(..end).filter(|shown| !shown.is_empty()).unwrap_or(rest);
    let shown = shown.chars().map(|char| match char {
        control if control.is_control() => format!("U+{:04X}", u32::from(control)),
        drawn => drawn.to_string(),
    });
    NumberError::LeftOver(shown.collect())
}

/// A country's code and what follows it.
fn split(digits: &str) -> Option<(u16, &str)> {
    (1..=COUNTRY_CODE_MAX_DIGITS).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        let is_code = !code.starts_with('0') && !national.is_empty();
        let code = code.parse().ok().filter(|_| is_code)?;
        DATABASE.region(&code).map(|_| (code, national))
    })
}

/// Regions that share a country's code.
fn regions(code: u16) -> Vec<&'static Metadata> {
    DATABASE.by_code(&code).unwrap_or_default()
}

fn main_region(code: u16) -> Option<&'static Metadata> {
    let regions = regions(code);
    regions.iter().find(|region| region.is_main_country_for_code()).or(regions.first()).copied()
}

/// Whether numbers of a country can have this length, whether or not this one is in use.
fn is_possible(code: u16, national: &str) -> bool {
    let Ok(length) = u16::try_from(national.len()) else { return false };
    regions(code).into_iter().any(|region| {
        let kinds = region.descriptors();
        let kinds = [
            kinds.fixed_line(),
            kinds.mobile(),
            kinds.toll_free(),
            kinds.premium_rate(),
            kinds.shared_cost(),
            kinds.personal_number(),
            kinds.voip(),
            kinds.pager(),
            kinds.uan(),
            kinds.voicemail(),
        ];
        kinds.into_iter().flatten().any(|kind| kind.possible_length().contains(&length))
    })
}

/// The number behind the country's code as it is dialled from abroad. The library drops what is dialled within
/// the country only, such as the `0` of `+44 07700 900316`, but sometimes also a digit that belongs to the
/// number: what looks like a number of the region stays as it is.
fn canonical(code: u16, region: Option<&Metadata>, national: &str, whole: &str) -> String {
    let looks_right = |national: &str| {
        let matches = |region: &Metadata| region.descriptors().general().is_match(national);
        region.is_some_and(matches) && is_possible(code, national)
    };
    if looks_right(national) {
        return national.to_owned();
    }
    let id = region.and_then(|region| region.id().parse::<country::Id>().ok());
    let parsed =
        phonenumber::parse(id, whole).ok().filter(|parsed| parsed.country().code() == code);
    let parsed = parsed.map(|parsed| parsed.national().to_string());
    parsed
        .filter(|parsed| {
            looks_right(parsed) || is_possible(code, parsed) && !is_possible(code, national)
        })
        .unwrap_or_else(|| national.to_owned())
}

/// Digits behind `+`. The library does not decide which countries there are: a code that it does not know stays.
fn international(digits: String) -> Result<String, NumberError> {
    if digits.len() < MIN_DIGITS || digits.starts_with('0') {
        return Err(NumberError::NoCountryCode);
    }
    let Some((code, national)) = split(&digits) else { return Ok(digits) };
    let national = canonical(code, main_region(code), national, &format!("+{digits}"));
    Ok(format!("{code}{national}"))
}

/// Digits without `+` that could be a whole international number.
fn possible_international(digits: &str) -> Option<String> {
    let (code, national) = split(digits)?;
    let national = canonical(code, main_region(code), national, &format!("+{digits}"));
    is_possible(code, &national).then(|| format!("{code}{national}"))
}

/// Digits as they are dialled within a country.
fn national(digits: &str, country: Option<&str>) -> Result<String, NumberError> {
    let region = country.and_then(|country| DATABASE.by_id(country));
    let region = region.ok_or(NumberError::NeedsCountry)?;
    let code = region.country_code();
    let national = canonical(code, Some(region), digits, digits);
    if is_possible(code, &national) {
        Ok(format!("{code}{national}"))
    } else {
        Err(NumberError::Impossible)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(given: &str, country: Option<&str>) -> Result<String, NumberError> {
        Number::read(given, country).map(String::from)
    }

    #[test]
    fn every_way_of_writing_a_number_is_one_number() {
        for given in [
            "+447700900302",
            "+44 (0)7700 900302",
            "\u{202a}+44 (0)7700 900302\u{202c}",
            "0044 7700-900302",
            "0044 (0) 7700 900302",
            "+44 07700 900302",
            "tel:+44-7700-900302",
            "TEL: +44 7700 900302",
            "447700900302",
            "44 (0)7700 900302",
            "447700900302:12@s.whatsapp.net",
            "447700900302@c.us",
            "+447700900302@s.whatsapp.net",
            "+٤٤ ٧٧٠٠ ٩٠٠٣٠٢",
            "+44 7700 ٩٠٠٣٠٢",
            "＋４４（０）７７００\u{3000}９００３０２",
            "+44 (7700) 900.302",
            "+44\u{a0}7700\u{2011}900302",
            "(+44) 7700 900302",
            "+44/7700/900302",
            "+00 44 7700 900302",
        ] {
            assert_eq!(read(given, None).as_deref(), Ok("447700900302"), "{given:?}");
            assert_eq!(read(given, Some("CH")).as_deref(), Ok("447700900302"), "{given:?}");
        }
        for (given, country, expected) in [
            ("07700 900302", "GB", "447700900302"),
            ("(030) 12345678", "DE", "493012345678"),
            ("06 1234 5678", "IT", "390612345678"),
            ("+39 06 1234 5678", "GB", "390612345678"),
            ("044 668 18 00", "CH", "41446681800"),
            ("030 1234", "DE", "49301234"),
            ("+375 8011234567", "BY", "3758011234567"),
            ("415 555 0132", "US", "14155550132"),
            // Where the library does not know of a prefix within the country.
            ("+34 (0)912 345 678", "ES", "34912345678"),
            ("0034 (0) 912 345 678", "GB", "34912345678"),
        ] {
            assert_eq!(read(given, Some(country)).as_deref(), Ok(expected), "{given:?}");
        }
        // A number that is only possible counts, whether or not it is in use.
        assert_eq!(read("+447700900123", None).as_deref(), Ok("447700900123"));
        assert_eq!(read("+1 2", None).as_deref(), Ok("12"));
        assert_eq!(read("+999 12345", None).as_deref(), Ok("99912345"));
    }

    #[test]
    fn what_is_left_over_is_named() {
        use NumberError::{
            Extension, Impossible, LeftOver, NeedsCountry, NoCountryCode, NoDigits, SecondNumber,
            TooLong,
        };
        let text = |text: &str| text.to_owned();
        for (given, country, expected) in [
            ("+44 7700 900306 ext. 12", None, Extension(text("ext. 12"))),
            ("+44 7700 900306;ext=12", None, Extension(text(";ext=12"))),
            ("+44 7700 900306 x12", None, Extension(text("x12"))),
            ("+44 7700 900306 #12", None, Extension(text("#12"))),
            ("+44 7700 900306 / +44 7700 900307", None, SecondNumber(text("/ +44 7700 900307"))),
            ("+44 7700 900306 +447700900307", None, SecondNumber(text("+447700900307"))),
            ("+44 77OO 900306", None, LeftOver(text("OO"))),
            ("+44 7700 900306, 307", None, LeftOver(text(","))),
            ("44+7700900306", None, LeftOver(text("+"))),
            ("+44\u{7}7700900306", None, LeftOver(text("U+0007"))),
            ("12345@lid", None, LeftOver(text("@lid"))),
            ("none", None, NoDigits),
            ("", None, NoDigits),
            (" + ", None, NoDigits),
            ("07700 900123", None, NeedsCountry),
            ("07700 900123", Some("XX"), NeedsCountry),
            ("12", Some("GB"), Impossible),
            ("+5", None, NoCountryCode),
            ("0000", None, NoCountryCode),
            ("+44 7700 900123 900123", None, TooLong),
        ] {
            assert_eq!(read(given, country), Err(expected), "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_number_or_a_reason(
            given in "[+0-9() /.-]{0,24}|\\PC{0,40}",
            country in prop::sample::select(vec![None, Some("GB"), Some("AR"), Some("MX"), Some("US"), Some("BY"), Some("IT"), Some("BR")]),
        ) {
            match Number::read(&given, country) {
                Ok(Number(digits)) => {
                    prop_assert!((2..=MAX_DIGITS).contains(&digits.len()));
                    prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
                    // What was read is read as itself again.
                    let again = Number::read(&format!("+{digits}"), None).map(String::from);
                    prop_assert_eq!(again.as_deref(), Ok(digits.as_str()));
                }
                Err(error) => prop_assert!(error.to_string().starts_with("must ")),
            }
        }
    }
}
