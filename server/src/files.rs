//! Files and folders that are this user's alone.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

/// Makes a folder, and those above it, for this user alone where they are missing. One that is there stays
/// as it is.
///
/// # Errors
/// What the system says.
pub(crate) fn make_own_directory(directory: &Path) -> io::Result<()> {
    own_directory().recursive(true).create(directory)
}

/// Makes a folder for this user alone in one that is there. One that is there stays as it is.
///
/// # Errors
/// What the system says, also when the folder around it is missing.
pub(crate) fn make_own_subdirectory(directory: &Path) -> io::Result<()> {
    match own_directory().create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        made => made,
    }
}

fn own_directory() -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Closes a folder of ours to others; where the system does not allow that, a warning says so.
#[cfg(unix)]
pub(crate) fn close_to_others(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let is_open = fs::metadata(directory).is_ok_and(|data| data.permissions().mode() & 0o077 != 0);
    if !is_open {
        return;
    }
    if let Err(error) = fs::set_permissions(directory, fs::Permissions::from_mode(0o700)) {
        let directory = directory.display();
        tracing::warn!(%directory, %error, "other users of this computer can read the data directory");
    }
}

/// Does what waits for the disk where no other task of the server waits with it.
///
/// # Errors
/// The work's own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
}

/// Opens a file for writing, made for this user alone where it is missing.
///
/// # Errors
/// What the system says.
pub(crate) fn open_own(file: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Makes a file that was not there, for this user alone.
///
/// # Errors
/// `AlreadyExists` where there is one, or what the system says.
pub(crate) fn create_own(file: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Puts a file of this user's there as a whole: after a power cut there is all of it, or none.
///
/// # Errors
/// What the system says; then there is no new file.
pub(crate) fn write_own(file: &Path, content: &[u8]) -> io::Result<()> {
    let partial = file.with_extension("partial");
    let _ = fs::remove_file(&partial);
    let mut to = create_own(&partial)?;
    to.write_all(content)?;
    to.sync_all()?;
    fs::rename(&partial, file)
}
