//! How texts are compared: what counts as the same room, the same username, and what a search finds. The desk's
//! page searches by the same rule; both run the cases of `client-cases/search.json`.

use icu_casemap::CaseMapper;
use icu_properties::{CodePointMapData, props::GeneralCategory};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::visible::{digit_value, is_invisible};

/// Most words of a search; what follows them is ignored. Each word costs a comparison with every row.
const SEARCH_MAX_WORDS: usize = 8;

/// Rooms with equal keys are one room: compatible characters are replaced (NFKC), the case does not matter,
/// characters that are not drawn are left out, and a run of spaces counts as one.
pub(crate) fn room_key(number: &str) -> String {
    let key = key(number);
    key.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Usernames with equal keys are one username: compatible characters are replaced (NFKC), the case does not
/// matter, and characters that are not drawn are left out.
pub(crate) fn username_key(username: &str) -> String {
    key(username.trim())
}

fn key(text: &str) -> String {
    let drawn: String = text.nfkc().filter(|char| !is_invisible(*char)).collect();
    let folded = CaseMapper::new().fold_string(&drawn);
    // Folding can take a composed character apart.
    folded.nfkc().collect()
}

/// A text as searches compare it: without accents, apostrophes, dashes and the difference of upper and lower
/// case, with ASCII digits. It works letter by letter, so that a part of a name is still a part of it.
pub(crate) fn folded(text: &str) -> String {
    let letter = |char: char| match char {
        'ς' => 'σ',
        'ı' => 'i',
        other => digit_value(other).map_or(other, |digit| char::from(b'0' + digit)),
    };
    text.chars()
        .filter(|char| !is_joining(*char) && !is_invisible(*char))
        .nfkd()
        .filter(|char| !is_combining_mark(*char) && !is_joining(*char))
        .flat_map(char::to_lowercase)
        .map(letter)
        .collect::<String>()
        .replace('ß', "ss")
}

/// A room as searches compare it: each of its words, also those that a dash joins, and all of them joined.
/// A word of a search finds the beginning of any of these.
pub(crate) fn folded_room(number: &str) -> String {
    let joined = folded(number);
    let apart: String =
        number.chars().map(|char| if is_joining(char) { ' ' } else { char }).collect();
    let apart = folded(&apart);
    if apart == joined { joined } else { format!("{joined} {apart}") }
}

/// Apostrophes and dashes: they stand for each other and may be left out.
fn is_joining(char: char) -> bool {
    matches!(char, '\'' | '`' | '´' | 'ʹ' | 'ʻ' | 'ʼ' | '‘' | '’' | '‛' | '′' | '＇' | '׳' | '−')
        || (char == '-' || !char.is_ascii())
            && CodePointMapData::<GeneralCategory>::new().get(char)
                == GeneralCategory::DashPunctuation
}

/// A word of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SearchWord {
    /// As [`folded`] makes it.
    pub(crate) text: String,
    /// Its digits, when it could be part of a phone number. A leading zero is dialled within the country only,
    /// and `00` stands for `+`: no stored number has them.
    pub(crate) digits: Option<String>,
}

/// The words of a search. Each of them must be found, in any order.
pub(crate) fn search_words(query: &str) -> Vec<SearchWord> {
    folded(query)
        .split_whitespace()
        .take(SEARCH_MAX_WORDS)
        .map(|word| SearchWord { text: word.to_owned(), digits: digits_of_word(word) })
        .collect()
}

fn digits_of_word(word: &str) -> Option<String> {
    let is_like_a_number = word.chars().all(|char| char.is_ascii_digit() || "+()./".contains(char));
    let word = word.replace("(0)", "");
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0');
    let digits = if significant.is_empty() { digits.as_str() } else { significant };
    (is_like_a_number && !digits.is_empty()).then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Case {
        query: String,
        name: String,
        room: Option<String>,
        number: Option<String>,
        matches: bool,
    }

    impl Case {
        fn is_found(&self) -> bool {
            let name = folded(&self.name);
            let room = format!(" {}", self.room.as_deref().map(folded_room).unwrap_or_default());
            let number = self.number.clone().unwrap_or_default();
            let words = search_words(&self.query);
            !words.is_empty()
                && words.iter().all(|word| {
                    name.contains(&word.text)
                        || room.contains(&format!(" {}", word.text))
                        || word.digits.as_ref().is_some_and(|digits| number.contains(digits))
                })
        }
    }

    #[test]
    fn a_search_finds_what_its_cases_say() {
        let cases = include_str!("../../../client-cases/search.json");
        let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
        assert!(cases.len() > 30);
        for case in cases {
            assert_eq!(case.is_found(), case.matches, "{case:?}");
        }
    }

    #[test]
    fn a_search_has_at_most_eight_words() {
        let words: Vec<_> =
            search_words("a b c d e f g h i").into_iter().map(|word| word.text).collect();
        assert_eq!(words, ["a", "b", "c", "d", "e", "f", "g", "h"]);
    }

    #[test]
    fn spellings_of_one_room_have_one_key() {
        for (one, other) in [
            ("12B", "12b"),
            ("Suite  1", "suite\u{a0}1"),
            ("２０４", "204"),
            ("Ünal", "u\u{308}NAL"),
            ("12\u{200b}B", "12B"),
            ("STRASSE", "Straße"),
            ("ﬁrst", "First"),
            // A compatible character with a capital letter, and a capital that has no composed form.
            ("№ 5", "no 5"),
            ("Μα\u{390}", "ΜΑ\u{3aa}\u{301}"),
        ] {
            assert_eq!(room_key(one), room_key(other), "{one:?} {other:?}");
        }
        for (one, other) in [("12B", "12 B"), ("Über", "Uber"), ("204", "205"), ("1", "I")] {
            assert_ne!(room_key(one), room_key(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn spellings_of_one_username_have_one_key() {
        for spelling in ["Ünal", "ünal", "U\u{308}nal", "u\u{308}NAL", " ünal ", "ｕ\u{308}nal"]
        {
            assert_eq!(username_key(spelling), "ünal", "{spelling:?}");
        }
        assert_ne!(username_key("unal"), "ünal");
    }
}
