//! How large the window's content is shown, in percent.

use serde::Deserialize;
use tauri::WebviewWindow;

/// The steps that browsers have.
const STEPS: [u16; 13] = [50, 67, 75, 80, 90, 100, 110, 125, 150, 175, 200, 250, 300];

/// What Ctrl with + − 0 asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    Larger,
    Smaller,
    Normal,
}

impl Change {
    /// The zoom after this change.
    pub(crate) fn of(self, percent: u16) -> u16 {
        let next = match self {
            Self::Larger => STEPS.into_iter().find(|step| *step > percent),
            Self::Smaller => STEPS.into_iter().rev().find(|step| *step < percent),
            Self::Normal => Some(100),
        };
        next.unwrap_or(percent)
    }
}

/// Shows the content at this size.
pub(crate) fn apply(window: &WebviewWindow, percent: u16) {
    // The settings file may contain any number.
    let percent = percent.clamp(50, 300);
    if let Err(error) = window.set_zoom(f64::from(percent) / 100.0) {
        tracing::warn!(%error, "the zoom cannot be set");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zoom_goes_in_steps_up_to_its_limits() {
        assert_eq!(Change::Larger.of(100), 110);
        assert_eq!(Change::Smaller.of(100), 90);
        assert_eq!(Change::Larger.of(103), 110);
        assert_eq!((Change::Larger.of(300), Change::Smaller.of(50)), (300, 50));
        assert_eq!(Change::Normal.of(175), 100);
    }
}
