//! The program's log: on standard error, and in files of a bounded size in the data directory, because a program that is
//! started from a menu has no visible standard error.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::files;

/// Folder of the log in the data directory.
pub(crate) const FOLDER: &str = "log";

const FILE: &str = "frontdesk.log";

/// A file that is this long is set aside, and another begun.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024 - MAX_LINE_BYTES;

/// Longest line that is written whole. With it, five files stay below 10 MiB together.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Files that were set aside and are kept: `frontdesk.log.1` is the newest.
const MAX_SET_ASIDE: u32 = 4;

/// Starts the log; `RUST_LOG` chooses what is in it. Panics are in it, too. Where the folder cannot be written, there is
/// only standard error.
pub(crate) fn start(data_dir: Option<&Path>) {
    let file = data_dir.map(|folder| RotatingFile::open(&folder.join(FOLDER)));
    let (file, failure) = match file {
        Some(Ok(file)) => (Some(file), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    subscriber(file).init();
    if let Some(error) = failure {
        tracing::warn!(%error, "there is no log file");
    }
    log_panics();
}

fn subscriber(file: Option<RotatingFile>) -> impl tracing::Subscriber + Send + Sync {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,frontdesk=info"));
    let file = file.map(|file| fmt::layer().with_ansi(false).with_writer(Mutex::new(file)));
    tracing_subscriber::registry()
        .with(filter)
        .with(fmt::layer().with_writer(io::stderr))
        .with(file)
}

fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!(%panic, "a part of the program panicked");
        before(panic);
    }));
}

/// A file that is set aside when it is long enough. (`tracing-appender` begins another one by time alone, so that a
/// fault that is logged again and again fills the disk.)
#[derive(Debug)]
struct RotatingFile {
    path: PathBuf,
    file: fs::File,
    bytes: u64,
}

impl RotatingFile {
    /// # Errors
    /// When the folder cannot be made or written.
    fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let file = files::private().append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, file, bytes })
    }

    fn aside(&self, number: u32) -> PathBuf {
        self.path.with_extension(format!("log.{number}"))
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..MAX_SET_ASIDE).rev() {
            // A number that is not used yet is no failure.
            let _ = fs::rename(self.aside(number), self.aside(number + 1));
        }
        fs::rename(&self.path, self.aside(1))?;
        self.file = files::private().append(true).open(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

impl io::Write for RotatingFile {
    /// Takes a whole line each time, and cuts what is longer than the longest.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let longest = usize::try_from(MAX_LINE_BYTES).unwrap_or(usize::MAX);
        let kept = line.get(..longest).unwrap_or(line);
        if self.bytes >= MAX_FILE_BYTES && self.rotate().is_err() {
            // A log that cannot be bounded is not written.
            return Ok(line.len());
        }
        self.file.write_all(kept)?;
        self.bytes = self.bytes.saturating_add(u64::try_from(kept.len()).unwrap_or(u64::MAX));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn bytes_in(folder: &Path) -> u64 {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    }

    #[test]
    fn a_panic_is_in_the_log_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = RotatingFile::open(folder.path()).unwrap();
        log_panics();
        tracing::subscriber::with_default(subscriber(Some(file)), || {
            let panics = std::panic::catch_unwind(|| panic!("no tray on this planet"));
            assert!(panics.is_err());
        });
        let log = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(log.contains("a part of the program panicked"), "{log}");
        assert!(log.contains("no tray on this planet") && log.contains("log.rs"), "{log}");
    }

    #[test]
    fn the_log_stays_below_10_mib_and_its_newest_lines_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = RotatingFile::open(folder.path()).unwrap();
        let line = [b'x'; 20_000];
        for number in 0..1_000_u32 {
            log.write_all(&line).unwrap();
            log.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        log.write_all(&vec![b'y'; 3 * 1024 * 1024]).unwrap();
        assert!(bytes_in(folder.path()) <= 10 * 1024 * 1024, "{}", bytes_in(folder.path()));
        let newest = fs::read(folder.path().join(FILE)).unwrap();
        assert!(newest.ends_with(b"y"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
        // The next start goes on in the same file.
        let bytes = log.bytes;
        assert_eq!(RotatingFile::open(folder.path()).unwrap().bytes, bytes);
    }
}
