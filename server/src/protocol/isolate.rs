//! Keeps what people wrote from turning a sentence around it.

use std::borrow::Cow;

/// Ends a part with a direction of its own.
const END: char = '\u{2069}';

/// A text for a place in a plain sentence: between U+2068 and U+2069 where it could turn what follows,
/// else as it is.
#[must_use]
pub fn isolated(text: &str) -> Cow<'_, str> {
    if !text.contains(turns) {
        return Cow::Borrowed(text);
    }
    // One that is not balanced would end the part around it, or go on behind it.
    let inner: Cow<'_, str> = if is_balanced(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.replace(begins_or_ends, ""))
    };
    Cow::Owned(format!("\u{2068}{inner}{END}"))
}

/// Letters that run from right to left, and characters that set a direction.
const fn turns(char: char) -> bool {
    matches!(
        char,
        '\u{590}'..='\u{8ff}'
            | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{fb1d}'..='\u{fdff}'
            | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}'
    )
}

const fn begins_or_ends(char: char) -> bool {
    matches!(char, '\u{2066}'..='\u{2069}')
}

fn is_balanced(text: &str) -> bool {
    let mut open = 0_usize;
    for char in text.chars().filter(|char| begins_or_ends(*char)) {
        if char != END {
            open += 1;
        } else if open == 0 {
            return false;
        } else {
            open -= 1;
        }
    }
    open == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_apart_only_where_it_could_turn_the_sentence() {
        for (text, expected) in [
            ("Amelia Hart", "Amelia Hart"),
            ("田中 yuki", "田中 yuki"),
            ("Amelia \u{202e}ecila", "\u{2068}Amelia \u{202e}ecila\u{2069}"),
            ("عمر", "\u{2068}عمر\u{2069}"),
            ("a\u{2069}\u{202e}b", "\u{2068}a\u{202e}b\u{2069}"),
            ("\u{2067}a", "\u{2068}a\u{2069}"),
            ("\u{2068}a\u{2069} · b", "\u{2068}\u{2068}a\u{2069} · b\u{2069}"),
        ] {
            assert_eq!(isolated(text), expected, "{text:?}");
        }
    }
}
