//! Keeps the window on a screen that is there: monitors go, and settings come from other computers.

use tauri::{Monitor, PhysicalPosition, PhysicalSize, WebviewWindow};

/// Smallest useful size of the content, in logical pixels; less on a screen that has no room for it.
const MIN_SIZE: (f64, f64) = (900.0, 600.0);

/// Room for the title bar, in logical pixels, where the window does not say how high it is.
const TITLE_BAR: f64 = 40.0;

/// A rectangle on the desktop, in physical pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Area {
    x: i64,
    y: i64,
    width: i64,
    height: i64,
}

impl Area {
    fn new(position: PhysicalPosition<i32>, size: PhysicalSize<u32>) -> Self {
        let (x, y) = (position.x.into(), position.y.into());
        Self { x, y, width: size.width.into(), height: size.height.into() }
    }

    /// Pixels that both have.
    fn shared_with(self, other: Self) -> i64 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        width.max(0) * height.max(0)
    }

    /// This one, no larger than `screen` and within it.
    fn within(self, screen: Self) -> Self {
        let width = self.width.min(screen.width);
        let height = self.height.min(screen.height);
        Self {
            x: self.x.clamp(screen.x, screen.x + screen.width - width),
            y: self.y.clamp(screen.y, screen.y + screen.height - height),
            width,
            height,
        }
    }
}

/// The screen on which most of a window is; the first one when it is on none.
fn screen_of(window: Area, screens: &[Area]) -> Option<usize> {
    let most = screens
        .iter()
        .enumerate()
        .max_by_key(|(at, screen)| (window.shared_with(**screen), std::cmp::Reverse(*at)));
    most.map(|(at, _)| at)
}

/// Makes the window no larger than its screen, with its title bar on it, and lowers its smallest size where the screen
/// is smaller. A window that is maximised keeps what it will be afterwards.
///
/// # Errors
/// What the desktop says.
pub(super) fn fit(window: &WebviewWindow) -> tauri::Result<()> {
    let monitors = window.available_monitors()?;
    let (inner, outer) = (window.inner_size()?, window.outer_size()?);
    // Some desktops tell nobody where a window is, and place it themselves.
    let position = window.outer_position().unwrap_or_default();
    let screens: Vec<_> = monitors.iter().map(area_of).collect();
    let Some(at) = screen_of(Area::new(position, outer), &screens) else { return Ok(()) };
    let (Some(screen), Some(monitor)) = (screens.get(at), monitors.get(at)) else { return Ok(()) };
    let scale = monitor.scale_factor();
    let frame = frame(inner, outer, scale);
    let room = PhysicalSize::new(
        pixels(screen.width - i64::from(frame.width)),
        pixels(screen.height - i64::from(frame.height)),
    );
    let least = PhysicalSize::new(MIN_SIZE.0 * scale, MIN_SIZE.1 * scale);
    let least =
        PhysicalSize::new(least.width.min(room.width.into()), least.height.min(room.height.into()));
    window.set_min_size(Some(least))?;
    if window.is_maximized()? || window.is_fullscreen()? || window.is_minimized()? {
        return Ok(());
    }
    let whole = PhysicalSize::new(inner.width + frame.width, inner.height + frame.height);
    let fitted = Area::new(position, whole).within(*screen);
    let (width, height) = (
        pixels(fitted.width - i64::from(frame.width)),
        pixels(fitted.height - i64::from(frame.height)),
    );
    if (width, height) != (inner.width, inner.height) {
        window.set_size(PhysicalSize::new(width, height))?;
    }
    let fitted = PhysicalPosition::new(
        i32::try_from(fitted.x).unwrap_or_default(),
        i32::try_from(fitted.y).unwrap_or_default(),
    );
    if fitted != position {
        window.set_position(fitted)?;
    }
    Ok(())
}

/// What of a monitor windows may cover.
fn area_of(monitor: &Monitor) -> Area {
    let work = monitor.work_area();
    Area::new(work.position, work.size)
}

/// What the desktop draws around the content. Before it has, room for a title bar.
fn frame(inner: PhysicalSize<u32>, outer: PhysicalSize<u32>, scale: f64) -> PhysicalSize<u32> {
    let drawn = PhysicalSize::new(
        outer.width.saturating_sub(inner.width),
        outer.height.saturating_sub(inner.height),
    );
    if drawn.height > 0 {
        return drawn;
    }
    PhysicalSize::<f64>::new(0.0, TITLE_BAR * scale).cast()
}

fn pixels(length: i64) -> u32 {
    u32::try_from(length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(x: i64, y: i64, width: i64, height: i64) -> Area {
        Area { x, y, width, height }
    }

    #[test]
    fn a_window_is_cut_to_the_screen_that_has_most_of_it() {
        let screens = [area(0, 0, 1280, 1024), area(1280, 0, 1920, 1080)];
        for (window, at, expected) in [
            (area(0, 0, 3400, 1900), 1, area(1280, 0, 1920, 1080)),
            (area(100, -400, 800, 600), 0, area(100, 0, 800, 600)),
            (area(5_000, 5_000, 800, 600), 0, area(480, 424, 800, 600)),
            (area(2_900, 900, 800, 600), 1, area(2_400, 480, 800, 600)),
            (area(200, 300, 900, 600), 0, area(200, 300, 900, 600)),
        ] {
            assert_eq!(screen_of(window, &screens), Some(at), "{window:?}");
            assert_eq!(window.within(screens[at]), expected, "{window:?}");
        }
        assert_eq!(screen_of(area(0, 0, 10, 10), &[]), None);
    }
}
