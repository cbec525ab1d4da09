//! What was measured: tables, targets, raw results.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::plot;

/// The runs of one figure.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Runs(pub Vec<f64>);

impl Runs {
    /// The one in the middle.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

/// What a figure has to reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// So many times the reference, or more.
    Share(f64),
    /// So many times the reference, or less.
    Multiple(f64),
    /// The reference and so much, or less.
    Margin(f64),
    /// So much, or less.
    Limit(f64),
    /// So many times the reference, or less; where that is less than the second value, that one.
    MultipleOrLimit(f64, f64),
}

/// One line of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Its unit.
    pub unit: String,
    /// Frontdesk's runs.
    pub frontdesk: Runs,
    /// The reference and its runs.
    pub reference: Option<(String, Runs)>,
    /// Something else, for comparison.
    pub beside: Option<(String, Runs)>,
    /// What it has to reach.
    pub target: Option<Target>,
}

impl Row {
    /// How it compares with what it has to reach, in words, and whether it reaches it.
    #[must_use]
    pub fn verdict(&self) -> Option<(String, bool)> {
        let ours = self.frontdesk.median();
        let reference = self.reference.as_ref().map_or(0.0, |(_, runs)| runs.median());
        let unit = &self.unit;
        Some(match self.target? {
            Target::Share(factor) => {
                let ratio = ours / reference;
                (format!("{ratio:.2} of it, at least {factor:.2}"), ratio >= factor)
            }
            Target::Multiple(factor) => {
                let ratio = ours / reference;
                (format!("{ratio:.2} of it, at most {factor:.2}"), ratio <= factor)
            }
            Target::Margin(more) => {
                let difference = ours - reference;
                (format!("{difference:+.1} {unit}, at most +{more:.0} {unit}"), difference <= more)
            }
            Target::Limit(limit) => (format!("at most {limit:.0} {unit}"), ours <= limit),
            Target::MultipleOrLimit(factor, least) => {
                let limit = (reference * factor).max(least);
                (format!("at most {limit:.0} {unit}"), ours <= limit)
            }
        })
    }
}

/// The tables of all sections, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// The computer.
    pub machine: String,
    /// Section to its title and rows.
    pub sections: BTreeMap<String, (String, Vec<Row>)>,
}

/// Where the marks stand between which the tables are kept in `docs/benchmarks.md`.
const MARKS: (&str, &str) = ("<!-- tables -->", "<!-- end of tables -->");

impl Report {
    /// Where results are kept.
    #[must_use]
    pub fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks")
    }

    /// What earlier runs left, to have single sections measured again.
    #[must_use]
    pub fn read() -> Self {
        fs::read_to_string(Self::folder().join("results.json"))
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// Writes raw results, plots, and the tables of the document.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self) -> Result<()> {
        let folder = Self::folder();
        fs::create_dir_all(&folder)?;
        let raw = serde_json::to_string_pretty(self)?;
        fs::write(folder.join("results.json"), raw + "\n")?;
        let mut tables = format!("\nMachine: {}\n", self.machine);
        for (name, (title, rows)) in &self.sections {
            fs::write(folder.join(format!("{name}.svg")), plot::bars(title, rows))?;
            write!(
                tables,
                "\n### {title}\n\n{}\n![{title}](benchmarks/{name}.svg)\n",
                table(rows)
            )?;
        }
        let document = folder.with_extension("md");
        let Ok(text) = fs::read_to_string(&document) else { return Ok(()) };
        let (before, rest) = text.split_once(MARKS.0).context("no mark for the tables")?;
        let (_, after) = rest.split_once(MARKS.1).context("no end mark for the tables")?;
        fs::write(document, format!("{before}{}\n{tables}\n{}{after}", MARKS.0, MARKS.1))?;
        Ok(())
    }
}

/// The document of what was done to the server.
#[must_use]
pub fn reliability() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reliability.md")
}

/// Writes figures into `docs/reliability.md`, each behind the mark of its name.
///
/// # Errors
/// When the document cannot be written, or has no such mark.
pub fn into_reliability(figures: &[(&str, &str)]) -> Result<()> {
    let mut text = fs::read_to_string(reliability())?;
    for (name, figure) in figures {
        let mark = format!("<!-- {name} -->");
        let (before, rest) = text.split_once(&mark).with_context(|| format!("no {mark}"))?;
        let (_, after) = rest.split_once("<!-- / -->").context("no end mark")?;
        text = format!("{before}{mark}{figure}<!-- / -->{after}");
    }
    Ok(fs::write(reliability(), text)?)
}

/// Rows as a Markdown table.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| | unit | Frontdesk | reference | beside | target |\n| --- | --- | ---: | ---: | ---: | --- |\n",
    );
    for row in rows {
        let other = |other: &Option<(String, Runs)>| {
            other.as_ref().map_or_else(String::new, |(name, runs)| {
                format!("{} ({name})", number(runs.median()))
            })
        };
        let verdict = row.verdict().map_or_else(String::new, |(words, reached)| {
            format!("{}: {words}", if reached { "✓" } else { "**missed**" })
        });
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {verdict} |",
            row.what,
            row.unit,
            number(row.frontdesk.median()),
            other(&row.reference),
            other(&row.beside),
        );
    }
    text
}

/// A number with as many digits as say something.
#[must_use]
pub fn number(value: f64) -> String {
    if value >= 1000.0 {
        let whole = format!("{value:.0}");
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        grouped
    } else if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
