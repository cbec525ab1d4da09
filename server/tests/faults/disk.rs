//! A disk in memory that can fill up, break, or lose its power: a FUSE file system. It knows what
//! was synced, and forgets the rest when it is told to.
//!
//! Names (files made, renamed, removed) are kept at once, as by a journaling file system; contents
//! and sizes are safe only when they are synced.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::{OsStr, OsString},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, UNIX_EPOCH},
};

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::{common::soon, report};

/// Attributes are asked for anew each time: they change behind the kernel's back.
const TTL: Duration = Duration::ZERO;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// `ENOSPC` from writes; syncing still works.
    NoSpace,
    /// `EIO` from writes and syncs.
    Broken,
    /// Nothing that changes anything gets through any more.
    Gone,
}

/// A mounted disk. Unmounted when dropped.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
    state: Arc<Mutex<State>>,
    happened: watch::Receiver<bool>,
    session: Option<BackgroundSession>,
}

#[derive(Debug)]
struct State {
    nodes: HashMap<u64, Node>,
    names: BTreeMap<(u64, OsString), u64>,
    next: u64,
    trouble: Option<(u64, Trouble)>,
    /// Writes and syncs since the trouble was ordered.
    count: u64,
    happened: watch::Sender<bool>,
    /// When the first of them was refused.
    since: Option<Timestamp>,
}

#[derive(Debug)]
struct Node {
    kind: FileType,
    mode: u16,
    /// What programs see.
    seen: Vec<u8>,
    /// What is there after a power cut.
    synced: Vec<u8>,
    /// What was done since the last sync.
    unsynced: Vec<Change>,
    /// Shared memory between processes: no storage, not counted.
    memory: bool,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Resize(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(data);
            }
            Self::Resize(size) => content.resize(*size, 0),
        }
    }
}

impl Disk {
    /// Mounts an empty disk; `None`, said aloud, where the computer cannot.
    pub fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (told, happened) = watch::channel(false);
        let root = Node::new(FileType::Directory, 0o700, OsStr::new(""));
        let state = Arc::new(Mutex::new(State {
            nodes: HashMap::from([(1, root)]),
            names: BTreeMap::new(),
            next: 2,
            trouble: None,
            count: 0,
            happened: told,
            since: None,
        }));
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let mounted = Mounted(Arc::clone(&state));
        let place = folder.path().join("data");
        let session = match fuser::spawn_mount(mounted, place, &Config::default()) {
            Ok(session) => session,
            Err(error) => {
                report::skipped(&format!(
                    "a disk of the test's own: this user may not mount one here ({error})"
                ));
                return None;
            }
        };
        Some(Self { folder, state, happened, session: Some(session) })
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// From the n-th write or sync on there is trouble.
    pub fn fail_from(&self, n: u64, trouble: Trouble) {
        let mut state = lock(&self.state);
        state.trouble = Some((n, trouble));
        state.count = 0;
        state.since = None;
        state.happened.send_replace(false);
    }

    /// Waits until the trouble has begun.
    pub async fn happened(&self) {
        let mut happened = self.happened.clone();
        soon("trouble", happened.wait_for(|happened| *happened)).await.unwrap();
    }

    /// Whether it has begun.
    pub fn has_happened(&self) -> bool {
        *self.happened.borrow()
    }

    /// When the first call was refused.
    pub fn since(&self) -> Timestamp {
        lock(&self.state).since.unwrap()
    }

    /// Everything works again.
    pub fn repair(&self) {
        lock(&self.state).trouble = None;
    }

