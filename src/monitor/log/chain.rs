//! The files of a log: the newest has the plain name, older ones a number that grows with age, as Docker has it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::format::Format;
use crate::{
    model::{ContainerId, LogDriver},
    store::Layout,
    sys::{At as _, Result, files},
};

/// Names the files of a log.
///
/// Their names change only under an exclusive lock of their directory (`flock(2)`), and a reader looks from one to the next under a shared one. The writer never waits for a
/// reader: while somebody looks, the file that is full takes a little more.
#[derive(Debug, Clone)]
pub struct Chain {
    newest: PathBuf,
    format: Format,
}

impl Chain {
    /// Gives the log that `driver` keeps of a container; `None` when it keeps none.
    pub fn of(layout: &Layout, id: ContainerId, driver: LogDriver) -> Option<Self> {
        let format = match driver {
            LogDriver::JsonFile => Format::Json,
            LogDriver::Local => Format::Local,
            LogDriver::None => return None,
        };
        Some(Self::new(&layout.log(id), format))
    }

    /// Gives the log whose files begin with `name`.
    pub(super) fn new(name: &Path, format: Format) -> Self {
        Self { newest: name.with_extension(format.extension()), format }
    }

    /// Gives the file that is written to.
    pub fn newest(&self) -> &Path {
        &self.newest
    }

    pub(super) const fn format(&self) -> Format {
        self.format
    }

    /// Gives the directory that the files are in.
    pub(super) fn dir(&self) -> &Path {
        self.newest.parent().unwrap_or_else(|| Path::new("/"))
    }

    fn path(&self, number: u32) -> PathBuf {
        if number == 0 { self.newest.clone() } else { self.with_suffix(&number.to_string()) }
    }

    fn with_suffix(&self, suffix: &str) -> PathBuf {
        let mut name = self.newest.clone().into_os_string();
        name.push(".");
        name.push(suffix);
        name.into()
    }

    /// Opens the newest file for appending; makes it, for its owner only, if it is not there.
    pub(super) fn open_newest(&self) -> Result<File> {
        files::open_with(&self.newest, options().create(true))
    }

    /// Begins a new file, of which there are `most` afterwards at most; `None` if somebody looks at the names just now.
    ///
    /// Whatever fails, the file that was the newest can still be written to and is still read.
    pub(super) fn rotate(&self, most: u32) -> Result<Option<File>> {
        let dir = files::open(self.dir())?;
        match dir.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error).at_path("lock", self.dir()),
        }
        // A full disk refuses it before any name has changed.
        let fresh = self.with_suffix("new");
        let file = files::open_with(&fresh, options().create(true))?;
        // Whoever began it before may have been killed.
        file.set_len(0).at_path("empty", &fresh)?;
        for number in (0..most.saturating_sub(1)).rev() {
            match files::rename(&self.path(number), &self.path(number + 1)) {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        files::rename(&fresh, &self.newest)?;
        Ok(Some(file))
    }

    /// Opens all files that are there, oldest first.
    pub(super) fn open_all(&self) -> Result<Vec<File>> {
        let _names = self.hold()?;
        let numbers = self.numbers()?;
        numbers.into_iter().map(|number| files::open(&self.path(number))).collect()
    }

    /// Opens the file after this one, if there is one; the oldest, if this one has fallen out.
    pub(super) fn open_after(&self, file: &File) -> Result<Option<File>> {
        let own = identity_of(file, &self.newest)?;
        if self.identity(0)? == Some(own) {
            return Ok(None);
        }
        let _names = self.hold()?;
        let numbers = self.numbers()?;
        let mut next = 0;
        for (place, number) in numbers.iter().enumerate() {
            if self.identity(*number)? == Some(own) {
                next = place + 1;
            }
        }
        numbers.get(next).map(|number| files::open(&self.path(*number))).transpose()
    }

    /// Keeps the names as they are until it is dropped; there is nothing to keep without a directory.
    fn hold(&self) -> Result<Option<File>> {
        match files::open(self.dir()) {
            Ok(dir) => {
                dir.lock_shared().at_path("lock", self.dir())?;
                Ok(Some(dir))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the numbers of the files that are there, oldest first.
    fn numbers(&self) -> Result<Vec<u32>> {
        let all = files::list(self.dir())?;
        let name = self.newest.file_name().unwrap_or_default().to_string_lossy();
        let number = |path: &PathBuf| {
            let other = path.file_name()?.to_str()?.strip_prefix(&*name)?;
            if other.is_empty() { Some(0) } else { other.strip_prefix('.')?.parse().ok() }
        };
        let mut numbers: Vec<u32> = all.iter().filter_map(number).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        Ok(numbers)
    }

    fn identity(&self, number: u32) -> Result<Option<(u64, u64)>> {
        let path = self.path(number);
        match files::open(&path) {
            Ok(file) => identity_of(&file, &path).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    // The writer reads where a file ends that another one left.
    options.read(true).append(true).mode(0o600);
    options
}

/// Tells which file this is: nobody else has that while it is open.
fn identity_of(file: &File, path: &Path) -> Result<(u64, u64)> {
    let found = file.metadata().at_path("look at", path)?;
    Ok((found.dev(), found.ino()))
}
