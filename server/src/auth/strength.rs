//! What may be a password: long enough, and not among the first that somebody would try.
//!
//! One rule for the first account, the HTTP interface and the command line. There are no rules about
//! kinds of characters: they make people write `Password1!`.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
use zxcvbn::{Match, matching::patterns::MatchPattern, zxcvbn};

/// Shortest password, in characters.
pub(crate) const PASSWORD_MIN_CHARS: usize = 10;

/// Longest password, in characters: enough for any sentence, little enough to hash.
pub(crate) const PASSWORD_MAX_CHARS: usize = 200;

/// Longest password as it is typed: each character may come as a letter and three marks.
pub(crate) const PASSWORD_TYPED_MAX_CHARS: usize = 4 * PASSWORD_MAX_CHARS;

/// Tries after which a guessing program would have found it, as a power of ten. Tries at a server
/// that makes them wait come to some 100,000 a year and address.
const GUESSES_LOG10: f64 = 7.0;

/// The same for what a password has beside names that are no secret: those would be tried with everything first.
const OWN_GUESSES_LOG10: f64 = 5.0;

/// Characters that zxcvbn looks at; a longer password is looked at piece by piece.
const PIECE_CHARS: usize = 100;

/// Names that no password gains by, wherever it is for.
const KNOWN_NAMES: [&str; 5] = ["frontdesk", "front desk", "hotel", "reception", "welcome"];

/// What people write between the words of a name.
const SEPARATORS: [&str; 5] = ["", " ", "-", ".", "_"];

/// Words of a name that are joined in every way; a longer name is looked at word by word.
const JOINED_WORDS_MAX: usize = 4;

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
/// walks, dates, repetitions, and digits in the place of letters. It looks at the whole password, as it is written and
/// without accents.
pub(crate) fn weakness(password: &str, about: &[String]) -> Option<Weakness> {
    let chars = password.chars().count();
    if !(PASSWORD_MIN_CHARS..=PASSWORD_MAX_CHARS).contains(&chars) {
        return Some(Weakness::Length);
    }
    let known = KNOWN_NAMES.into_iter().chain(about.iter().map(String::as_str));
    let names: BTreeSet<_> = known.flat_map(forms).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let is_strong = |text: &str| pieces(text).iter().any(|piece| is_strong(piece, &names));
    (!is_strong(password) || !is_strong(&without_accents(password))).then_some(Weakness::Guessable)
}

/// Whether a piece of a password alone takes long to guess.
fn is_strong(piece: &str, names: &[&str]) -> bool {
    let estimate = zxcvbn(piece, names);
    let own: f64 = estimate.sequence().iter().map(|part| own_guesses_log10(part, names)).sum();
    estimate.guesses_log10() >= GUESSES_LOG10 && own >= OWN_GUESSES_LOG10
}

/// How long a part of a password takes to guess beside names. What stands between names is nothing of its own.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn own_guesses_log10(part: &Match, names: &[&str]) -> f64 {
    let is_between = |char: &char| char.is_whitespace() || char.is_ascii_punctuation();
    match &part.pattern {
        MatchPattern::Dictionary(found) if names.contains(&found.matched_word.as_str()) => 0.0,
        MatchPattern::Repeat(repeated) => {
            let once = repeated.base_matches.iter().map(|part| own_guesses_log10(part, names));
            once.sum::<f64>() + (repeated.repeat_count as f64).log10()
        }
        // Ten guesses for each character, as zxcvbn has it.
        MatchPattern::BruteForce => {
            part.token.chars().filter(|char| !is_between(char)).count() as f64
        }
        _ => part.guesses.map_or(0.0, |guesses| (guesses as f64).log10()),
    }
}

/// A text in pieces that zxcvbn looks at as a whole.
fn pieces(text: &str) -> Vec<String> {
    let chars: Vec<_> = text.chars().collect();
    chars.chunks(PIECE_CHARS).map(|piece| piece.iter().collect()).collect()
}

/// How people write a name: whole, its words, and these joined forwards and backwards; each with and without accents.
/// What is shorter than three characters may stand in any password.
fn forms(name: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for spelling in [name.to_lowercase(), without_accents(name).to_lowercase()] {
        let words: Vec<_> = spelling
            .split(|char: char| !char.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        if let [first, .., last] = words.as_slice()
            && words.len() <= JOINED_WORDS_MAX
        {
            let backwards: Vec<_> = words.iter().rev().copied().collect();
            for separator in SEPARATORS {
                forms.extend([words.join(separator), backwards.join(separator)]);
                let initial = first.chars().take(1).collect::<String>();
                forms.extend([
                    [*first, separator, *last].concat(),
                    [initial.as_str(), separator, *last].concat(),
                ]);
            }
        }
        forms.extend(words.iter().map(|word| (*word).to_owned()));
        forms.push(spelling.split_whitespace().collect());
        forms.push(spelling);
    }
    forms.retain(|form| form.chars().count() > 2);
    forms
}

fn without_accents(text: &str) -> String {
    text.nfkd().filter(|char| !is_combining_mark(*char)).collect()
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
            "Silva.Ana.2026!",
            "4n4.s1lv4.2026",
            "asilva2026!!",
        ] {
            assert_eq!(of(password), Some(Weakness::Guessable), "{password}");
        }
        for (names, passwords) in [
            (
                ["Hotel A", "maria", "Maria Gomez"],
                &["Hotel-A-2026", "hotel.a.2026", "M4r1a.G0mez", "gomez_maria_1", "MGomez-2026"][..],
            ),
            (
                ["Hôtel Étoile", "josé.nuñez", "José Núñez"],
                &[
                    "HotelEtoile2026",
                    "Hôtel-Étoile-1",
                    "jose.nunez.2026",
                    "J0se-Nun3z!",
                    "Núñez José",
                ],
            ),
        ] {
            let names = names.map(str::to_owned);
            for password in passwords {
                let found = weakness(password, &names);
                assert_eq!(found, Some(Weakness::Guessable), "{password}");
            }
        }
    }

    #[test]
    fn the_whole_password_counts() {
        // 100 characters that are easily guessed, then some that are not.
        let late = format!("{}xk4tq9wmzp7r", "a".repeat(100));
        assert_eq!(of(&late), None);
        assert_eq!(of(&"a".repeat(150)), Some(Weakness::Guessable));
        assert_eq!(of("Hotel Aurora xk4tq9w"), None);
    }

    #[test]
    fn pictures_and_every_script_are_as_good_as_letters() {
        for password in ["🦊🌵🛶🧀🎺🪁🐙🍇🧭🪵", "雨の海に浮かぶ小さな舟", "дождь-в-лесу-утром"]
        {
            assert_eq!(of(password), None, "{password}");
        }
        assert_eq!(of(&"🦊".repeat(12)), Some(Weakness::Guessable));
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
