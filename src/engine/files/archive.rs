//! Files of a container as a tar archive.

use std::{
    collections::HashMap,
    ffi::CString,
    io::{Read as _, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use super::absent;
use crate::{
    engine::{EngineError, ErrorKind, Result},
    sys::{
        root::{Links, Root},
        tree::{self, Depth, Found, Kind},
    },
};

/// What extended attributes are called in an archive (GNU tar and Go write and read them so).
const ATTRIBUTE: &str = "SCHILY.xattr.";

/// Writes everything below a root but what is mounted there.
pub(super) fn write_all(root: OwnedFd, out: &mut (dyn Write + Send)) -> Result<()> {
    let mut archive = Archive::new(out);
    tree::walk(root, Depth::Attributes, &mut |found| archive.append(found))?;
    archive.finish()
}

/// Writes what is at a path, under its own name; of a directory whose path ends in `/.` only what is in it.
pub(super) fn write_place(
    root: &Root,
    path: &str,
    follows_link: bool,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let directory = |path: &str| {
        root.open(path, OFlags::RDONLY | OFlags::DIRECTORY, Links::Follow).map_err(absent)
    };
    let mut archive = Archive::new(out);
    let plain = path.trim_end_matches('/');
    match plain.rsplit_once('/') {
        Some((_, name)) if !matches!(name, "" | "." | "..") && follows_link => {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
            let found = root.open(path, flags, Links::Follow).map_err(absent)?;
            tree::walk_open(found, Path::new(name), &mut |found| archive.append(found))?;
        }
        Some((above, name)) if !matches!(name, "" | "." | "..") => {
            if path.ends_with('/') {
                directory(path)?;
            }
            let beside = directory(if above.is_empty() { "/" } else { above })?;
            let zero =
                |_| EngineError::new(ErrorKind::Invalid, format!("path {path} holds a zero byte"));
            let name = CString::new(name).map_err(zero)?;
            tree::walk_one(beside, &name, &mut |found| archive.append(found))?;
        }
        _ => tree::walk(directory(path)?, Depth::Attributes, &mut |found| archive.append(found))?,
    }
    archive.finish()
}

/// An archive that is being written.
struct Archive<'a> {
    tar: tar::Builder<&'a mut (dyn Write + Send)>,
    /// The first name of each file that has several.
    names: HashMap<(u64, u64), PathBuf>,
}

impl<'a> Archive<'a> {
    fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Self { tar: tar::Builder::new(out), names: HashMap::new() }
    }

    fn finish(mut self) -> Result<()> {
        self.tar.finish().map_err(unwritten)
    }

    /// Adds something; a further name of a file that is in the archive already becomes a link.
    fn append(&mut self, found: Found) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_mode(found.mode);
        header.set_uid(found.uid.into());
        header.set_gid(found.gid.into());
        header.set_mtime(u64::try_from(found.changed).unwrap_or(0));
        header.set_size(0);
        if let Some(first) = found.identity.and_then(|identity| self.names.get(&identity)) {
            header.set_entry_type(tar::EntryType::Link);
            return self.tar.append_link(&mut header, &found.path, first).map_err(unwritten);
        }
        if let Some(identity) = found.identity {
            self.names.insert(identity, found.path.clone());
        }
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
        header.set_entry_type(kind);
        if let Some(target) = &found.target {
            return self.tar.append_link(&mut header, &found.path, target).map_err(unwritten);
        }
        if matches!(kind, tar::EntryType::Char | tar::EntryType::Block) {
            let (major, minor) = found.device;
            header
                .set_device_major(major)
                .and_then(|()| header.set_device_minor(minor))
                .map_err(unwritten)?;
        }
        self.append_attributes(&found)?;
        match found.file {
            Some(file) => {
                header.set_size(found.size);
                // Exactly as many bytes as were promised, however the file changes meanwhile.
                let exact = file.chain(std::io::repeat(0)).take(found.size);
                self.tar.append_data(&mut header, &found.path, exact).map_err(unwritten)
            }
            None => {
                self.tar.append_data(&mut header, &found.path, std::io::empty()).map_err(unwritten)
            }
        }
    }

    fn append_attributes(&mut self, found: &Found) -> Result<()> {
        let named: Vec<(String, &[u8])> = found
            .attributes
            .iter()
            // A record's name ends at the first `=`, and is text (pax(1)).
            .filter_map(|(name, value)| Some((name.to_str().ok()?, value.as_slice())))
            .filter(|(name, _)| !name.contains('='))
            .map(|(name, value)| (format!("{ATTRIBUTE}{name}"), value))
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        let records = named.iter().map(|(name, value)| (name.as_str(), *value));
        self.tar.append_pax_extensions(records).map_err(unwritten)
    }
}

fn unwritten(error: std::io::Error) -> EngineError {
    EngineError::new(ErrorKind::Storage, "the archive cannot be written").caused_by(error)
}
