//! A layer's tar becomes a directory that overlayfs can stand on, and an index.
//!
//! Paths are resolved by descriptor beneath that directory (`sys::beneath`). An entry below a symbolic link of the same layer goes where
//! the link leads, as it would with tar(1), and is refused if that is outside. Whiteouts become what overlayfs knows (kernel,
//! filesystems/overlayfs.rst §whiteouts): a character device 0:0, an attribute on an opaque directory. They only ever hide what is in
//! layers below, wherever in the archive they stand.
//!
//! What bounds a hostile layer: entries, their names, their headers, and the room on the disk.

mod attributes;
mod content;
mod entry;
mod ledger;
mod pax;
mod survey;
mod trouble;

use std::{
    ffi::OsStr,
    io::{self, Read},
    path::Path,
    rc::Rc,
};

use rustix::io::Errno;

use self::{
    attributes::is,
    content::Content,
    entry::{Entry, Kind},
    ledger::{Held, Ledger},
    trouble::{fault, resolved},
};
pub(super) use self::{
    survey::{Surveyed, survey, survey_headers},
    trouble::Trouble,
};
use super::{
    ImageError, Ownership,
    error::{EntryFault, LayerFault},
    stream::Bounded,
};
use crate::{
    model::{EntryKind, LayerEntry, Whiteout},
    sys::{
        SysError,
        beneath::{self, Directory, Moment, Node, Tree},
        files,
    },
};

/// How many bytes may follow the end of the archive; tar pads to 10 KiB, at most to 1 MiB.
const TRAILING: u64 = 16 * 1024 * 1024;

/// A layer that has been unpacked.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// What is in it, sorted so that a directory comes before what is in it.
    pub(super) entries: Vec<LayerEntry>,
    /// The bytes of its files, hard links counted once.
    pub(super) size: u64,
}

/// Unpacks the tar in `stream`, which is read to its end, into the directory `into`, which is made.
pub(super) fn unpack(
    stream: impl Read,
    into: &Path,
    ownership: Ownership,
) -> Result<Unpacked, Trouble> {
    let mut unpacker = Unpacker::new(into, ownership)?;
    let (bounded, gauge) = Bounded::new(stream);
    let mut archive = tar::Archive::new(bounded);
    gauge.expect_headers();
    for raw in archive.entries().map_err(LayerFault::Broken)? {
        let mut raw = raw.map_err(LayerFault::Broken)?;
        let headers = gauge.expect_bytes();
        let entry = Entry::read(&raw, &headers)
            .map_err(|(path, fault)| LayerFault::Entry { path, fault })?;
        unpacker.add(&entry, &mut raw)?;
        // Links and directories may have bytes, which mean nothing.
        io::copy(&mut raw, &mut io::sink()).map_err(LayerFault::Broken)?;
        gauge.expect_headers();
    }
    gauge.expect_bytes();
    let mut rest = archive.into_inner().take(TRAILING + 1);
    if io::copy(&mut rest, &mut io::sink()).map_err(LayerFault::Broken)? > TRAILING {
        return Err(LayerFault::Trailing.into());
    }
    unpacker.finish()
}

/// Unpacks the tar of one layer, which nothing vouches for, into a directory that is made; gives what is in it and the bytes of its files. For tools
/// that have no store, such as a fuzzer.
///
/// # Errors
/// [`ImageError::Layer`] when the tar is broken or hostile, [`ImageError::Unpack`] for this machine's failures; what was made so far stays.
pub fn unpack_layer(
    tar: impl Read,
    into: &Path,
    ownership: Ownership,
) -> Result<(Vec<LayerEntry>, u64), ImageError> {
    let layer = || into.display().to_string();
    match unpack(tar, into, ownership) {
        Ok(Unpacked { entries, size }) => Ok((entries, size)),
        Err(Trouble::Layer(fault)) => Err(ImageError::Layer { layer: layer(), fault }),
        Err(Trouble::Kernel(source)) => Err(ImageError::Unpack { layer: layer(), source }),
    }
}

#[derive(Debug)]
struct Unpacker {
    tree: Tree,
    ownership: Ownership,
    ledger: Ledger,
    /// Mode and time of the layer's root.
    root: Option<(u32, Moment)>,
    content: Content,
}

impl Unpacker {
    fn new(into: &Path, ownership: Ownership) -> Result<Self, SysError> {
        files::make_dir(into)?;
        let tree = Tree::open(into)?;
        Ok(Self {
            content: Content::new(tree.room()?),
            tree,
            ownership,
            ledger: Ledger::default(),
            root: None,
        })
    }

