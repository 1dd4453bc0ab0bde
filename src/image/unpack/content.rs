//! The bytes of files.

use std::{fs::File, io::Read, os::unix::fs::FileExt as _};

use sha2::{Digest as _, Sha256};

use super::{
    super::{
        error::{EntryFault, LayerFault},
        stream::{CHUNK, finish},
    },
    entry::Entry,
    trouble::{Trouble, fault},
};
use crate::{model::Digest, sys::At as _};

/// Writes files as long as there is room for what they say to be.
#[derive(Debug)]
pub(super) struct Content {
    /// Bytes that the layer may still have: what was free on the disk when it began, holes of sparse files counted.
    room: u64,
    buffer: Vec<u8>,
}

impl Content {
    pub(super) fn new(room: u64) -> Self {
        Self { room, buffer: vec![0; CHUNK] }
    }

    /// Writes the bytes of a file; gives their digest unless there are none.
    pub(super) fn fill(
        &mut self,
        entry: &Entry,
        file: &File,
        sparse: bool,
        bytes: &mut impl Read,
    ) -> Result<Option<Digest>, Trouble> {
        self.room = self
            .room
            .checked_sub(entry.size)
            .ok_or_else(|| fault(entry, EntryFault::Large(entry.size)))?;
        let mut hash = Sha256::new();
        let mut done = 0;
        loop {
            let count = bytes.read(&mut self.buffer).map_err(LayerFault::Broken)?;
            let chunk = &self.buffer[..count];
            if count == 0 {
                break;
            }
            hash.update(chunk);
            if !sparse || chunk.iter().any(|byte| *byte != 0) {
                file.write_all_at(chunk, done).at_path("write", &entry.path)?;
            }
            done += count as u64;
        }
        if done != entry.size {
            return Err(fault(entry, EntryFault::Short));
        }
        if sparse {
            file.set_len(done).at_path("write", &entry.path)?;
        }
        Ok((done > 0).then(|| finish(hash)))
    }
}
