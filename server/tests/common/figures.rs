//! Figures of what was measured, in the documents that show them.

use std::{path::Path, sync::Mutex};

/// One at a time: tests run beside each other.
static FILE: Mutex<()> = Mutex::new(());

/// Puts a figure into its place in a document of `docs/`.
pub fn write(document: &str, name: &str, figure: &str) {
    let _alone = FILE.lock().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(document);
    let text = std::fs::read_to_string(&file).unwrap();
    let (open, close) = (format!("<!-- {name} -->"), "<!-- / -->");
    let start = text.find(&open).unwrap_or_else(|| panic!("no place for {name}")) + open.len();
    let end = start + text[start..].find(close).unwrap();
    std::fs::write(&file, format!("{}{figure}{}", &text[..start], &text[end..])).unwrap();
}
