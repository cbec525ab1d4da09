//! Notices when the database that the server has open is no longer the one in the data directory.

use std::path::{Path, PathBuf};

use crate::store::DATABASE_FILE;

/// Device and inode number of a file. On Windows files that are open cannot be removed or replaced, so there it only
/// says that the file exists.
type Identity = (u64, u64);

/// The files that must stay in place while the database is open: the database, and its journal file, without
/// which the last writes are lost.
#[derive(Debug)]
pub(crate) struct DataFiles {
    files: Vec<(PathBuf, Option<Identity>)>,
}

impl DataFiles {
    /// The files of a database that has just been opened and written.
    pub(crate) fn of(data_dir: &Path) -> Self {
        let journal = format!("{DATABASE_FILE}-wal");
        let files = [data_dir.join(DATABASE_FILE), data_dir.join(journal)];
        let files = files.map(|file| (identity(&file), file)).map(|(known, file)| (file, known));
        Self { files: files.into() }
    }

    /// Whether they are still there, and the same ones. Reads the files' metadata, which takes microseconds on
    /// a local disk.
    pub(crate) fn are_in_place(&self) -> bool {
        self.files.iter().all(|(file, known)| known.is_none() || identity(file) == *known)
    }
}

#[cfg(unix)]
fn identity(file: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(file: &Path) -> Option<Identity> {
    file.exists().then_some((0, 0))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_or_another_one_is_noticed_and_one_that_comes_back_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for name in ["frontdesk.db", "frontdesk.db-wal"] {
            std::fs::write(file("frontdesk.db"), "database").unwrap();
            std::fs::write(file("frontdesk.db-wal"), "journal").unwrap();
            let files = DataFiles::of(folder.path());
            std::fs::write(file(name), "written").unwrap();
            assert!(files.are_in_place(), "{name} was written");
            std::fs::rename(file(name), file("aside")).unwrap();
            assert!(!files.are_in_place(), "{name} is gone");
            std::fs::write(file(name), "another").unwrap();
            assert!(!files.are_in_place(), "{name} is another one");
            std::fs::rename(file("aside"), file(name)).unwrap();
            assert!(files.are_in_place(), "{name} is back");
        }
    }
}
