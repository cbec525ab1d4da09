//! The load over time, as an SVG that reads on light and dark ground.

use std::fmt::Write as _;

use crate::client::quantiles_ms;

use super::measure::Sample;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const PANEL: f64 = 150.0;
const GAP: f64 = 56.0;
/// Seconds that one point of the latencies stands for.
const BUCKET: usize = 5;

struct Line<'a> {
    name: &'a str,
    colour: &'a str,
    points: Vec<(f64, f64)>,
}

/// Acknowledgments above, memory below.
pub fn draw(samples: &[Sample]) -> String {
    let length = samples.last().map_or(1.0, |last| last.at.max(1.0));
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for bucket in samples.chunks(BUCKET) {
        let Some(first) = bucket.first() else { continue };
        let latencies = bucket.iter().flat_map(|each| each.latencies.clone()).collect();
        let (middle, late) = quantiles_ms(latencies);
        p50.push((first.at, middle));
        p99.push((first.at, late));
    }
    let memory = samples.iter().map(|each| (each.at, each.memory_mib)).collect();
    let mut body = String::new();
    let latencies = [
        Line { name: "p99", colour: "#c9a227", points: p99 },
        Line { name: "p50", colour: "#1f7a6d", points: p50 },
    ];
    panel(&mut body, 44.0, "Acknowledgment, ms", &latencies, length);
    let memory = [Line { name: "resident", colour: "#1f7a6d", points: memory }];
    panel(&mut body, 44.0 + PANEL + GAP, "Memory, MiB", &memory, length);
    let height = 44.0 + 2.0 * PANEL + GAP + 40.0;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" font-family="system-ui, sans-serif" font-size="12" color="#777" fill="#777">
{body}</svg>
"##
    )
}

fn panel(body: &mut String, top: f64, title: &str, lines: &[Line<'_>], length: f64) {
    let values = lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
    // From nothing on: what looks steep would be.
    let most = values.fold(f64::MIN_POSITIVE, f64::max) * 1.1;
    let across = |at: f64| LEFT + (WIDTH - LEFT - RIGHT) * at / length;
    let up = |value: f64| top + PANEL - PANEL * value / most;
    // Writing to a string cannot fail.
    let _ = writeln!(
        body,
        r#"<text x="{LEFT}" y="{:.0}" font-weight="bold">{title}</text>"#,
        top - 12.0
    );
    for share in [0.0, 0.5, 1.0] {
        let value = most * share;
        let _ = writeln!(
            body,
            r#"<path d="M{LEFT} {y:.1}H{:.0}" stroke="currentColor" stroke-opacity="0.3"/><text x="{:.0}" y="{:.1}" text-anchor="end">{value:.1}</text>"#,
            WIDTH - RIGHT,
            LEFT - 6.0,
            up(value) + 4.0,
            y = up(value),
        );
    }
    for part in 0..=5_u32 {
        let at = length * f64::from(part) / 5.0;
        let _ = writeln!(
            body,
            r#"<text x="{:.0}" y="{:.0}" text-anchor="middle">{at:.0} s</text>"#,
            across(at),
            top + PANEL + 18.0
        );
    }
    for (place, line) in (0_u32..).zip(lines) {
        let mut path = String::new();
        for (index, (at, value)) in line.points.iter().enumerate() {
            let step = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{step}{:.1} {:.1}", across(*at), up(*value));
        }
        let _ = writeln!(
            body,
            r#"<path d="{path}" fill="none" stroke="{}" stroke-width="1.5"/><text x="{:.0}" y="{:.0}" text-anchor="end" fill="{}">{}</text>"#,
            line.colour,
            WIDTH - RIGHT - f64::from(place) * 50.0,
            top - 12.0,
            line.colour,
            line.name,
        );
    }
}
