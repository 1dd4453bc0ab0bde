//! Files where they lie: in a layer, in what a container has written; one read, some taken out to the host, one taken back.
//!
//! Every path is resolved by descriptor and through no link, on either side: what an image or a container has planted there leads nowhere.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FileType, OFlags};

use super::{ImageError, compare::order, written};
use crate::{
    model::{ChainId, ContainerId, EntryKind, LayerEntry, Whiteout},
    store::Layout,
    sys::{
        At as _, SysError,
        beneath::{self, Directory, Tree},
        files,
        root::{self, Links, Root},
        tree::{self, Depth, Found, Kind},
    },
};

/// The beginning of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// How many it has.
    pub size: u64,
}

/// What was taken out to the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extracted {
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many devices, pipes and the like were left out.
    pub skipped: u64,
}

/// Gives where the files of a layer lie.
pub fn layer_files(layout: &Layout, chain: ChainId) -> PathBuf {
    layout.layer(chain).join("diff")
}

/// Reads at most the first `most` bytes of a regular file beneath a directory.
///
/// # Errors
/// [`ImageError::Kernel`]: it is not there, is no regular file, or is behind a link.
pub fn excerpt(directory: &Path, path: &str, most: u64) -> Result<Excerpt, ImageError> {
    let file = open_regular(directory, path)?;
    let size = file.metadata().at("look at", path)?.len();
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).at("read", path)?;
    Ok(Excerpt { bytes, size })
}

fn open_regular(directory: &Path, path: &str) -> Result<File, SysError> {
    let root = Root::new(files::pin(directory)?);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = root.open(path, flags, Links::Refuse)?;
    if root::kind(&file)? != FileType::RegularFile {
        return Err(SysError::new("read", path, io::Error::other("it is not a regular file")));
    }
    Ok(File::from(file))
}

