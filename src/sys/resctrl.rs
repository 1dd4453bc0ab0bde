//! Classes of service for caches and memory bandwidth (`resctrl`, Documentation/filesystems/resctrl.rst).
//!
//! Whoever knows the mount point makes or finds a class there; a process joins it by itself, and its children are born in it.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Result, SysError, files};

/// A class that processes can join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    path: PathBuf,
    /// Whether it was made here, and so goes from here.
    is_ours: bool,
    /// A group that is counted by itself.
    monitor: Option<PathBuf>,
}

/// Finds where the classes are; `None` when the file system is not mounted, or the machine has none.
///
/// # Errors
/// What the kernel says of its list of mounts.
pub fn mount_point() -> Result<Option<PathBuf>> {
    let mounts = files::read_text(Path::new("/proc/self/mountinfo"))?;
    Ok(mounts.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        // A path with blanks would be written otherwise (`proc_pid_mountinfo(5)`); nobody mounts it at one.
        let is_it = file_system.split(' ').next() == Some("resctrl");
        mount.split(' ').nth(4).filter(|_| is_it).map(PathBuf::from)
    }))
}

impl Class {
    /// Gives the class of this name below the mount point, and makes it if it is not there; `/` is the one that all processes are born in.
    ///
    /// # Errors
    /// What the kernel says, with its last word about classes.
    pub fn make(root: &Path, name: &str) -> Result<Self> {
        let path = place(root, name);
        let is_new = !files::is_dir(&path);
        if is_new {
            files::make_dir(&path).map_err(|error| told(root, error))?;
        }
        Ok(Self { path, is_ours: is_new, monitor: None })
    }

    /// Finds a class that somebody else made.
    pub fn find(root: &Path, name: &str) -> Option<Self> {
        let path = place(root, name);
        files::is_dir(&path).then_some(Self { path, is_ours: false, monitor: None })
    }

    /// Tells whether it was made by [`Class::make`].
    pub const fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// Leaves it to others, also at the end.
    pub const fn disown(&mut self) {
        self.is_ours = false;
    }

    /// Says how much of each resource it has, one resource a line.
    ///
    /// # Errors
    /// What the kernel says, with its last word about classes.
    pub fn set(&self, root: &Path, lines: &[String]) -> Result<()> {
        let text = format!("{}\n", lines.join("\n"));
        files::write(&self.path.join("schemata"), text).map_err(|error| told(root, error))
    }

    /// Tells whether it has what these lines say; what they do not mention may be anything.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn has(&self, lines: &[String]) -> Result<bool> {
        let text = files::read_text(&self.path.join("schemata"))?;
        let own: Vec<_> = text.lines().flat_map(parts).collect();
        Ok(lines.iter().flat_map(|line| parts(line)).all(|part| own.contains(&part)))
    }

    /// Makes a group in it that is counted by itself, and that [`Class::join`] joins too.
    ///
    /// # Errors
    /// What the kernel says, with its last word about classes.
    pub fn monitor(&mut self, root: &Path, name: &str) -> Result<()> {
        let path = self.path.join("mon_groups").join(name);
        files::make_dir(&path).map_err(|error| told(root, error))?;
        self.monitor = Some(path);
        Ok(())
    }

    /// Moves this process into it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn join(&self) -> Result<()> {
        for path in std::iter::once(&self.path).chain(&self.monitor) {
            files::write(&path.join("tasks"), "0")?;
        }
        Ok(())
    }

    /// Removes what was made here; that it is gone is no failure.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn remove(&self) -> Result<()> {
        if let Some(monitor) = &self.monitor {
            files::remove_dir(monitor)?;
        }
        if self.is_ours { files::remove_dir(&self.path) } else { Ok(()) }
    }
}

fn place(root: &Path, name: &str) -> PathBuf {
    if name == "/" { root.to_owned() } else { root.join(name) }
}

/// Adds what the file system says of its last refusal, which is more than an error number.
fn told(root: &Path, error: SysError) -> SysError {
    let last = files::read_text(&root.join("info/last_cmd_status")).unwrap_or_default();
    match last.trim() {
        "" | "ok" => error,
        text => SysError {
            source: io::Error::new(error.source.kind(), format!("{} ({text})", error.source)),
            ..error
        },
    }
}

/// Splits a line like `L3:0=7f0;1=1f` into resource, domain and value, of which zeros in front do not count.
fn parts(line: &str) -> Vec<(String, String, String)> {
    let Some((resource, domains)) = line.split_once(':') else { return Vec::new() };
    let part = |domain: &str| {
        let (domain, value) = domain.split_once('=').unwrap_or((domain, ""));
        let short = |text: &str| text.trim().trim_start_matches('0').to_ascii_lowercase();
        (resource.trim().to_owned(), short(domain), short(value))
    };
    domains.split(';').map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_compared_by_what_they_mean() {
        let folder = tempfile::tempdir().unwrap();
        let mut class = Class::make(folder.path(), "gold").unwrap();
        assert!(class.is_ours());
        files::write(
            &folder.path().join("gold/schemata"),
            "    L3:0=07f0;1=001f\n    MB:0= 20;1=  70\n",
        )
        .unwrap();
        for (lines, is_so) in [
            (vec!["L3:0=7f0;1=1F"], true),
            (vec!["L3:1=1f"], true),
            (vec!["MB:0=20;1=70", "L3:0=7f0"], true),
            (vec!["L3:0=7f1"], false),
            (vec!["L2:0=7f0"], false),
            (vec!["L3:2=7f0"], false),
            (vec![], true),
        ] {
            let owned: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            assert_eq!(class.has(&owned).unwrap(), is_so, "{lines:?}");
        }
        class.monitor(folder.path(), "me").unwrap();
        assert!(files::is_dir(&folder.path().join("gold/mon_groups/me")));
        class.disown();
        class.remove().unwrap();
        assert!(!files::exists(&folder.path().join("gold/mon_groups/me")));
        assert!(Class::find(folder.path(), "gold").is_some());
        assert!(Class::find(folder.path(), "silver").is_none());
    }

    #[test]
    fn the_reason_of_the_file_system_is_told() {
        let folder = tempfile::tempdir().unwrap();
        files::make_dir(&folder.path().join("info")).unwrap();
        let status = folder.path().join("info/last_cmd_status");
        files::write(&status, "mask f7f is not contiguous\n").unwrap();
        // A file stands in the way.
        files::write(&folder.path().join("full"), "").unwrap();
        let error = Class::make(&folder.path().join("full"), "x").unwrap_err();
        assert!(!error.to_string().contains("contiguous"), "{error}");
        let error = told(folder.path(), SysError::new("write", "x", io::Error::other("no")));
        assert!(error.to_string().contains("mask f7f is not contiguous"), "{error}");
    }
}