    /// Forgets what was not synced, except what `survives`. Returns how much was forgotten. Nothing
    /// may have a file open.
    pub fn cut_power(&self, mut survives: impl FnMut() -> bool) -> u64 {
        let mut state = lock(&self.state);
        state.trouble = None;
        let mut forgotten = 0;
        for node in state.nodes.values_mut() {
            for change in std::mem::take(&mut node.unsynced) {
                if survives() {
                    change.apply(&mut node.synced);
                } else {
                    forgotten += 1;
                }
            }
            node.seen = node.synced.clone();
        }
        forgotten
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(session) = self.session.take()
            && let Err(error) = session.umount_and_join()
        {
            eprintln!("the disk stays mounted: {error}");
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Node {
    fn new(kind: FileType, mode: u32, name: &OsStr) -> Self {
        Self {
            kind,
            mode: u16::try_from(mode & 0o7777).unwrap_or(0o600),
            seen: Vec::new(),
            synced: Vec::new(),
            unsynced: Vec::new(),
            memory: name.to_string_lossy().ends_with("-shm"),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        if self.memory {
            return;
        }
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.synced);
        }
    }
}

impl State {
    /// Whether a write, a sync or a change of names gets through.
    fn admit(&mut self, is_counted: bool, is_sync: bool) -> Result<(), Errno> {
        let Some((n, trouble)) = self.trouble else { return Ok(()) };
        self.count += u64::from(is_counted);
        if self.count < n {
            return Ok(());
        }
        self.happened.send_replace(true);
        self.since.get_or_insert_with(|| Clock::System.now());
        match trouble {
            Trouble::NoSpace if is_sync || !is_counted => Ok(()),
            Trouble::NoSpace => Err(Errno::ENOSPC),
            Trouble::Broken if !is_counted => Ok(()),
            Trouble::Broken | Trouble::Gone => Err(Errno::EIO),
        }
    }

    /// A change of a file's content.
    fn change(&mut self, ino: INodeNo, change: Change) -> Result<(), Errno> {
        let memory = self.nodes.get(&ino.0).ok_or(Errno::ENOENT)?.memory;
        if !memory {
            let grows = matches!(change, Change::Write { .. });
            self.admit(grows, false)?;
        }
        let node = self.nodes.get_mut(&ino.0).ok_or(Errno::ENOENT)?;
        node.change(change);
        Ok(())
    }

    fn sync(&mut self, ino: INodeNo) -> Result<(), Errno> {
        self.admit(true, true)?;
        self.nodes.get_mut(&ino.0).ok_or(Errno::ENOENT)?.sync();
        Ok(())
    }

    fn find(&self, parent: INodeNo, name: &OsStr) -> Result<u64, Errno> {
        self.names.get(&(parent.0, name.to_owned())).copied().ok_or(Errno::ENOENT)
    }

    fn make(
        &mut self,
        parent: INodeNo,
        name: &OsStr,
        kind: FileType,
        mode: u32,
    ) -> Result<FileAttr, Errno> {
        self.admit(false, false)?;
        if self.find(parent, name).is_ok() {
            return Err(Errno::EEXIST);
        }
        let ino = self.next;
        self.next += 1;
        self.nodes.insert(ino, Node::new(kind, mode, name));
        self.names.insert((parent.0, name.to_owned()), ino);
        self.attributes(ino)
    }

    fn remove(&mut self, parent: INodeNo, name: &OsStr) -> Result<(), Errno> {
        self.admit(false, false)?;
        self.find(parent, name)?;
        // The content stays: somebody may have it open.
        self.names.remove(&(parent.0, name.to_owned()));
        Ok(())
    }

    fn rename(&mut self, from: &(u64, OsString), to: (u64, OsString)) -> Result<(), Errno> {
        self.admit(false, false)?;
        let ino = self.names.remove(from).ok_or(Errno::ENOENT)?;
        self.names.insert(to, ino);
        Ok(())
    }

    fn link(&mut self, ino: INodeNo, to: (u64, OsString)) -> Result<FileAttr, Errno> {
        self.admit(false, false)?;
        if self.names.contains_key(&to) {
            return Err(Errno::EEXIST);
        }
        self.names.insert(to, ino.0);
        self.attributes(ino.0)
    }

    fn attributes(&self, ino: u64) -> Result<FileAttr, Errno> {
        let node = self.nodes.get(&ino).ok_or(Errno::ENOENT)?;
        let size = node.seen.len() as u64;
        let names = self.names.values().filter(|named| **named == ino).count();
        Ok(FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: node.kind,
            perm: node.mode,
            nlink: u32::try_from(names.max(1)).unwrap_or(1),
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }
}

/// What the kernel talks to.
struct Mounted(Arc<Mutex<State>>);

impl Mounted {
    fn entry(reply: ReplyEntry, found: Result<FileAttr, Errno>) {
        match found {
            Ok(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn empty(reply: ReplyEmpty, done: Result<(), Errno>) {
        match done {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn attributes(reply: ReplyAttr, found: Result<FileAttr, Errno>) {
        match found {
            Ok(attributes) => reply.attr(&TTL, &attributes),
            Err(error) => reply.error(error),
        }
    }
}

impl Filesystem for Mounted {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let state = lock(&self.0);
        Self::entry(reply, state.find(parent, name).and_then(|ino| state.attributes(ino)));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        Self::attributes(reply, lock(&self.0).attributes(ino.0));
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<std::time::SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<std::time::SystemTime>,
        _chgtime: Option<std::time::SystemTime>,
        _bkuptime: Option<std::time::SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut state = lock(&self.0);
        if let (Some(mode), Some(node)) = (mode, state.nodes.get_mut(&ino.0)) {
            node.mode = u16::try_from(mode & 0o7777).unwrap_or(0o600);
        }
        let resized = size.map_or(Ok(()), |size| {
            let size = usize::try_from(size).map_err(|_| Errno::EINVAL)?;
            state.change(ino, Change::Resize(size))
        });
        let attributes = resized.and_then(|()| state.attributes(ino.0));
        Self::attributes(reply, attributes);
    }

    fn mknod(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _rdev: u32,
        reply: ReplyEntry,
    ) {
        const KIND: u32 = 0o170_000;
        const SOCKET: u32 = 0o140_000;
        let kind = if mode & KIND == SOCKET { FileType::Socket } else { FileType::RegularFile };
        Self::entry(reply, lock(&self.0).make(parent, name, kind, mode));
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        Self::entry(reply, lock(&self.0).make(parent, name, FileType::Directory, mode));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        Self::empty(reply, lock(&self.0).remove(parent, name));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        _flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let (from, to) = ((parent.0, name.to_owned()), (newparent.0, newname.to_owned()));
        Self::empty(reply, lock(&self.0).rename(&from, to));
    }

    fn link(
        &self,
        _: &Request,
        ino: INodeNo,
        newparent: INodeNo,
        newname: &OsStr,
        reply: ReplyEntry,
    ) {
        Self::entry(reply, lock(&self.0).link(ino, (newparent.0, newname.to_owned())));
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let state = lock(&self.0);
        let Some(node) = state.nodes.get(&ino.0) else { return reply.error(Errno::ENOENT) };
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(node.seen.len());
        let end = start.saturating_add(size as usize).min(node.seen.len());
        reply.data(&node.seen[start..end]);
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let Ok(offset) = usize::try_from(offset) else { return reply.error(Errno::EINVAL) };
        let change = Change::Write { offset, data: data.to_vec() };
        match lock(&self.0).change(ino, change) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(0)),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        Self::empty(reply, lock(&self.0).sync(ino));
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        Self::empty(reply, lock(&self.0).admit(true, true));
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let state = lock(&self.0);
        let names = state.names.iter().filter(|((parent, _), _)| *parent == ino.0);
        let own = [(OsStr::new("."), ino.0), (OsStr::new(".."), ino.0)];
        let all = own.into_iter().chain(names.map(|((_, name), ino)| (name.as_os_str(), *ino)));
        for (place, (name, ino)) in (1_u64..).zip(all).skip(usize::try_from(offset).unwrap_or(0)) {
            let kind = state.nodes.get(&ino).map_or(FileType::RegularFile, |node| node.kind);
            if reply.add(INodeNo(ino), place, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match lock(&self.0).make(parent, name, FileType::RegularFile, mode) {
            Ok(attributes) => {
                let flags = FopenFlags::empty();
                reply.created(&TTL, &attributes, Generation(0), FileHandle(0), flags);
            }
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::empty());
    }
}
