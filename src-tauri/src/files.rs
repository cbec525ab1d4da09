//! Files that a crash leaves whole.

use std::{fs, io, path::Path};

/// Replaces a file in one step: a crash leaves the old one or the new one. Its folder is made when it is not
/// there. For the owner's eyes alone, where the system knows owners.
///
/// # Errors
/// When the disk does not take it; what was there before still is.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    let mut file = private().truncate(true).open(&new)?;
    io::Write::write_all(&mut file, content)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// For the owner's eyes alone, where the system knows owners.
pub(crate) fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A name that came or went is on disk when its folder is; elsewhere than on Unix the system sees to that.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
