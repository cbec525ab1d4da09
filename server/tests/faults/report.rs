//! The long form, and the figures that it writes.

use std::{io::Write, time::Duration};

use crate::figures;

/// Whether this is the long form.
#[expect(clippy::disallowed_methods, reason = "the one place that asks")]
pub fn is_long() -> bool {
    std::env::var_os("FRONTDESK_FAULTS").is_some_and(|form| form == "long")
}

/// How often something is done: in the short form, and in the long one.
pub fn times(short: u64, long: u64) -> u64 {
    if is_long() { long } else { short }
}

/// Says aloud that something is not tried here, and why; the end of the test run repeats it. The long
/// form tries everything.
pub fn skipped(reason: &str) {
    assert!(!is_long(), "not possible here: {reason}");
    // Past the test harness, which shows nothing of tests that pass; at once, so that it is one line.
    let line = format!("SKIPPED: {reason}\n");
    std::io::stderr().lock().write_all(line.as_bytes()).unwrap();
}

/// Puts a figure into its place in docs/reliability.md, in the long form.
pub fn figure(name: &str, text: &str) {
    if is_long() {
        figures::write("reliability.md", name, text);
    }
}

/// Median and largest of some durations.
pub fn spread(mut all: Vec<Duration>) -> String {
    all.sort_unstable();
    let millis = |index: usize| all[index].as_secs_f64() * 1000.0;
    format!("median {:.0} ms, at most {:.0} ms", millis(all.len() / 2), millis(all.len() - 1))
}