    fn add(&mut self, entry: &Entry, bytes: &mut impl Read) -> Result<(), Trouble> {
        match entry.kind {
            Kind::Nothing => return Ok(()),
            Kind::Opaque => {
                let directory = self.directory(&entry.path, entry)?;
                return self.mark_opaque(&directory);
            }
            Kind::Directory if entry.path.as_os_str().is_empty() => return self.add_root(entry),
            _ => {}
        }
        let Some(name) = entry.path.file_name() else {
            return Err(fault(entry, EntryFault::Path));
        };
        let parent = self.directory(entry.path.parent().unwrap_or_else(|| Path::new("")), entry)?;
        let path = parent.path().join(name);
        match &entry.kind {
            Kind::Whiteout => self.add_whiteout(entry, &parent, &path),
            Kind::Directory => self.add_directory(entry, &parent, &path),
            Kind::HardLink(target) => self.add_link(entry, &parent, &path, target),
            _ => self.add_leaf(entry, &parent, &path, bytes),
        }
    }

    /// Opens a directory for putting `entry` in; what is not there is made.
    fn directory(&mut self, path: &Path, entry: &Entry) -> Result<Rc<Directory>, Trouble> {
        match self.tree.enter(path) {
            Err(error) if is(&error, &[Errno::NOENT, Errno::NOTDIR]) => {}
            other => return other.map_err(|error| resolved(error, entry)),
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(fault(entry, EntryFault::Path));
        };
        let parent = self.directory(parent, entry)?;
        let path = parent.path().join(name);
        let hides = self.ledger.kind(&path) == Some(&EntryKind::Whiteout(Whiteout::Path));
        match parent.look(name)? {
            Some(false) if !hides => return Err(fault(entry, EntryFault::NotDirectory)),
            Some(true) => {}
            _ => {
                if hides {
                    self.clear(&parent, &path)?;
                }
                parent.make_dir(name)?;
                self.hold(&path, Held::implied())?;
            }
        }
        let directory = self.tree.enter(&path).map_err(|error| resolved(error, entry))?;
        if hides {
            self.mark_opaque(&directory)?;
        }
        Ok(directory)
    }

    fn add_root(&mut self, entry: &Entry) -> Result<(), Trouble> {
        let root = self.tree.root().open_self()?;
        self.ownership.own_and_mark(entry, &root, Path::new(""))?;
        self.root = Some((entry.mode, entry.changed));
        Ok(())
    }

    fn add_directory(
        &mut self,
        entry: &Entry,
        parent: &Directory,
        path: &Path,
    ) -> Result<(), Trouble> {
        let name = name_of(path);
        let before = self.ledger.kind(path).cloned();
        if before != Some(EntryKind::Directory) {
            self.clear(parent, path)?;
            parent.make_dir(name)?;
        }
        let directory = parent.open_dir(name)?;
        self.ownership.own_and_mark(entry, &directory, path)?;
        self.hold(path, of(entry, EntryKind::Directory))?;
        if before == Some(EntryKind::Whiteout(Whiteout::Path)) {
            let directory = self.tree.enter(path)?;
            self.mark_opaque(&directory)?;
        }
        Ok(())
    }

    /// Hides a path of the layers below. What this layer itself has there stays; if it is a directory, it stands alone.
    fn add_whiteout(
        &mut self,
        entry: &Entry,
        parent: &Directory,
        path: &Path,
    ) -> Result<(), Trouble> {
        match self.ledger.kind(path) {
            Some(EntryKind::Directory) => {
                let directory = self.tree.enter(path)?;
                self.mark_opaque(&directory)
            }
            Some(_) => Ok(()),
            None => {
                parent.make_node(name_of(path), Node::Char(0, 0))?;
                let whiteout = EntryKind::Whiteout(Whiteout::Path);
                self.hold(path, of(entry, whiteout))
            }
        }
    }

    fn add_link(
        &mut self,
        entry: &Entry,
        parent: &Directory,
        path: &Path,
        target: &Path,
    ) -> Result<(), Trouble> {
        let nowhere = || {
            let target = target.display().to_string();
            fault(entry, EntryFault::LinkTarget(target))
        };
        let beside = match self.tree.enter(target.parent().unwrap_or_else(|| Path::new(""))) {
            Err(error) if is(&error, &[Errno::NOENT, Errno::NOTDIR]) => return Err(nowhere()),
            other => other.map_err(|error| resolved(error, entry))?,
        };
        let target = beside.path().join(target.file_name().ok_or_else(nowhere)?);
        if target == path {
            return Err(nowhere());
        }
        self.clear(parent, path)?;
        let link = link_to(&self.ledger, &target).ok_or_else(nowhere)?;
        let is_made = self.ledger.kind(&target).is_some_and(|kind| self.ownership.is_made(kind));
        if is_made {
            parent.make_link(name_of(path), &beside, name_of(&target))?;
        }
        self.hold(path, link)
    }