/// Lists what a container has written over its image, in the form of a layer's index; files have no digests, nobody reads them.
///
/// # Errors
/// [`ImageError::Kernel`].
pub fn own_layer(layout: &Layout, container: ContainerId) -> Result<Vec<LayerEntry>, ImageError> {
    let upper = written(layout, container);
    if !files::exists(&upper) {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    let mut names: HashMap<(u64, u64), String> = HashMap::new();
    tree::walk::<ImageError>(files::pin(&upper)?, Depth::Layer, &mut |found| {
        let is_opaque = found.is_opaque;
        let entry = entry_of(found, &mut names);
        let mark = is_opaque;
        let mark = mark
            .then(|| LayerEntry { kind: EntryKind::Whiteout(Whiteout::Opaque), ..entry.clone() });
        entries.push(entry);
        entries.extend(mark);
        Ok(())
    })?;
    // A walk sorts names; an index sorts whole paths, which differs where a name goes on with what sorts before a slash.
    entries.sort_by(|a, b| order(&a.path, &b.path));
    Ok(entries)
}

fn entry_of(found: Found, names: &mut HashMap<(u64, u64), String>) -> LayerEntry {
    let path = found.path.to_string_lossy().into_owned();
    let (major, minor) = found.device;
    let kind = match found.kind {
        Kind::Directory => EntryKind::Directory,
        Kind::Link => {
            let target = found.target.unwrap_or_default();
            EntryKind::Symlink { target: target.to_string_lossy().into_owned() }
        }
        Kind::Character if found.device == (0, 0) => EntryKind::Whiteout(Whiteout::Path),
        Kind::Character => EntryKind::CharDevice { major, minor },
        Kind::Block => EntryKind::BlockDevice { major, minor },
        Kind::Fifo | Kind::Socket => EntryKind::Fifo,
        Kind::File => match found.identity.map(|identity| (identity, names.get(&identity))) {
            Some((_, Some(first))) => EntryKind::HardLink { target: first.clone() },
            Some((identity, None)) => {
                names.insert(identity, path.clone());
                EntryKind::File
            }
            None => EntryKind::File,
        },
    };
    let size = if kind == EntryKind::File { found.size } else { 0 };
    LayerEntry {
        path,
        kind,
        mode: found.mode,
        uid: found.uid,
        gid: found.gid,
        size,
        mtime: found.changed,
        digest: None,
    }
}

/// Takes files out to the host: `items` are what is at `path` and beneath it, each directory before what is in it, with the directory
/// that each lies in. `target` must not be there; everything belongs to who takes it out, links stay links, devices are left out.
///
/// # Errors
/// [`ImageError::Kernel`]: the target is there, is behind a link, or cannot be written.
pub fn extract(
    items: &[(PathBuf, &LayerEntry)],
    path: &str,
    target: &Path,
) -> Result<Extracted, ImageError> {
    let refuse = |reason: &str| {
        SysError::new("write", target.display(), io::Error::other(reason.to_owned()))
    };
    let name = target.file_name().ok_or_else(|| refuse("it names no file"))?;
    let above = target.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.unwrap_or_else(|| Path::new(".")).to_string_lossy();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let place = Root::own()?.open(&above, flags, Links::Refuse).map_err(|error| {
        let is_link = error.errno() == Some(rustix::io::Errno::LOOP.raw_os_error());
        if is_link { refuse("a symbolic link is on the way; name the place itself") } else { error }
    })?;
    let mut tree = Tree::open(Path::new(&format!("{}/.", files::name_of(&place))))?;
    if tree.root().look(name)?.is_some() {
        return Err(refuse("something is there already").into());
    }
    let mut done = Extracted::default();
    let mut directories = Vec::new();
    for (source, entry) in items {
        let beneath = entry.path.strip_prefix(path).unwrap_or(&entry.path);
        let own =
            if path.is_empty() { entry.path.as_str() } else { beneath.trim_start_matches('/') };
        let goes = if own.is_empty() { PathBuf::from(name) } else { Path::new(name).join(own) };
        let parent = tree.enter(goes.parent().unwrap_or_else(|| Path::new("")))?;
        let leaf = goes.file_name().unwrap_or_default();
        if entry.kind == EntryKind::Directory {
            parent.make_dir(leaf)?;
            directories.push((goes.clone(), entry.mode));
        } else {
            take_out((source, entry), &parent, leaf, &mut done)?;
        }
    }
    // Now that nothing more is put into them, the inner ones first.
    for (path, mode) in directories.iter().rev() {
        let parent = tree.enter(path.parent().unwrap_or_else(|| Path::new("")))?;
        let directory = parent.open_dir(path.file_name().unwrap_or_default())?;
        beneath::set_mode(&directory, mode & 0o777 | 0o700, path)?;
    }
    Ok(done)
}

/// Takes out what is no directory.
fn take_out(
    (source, entry): (&Path, &LayerEntry),
    parent: &Directory,
    name: &OsStr,
    done: &mut Extracted,
) -> Result<(), ImageError> {
    match &entry.kind {
        EntryKind::File | EntryKind::HardLink { .. } => {
            let mut from = open_regular(source, &entry.path)?;
            let mut to = parent.make_file(name)?;
            done.bytes += io::copy(&mut from, &mut to).at("write", &entry.path)?;
            done.files += 1;
            // Whose files these are changes: they must not run as somebody.
            beneath::set_mode(&to, entry.mode & 0o777, Path::new(&entry.path))?;
        }
        EntryKind::Symlink { target } => parent.make_symlink(name, OsStr::new(target))?,
        _ => done.skipped += 1,
    }
    Ok(())
}

/// Takes back what a container has done to a path, with all beneath it: what its image has there is seen again. It must not run:
/// what overlayfs shows is undefined when its layers are changed under it (overlayfs.rst §"Changes to underlying filesystems").
///
/// # Errors
/// [`ImageError::Kernel`]: it has done nothing to the path.
pub fn reset(layout: &Layout, container: ContainerId, path: &str) -> Result<(), ImageError> {
    let upper = written(layout, container);
    let path = Path::new(path.trim_matches('/'));
    let parent = path.parent().unwrap_or_else(|| Path::new(""));
    let name = path.file_name().ok_or_else(|| {
        SysError::new("reset", path.display(), io::Error::other("it names no file"))
    })?;
    // Through no link: what is meant is what the list showed.
    let shown = parent.to_string_lossy();
    let above = if shown.is_empty() { "." } else { &shown };
    drop(Root::new(files::pin(&upper)?).pin(above, Links::Refuse)?);
    let mut tree = Tree::open(&upper)?;
    Ok(tree.enter(parent)?.remove(name)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn entry(path: &str, kind: EntryKind) -> LayerEntry {
        LayerEntry {
            path: path.to_owned(),
            kind,
            mode: 0o4755,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: 0,
            digest: None,
        }
    }

    /// A layer with a file, a link out of it and a directory behind a link.
    fn layer(folder: &Path) -> PathBuf {
        let place = folder.join("layer");
        files::make_dir(&place).unwrap();
        files::make_dir(&place.join("d")).unwrap();
        files::write(&place.join("d/f"), "0123456789").unwrap();
        symlink("/etc/passwd", place.join("d/out")).unwrap();
        symlink("d", place.join("l")).unwrap();
        place
    }

    #[test]
    fn a_file_is_read_up_to_a_bound_and_through_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let place = layer(folder.path());
        let read = excerpt(&place, "d/f", 4).unwrap();
        assert_eq!(read, Excerpt { bytes: b"0123".to_vec(), size: 10 });
        for path in ["d/out", "l/f", "d", "absent", "../layer/d/out"] {
            assert!(excerpt(&place, path, 4).is_err(), "{path}");
        }
    }

    #[test]
    fn what_is_taken_out_is_new_and_plain() {
        let folder = tempfile::tempdir().unwrap();
        let place = layer(folder.path());
        let link = EntryKind::Symlink { target: "/etc/passwd".to_owned() };
        let entries = [
            entry("d", EntryKind::Directory),
            entry("d/f", EntryKind::File),
            entry("d/out", link),
            entry("d/null", EntryKind::CharDevice { major: 1, minor: 3 }),
        ];
        let items: Vec<_> = entries.iter().map(|entry| (place.clone(), entry)).collect();
        let target = folder.path().join("taken");
        let done = extract(&items, "d", &target).unwrap();
        assert_eq!(done, Extracted { files: 1, bytes: 10, skipped: 1 });
        assert_eq!(files::read(&target.join("f")).unwrap(), b"0123456789");
        let mode = files::open(&target.join("f")).unwrap().metadata().unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o7777, 0o755);
        assert!(target.join("out").is_symlink());
        assert!(!target.join("null").exists());
        // Never over something, never through a link.
        let again = extract(&items, "d", &target).unwrap_err().to_string();
        assert!(again.contains("there already"), "{again}");
        symlink(folder.path(), folder.path().join("way")).unwrap();
        let behind = extract(&items, "d", &folder.path().join("way/x")).unwrap_err().to_string();
        assert!(behind.contains("symbolic link"), "{behind}");
        symlink(folder.path().join("elsewhere"), folder.path().join("dangling")).unwrap();
        extract(&items[1..2], "d/f", &folder.path().join("dangling")).unwrap_err();
        assert!(!folder.path().join("elsewhere").exists());
        extract(&items[1..2], "d/f", &folder.path().join("one")).unwrap();
        assert_eq!(files::read(&folder.path().join("one")).unwrap(), b"0123456789");
    }

    #[test]
    fn what_a_container_wrote_is_listed_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let data_root = folder.path().to_owned();
        let layout = Layout { run_root: data_root.clone(), data_root };
        let id = ContainerId::from_bytes([1; 32]);
        assert_eq!(own_layer(&layout, id).unwrap(), []);
        let upper = written(&layout, id);
        files::make_private_dir(&upper.join("a")).unwrap();
        files::write(&upper.join("a/x"), "12").unwrap();
        let (first, further) = (upper.join("a/x"), upper.join("a/y"));
        rustix::fs::link(first, further).unwrap();
        files::write(&upper.join("a.b"), "1").unwrap();
        symlink("a", upper.join("l")).unwrap();
        let lines = |entries: Vec<LayerEntry>| {
            let line =
                |entry: LayerEntry| format!("{} {:?} {}", entry.path, entry.kind, entry.size);
            entries.into_iter().map(line).collect::<Vec<_>>()
        };
        assert_eq!(
            lines(own_layer(&layout, id).unwrap()),
            [
                "a Directory 0",
                "a/x File 2",
                "a/y HardLink { target: \"a/x\" } 0",
                "a.b File 1",
                "l Symlink { target: \"a\" } 0",
            ]
        );
        assert!(reset(&layout, id, "l/x").is_err(), "through a link");
        assert!(reset(&layout, id, "a/z").is_err(), "nothing there");
        reset(&layout, id, "a/x").unwrap();
        reset(&layout, id, "/a").unwrap();
        assert_eq!(lines(own_layer(&layout, id).unwrap()).len(), 2);
    }
}
