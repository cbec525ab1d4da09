//! Text on A4 pages: laid out with fallback between the built-in fonts and in both directions, and
//! written as PDF.

use std::sync::Arc;

use cosmic_text::{
    Attrs, Buffer, Family, FontSystem, LayoutGlyph, LayoutRun, Metrics, Shaping, fontdb,
    skrifa::{FontRef, MetadataProvider, charmap::Charmap},
};
use krilla::{
    Data, Document,
    color::rgb,
    geom::Point,
    num::NormalizedF32,
    page::PageSettings,
    paint::{Fill, FillRule},
    text::{Font, GlyphId, KrillaGlyph},
};

/// Noto Sans in the scripts that a hotel meets most; each under the SIL Open Font License (see
/// `server/fonts/OFL.txt`). The first one is for everything else.
const FONTS: [&[u8]; 5] = [
    include_bytes!("../../fonts/NotoSans-Regular.ttf"),
    include_bytes!("../../fonts/NotoSansArabic-Regular.ttf"),
    include_bytes!("../../fonts/NotoSansDevanagari-Regular.ttf"),
    include_bytes!("../../fonts/NotoSansHebrew-Regular.ttf"),
    include_bytes!("../../fonts/NotoSansThai-Regular.ttf"),
];

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);

/// Around the text, in points.
const MARGIN: f32 = 56.0;

/// Stands for every character that none of the fonts has.
const BOX: char = '\u{fffd}';

/// How a paragraph looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    Title,
    Heading,
    /// Small and grey: who wrote, and when.
    Note,
    Body,
}

impl Style {
    /// Size and height of a line, and the room above it, in points; how dark it is.
    const fn measures(self) -> (f32, f32, f32, u8) {
        match self {
            Self::Title => (20.0, 26.0, 0.0, 0),
            Self::Heading => (14.0, 19.0, 16.0, 0),
            Self::Note => (9.0, 12.0, 8.0, 90),
            Self::Body => (11.0, 15.0, 2.0, 0),
        }
    }
}

/// A line in its place.
struct Line {
    y: f32,
    text: String,
    style: Style,
    glyphs: Vec<LayoutGlyph>,
}

/// Paragraphs that become pages. A full page is written and compressed at once; its glyphs are not kept.
pub(super) struct Paper {
    document: Document,
    system: FontSystem,
    fonts: Vec<(fontdb::ID, Font)>,
    letters: Vec<Charmap<'static>>,
    /// Of the last page.
    lines: Vec<Line>,
    /// How far down the last page is written, in points.
    y: f32,
}

impl Paper {
    pub(super) fn new() -> Self {
        let mut database = fontdb::Database::new();
        let mut fonts = Vec::new();
        for bytes in FONTS {
            let source = fontdb::Source::Binary(Arc::new(bytes));
            let ids = database.load_font_source(source);
            let font = Font::new(Data::from(bytes.to_vec()), 0);
            fonts.extend(ids.first().copied().zip(font));
        }
        let letters = FONTS.iter().filter_map(|bytes| FontRef::from_index(bytes, 0).ok());
        let letters = letters.map(|font| font.charmap()).collect();
        database.set_sans_serif_family("Noto Sans");
        let system = FontSystem::new_with_locale_and_db("en".to_owned(), database);
        let document = Document::new();
        Self { document, system, fonts, letters, lines: Vec::new(), y: MARGIN }
    }

    /// Adds a paragraph. Returns `None` if a page that is full cannot be written.
    pub(super) fn write(&mut self, style: Style, text: &str) -> Option<()> {
        let (size, height, above, _) = style.measures();
        let mut buffer = Buffer::new(&mut self.system, Metrics::new(size, height));
        buffer.set_size(Some(PAGE.0 - 2.0 * MARGIN), None);
        let attrs = Attrs::new().family(Family::SansSerif);
        // Looking for what no font has takes the layout seconds for a long message.
        let text: String = text.chars().map(|char| self.covered(char)).collect();
        buffer.set_text(&text, &attrs, Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.system, false);
        self.y += above;
        for run in buffer.layout_runs() {
            self.place(style, height, &run)?;
        }
        Some(())
    }

    /// The character itself if it can be shown, or shows nothing; else a box.
    fn covered(&self, char: char) -> char {
        let is_shown = self.letters.iter().any(|letters| letters.map(char).is_some());
        if is_shown || char.is_whitespace() || char.is_control() || is_ignorable(char) {
            char
        } else {
            BOX
        }
    }

    fn place(&mut self, style: Style, height: f32, run: &LayoutRun<'_>) -> Option<()> {
        if self.y + height > PAGE.1 - MARGIN {
            self.finish_page()?;
            self.y = MARGIN;
        }
        // From the top of the line to where its letters stand.
        let y = self.y + run.line_y - run.line_top;
        let line = Line { y, text: run.text.to_owned(), style, glyphs: run.glyphs.to_vec() };
        self.lines.push(line);
        self.y += height;
        Some(())
    }

