//! What is on the screen: the windows, their titles, and whether text is drawn in them.

use anyhow::{Context, Result};
use x11rb::{
    connection::Connection,
    protocol::xproto::{Atom, AtomEnum, ConnectionExt, ImageFormat, Window},
    rust_connection::RustConnection,
};

/// Where the first rows of the list are drawn, in pixels from the window's top left corner: x, y, width, height.
const FIRST_ROWS: (i16, i16, u16, u16) = (110, 230, 280, 60);

/// Red, green and blue of a pixel of text are all below this, in the light theme.
const DARK: u8 = 96;

/// Rows are drawn when there are at least this many such pixels.
const TEXT_PIXELS: usize = 40;

/// A connection to the display.
pub struct Screen {
    connection: RustConnection,
    root: Window,
    client_list: Atom,
    name: Atom,
}

impl Screen {
    /// Connects to the display that `DISPLAY` names.
    ///
    /// # Errors
    /// When there is no display.
    pub fn open() -> Result<Self> {
        let (connection, number) =
            x11rb::connect(None).context("there is no display: run `make bench`")?;
        let root = connection.setup().roots.get(number).context("the display has no screen")?.root;
        let atom = |name: &[u8]| anyhow::Ok(connection.intern_atom(false, name)?.reply()?.atom);
        let (client_list, name) = (atom(b"_NET_CLIENT_LIST")?, atom(b"_NET_WM_NAME")?);
        Ok(Self { connection, root, client_list, name })
    }

    /// The first window with such a title.
    ///
    /// # Errors
    /// When the display does not answer.
    pub fn find(&self, is_title: impl Fn(&str) -> bool) -> Result<Option<Window>> {
        let windows = self.property(self.root, self.client_list, AtomEnum::WINDOW.into())?;
        for window in windows.as_chunks().0.iter().map(|bytes| Window::from_ne_bytes(*bytes)) {
            // A window may be closed meanwhile.
            let Ok(title) = self.property(window, self.name, AtomEnum::ANY.into()) else {
                continue;
            };
            if is_title(&String::from_utf8_lossy(&title)) {
                return Ok(Some(window));
            }
        }
        Ok(None)
    }

    /// Whether text is drawn where the window has the first rows of the list.
    ///
    /// # Errors
    /// When the display does not answer, or the window is gone.
    pub fn shows_rows(&self, window: Window) -> Result<bool> {
        let (x, y, width, height) = FIRST_ROWS;
        let format = ImageFormat::Z_PIXMAP;
        let image = self.connection.get_image(format, window, x, y, width, height, u32::MAX)?;
        // Four bytes for each pixel on a display of 24 or 32 bits: blue, green, red, unused.
        let pixels = image.reply()?.data;
        let is_dark = |pixel: &&[u8; 4]| pixel.iter().take(3).all(|colour| *colour < DARK);
        let pixels = pixels.as_chunks().0;
        let dark = pixels.iter().filter(is_dark).count();
        // A window that has drawn nothing yet is all dark.
        Ok(dark >= TEXT_PIXELS && dark < pixels.len() / 2)
    }

    fn property(&self, window: Window, name: Atom, kind: Atom) -> Result<Vec<u8>> {
        let asked = self.connection.get_property(false, window, name, kind, 0, 1024)?;
        Ok(asked.reply()?.value)
    }
}
