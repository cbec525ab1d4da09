//! Bars, as an SVG that reads on light and dark ground.

use std::fmt::Write as _;

use crate::report::{Row, Runs, number};

const WIDTH: f64 = 860.0;
const BARS_FROM: f64 = 330.0;
const BARS_MAX: f64 = 400.0;
const BAR: f64 = 16.0;
const ROW_GAP: f64 = 18.0;
const COLOURS: [&str; 3] = ["#1f7a6d", "#8a94a6", "#c9a227"];

/// One group of bars for each row, each as long as its share of the group's longest; thin lines show
/// the smallest and the greatest run.
#[must_use]
pub fn bars(title: &str, rows: &[Row]) -> String {
    let mut body = String::new();
    let mut y = 44.0;
    for row in rows {
        let mut lines: Vec<(&str, &Runs, &str)> = vec![("Frontdesk", &row.frontdesk, COLOURS[0])];
        for (other, colour) in [(&row.reference, COLOURS[1]), (&row.beside, COLOURS[2])] {
            if let Some((name, runs)) = other {
                lines.push((name, runs, colour));
            }
        }
        let longest = lines
            .iter()
            .flat_map(|(_, runs, _)| runs.0.iter().copied())
            .fold(f64::MIN_POSITIVE, f64::max);
        let what = format!("{} ({})", row.what, row.unit);
        text(&mut body, 12.0, y + 12.0, "start", &what);
        for (name, runs, colour) in lines {
            let length = |value: f64| BARS_MAX * value / longest;
            let median = runs.median();
            text(&mut body, BARS_FROM - 8.0, y + 12.0, "end", name);
            let _ = writeln!(
                body,
                r#"<rect x="{BARS_FROM}" y="{y:.0}" width="{:.1}" height="{}" fill="{colour}"/>"#,
                length(median),
                BAR - 2.0,
            );
            let least = runs.0.iter().copied().fold(f64::MAX, f64::min);
            let most = runs.0.iter().copied().fold(0.0, f64::max);
            let _ = writeln!(
                body,
                r#"<path d="M{:.1} {middle:.0}H{:.1}" stroke="currentColor"/>"#,
                BARS_FROM + length(least),
                BARS_FROM + length(most),
                middle = y + BAR / 2.0 - 1.0,
            );
            let end = BARS_FROM + length(most.max(median)) + 6.0;
            text(&mut body, end, y + 12.0, "start", &number(median));
            y += BAR;
        }
        y += ROW_GAP;
    }
    let mut heading = String::new();
    text(&mut heading, 12.0, 24.0, "start", title);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0}" font-family="system-ui, sans-serif" font-size="12" color="#777" fill="#777">
<g font-weight="bold" font-size="15">{heading}</g>
{body}</svg>
"##
    )
}

fn text(body: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    // Writing to a string cannot fail.
    let _ = writeln!(body, r#"<text x="{x:.0}" y="{y:.0}" text-anchor="{anchor}">{words}</text>"#);
}