    /// Writes the last page into the document; the next one is empty.
    fn finish_page(&mut self) -> Option<()> {
        let mut page = self.document.start_page_with(PageSettings::from_wh(PAGE.0, PAGE.1)?);
        let mut surface = page.surface();
        for line in self.lines.drain(..) {
            let (size, _, _, grey) = line.style.measures();
            surface.set_fill(Some(Fill {
                paint: rgb::Color::new(grey, grey, grey).into(),
                opacity: NormalizedF32::ONE,
                rule: FillRule::default(),
            }));
            for part in line.glyphs.chunk_by(follows) {
                let first = part.first()?;
                let (_, font) = self.fonts.iter().find(|(id, _)| *id == first.font_id)?;
                let glyphs: Vec<_> = part.iter().map(|glyph| scaled(glyph, size)).collect();
                let start = Point::from_xy(MARGIN + first.x, line.y + first.y);
                surface.draw_glyphs(start, &glyphs, font.clone(), &line.text, size, false);
            }
        }
        surface.finish();
        page.finish();
        Some(())
    }

    /// The pages as PDF. Returns `None` if they cannot be written.
    pub(super) fn into_pdf(mut self) -> Option<Vec<u8>> {
        self.finish_page()?;
        self.document.finish().ok()
    }
}

/// Whether a character only says how those around it are written (joiners, directions, variants).
const fn is_ignorable(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether a glyph stands where the one before it ends, in the same font. From right to left none does.
fn follows(one: &LayoutGlyph, next: &LayoutGlyph) -> bool {
    one.font_id == next.font_id && (one.x + one.w - next.x).abs() < 0.01
}

/// A glyph in parts of its size, as PDF wants it.
fn scaled(glyph: &LayoutGlyph, size: f32) -> KrillaGlyph {
    KrillaGlyph::new(
        GlyphId::new(u32::from(glyph.glyph_id)),
        glyph.w / size,
        glyph.x_offset,
        glyph.y_offset,
        0.0,
        glyph.start..glyph.end,
        None,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The glyphs of one paragraph.
    fn glyphs(text: &str) -> Vec<LayoutGlyph> {
        let mut paper = Paper::new();
        paper.write(Style::Body, text).unwrap();
        paper.lines.into_iter().flat_map(|line| line.glyphs).collect()
    }

    #[test]
    fn these_scripts_have_letters_and_those_have_boxes() {
        let covered = [
            "Überraschung für größere Gäste – „ja“, 3 €",
            "Tiếng Việt, Łódź, İstanbul",
            "Пожалуйста, разбудите",
            "Καλημέρα σας",
            "मुझे दो और तौलिये चाहिए",
            "هل يمكنني الحصول على منشفة؟",
            "אפשר עוד מגבות?",
            "ขอผ้าเช็ดตัวเพิ่ม",
        ];
        for text in covered {
            let glyphs = glyphs(text);
            assert!(!glyphs.is_empty() && glyphs.iter().all(|glyph| glyph.glyph_id != 0), "{text}");
        }
        // What docs/operations.md says is not covered.
        let id_of_box = glyphs(&BOX.to_string())[0].glyph_id;
        for text in ["你好", "こんにちは", "안녕하세요", "😀"] {
            let glyphs = glyphs(text);
            assert_eq!(glyphs.len(), text.chars().count());
            assert!(glyphs.iter().all(|glyph| glyph.glyph_id == id_of_box), "{text}");
        }
    }

    #[test]
    fn arabic_is_joined_and_runs_from_right_to_left() {
        let word = glyphs("محل");
        assert!(word.windows(2).all(|two| two[0].x > two[1].x), "{word:?}");
        let alone: Vec<_> = ["م", "ح", "ل"].iter().map(|one| glyphs(one)[0].glyph_id).collect();
        let joined: Vec<_> = word.iter().map(|glyph| glyph.glyph_id).collect();
        assert_ne!(joined, alone, "letters take another form inside a word");
    }

    #[test]
    fn long_texts_are_broken_into_lines_and_pages() {
        let mut paper = Paper::new();
        let mut pages = 1;
        for _ in 0..40 {
            let y = paper.y;
            let text = "Could we have two more towels, please? ".repeat(10);
            paper.write(Style::Body, &text).unwrap();
            pages += u32::from(paper.y < y);
            for line in &paper.lines {
                let right = line.glyphs.iter().map(|glyph| glyph.x + glyph.w).fold(0.0, f32::max);
                // Blanks at the end of a line may stand in the margin.
                assert!(
                    right <= PAGE.0 - MARGIN && line.y <= PAGE.1 - MARGIN,
                    "{right} {}",
                    line.y
                );
            }
        }
        assert!(pages > 2, "{pages} pages");
        let pdf = paper.into_pdf().unwrap();
        assert!(pdf.starts_with(b"%PDF-") && pdf.trim_ascii_end().ends_with(b"%%EOF"));
    }
}
