//! One line of a text, for rows of lists.

use unicode_segmentation::UnicodeSegmentation as _;

use super::PREVIEW_MAX_CHARS;

/// The first line of a list row: `content` on one line (every line break and run of spaces is one space),
/// at most 100 code points. A longer text is cut between graphemes, so that no emoji and no letter loses a
/// part, and ends in `…`.
#[must_use]
pub fn preview(content: &str) -> String {
    let mut line = String::with_capacity(content.len().min(PREVIEW_MAX_CHARS * 4));
    let mut chars = 0;
    for word in content.split_whitespace() {
        let gap = usize::from(chars > 0);
        // A word longer than the line need not be counted to its end.
        let length = word.chars().take(PREVIEW_MAX_CHARS + 1).count();
        if chars + gap + length > PREVIEW_MAX_CHARS {
            if gap == 1 {
                line.push(' ');
            }
            return cut(line, word);
        }
        if gap == 1 {
            line.push(' ');
        }
        line.push_str(word);
        chars += gap + length;
    }
    line
}

/// `line` and as many graphemes of `rest` as leave room for the final `…`. Where not even the line leaves
/// that room, it loses graphemes.
fn cut(mut line: String, rest: &str) -> String {
    const ROOM: usize = PREVIEW_MAX_CHARS - 1;
    // No grapheme that fits goes beyond this.
    line.extend(rest.chars().take(PREVIEW_MAX_CHARS + 1));
    let mut chars = 0;
    let mut end = 0;
    for (start, grapheme) in line.grapheme_indices(true) {
        chars += grapheme.chars().count();
        if chars > ROOM {
            break;
        }
        end = start + grapheme.len();
    }
    if end == 0 {
        // One grapheme that fills the whole line, such as a letter under a hundred marks.
        end = line.char_indices().nth(ROOM).map_or(line.len(), |(index, _)| index);
    }
    line.truncate(end);
    line.truncate(line.trim_end().len());
    line.push('…');
    line
}

#[cfg(test)]
mod tests {
    use super::preview;

    #[test]
    fn a_preview_is_one_line_of_at_most_100_characters() {
        assert_eq!(preview("two\n more \ttowels"), "two more towels");
        assert_eq!(preview(""), "");
        let exact = "x".repeat(100);
        assert_eq!(preview(&exact), exact);
        let cut = preview(&"ü".repeat(101));
        assert_eq!(cut.chars().count(), 100);
        assert!(cut.ends_with("ü…"));
        for length in 90..=110 {
            let line = preview(&format!("{} word after word", "y".repeat(length)));
            assert!(line.chars().count() <= 100, "{length}: {line}");
            assert!(line.ends_with('…') || length + 16 <= 100, "{length}: {line}");
        }
    }

    #[test]
    fn the_server_shortens_as_the_screen_does() {
        let cases = include_str!("../../../client-cases/preview.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(cases).unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let text = |member: &str| case[member].as_str().unwrap().to_owned();
            assert_eq!(preview(&text("content")), text("preview"), "{}", text("name"));
        }
    }

    #[test]
    fn every_line_break_is_a_space_in_a_preview() {
        for line_break in ["\n", "\r", "\r\n", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            assert_eq!(preview(&format!("one{line_break}two")), "one two", "{line_break:?}");
        }
    }

    #[test]
    fn a_preview_is_cut_between_graphemes() {
        // A family of seven code points, a flag of two, a letter with its mark.
        for grapheme in ["👨‍👩‍👧‍👦", "🇨🇭", "e\u{301}", "👍🏽", "क्षि"]
        {
            for before in 80..=101 {
                let text = format!("{}{}", "x".repeat(before), grapheme.repeat(20));
                let line = preview(&text);
                assert!(line.chars().count() <= 100, "{line}");
                let whole = line.strip_suffix('…').unwrap().trim_start_matches('x');
                assert_eq!(whole.replace(grapheme, ""), "", "{before} {line:?}");
                assert!(
                    line.chars().count() + grapheme.chars().count() > 100,
                    "a grapheme more would fit: {before} {line:?}"
                );
            }
        }
        let marks = format!("a{}", "\u{301}".repeat(300));
        assert_eq!(preview(&marks).chars().count(), 100);
    }
}
