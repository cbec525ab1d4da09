//! Which texts show something. The desk's page has the same rule in `ui/src/text/visible.ts`; both run the
//! cases of `client-cases/visible.json`.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup},
};

/// Whether anybody would see something of the text: it does not consist only of spaces, combining marks and
/// characters that are never drawn.
pub(crate) fn has_visible_character(text: &str) -> bool {
    text.chars().any(is_visible)
}

fn is_visible(char: char) -> bool {
    char.is_ascii_graphic()
        || !(char.is_whitespace()
            || is_invisible(char)
            || GeneralCategoryGroup::Mark.contains(category(char)))
}

/// Whether a character is never drawn, and is no space either. Combining marks are drawn, on the character
/// before them.
pub(crate) fn is_invisible(char: char) -> bool {
    if char.is_ascii() {
        return char.is_ascii_control() && !char.is_ascii_whitespace();
    }
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
        || matches!(category(char), GeneralCategory::Control | GeneralCategory::Format)
        // The empty Braille cell and the empty note head: symbols without a picture.
        || matches!(char, '\u{2800}' | '\u{1D159}')
}

fn category(char: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(char)
}

/// The value of a decimal digit of any script.
pub(crate) fn digit_value(char: char) -> Option<u8> {
    if char.is_ascii() {
        return char.to_digit(10).and_then(|digit| u8::try_from(digit).ok());
    }
    if category(char) != GeneralCategory::DecimalNumber {
        return None;
    }
    // Unicode keeps the ten digits of a script together and in order; the sets of the mathematical digits
    // follow each other without a gap.
    let code = u32::from(char);
    let block = CodePointMapData::<GeneralCategory>::new()
        .iter_ranges_for_value(GeneralCategory::DecimalNumber)
        .find(|range| range.contains(&code))?;
    u8::try_from((code - block.start()) % 10).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        text: String,
        visible: bool,
    }

    #[test]
    fn a_text_is_visible_when_one_of_its_characters_is() {
        let cases = include_str!("../../../client-cases/visible.json");
        let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
        assert!(cases.len() > 20);
        for Case { text, visible } in cases {
            assert_eq!(has_visible_character(&text), visible, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn a_digit_of_any_script_has_its_value() {
        for digits in [
            "0123456789",
            "٠١٢٣٤٥٦٧٨٩",
            "۰۱۲۳۴۵۶۷۸۹",
            "０１２３４５６７８９",
            "०१२३४५६७८९",
            "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡",
            "𝟶𝟷𝟸𝟹𝟺𝟻𝟼𝟽𝟾𝟿",
        ] {
            let values: Vec<_> = digits.chars().map(digit_value).collect();
            assert_eq!(values, (0..10).map(Some).collect::<Vec<_>>(), "{digits}");
        }
        for other in ['a', '+', '²', '①', '一', 'Ⅷ'] {
            assert_eq!(digit_value(other), None, "{other}");
        }
    }
}
