//! What a container has written over its image becomes a layer.
//!
//! The same files give the same bytes: in the order of their names, without names of users, times in whole seconds. What overlayfs keeps for itself
//! in an upper directory (overlayfs.rst, "whiteouts and opaque directories") becomes the marks of layers (image-spec, layer.md §whiteouts).

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::File,
    io::{self, BufWriter, Read as _, Write},
    os::{fd::AsFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

use super::{ImageError, stream::Hashing};
use crate::{
    model::Digest,
    sys::tree::{self, Depth, Found, Kind},
};

/// Writes what lies in the upper directory of an overlay as a layer's tar; tells whether there is anything.
///
/// # Errors
/// [`ImageError::Kernel`] when a file cannot be read, [`ImageError::Write`] when the layer cannot be written, [`ImageError::Upper`] for what only an overlay can mean.
pub(super) fn pack_upper(root: impl AsFd, out: &mut dyn Write) -> Result<bool, ImageError> {
    let mut packing = Packing::new(out);
    let mut is_empty = true;
    tree::walk(root, Depth::Whole, &mut |found| {
        is_empty = false;
        packing.add_of_upper(found)
    })?;
    packing.finish()?;
    Ok(!is_empty)
}

/// A tar in the making.
struct Packing<'a> {
    archive: tar::Builder<&'a mut dyn Write>,
    /// The first name of each file that has several.
    names: HashMap<(u64, u64), PathBuf>,
}

impl<'a> Packing<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        Self { archive: tar::Builder::new(out), names: HashMap::new() }
    }

    fn finish(self) -> Result<&'a mut dyn Write, ImageError> {
        self.archive.into_inner().map_err(ImageError::Write)
    }

    /// Adds something from an upper directory.
    fn add_of_upper(&mut self, found: Found) -> Result<(), ImageError> {
        if found.kind == Kind::Character && found.device == (0, 0) {
            return self.mark(&found.path, b"");
        }
        let refuse = |reason| {
            let path = found.path.display().to_string();
            Err(ImageError::Upper { path, reason })
        };
        if found.is_partial {
            return refuse("the kernel has kept only part of it there (redirect_dir, metacopy)");
        }
        if found.path.file_name().is_some_and(|name| name.as_bytes().starts_with(b".wh.")) {
            return refuse("in a layer its name would mean that another file is gone");
        }
        let (is_opaque, path) = (found.is_opaque, found.path.clone());
        self.add(found)?;
        if is_opaque { self.mark(&path, b".wh..opq") } else { Ok(()) }
    }

    /// Writes the mark that a path is gone, or with `inside` one of a directory.
    fn mark(&mut self, path: &Path, inside: &[u8]) -> Result<(), ImageError> {
        let (parent, name) = if inside.is_empty() {
            (path.parent(), path.file_name().unwrap_or_default().as_bytes())
        } else {
            (Some(path), inside)
        };
        let mark = [b".wh.", name].concat();
        let mark = parent.unwrap_or_else(|| Path::new("")).join(OsStr::from_bytes(&mark));
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o600);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(0);
        self.archive.append_data(&mut header, mark, io::empty()).map_err(ImageError::Write)
    }

    /// Adds something; a further name of a file that is in it already becomes a link.
    fn add(&mut self, found: Found) -> Result<(), ImageError> {
        let kind = match found.kind {
            Kind::Directory => tar::EntryType::Directory,
            Kind::File => tar::EntryType::Regular,
            Kind::Link => tar::EntryType::Symlink,
            Kind::Character => tar::EntryType::Char,
            Kind::Block => tar::EntryType::Block,
            Kind::Fifo => tar::EntryType::Fifo,
            // A socket is nothing without its process.
            Kind::Socket => return Ok(()),
        };
        let mut header = header(&found);
        if let Some(first) = found.identity.and_then(|identity| self.names.get(&identity)) {
            header.set_entry_type(tar::EntryType::Link);
            return self
                .archive
                .append_link(&mut header, &found.path, first)
                .map_err(ImageError::Write);
        }
        if let Some(identity) = found.identity {
            self.names.insert(identity, found.path.clone());
        }
        self.add_attributes(&found)?;
        header.set_entry_type(kind);
        self.append(header, found).map_err(ImageError::Write)
    }

    fn append(&mut self, mut header: tar::Header, found: Found) -> io::Result<()> {
        if let Some(target) = &found.target {
            return self.archive.append_link(&mut header, &found.path, target);
        }
        if matches!(found.kind, Kind::Character | Kind::Block) {
            let (major, minor) = found.device;
            header.set_device_major(major)?;
            header.set_device_minor(minor)?;
        }
        let Some(file) = found.file else {
            return self.archive.append_data(&mut header, &found.path, io::empty());
        };
        header.set_size(found.size);
        // Exactly as many bytes as were promised, however the file changes meanwhile.
        let exact = file.chain(io::repeat(0)).take(found.size);
        self.archive.append_data(&mut header, &found.path, exact)
    }

    /// Writes the extended header with the attributes of what comes next.
    fn add_attributes(&mut self, found: &Found) -> Result<(), ImageError> {
        let mut records = Vec::new();
        for (key, value) in &found.attributes {
            let Ok(key) = key.to_str() else {
                let reason =
                    format!("an attribute of {} has a name that is no text", found.path.display());
                return Err(ImageError::Write(io::Error::new(io::ErrorKind::InvalidData, reason)));
            };
            records.push((format!("SCHILY.xattr.{key}"), value.as_slice()));
        }
        if records.is_empty() {
            return Ok(());
        }
        let records = records.iter().map(|(key, value)| (key.as_str(), *value));
        self.archive.append_pax_extensions(records).map_err(ImageError::Write)
    }
}

fn header(found: &Found) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(found.mode);
    header.set_uid(found.uid.into());
    header.set_gid(found.gid.into());
    header.set_mtime(u64::try_from(found.changed).unwrap_or(0));
    header.set_size(0);
    header
}

/// A layer's blob in the making: what is written is hashed, compressed and hashed again.
#[derive(Debug)]
pub(super) struct Sealing(Hashing<GzEncoder<Hashing<BufWriter<File>>>>);

/// A blob that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sealed {
    /// The digest of the tar.
    pub(super) diff: Digest,
    /// The digest of the blob.
    pub(super) blob: Digest,
    /// The bytes of the blob.
    pub(super) size: u64,
}

impl Sealing {
    /// Compressed with gzip, which everything that reads images reads; its header says nothing of when, so that the same tar gives the same blob.
    pub(super) fn new(file: File) -> Self {
        let blob = Hashing::new(BufWriter::with_capacity(super::stream::CHUNK, file));
        Self(Hashing::new(GzEncoder::new(blob, Compression::default())))
    }

    pub(super) fn finish(self) -> io::Result<Sealed> {
        let (gzip, diff) = self.0.into_parts();
        let (buffered, blob) = gzip.finish()?.into_parts();
        let file = buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Sealed { diff, blob, size: file.metadata()?.len() })
    }
}

impl Write for Sealing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
