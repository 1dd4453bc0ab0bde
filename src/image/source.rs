//! An archive as a set of named pieces that can be read in any order, by several threads.
//!
//! A file is read where it lies; a stream, or a file that is compressed as a whole, is first written to staging. What bounds that
//! writing is the room on the disk.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    Archive, ImageError, Report,
    resolve::WantedLayer,
    staging::Staging,
    stream::{Bounded, Compression, inflate, peek, pour},
    supply::{Supplied, Supply},
};
use crate::{
    model::Digest,
    registry::Cancel,
    sys::{At as _, files},
};

/// How many entries an archive may have; a layout has a few for each layer.
const MOST_ENTRIES: usize = 100_000;

/// How long a document may be.
pub(super) const LONGEST_DOCUMENT: u64 = 4 * 1024 * 1024;

/// How many links an archive may put between a name and its bytes.
const MOST_LINKS: usize = 8;

/// An archive that can be read by name.
#[derive(Debug)]
pub(super) enum Source {
    /// An OCI layout as a folder.
    Folder(PathBuf),
    /// A tar: where in the file each name's bytes are, and which names are links.
    Tar { file: File, pieces: HashMap<String, (u64, u64)>, links: HashMap<String, String> },
}

/// A named piece of an archive, from its beginning.
#[derive(Debug)]
pub(super) struct Piece {
    file: File,
    start: u64,
    at: u64,
    left: u64,
}

impl Piece {
    /// Gives how many bytes are still to come.
    pub(super) const fn len(&self) -> u64 {
        self.left
    }
}

impl Read for Piece {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| buffer.len().min(left));
        if most == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends early"));
        }
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

impl Seek for Piece {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.at + self.left;
        let at = match to {
            SeekFrom::Start(place) => self.start.checked_add(place),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => end.checked_add_signed(by),
        };
        let at = at.filter(|at| *at >= self.start).ok_or(io::ErrorKind::InvalidInput)?;
        // What is behind the end is read as the end.
        self.left = end.saturating_sub(at);
        self.at = end - self.left;
        Ok(at - self.start)
    }
}

impl Source {
    /// Opens an archive, whatever form it has.
    ///
    /// # Errors
    /// [`ImageError::Kernel`] for the file, [`ImageError::Read`] for a stream, [`ImageError::Form`] for something that is no tar.
    pub(super) fn open(
        archive: Archive<'_>,
        staging: &Staging,
        cancel: &Cancel,
        report: Report<'_>,
    ) -> Result<Self, ImageError> {
        match archive {
            Archive::Path(path) => {
                let file = open(path)?;
                let kind = file.metadata().at_path("look at", path)?;
                if kind.is_dir() {
                    return Ok(Self::Folder(path.to_owned()));
                }
                if !kind.is_file() {
                    // A named pipe or terminal has to be waited for, which `open` told it not to.
                    return spool(files::open(path)?, staging, cancel, report).and_then(Self::tar);
                }
                let mut head = [0; 6];
                let count = file.read_at(&mut head, 0).at_path("read", path)?;
                match Compression::of(&head[..count]) {
                    Compression::Plain => Self::tar(file),
                    _ => spool(file, staging, cancel, report).and_then(Self::tar),
                }
            }
            Archive::Stream(stream) => spool(stream, staging, cancel, report).and_then(Self::tar),
        }
    }

    /// Lists a tar without reading its bytes.
    fn tar(file: File) -> Result<Self, ImageError> {
        let (mut pieces, mut links) = (HashMap::new(), HashMap::new());
        let (bounded, gauge) = Bounded::new(file.try_clone().map_err(ImageError::Read)?);
        let mut archive = tar::Archive::new(bounded);
        gauge.expect_headers();
        for entry in archive.entries_with_seek().map_err(not_a_tar)? {
            let entry = entry.map_err(not_a_tar)?;
            let name = plain_name(&String::from_utf8_lossy(&entry.path_bytes()));
            let kind = entry.header().entry_type();
            if kind.is_file() || kind.is_contiguous() {
                links.remove(&name);
                pieces.insert(name, (entry.raw_file_position(), entry.size()));
            } else if let Some(target) = entry.link_name_bytes() {
                let target = String::from_utf8_lossy(&target).into_owned();
                let target =
                    if kind.is_symlink() { beside(&name, &target) } else { plain_name(&target) };
                links.insert(name, target);
            }
            if pieces.len() + links.len() > MOST_ENTRIES {
                return Err(ImageError::Form("it has more than 100,000 entries"));
            }
            gauge.expect_headers();
        }
        if pieces.is_empty() {
            return Err(ImageError::Form("it holds no files"));
        }
        Ok(Self::Tar { file, pieces, links })
    }