    /// Makes what is neither a directory nor a further name of something.
    fn add_leaf(
        &mut self,
        entry: &Entry,
        parent: &Directory,
        path: &Path,
        bytes: &mut impl Read,
    ) -> Result<(), Trouble> {
        self.clear(parent, path)?;
        let name = name_of(path);
        let mut line = line_of(entry, EntryKind::File);
        match &entry.kind {
            Kind::File { sparse } => {
                let file = parent.make_file(name)?;
                line.size = entry.size;
                line.digest = self.content.fill(entry, &file, *sparse, bytes)?;
                self.ownership.own_and_mark(entry, &file, path)?;
                beneath::set_mode(&file, entry.mode, path)?;
                beneath::set_time(&file, entry.changed, path)?;
            }
            Kind::Symlink(target) => {
                line.kind = EntryKind::Symlink { target: target.to_string_lossy().into_owned() };
                parent.make_symlink(name, target)?;
                self.ownership.dress(entry, parent, name)?;
            }
            Kind::Node(node) => {
                line.kind = node_kind(*node);
                if self.ownership.is_made(&line.kind) {
                    parent.make_node(name, *node)?;
                    self.ownership.dress(entry, parent, name)?;
                    parent.set_mode(name, entry.mode)?;
                }
            }
            _ => {}
        }
        self.hold(path, Held::new(line, entry.changed))
    }

    /// Removes what an earlier entry put at a path.
    fn clear(&mut self, parent: &Directory, path: &Path) -> Result<(), Trouble> {
        let Some(held) = self.ledger.remove(path) else {
            return Ok(());
        };
        // What was opened through it: a directory, or a link to one by any of its names.
        if !matches!(held.entry.kind, EntryKind::File | EntryKind::Whiteout(_)) {
            self.tree.forget();
        }
        if self.ownership.is_made(&held.entry.kind) {
            parent.remove(name_of(path))?;
        }
        Ok(())
    }

    /// Notes what is at a path now.
    fn hold(&mut self, path: &Path, held: Held) -> Result<(), Trouble> {
        if self.ledger.hold(path, held) { Ok(()) } else { Err(LayerFault::Entries.into()) }
    }

    fn mark_opaque(&mut self, directory: &Directory) -> Result<(), Trouble> {
        self.ownership.mark_opaque(directory)?;
        self.ledger.mark_opaque(directory.path());
        Ok(())
    }

    /// Sets modes and times of directories, the inner ones first: until now they had to be writable, and changed with each entry.
    fn finish(mut self) -> Result<Unpacked, Trouble> {
        for (path, held) in self.ledger.directories() {
            let parent = self.tree.enter(path.parent().unwrap_or_else(|| Path::new("")))?;
            let directory = parent.open_dir(name_of(&path))?;
            beneath::set_mode(&directory, held.entry.mode, &path)?;
            beneath::set_time(&directory, held.changed(), &path)?;
        }
        let root = self.tree.root().open_self()?;
        let mode = self.root.map_or(0o755, |(mode, _)| mode);
        beneath::set_mode(&root, mode, Path::new("/"))?;
        if let Some((_, changed)) = self.root {
            beneath::set_time(&root, changed, Path::new("/"))?;
        }
        Ok(finish_with(self.ledger))
    }
}

fn finish_with(ledger: Ledger) -> Unpacked {
    let entries = ledger.into_entries();
    let size = entries.iter().map(|entry| entry.size).sum();
    Unpacked { entries, size }
}

/// Makes a further name for what is at a path; `None` when that can have none.
fn link_to(ledger: &Ledger, target: &Path) -> Option<Held> {
    let held = ledger.get(target)?;
    let shown = match &held.entry.kind {
        EntryKind::Directory | EntryKind::Whiteout(_) => return None,
        EntryKind::HardLink { target } => target.clone(),
        _ => target.to_string_lossy().into_owned(),
    };
    let kind = EntryKind::HardLink { target: shown };
    let link = LayerEntry { kind, size: 0, ..held.entry.clone() };
    Some(Held::new(link, held.changed()))
}

const fn node_kind(node: Node) -> EntryKind {
    match node {
        Node::Char(major, minor) => EntryKind::CharDevice { major, minor },
        Node::Block(major, minor) => EntryKind::BlockDevice { major, minor },
        Node::Fifo => EntryKind::Fifo,
    }
}

fn of(entry: &Entry, kind: EntryKind) -> Held {
    Held::new(line_of(entry, kind), entry.changed)
}

fn line_of(entry: &Entry, kind: EntryKind) -> LayerEntry {
    LayerEntry {
        path: String::new(),
        kind,
        mode: entry.mode,
        uid: entry.owner.uid,
        gid: entry.owner.gid,
        size: 0,
        mtime: 0,
        digest: None,
    }
}

fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}
