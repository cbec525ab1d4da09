//! What is kept comes back, and nothing else does.

use std::fs;

use super::*;
use crate::sealed;

const KEY: Key = Key([7; 32]);

fn owner() -> Owner {
    Owner { server: "https://desk.example.com".to_owned(), user_id: 12, username: "ana".to_owned() }
}

fn kept(client_id: &str) -> Kept {
    Kept {
        client_id: client_id.to_owned(),
        conversation_id: 3,
        content: format!("Two towels for 204, {client_id}"),
        created_at: Timestamp::from_millis(1_000),
        epoch: "k3f".to_owned(),
        may_have_arrived: client_id == "b",
        refused: None,
    }
}

fn texts() -> Vec<Kept> {
    ["c", "a", "b"].map(kept).to_vec()
}

/// A folder with a file of [`texts`].
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).file.write(&texts()).unwrap();
    folder
}

fn open(folder: &Path) -> Found {
    OutboxFile::open(folder, &owner(), &KEY).unwrap()
}

fn path(folder: &tempfile::TempDir) -> PathBuf {
    owner().path(folder.path(), Kind::Outbox)
}

#[test]
fn what_is_kept_comes_back_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("not/there/yet");
    let found = open(&below);
    assert_eq!((found.texts.as_slice(), found.set_aside), ([].as_slice(), None));
    found.file.write(&texts()).unwrap();
    drop(found.file);
    assert_eq!(open(&below).texts, texts());
}

#[test]
fn nothing_of_it_can_be_read_in_the_folder() {
    let folder = folder();
    let bytes = fs::read(path(&folder)).unwrap();
    for secret in ["towels", "ana", "desk.example.com"] {
        let stands = |bytes: &[u8]| {
            bytes.windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret.as_bytes()))
        };
        assert!(!stands(&bytes), "{secret}");
        assert!(!stands(path(&folder).file_name().unwrap().as_encoded_bytes()), "{secret}");
    }
    // The same texts never look the same.
    open(folder.path()).file.write(&texts()).unwrap();
    assert_ne!(fs::read(path(&folder)).unwrap(), bytes);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(path(&folder)).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_file_that_was_tampered_with_is_set_aside() {
    let folder = folder();
    let whole = fs::read(path(&folder)).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..whole.len())
        .map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        })
        .collect();
    damaged.push([whole.as_slice(), b"x"].concat());
    damaged.push(Vec::new());
    for bytes in damaged {
        fs::write(path(&folder), &bytes).unwrap();
        let found = open(folder.path());
        assert_eq!(found.texts, []);
        let aside = found.set_aside.unwrap();
        assert_eq!(fs::read(&aside).unwrap(), bytes);
        fs::remove_file(aside).unwrap();
    }
}

#[test]
fn a_file_that_was_half_written_is_set_aside() {
    let folder = folder();
    let whole = fs::read(path(&folder)).unwrap();
    for length in 0..whole.len() {
        fs::write(path(&folder), &whole[..length]).unwrap();
        let found = open(folder.path());
        assert_eq!((found.texts.as_slice(), found.set_aside.is_some()), ([].as_slice(), true));
        fs::remove_file(found.set_aside.unwrap()).unwrap();
    }
}

#[test]
fn what_was_set_aside_before_stays_there() {
    let folder = folder();
    let mut names = Vec::new();
    for round in ["first", "second"] {
        fs::write(path(&folder), round).unwrap();
        names.push(open(folder.path()).set_aside.unwrap());
    }
    let contents: Vec<_> = names.iter().map(|name| fs::read_to_string(name).unwrap()).collect();
    assert_eq!(contents, ["first", "second"]);
}

#[test]
fn an_unfinished_replacement_changes_nothing() {
    let folder = folder();
    fs::write(path(&folder).with_extension("new"), "half a").unwrap();
    let found = open(folder.path());
    assert_eq!((found.texts.as_slice(), found.set_aside), (texts().as_slice(), None));
    found.file.write(&texts()[..1]).unwrap();
    drop(found.file);
    assert_eq!(open(folder.path()).texts, texts()[..1]);
}

#[test]
fn it_opens_with_its_own_key_only() {
    let folder = folder();
    let found = OutboxFile::open(folder.path(), &owner(), &Key([8; 32])).unwrap();
    assert_eq!((found.texts.as_slice(), found.set_aside.is_some()), ([].as_slice(), true));
}

#[test]
fn it_opens_for_its_own_person_and_server_only() {
    let others = [
        Owner { server: "https://other.example.com".to_owned(), ..owner() },
        Owner { user_id: 13, ..owner() },
        Owner { username: "raj".to_owned(), ..owner() },
    ];
    for other in others {
        let folder = folder();
        // It is not even looked at.
        assert_eq!(OutboxFile::open(folder.path(), &other, &KEY).unwrap().texts, []);
        // And not taken for theirs by whoever renames it.
        fs::rename(path(&folder), other.path(folder.path(), Kind::Outbox)).unwrap();
        let found = OutboxFile::open(folder.path(), &other, &KEY).unwrap();
        assert_eq!((found.texts.as_slice(), found.set_aside.is_some()), ([].as_slice(), true));
    }
}

#[test]
fn one_program_has_it_at_a_time() {
    let folder = folder();
    let first = open(folder.path());
    let second = OutboxFile::open(folder.path(), &owner(), &KEY).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
    drop(first);
    open(folder.path());
}

#[test]
fn nothing_stays_when_nothing_waits() {
    let folder = folder();
    open(folder.path()).file.write(&[]).unwrap();
    assert!(!path(&folder).exists());
    open(folder.path()).file.write(&texts()).unwrap();
    fs::write(path(&folder).with_extension("new"), "half a").unwrap();
    sealed::forget(folder.path(), &owner(), Kind::Outbox).unwrap();
    assert!(!path(&folder).exists() && !path(&folder).with_extension("new").exists());
}
