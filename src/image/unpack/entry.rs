//! One entry of a layer's tar, read out of its headers and judged. Pure.
//!
//! A leading slash means the layer's root, as it does for tar(1) and Docker; `..` in a path is refused, whatever it would resolve to.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use super::{super::error::EntryFault, pax::Extended};
use crate::sys::beneath::{Moment, Node, Owner};

/// The longest path and the longest component that the kernel takes (`path_resolution(7)`).
const LONGEST_PATH: usize = 4095;
const LONGEST_NAME: usize = 255;
/// How deep a path may be: removing a tree holds each directory on the way open.
const DEEPEST: usize = 256;

/// What begins the name of a whiteout, and of the marks that are not for a path (image-spec, layer.md §whiteouts).
const WHITEOUT: &[u8] = b".wh.";
const WHITEOUT_MARK: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// An entry that may be unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it goes, without a leading slash; empty for the layer's root. For a whiteout: what is hidden.
    pub(super) path: PathBuf,
    /// What it is.
    pub(super) kind: Kind,
    /// Permission bits.
    pub(super) mode: u32,
    /// Whom it belongs to.
    pub(super) owner: Owner,
    /// When it was changed last.
    pub(super) changed: Moment,
    /// Its extended attributes.
    pub(super) attributes: Vec<(OsString, Vec<u8>)>,
    /// Its bytes.
    pub(super) size: u64,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    File {
        sparse: bool,
    },
    Directory,
    Symlink(OsString),
    HardLink(PathBuf),
    Node(Node),
    Whiteout,
    Opaque,
    /// Nothing to unpack.
    Nothing,
}

impl Entry {
    /// Reads an entry; `headers` are all blocks from the first extended header on. On failure also gives the path as written.
    pub(super) fn read<R: std::io::Read>(
        raw: &tar::Entry<'_, R>,
        headers: &[u8],
    ) -> Result<Self, (String, EntryFault)> {
        let shown = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let extended =
            Extended::read(headers).map_err(|fault| (shown(&raw.path_bytes()), fault))?;
        let written = match &extended.path {
            Some(path) => path.clone(),
            None => raw.path_bytes().into_owned(),
        };
        Self::judge(raw, &written, extended).map_err(|fault| (shown(&written), fault))
    }

    fn judge<R: std::io::Read>(
        raw: &tar::Entry<'_, R>,
        written: &[u8],
        extended: Extended,
    ) -> Result<Self, EntryFault> {
        let header = raw.header();
        let number = |field: &'static str, read: std::io::Result<u64>| {
            read.map_err(|_malformed| EntryFault::Number(field))
        };
        let link =
            extended.link.or_else(|| raw.link_name_bytes().map(std::borrow::Cow::into_owned));
        let (path, kind) = kind_of(header, written, link)?;
        let is_sparse = matches!(kind, Kind::File { sparse: true });
        if extended.size.is_some_and(|size| size != raw.size() && !is_sparse) {
            return Err(EntryFault::Number("size"));
        }
        if kind == Kind::Nothing {
            return Ok(Self::nothing());
        }
        let uid = extended.uid.map_or_else(|| number("owner", header.uid()), Ok)?;
        let gid = extended.gid.map_or_else(|| number("group", header.gid()), Ok)?;
        let changed = match extended.changed {
            Some(changed) => changed,
            None => Moment {
                seconds: i64::try_from(number("time", header.mtime())?)
                    .map_err(|_large| EntryFault::Number("time"))?,
                nanoseconds: 0,
            },
        };
        Ok(Self {
            path,
            kind,
            mode: header.mode().map_err(|_malformed| EntryFault::Number("mode"))? & 0o7777,
            owner: Owner { uid: id(uid, "owner")?, gid: id(gid, "group")? },
            changed,
            attributes: extended.attributes,
            size: raw.size(),
        })
    }

    fn nothing() -> Self {
        Self {
            path: PathBuf::new(),
            kind: Kind::Nothing,
            mode: 0,
            owner: Owner { uid: 0, gid: 0 },
            changed: Moment { seconds: 0, nanoseconds: 0 },
            attributes: Vec::new(),
            size: 0,
        }
    }
}

