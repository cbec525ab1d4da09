//! What may be a password: long enough, and not among the first that somebody would try.
//!
//! One rule for the first account, the HTTP interface and the command line. There are no rules about
//! kinds of characters: they make people write `Password1!`.

/// Shortest password, in characters.
pub(crate) const PASSWORD_MIN_CHARS: usize = 10;

/// Longest password, in characters: enough for any sentence, little enough to hash.
const PASSWORD_MAX_CHARS: usize = 200;

/// Longest password as it is typed: each character may come as a letter and three marks.
pub(crate) const PASSWORD_TYPED_MAX_CHARS: usize = 4 * PASSWORD_MAX_CHARS;

/// Tries after which a guessing program would have found it, as a power of ten. Tries at a server
/// that makes them wait come to some 100,000 a year and address.
const GUESSES_LOG10: f64 = 7.0;

/// Letters and digits that a password must have beside known names.
const OWN_CHARS: usize = 5;

/// Why something may not be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Weakness {
    #[error("a password must have {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters")]
    Length,
    #[error(
        "this password is too easy to guess; use several unrelated words that do not include the name of the hotel or of the person"
    )]
    Guessable,
}

/// What is wrong with a password; `about`: names that are no secret, such as the person's and the
/// hotel's.
///
/// zxcvbn knows the 30,000 most common passwords, words and names of several languages, keyboard
/// walks, dates and repetitions.
pub(crate) fn weakness(password: &str, about: &[String]) -> Option<Weakness> {
    let chars = password.chars().count();
    if !(PASSWORD_MIN_CHARS..=PASSWORD_MAX_CHARS).contains(&chars) {
        return Some(Weakness::Length);
    }
    let mut names = vec!["frontdesk", "front desk", "hotel", "reception", "welcome"];
    let joined: Vec<_> =
        about.iter().map(|name| name.split_whitespace().collect::<String>()).collect();
    for (name, joined) in about.iter().zip(&joined) {
        names.extend([name.as_str(), joined.as_str()]);
        names.extend(name.split_whitespace());
    }
    names.retain(|name| name.chars().count() > 2);
    let guesses = zxcvbn::zxcvbn(password, &names).guesses_log10();
    let is_guessable = guesses < GUESSES_LOG10 || beside_names(password, &names) < OWN_CHARS;
    is_guessable.then_some(Weakness::Guessable)
}

/// How many letters and digits a password has beside these names.
fn beside_names(password: &str, names: &[&str]) -> usize {
    let mut rest = password.to_lowercase();
    let mut names: Vec<_> = names.iter().map(|name| name.to_lowercase()).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in &names {
        rest = rest.replace(name, " ");
    }
    rest.chars().filter(|char| char.is_alphanumeric()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of the 3,000 most common passwords that are long enough to be refused for being common.
    /// From the list of passwords in zxcvbn (<https://github.com/dropbox/zxcvbn>, MIT).
    const COMMON: &str = "qwertyuiop 1234567890 q1w2e3r4t5 1q2w3e4r5t 4815162342 123456789a \
        12345qwert 1234554321 usuckballz1 password123 123456789q 1029384756 123qweasdzxc \
        soso123aljg manchester 1qaz2wsx3edc 12345678910 q1w2e3r4t5y6 1123581321 qwerty12345 \
        1q2w3e4r5t6y fuck_inside mailcreated5240 nuttertools 1122334455 qazwsxedcrfv 123456qwerty \
        1234567890q terminator qwerty123456 enterprise 123456789z poiuytrewq rjirfrgbde fktrcfylhf \
        polniypizdec0211 sojdlg123aljg a123456789 translator deepthroat qwerty1234 undertaker \
        multiplelo motherlode rjycnfynby syncmaster aleksandra salamander montgom240 sersolution \
        leavemealone realmadrid tinkerbell 123456654321";

    fn of(password: &str) -> Option<Weakness> {
        weakness(
            password,
            &["Hotel Aurora".to_owned(), "ana.silva".to_owned(), "Ana Silva".to_owned()],
        )
    }

    #[test]
    fn common_passwords_are_refused_however_they_are_dressed_up() {
        for password in COMMON.split_whitespace() {
            assert_eq!(of(password), Some(Weakness::Guessable), "{password}");
            let upper = password.to_uppercase();
            assert_eq!(of(&upper), Some(Weakness::Guessable), "{upper}");
        }
        for password in [
            "Password2026",
            "P@ssw0rd123",
            "aaaaaaaaaaaa",
            "abcdefghijkl",
            "2026-11-23",
            "asdfghjkl123",
        ] {
            assert_eq!(of(password), Some(Weakness::Guessable), "{password}");
        }
    }

    #[test]
    fn the_names_of_hotel_and_person_are_refused() {
        for password in [
            "Hotel Aurora",
            "hotelaurora1",
            "HotelAurora2026",
            "aurorahotel",
            "ana.silva123",
            "anasilva2026",
            "silvasilva",
            "frontdesk1",
            "frontdesk2026",
            "reception1",
            "ana-ana-ana",
            "silva & silva & silva",
        ] {
            assert_eq!(of(password), Some(Weakness::Guessable), "{password}");
        }
    }

    #[test]
    fn the_length_is_counted_in_characters() {
        assert_eq!(of("kornblume"), Some(Weakness::Length));
        assert_eq!(of("дождьвлесу7"), None);
        assert_eq!(of(&"wolf sieben ".repeat(17)), Some(Weakness::Length));
        assert_eq!(of(""), Some(Weakness::Length));
    }

    #[test]
    fn sentences_and_generated_passwords_are_accepted() {
        for password in [
            "correct horse battery",
            "another good one",
            "the moon over the bay",
            "xk4tq9wmzp",
            "ein Boot im Regen",
        ] {
            assert_eq!(of(password), None, "{password}");
        }
        for _ in 0..100 {
            let generated = crate::auth::generate_password();
            assert_eq!(of(&generated), None, "{generated}");
        }
    }
}
