//! A control group in one hierarchy: a directory with files.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    time::Instant,
};

use nix::errno::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(super) use super::hierarchy::Version;
use super::{
    hierarchy::{Hierarchy, Reach},
    members::with_those_below,
};
use crate::sys::{At as _, Result, SysError, files};

/// The controllers that groups of version 2 get, where they are to be had.
const ENABLED: [&str; 4] = ["+cpu", "+memory", "+pids", "+io"];

/// Those that they get besides when everything may be asked of them.
const FURTHER: [&str; 4] = ["+cpuset", "+hugetlb", "+rdma", "+misc"];

/// A control group in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) version: Version,
    /// None are listed for version 2 alone, which has all.
    pub(super) controllers: Vec<String>,
    pub(super) path: PathBuf,
}

impl Group {
    /// Makes a group and those above it; `None` when this process may not.
    pub(super) fn create(hierarchy: &Hierarchy, name: &str, reach: Reach) -> Result<Option<Self>> {
        for base in &hierarchy.bases {
            match Self::create_below(base, hierarchy, name, reach) {
                Ok(path) => return Ok(Some(Self::at(hierarchy, path))),
                Err(error) if is_forbidden(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn create_below(
        base: &Path,
        hierarchy: &Hierarchy,
        name: &str,
        reach: Reach,
    ) -> Result<PathBuf> {
        let needs_processors = hierarchy.controllers.iter().any(|one| one == "cpuset");
        if hierarchy.version == Version::One && !needs_processors {
            let path = base.join(name);
            match files::make_dir(&path) {
                // Those above it are missing.
                Err(error) if error.is_not_found() => {}
                made => return made.map(|()| path),
            }
        }
        let mut path = base.to_path_buf();
        for part in name.split('/') {
            if hierarchy.version == Version::Two {
                enable_controllers(&path, reach);
            }
            let above = path.clone();
            path.push(part);
            files::make_dir(&path)?;
            if hierarchy.version == Version::One && needs_processors {
                inherit_processors(&above, &path)?;
            }
        }
        Ok(path)
    }

    /// Tells whether it has a controller.
    pub(super) fn has(&self, controller: &str) -> bool {
        // Alone, version 2 has them all; beside version 1, those that are left.
        (self.version == Version::Two && self.controllers.is_empty())
            || self.controllers.iter().any(|one| one == controller)
    }

    /// Tells whether it was handed a controller down; always, in version 1.
    pub(super) fn is_given(&self, controller: &str) -> bool {
        let given = files::read_text(&self.path.join("cgroup.controllers"));
        self.version == Version::One
            || given.is_ok_and(|text| text.split_ascii_whitespace().any(|one| one == controller))
    }

    /// Says which group one of that name would be; `None` where none can be made.
    pub(super) fn plan(hierarchy: &Hierarchy, name: &str) -> Option<Self> {
        let base = hierarchy.bases.first()?;
        Some(Self::at(hierarchy, base.join(name)))
    }

    pub(super) fn find(hierarchy: &Hierarchy, name: &str) -> Option<Self> {
        let mut paths = hierarchy.bases.iter().map(|base| base.join(name));
        let path = paths.find(|path| files::exists(path))?;
        Some(Self::at(hierarchy, path))
    }

    pub(super) fn at(hierarchy: &Hierarchy, path: PathBuf) -> Self {
        Self { version: hierarchy.version, controllers: hierarchy.controllers.clone(), path }
    }

    pub(super) fn write(&self, file: &str, text: &str) -> Result<()> {
        write_existing(&self.path.join(file), text)
    }

    pub(super) fn number(&self, file: &str) -> Option<u64> {
        let text = files::read_text(&self.path.join(file)).ok()?;
        text.trim().parse().ok()
    }

    /// Reads one line of a file of `name value` lines.
    pub(super) fn field(&self, file: &str, name: &str) -> Option<u64> {
        let text = files::read_text(&self.path.join(file)).ok()?;
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(' ')?;
            (key == name).then(|| value.parse().ok())?
        })
    }

    pub(super) fn remove(&self, deadline: Instant) -> Result<()> {
        loop {
            match files::remove_dir(&self.path) {
                Err(error)
                    if error.errno() == Some(Errno::EBUSY as i32) && Instant::now() < deadline =>
                {
                    // The deepest first; those that are busy keep this one busy.
                    let below = with_those_below(&self.path);
                    let removed = below.iter().skip(1).rev().map(|path| files::remove_dir(path));
                    if removed.flatten().count() == 0 {
                        self.pause();
                    }
                }
                other => return other,
            }
        }
    }

    /// Waits until the group says that it has become empty (version 2), or one hundredth of a second.
    pub(super) fn pause(&self) {
        let events = files::open(&self.path.join("cgroup.events"));
        let patience = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
        let mut watched: Vec<PollFd<'_>> =
            events.iter().map(|file| PollFd::new(file, PollFlags::PRI)).collect();
        // Whatever it says, the caller looks again.
        let _woken = poll(&mut watched, Some(&patience));
    }
}

/// Hands controllers down to the groups below `path`. Which of them are to be had differs from place to place, so each is tried alone; a
/// limit that then cannot be set is an error when it is asked for.
fn enable_controllers(path: &Path, reach: Reach) {
    let file = path.join("cgroup.subtree_control");
    let enabled = files::read_text(&file).unwrap_or_default();
    let is_enabled = |controller: &str| {
        enabled.split_ascii_whitespace().any(|one| controller.strip_prefix('+') == Some(one))
    };
    let further = if reach == Reach::All { FURTHER.as_slice() } else { &[] };
    let missing: Vec<_> =
        ENABLED.iter().chain(further).filter(|controller| !is_enabled(controller)).collect();
    if missing.is_empty() || is_inhabited(path) {
        return;
    }
    for controller in missing {
        drop(write_existing(&file, controller));
    }
}

/// Tells whether a group other than the root has processes of its own. Of the controllers it could still hand down those that count by thread;
/// that would make it the domain of threads, and the groups below it a place where no process can be ("domain invalid", `cgroup-v2.rst`).
pub(super) fn is_inhabited(path: &Path) -> bool {
    let members = files::read_text(&path.join("cgroup.procs"));
    files::exists(&path.join("cgroup.type")) && members.map_or(true, |text| !text.is_empty())
}

/// Lists the controllers that groups below a group of version 2 can have.
pub(super) fn handed_down(path: &Path, is_inhabited: bool) -> Vec<String> {
    let file = if is_inhabited { "cgroup.subtree_control" } else { "cgroup.controllers" };
    let text = files::read_text(&path.join(file)).unwrap_or_default();
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Gives a group the processors and memory nodes of the one above it if it has none yet: without them no process can be in it (`cpusets.rst`).
fn inherit_processors(above: &Path, path: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let own = files::read_text(&path.join(file)).unwrap_or_default();
        if own.trim().is_empty() {
            let theirs = files::read_text(&above.join(file))?;
            write_existing(&path.join(file), theirs.trim())?;
        }
    }
    Ok(())
}

/// Writes at once: each write is a command.
fn write_existing(path: &Path, text: &str) -> Result<()> {
    let mut file = files::open_with(path, OpenOptions::new().write(true))?;
    file.write_all(text.as_bytes()).at_path("write", path)
}

pub(super) fn is_absent(error: &SysError) -> bool {
    error.is_not_found() || is_forbidden(error)
}

fn is_forbidden(error: &SysError) -> bool {
    matches!(error.errno().map(Errno::from_raw), Some(Errno::EACCES | Errno::EPERM | Errno::EROFS))
}
