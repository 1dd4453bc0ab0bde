//! A layer's tar becomes an index and nothing else: what `unpack` would note down, without a file being made.
//!
//! Where a path leads is found out from what was noted so far, by the rules that the kernel has for the real tree. A test unpacks and
//! surveys the same layers and compares.

use std::{
    collections::HashMap,
    ffi::OsString,
    io::{self, Read, Seek},
    path::{Component, Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    entry::{Entry, Kind},
    finish_with,
    ledger::{Held, Ledger},
    line_of, link_to, node_kind, of,
    trouble::{Trouble, fault},
};
use crate::{
    image::{
        error::{EntryFault, LayerFault},
        stream::{Bounded, CHUNK, finish},
    },
    model::{Digest, EntryKind, LayerEntry, Whiteout},
};

/// How many symbolic links a path may lead through (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// A layer that was looked through.
#[derive(Debug)]
pub(in crate::image) struct Surveyed {
    /// What is in it, sorted so that a directory comes before what is in it.
    pub(in crate::image) entries: Vec<LayerEntry>,
    /// Where in the tar the bytes of each file begin; only of a tar whose bytes were stepped over.
    pub(in crate::image) places: HashMap<PathBuf, u64>,
}

/// Looks through a tar that is read to its end; files get their digests.
///
/// # Errors
/// What is wrong with the layer.
pub(in crate::image) fn survey(mut stream: impl Read) -> Result<Surveyed, Trouble> {
    let (bounded, gauge) = Bounded::new(&mut stream);
    let mut archive = tar::Archive::new(bounded);
    let mut surveyor = Surveyor::default();
    let mut buffer = vec![0; CHUNK];
    gauge.expect_headers();
    for raw in archive.entries().map_err(LayerFault::Broken)? {
        let mut raw = raw.map_err(LayerFault::Broken)?;
        let entry = Entry::read(&raw, &gauge.expect_bytes())
            .map_err(|(path, fault)| LayerFault::Entry { path, fault })?;
        let digest = digest_of(&entry, &mut raw, &mut buffer)?;
        surveyor.add(&entry, digest)?;
        gauge.expect_headers();
    }
    gauge.expect_bytes();
    drop(archive);
    io::copy(&mut stream, &mut io::sink()).map_err(LayerFault::Broken)?;
    Ok(surveyor.finish())
}

/// Looks through the headers of a tar of so many bytes that is not compressed, and steps over the rest: no file gets a digest.
///
/// # Errors
/// What is wrong with the layer.
pub(in crate::image) fn survey_headers(
    stream: impl Read + Seek,
    length: u64,
) -> Result<Surveyed, Trouble> {
    let (bounded, gauge) = Bounded::new(stream);
    let mut archive = tar::Archive::new(bounded);
    let mut surveyor = Surveyor::default();
    gauge.expect_headers();
    for raw in archive.entries_with_seek().map_err(LayerFault::Broken)? {
        let raw = raw.map_err(LayerFault::Broken)?;
        let entry = Entry::read(&raw, &gauge.expect_bytes())
            .map_err(|(path, fault)| LayerFault::Entry { path, fault })?;
        let at = raw.raw_file_position();
        if at.saturating_add(entry.size) > length {
            return Err(fault(&entry, EntryFault::Short));
        }
        let path = surveyor.add(&entry, None)?;
        if let Some(path) = path {
            surveyor.places.insert(path, at);
        }
        gauge.expect_headers();
    }
    Ok(surveyor.finish())
}

/// Reads what an entry holds; gives the digest of a file that is not empty.
fn digest_of(
    entry: &Entry,
    bytes: &mut impl Read,
    buffer: &mut [u8],
) -> Result<Option<Digest>, Trouble> {
    let is_file = matches!(entry.kind, Kind::File { .. });
    let (mut hash, mut done) = (Sha256::new(), 0);
    loop {
        let count = bytes.read(buffer).map_err(LayerFault::Broken)?;
        if count == 0 {
            break;
        }
        if is_file {
            hash.update(&buffer[..count]);
        }
        done += count as u64;
    }
    if is_file && done != entry.size {
        return Err(fault(entry, EntryFault::Short));
    }
    Ok((is_file && done > 0).then(|| finish(hash)))
}

#[derive(Debug, Default)]
struct Surveyor {
    ledger: Ledger,
    places: HashMap<PathBuf, u64>,
    /// Where further names of symbolic links lead: the ledger knows only whose name they are, and that may go.
    links: HashMap<PathBuf, String>,
    /// The directory that was entered last, as it was asked for and where that led.
    last: Option<(PathBuf, PathBuf)>,
}

impl Surveyor {
    /// Notes an entry; gives the path of a file.
    fn add(&mut self, entry: &Entry, digest: Option<Digest>) -> Result<Option<PathBuf>, Trouble> {
        match entry.kind {
            Kind::Nothing => return Ok(None),
            Kind::Opaque => {
                let directory = self.directory(&entry.path, entry)?;
                self.ledger.mark_opaque(&directory);
                return Ok(None);
            }
            Kind::Directory if entry.path.as_os_str().is_empty() => return Ok(None),
            _ => {}
        }
        let Some(name) = entry.path.file_name() else {
            return Err(fault(entry, EntryFault::Path));
        };
        let path =
            self.directory(entry.path.parent().unwrap_or_else(|| Path::new("")), entry)?.join(name);
        let before = self.ledger.kind(&path).cloned();
        match &entry.kind {
            Kind::Whiteout => match before {
                Some(EntryKind::Directory) => self.ledger.mark_opaque(&path),
                Some(_) => {}
                None => self.hold(&path, of(entry, EntryKind::Whiteout(Whiteout::Path)))?,
            },
            Kind::Directory => {
                if before != Some(EntryKind::Directory) {
                    self.clear(&path);
                }
                self.hold(&path, of(entry, EntryKind::Directory))?;
                if before == Some(EntryKind::Whiteout(Whiteout::Path)) {
                    self.ledger.mark_opaque(&path);
                }
            }
            Kind::HardLink(target) => self.add_link(entry, &path, target)?,
            Kind::File { .. } => {
                self.clear(&path);
                let line =
                    LayerEntry { size: entry.size, digest, ..line_of(entry, EntryKind::File) };
                self.hold(&path, Held::new(line, entry.changed))?;
                return Ok(Some(path));
            }
            Kind::Symlink(target) => {
                self.clear(&path);
                let target = target.to_string_lossy().into_owned();
                self.hold(&path, of(entry, EntryKind::Symlink { target }))?;
            }
            Kind::Node(node) => {
                self.clear(&path);
                self.hold(&path, of(entry, node_kind(*node)))?;
            }
            Kind::Opaque | Kind::Nothing => {}
        }
        Ok(None)
    }

    fn add_link(&mut self, entry: &Entry, path: &Path, target: &Path) -> Result<(), Trouble> {
        let nowhere = || {
            let target = target.display().to_string();
            fault(entry, EntryFault::LinkTarget(target))
        };
        let above = target.parent().unwrap_or_else(|| Path::new(""));
        let beside = self.enter(above).map_err(|reason| fault(entry, reason))?;
        let target = beside.ok_or_else(nowhere)?.join(target.file_name().ok_or_else(nowhere)?);
        if target == path {
            return Err(nowhere());
        }
        self.clear(path);
        let link = link_to(&self.ledger, &target).ok_or_else(nowhere)?;
        match self.leads(&target).map(str::to_owned) {
            Some(led) => self.links.insert(path.to_owned(), led),
            None => self.links.remove(path),
        };
        self.hold(path, link)
    }

    /// Finds the directory that an entry goes into; what is not there is noted as made.
    fn directory(&mut self, path: &Path, entry: &Entry) -> Result<PathBuf, Trouble> {
        if let Some((asked, led)) = &self.last
            && asked == path
        {
            return Ok(led.clone());
        }
        let found = self.enter(path).map_err(|reason| fault(entry, reason))?;
        let led = match (found, path.parent(), path.file_name()) {
            (Some(found), ..) => found,
            (None, Some(parent), Some(name)) => {
                let path = self.directory(parent, entry)?.join(name);
                match self.ledger.kind(&path) {
                    Some(EntryKind::Directory) => {}
                    Some(EntryKind::Whiteout(Whiteout::Path)) => {
                        self.clear(&path);
                        self.hold(&path, Held::implied())?;
                        self.ledger.mark_opaque(&path);
                    }
                    Some(_) => return Err(fault(entry, EntryFault::NotDirectory)),
                    None => self.hold(&path, Held::implied())?,
                }
                path
            }
            _ => return Err(fault(entry, EntryFault::Path)),
        };
        self.last = Some((path.to_owned(), led.clone()));
        Ok(led)
    }

    /// Finds where a path leads; `None` when there is no directory.
    fn enter(&self, path: &Path) -> Result<Option<PathBuf>, EntryFault> {
        let mut at = PathBuf::new();
        let mut left: Vec<OsString> = parts_backwards(path).collect();
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == ".." {
                if !at.pop() {
                    return Err(EntryFault::Outside);
                }
                continue;
            }
            let next = at.join(&part);
            match (self.ledger.kind(&next), self.leads(&next)) {
                (Some(EntryKind::Directory), _) => at = next,
                (_, Some(target)) => {
                    links += 1;
                    if links > MOST_LINKS || target.starts_with('/') {
                        return Err(EntryFault::Outside);
                    }
                    left.extend(parts_backwards(Path::new(target)));
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Gives where a symbolic link leads, if there is one, by whichever of its names.
    fn leads(&self, path: &Path) -> Option<&str> {
        match self.ledger.kind(path)? {
            EntryKind::Symlink { target } => Some(target),
            EntryKind::HardLink { .. } => self.links.get(path).map(String::as_str),
            _ => None,
        }
    }

    fn clear(&mut self, path: &Path) {
        if self.ledger.remove(path).is_some() {
            self.last = None;
        }
    }

    fn hold(&mut self, path: &Path, held: Held) -> Result<(), Trouble> {
        if self.ledger.hold(path, held) { Ok(()) } else { Err(LayerFault::Entries.into()) }
    }

    fn finish(self) -> Surveyed {
        Surveyed { entries: finish_with(self.ledger).entries, places: self.places }
    }
}

/// Gives the names of a path, the last one first, without those that say nothing.
fn parts_backwards(path: &Path) -> impl Iterator<Item = OsString> {
    let parts = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    parts.collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::image::{Ownership, unpack::unpack};

    const NAMES: [&str; 8] = ["a", "a/b", "a/b/c", "d", "d/e", "l/x", "l", "d/e/f"];

    /// One entry: where, what, and what it points at or holds.
    fn write(archive: &mut tar::Builder<Vec<u8>>, (place, kind, other): (usize, usize, usize)) {
        let (path, target) = (NAMES[place], NAMES[other]);
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(100);
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let beside =
            |name: &str| if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        match kind {
            0..3 => {
                let bytes = vec![b'x'; other * 300];
                header.set_size(bytes.len() as u64);
                archive.append_data(&mut header, path, bytes.as_slice()).unwrap();
            }
            3..6 => {
                header.set_entry_type(tar::EntryType::Directory);
                archive.append_data(&mut header, path, io::empty()).unwrap();
            }
            6 => {
                header.set_entry_type(tar::EntryType::Symlink);
                archive
                    .append_link(
                        &mut header,
                        path,
                        ["a", "d", "../a", "d/e", "/a", "../..", "l", "b"][other],
                    )
                    .unwrap();
            }
            7 => {
                header.set_entry_type(tar::EntryType::Link);
                archive.append_link(&mut header, path, target).unwrap();
            }
            8 => archive
                .append_data(&mut header, beside(&format!(".wh.{name}")), io::empty())
                .unwrap(),
            _ => archive.append_data(&mut header, beside(".wh..wh..opq"), io::empty()).unwrap(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn what_is_noted_is_what_unpacking_notes(
            entries in proptest::collection::vec((0_usize..8, 0_usize..10, 0_usize..8), 0..12),
        ) {
            let mut archive = tar::Builder::new(Vec::new());
            for entry in entries {
                write(&mut archive, entry);
            }
            let bytes = archive.into_inner().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let unpacked = unpack(&bytes[..], &folder.path().join("diff"), Ownership::Mapped);
            let surveyed = survey(&bytes[..]);
            let stepped = survey_headers(io::Cursor::new(&bytes), bytes.len() as u64);
            match (unpacked, surveyed, stepped) {
                (Ok(unpacked), Ok(surveyed), Ok(stepped)) => {
                    prop_assert_eq!(&unpacked.entries, &surveyed.entries);
                    for entry in &stepped.entries {
                        if entry.kind == EntryKind::File && entry.size > 0 {
                            let at = stepped.places[Path::new(&entry.path)];
                            let at = usize::try_from(at).unwrap();
                            prop_assert_eq!(&bytes[at..at + 300], vec![b'x'; 300]);
                        }
                    }
                    let bare = |entry: LayerEntry| LayerEntry { digest: None, ..entry };
                    let surveyed: Vec<_> = surveyed.entries.into_iter().map(bare).collect();
                    prop_assert_eq!(surveyed, stepped.entries);
                }
                (Err(one), Err(two), Err(three)) => {
                    prop_assert_eq!(format!("{one:?}"), format!("{two:?}"));
                    prop_assert_eq!(format!("{two:?}"), format!("{three:?}"));
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn a_link_that_was_replaced_leads_nowhere() {
        // `a/`, `d` to `a`, `d/e/` and so `a/e/`, `d/e/f` in it; then `d` is a file, and `d/e/f` lies nowhere.
        let entries = [(0, 3, 0), (3, 6, 0), (4, 3, 0), (7, 0, 0), (3, 0, 0), (7, 0, 0)];
        for (count, is_well) in [(5, true), (6, false)] {
            let mut archive = tar::Builder::new(Vec::new());
            for entry in &entries[..count] {
                write(&mut archive, *entry);
            }
            let bytes = archive.into_inner().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let unpacked = unpack(&bytes[..], &folder.path().join("diff"), Ownership::Mapped);
            assert_eq!(unpacked.is_ok(), is_well, "{unpacked:?}");
            assert_eq!(survey(&bytes[..]).is_ok(), is_well);
        }
    }

    #[test]
    fn a_plain_layer_that_is_cut_off_is_refused() {
        let mut archive = tar::Builder::new(Vec::new());
        write(&mut archive, (0, 0, 7));
        let bytes = archive.into_inner().unwrap();
        let cut = &bytes[..1024];
        let error = survey_headers(io::Cursor::new(cut), cut.len() as u64).unwrap_err();
        assert!(matches!(
            error,
            Trouble::Layer(LayerFault::Entry { fault: EntryFault::Short, .. })
        ));
    }
}