    /// Opens a piece; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`ImageError::Kernel`].
    pub(super) fn piece(&self, name: &str) -> Result<Option<Piece>, ImageError> {
        match self {
            Self::Folder(folder) => match open(&folder.join(name)) {
                Err(error) if error.is_not_found() => Ok(None),
                file => {
                    let file = file?;
                    let kind = file.metadata().at("look at", name)?;
                    Ok(kind.is_file().then(|| Piece { file, start: 0, at: 0, left: kind.len() }))
                }
            },
            Self::Tar { file, pieces, links } => {
                let mut name = plain_name(name);
                for _ in 0..MOST_LINKS {
                    match links.get(&name) {
                        Some(target) if !pieces.contains_key(&name) => name = target.clone(),
                        _ => break,
                    }
                }
                let Some((at, left)) = pieces.get(&name).copied() else {
                    return Ok(None);
                };
                let file = file.try_clone().map_err(ImageError::Read)?;
                Ok(Some(Piece { file, start: at, at, left }))
            }
        }
    }

    /// Reads a document whole.
    ///
    /// # Errors
    /// [`ImageError::TooLong`], [`ImageError::Read`].
    pub(super) fn document(&self, name: &str) -> Result<Option<Vec<u8>>, ImageError> {
        let Some(mut piece) = self.piece(name)? else {
            return Ok(None);
        };
        if piece.len() > LONGEST_DOCUMENT {
            return Err(ImageError::TooLong { object: name.to_owned(), size: piece.len() });
        }
        let mut bytes = Vec::new();
        piece.read_to_end(&mut bytes).map_err(ImageError::Read)?;
        Ok(Some(bytes))
    }
}

impl Supply for Source {
    const PHASE: &'static str = "unpack";

    fn width(&self, processors: usize) -> usize {
        processors
    }

    fn open(&self, layer: &WantedLayer, copy: &Path) -> Result<Supplied, ImageError> {
        let Some(piece) = self.piece(&layer.name)? else {
            return Err(ImageError::Missing(layer.name.clone()));
        };
        let size = piece.len();
        match layer.blob {
            Some((_, expected)) if expected != size => {
                let object = format!("layer {}", layer.diff.0.short());
                Err(ImageError::Size { object, expected, found: size })
            }
            _ => {
                let copy = files::create_new(copy)?;
                Ok(Supplied { reader: Box::new(Copying { inner: piece, copy }), size })
            }
        }
    }

    fn keep(&self, _layer: &WantedLayer, _copy: &Path) -> Result<(), ImageError> {
        Ok(())
    }

    fn reject(&self, _layer: &WantedLayer) -> bool {
        false
    }
}

/// Writes down what is read through it.
struct Copying {
    inner: Piece,
    copy: File,
}

impl Read for Copying {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.copy.write_all(&buffer[..count])?;
        Ok(count)
    }
}

/// Gives where an OCI layout keeps a blob.
pub(super) fn blob_name(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Opens a file without waiting for a named pipe's other end.
fn open(path: &Path) -> crate::sys::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    files::open_with(path, &options)
}

/// Writes a stream to staging, inflated.
fn spool(
    stream: impl Read + Send,
    staging: &Staging,
    cancel: &Cancel,
    report: Report<'_>,
) -> Result<File, ImageError> {
    let (compression, stream) = peek(stream).map_err(ImageError::Read)?;
    let stream = inflate(compression, stream).map_err(ImageError::Read)?;
    let path = staging.path().join("archive");
    let file = files::create_new(&path)?;
    let mut at = 0;
    pour(stream, cancel, report, |bytes| {
        file.write_all_at(bytes, at).at_path("write", &path)?;
        at += bytes.len() as u64;
        Ok(())
    })?;
    Ok(file)
}

fn not_a_tar(error: io::Error) -> ImageError {
    // The parser's own complaints have no number; what the kernel said has one.
    if error.raw_os_error().is_some() {
        ImageError::Read(error)
    } else {
        ImageError::Form("it is no tar, or is cut off")
    }
}

/// Drops a leading slash and every `.`; a name with `..` stays as it is, and nothing ever asks for it.
fn plain_name(name: &str) -> String {
    let parts: Vec<_> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    parts.join("/")
}

/// Gives the name that a symbolic link in an archive means.
fn beside(link: &str, target: &str) -> String {
    let mut parts: Vec<_> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_an_archive_are_names_not_paths() {
        for (link, target, name) in [
            ("a/layer.tar", "../b.tar", "b.tar"),
            ("a/layer.tar", "./b.tar", "a/b.tar"),
            ("layer.tar", "../../../etc/passwd", "etc/passwd"),
        ] {
            assert_eq!(beside(link, target), name);
        }
        assert_eq!(plain_name("./a//b/./c"), "a/b/c");
    }
}