/// Takes a number that chown(2) takes; the highest of 32 bits means "leave it" there.
fn id(number: u64, field: &'static str) -> Result<u32, EntryFault> {
    u32::try_from(number).ok().filter(|number| *number != u32::MAX).ok_or(EntryFault::Number(field))
}

/// Tells what an entry is and where it goes, whiteouts included.
fn kind_of(
    header: &tar::Header,
    written: &[u8],
    link: Option<Vec<u8>>,
) -> Result<(PathBuf, Kind), EntryFault> {
    use tar::EntryType;
    let kind = header.entry_type();
    if kind == EntryType::XGlobalHeader {
        return Ok((PathBuf::new(), Kind::Nothing));
    }
    let path = plain_path(written)?;
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    if let Some(hidden) = name.strip_prefix(WHITEOUT) {
        let parent = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        return match hidden {
            _ if name == OPAQUE => Ok((parent, Kind::Opaque)),
            _ if name.starts_with(WHITEOUT_MARK) => Ok((parent, Kind::Nothing)),
            b"" => Err(EntryFault::Path),
            b"." | b".." => Err(EntryFault::Outside),
            _ => Ok((parent.join(OsStr::from_bytes(hidden)), Kind::Whiteout)),
        };
    }
    let device = || match (header.device_major(), header.device_minor()) {
        (Ok(Some(major)), Ok(Some(minor))) => Ok((major, minor)),
        _ => Err(EntryFault::Number("device")),
    };
    let link =
        || link.filter(|link| !link.is_empty() && !link.contains(&0)).ok_or(EntryFault::Path);
    let kind = match kind {
        // Before POSIX a directory was a file whose name ends in a slash.
        EntryType::Regular if written.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous => Kind::File { sparse: false },
        EntryType::GNUSparse => Kind::File { sparse: true },
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink(OsString::from_vec(link()?)),
        EntryType::Link => Kind::HardLink(plain_path(&link()?)?),
        EntryType::Char => match device()? {
            // What overlayfs takes for a whiteout is one, whoever wrote it.
            (0, 0) => Kind::Whiteout,
            (major, minor) => Kind::Node(Node::Char(major, minor)),
        },
        EntryType::Block => {
            let (major, minor) = device()?;
            Kind::Node(Node::Block(major, minor))
        }
        EntryType::Fifo => Kind::Node(Node::Fifo),
        other => return Err(EntryFault::Kind(other.as_byte())),
    };
    Ok((path, kind))
}

/// Brings a path into the form `a/b/c`.
fn plain_path(written: &[u8]) -> Result<PathBuf, EntryFault> {
    if written.is_empty() || written.contains(&0) {
        return Err(EntryFault::Path);
    }
    let mut path = Vec::with_capacity(written.len());
    let mut depth = 0;
    for part in written.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => continue,
            b".." => return Err(EntryFault::Outside),
            _ if part.len() > LONGEST_NAME => return Err(EntryFault::Path),
            _ => {}
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(part);
        depth += 1;
    }
    if path.len() > LONGEST_PATH || depth > DEEPEST {
        return Err(EntryFault::Path);
    }
    Ok(PathBuf::from(OsString::from_vec(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain_or_refused() {
        for (written, plain) in [
            ("etc/passwd", Ok("etc/passwd")),
            ("./etc//passwd/", Ok("etc/passwd")),
            ("/etc/passwd", Ok("etc/passwd")),
            ("./", Ok("")),
            ("", Err(EntryFault::Path)),
            ("a\0b", Err(EntryFault::Path)),
            ("../etc", Err(EntryFault::Outside)),
            ("a/../b", Err(EntryFault::Outside)),
            ("a/..", Err(EntryFault::Outside)),
            (&"x".repeat(256), Err(EntryFault::Path)),
            (&"x/".repeat(600), Err(EntryFault::Path)),
            (&format!("{}/", "x".repeat(200)).repeat(21), Err(EntryFault::Path)),
        ] {
            let read = plain_path(written.as_bytes());
            assert_eq!(read, plain.map(PathBuf::from), "{written}");
        }
    }
}
