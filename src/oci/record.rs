//! The state directory of a container, and what stands in it.
//!
//! `state.json` is [`Record`], `config.json` a copy of the spec, `exec.fifo` what the first process waits behind, `lock` what keeps two
//! calls apart. The directory is its owner's only.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
};

use oci_spec::runtime::Spec;
use serde::{Deserialize, Serialize};

use super::{Context, Failure};
use crate::{
    runtime::systemd::Scope,
    sys::{files, process::ProcessId, resctrl::Class},
};

/// The form of `state.json`; another one is refused.
const VERSION: u32 = 1;

/// The longest name of a container: that of a file.
const LONGEST_ID: usize = 255;

/// What is written down of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    version: u32,
    /// Its name.
    pub(super) id: String,
    /// The version of the specification that its config says.
    pub(super) oci_version: String,
    /// Where its config came from.
    pub(super) bundle: PathBuf,
    /// Its root file system.
    pub(super) rootfs: PathBuf,
    /// When it was made (RFC 3339).
    pub(super) created: String,
    /// The name of the user that made it.
    pub(super) owner: String,
    /// What its config says of it.
    pub(super) annotations: HashMap<String, String>,
    /// Whether it has a session keyring of its own.
    pub(super) has_keyring: bool,
    /// The name of its control group.
    pub(super) cgroup: Option<String>,
    /// Its class of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<Class>,
    /// The unit of systemd that the group belongs to.
    #[serde(default)]
    pub(super) scope: Option<Scope>,
    /// Its first process; none before that exists.
    pub(super) init: Option<ProcessId>,
    /// Which run of the machine that was in.
    pub(super) boot: String,
}

impl Record {
    /// Begins a record of a container that is being made.
    pub(super) fn new(
        id: &str,
        bundle: &Path,
        rootfs: &Path,
        spec: &Spec,
    ) -> Result<Self, Failure> {
        Ok(Self {
            version: VERSION,
            id: id.to_owned(),
            oci_version: spec.version().clone(),
            bundle: bundle.to_owned(),
            rootfs: rootfs.to_owned(),
            created: jiff::Timestamp::now().to_string(),
            owner: name_of(nix::unistd::geteuid().as_raw()),
            annotations: spec.annotations().clone().unwrap_or_default(),
            has_keyring: false,
            cgroup: None,
            class: None,
            scope: None,
            init: None,
            boot: crate::sys::process::boot_id()?,
        })
    }
}

/// Stands in the name of a directory that is being removed, before who removes it, and in that of no container.
const ASIDE: char = '~';

/// A container's state directory.
#[derive(Debug, Clone)]
pub(super) struct Place(PathBuf);

impl Place {
    /// Names the directory of a container, and refuses names that would lead elsewhere.
    pub(super) fn of(context: &Context<'_>, id: &str) -> Result<Self, Failure> {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
        if id.is_empty()
            || id == "."
            || id == ".."
            || id.len() > LONGEST_ID
            || !id.chars().all(is_fit)
        {
            return Err(Failure::new(format!("invalid container ID format: {id}")));
        }
        Ok(Self(context.root.join(id)))
    }

    /// Lists all there are.
    pub(super) fn all(context: &Context<'_>) -> Result<Vec<Self>, Failure> {
        let mut paths = files::list(&context.root)?;
        paths.sort_unstable();
        let is_aside = |path: &Path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().contains(ASIDE))
        };
        Ok(paths
            .into_iter()
            .filter(|path| files::is_dir(path) && !is_aside(path))
            .map(Self)
            .collect())
    }

    /// Removes what calls were removing when they were killed.
    pub(super) fn clear_aside(context: &Context<'_>) -> Result<(), Failure> {
        for path in files::list(&context.root)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let remover = name.split_once(ASIDE).and_then(|(_, remover)| remover.parse().ok());
            if remover.is_some_and(|remover: ProcessId| remover.is_gone()) {
                // Another call may be doing the same, and what stays is met by the next one.
                drop(files::remove_tree(&path));
            }
        }
        Ok(())
    }

    /// Makes the directory, which must not be there.
    pub(super) fn make(&self) -> Result<(), Failure> {
        if let Some(root) = self.0.parent() {
            files::make_private_dir(root)?;
            files::refuse_other_writers(root)?;
        }
        files::make_new_private_dir(&self.0).map_err(|error| match error.source.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Failure::new("container with given ID already exists")
            }
            _ => error.into(),
        })
    }

    /// Tells whether there is such a directory.
    pub(super) fn exists(&self) -> bool {
        files::is_dir(&self.0)
    }

    /// Keeps other calls away until the file is closed; `None` when the directory is not there.
    pub(super) fn lock(&self) -> Result<Option<File>, Failure> {
        loop {
            match files::lock(&self.0.join("lock")) {
                Ok(Some(file)) => return Ok(Some(file)),
                Ok(None) if self.exists() => {}
                Ok(None) => return Ok(None),
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Tells whether another call holds the lock. Not for who holds it itself: looking would give it up.
    pub(super) fn is_locked(&self) -> bool {
        files::is_locked(&self.0.join("lock"))
    }

    /// Gives the pipe that the first process waits behind.
    pub(super) fn fifo(&self) -> PathBuf {
        self.0.join("exec.fifo")
    }

    /// Reads the record; `None` when there is none.
    pub(super) fn read(&self) -> Result<Option<Record>, Failure> {
        let path = self.0.join("state.json");
        // Something that is no directory may stand where one is looked for.
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(None) };
        let record: Record = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        if record.version == VERSION {
            return Ok(Some(record));
        }
        let other = record.version;
        Err(Failure::new(format!("{}: version {other} is not understood", path.display())))
    }

    /// Replaces the record.
    pub(super) fn write(&self, record: &Record) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(record).map_err(|error| Failure::new(error.to_string()))?;
        replace(&self.0.join("state.json"), &bytes)
    }

    /// Reads the copy of the config.
    pub(super) fn spec(&self) -> Result<Spec, Failure> {
        let path = self.0.join("config.json");
        serde_json::from_slice(&files::read(&path)?)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    }

    /// Writes the copy of the config.
    pub(super) fn write_spec(&self, spec: &Spec) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(spec).map_err(|error| Failure::new(error.to_string()))?;
        replace(&self.0.join("config.json"), &bytes)
    }

    /// Removes all of it. It is moved aside first: another call that waits for the lock would make its file anew in a directory that is
    /// just being emptied.
    pub(super) fn remove(&self) -> Result<(), Failure> {
        let mut aside = self.0.clone().into_os_string();
        aside.push(format!("{ASIDE}{}", ProcessId::current()?));
        let aside = PathBuf::from(aside);
        match files::rename(&self.0, &aside) {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(files::remove_tree(&aside)?),
        }
    }
}

/// Replaces a file so that a reader sees the old or the new one. It is not synchronised: what it speaks of does not survive a power cut.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    let fresh = path.with_file_name(name);
    files::write(&fresh, bytes)?;
    Ok(files::rename(&fresh, path)?)
}

/// Gives the name of a user of this machine, or the number if it has none.
fn name_of(uid: u32) -> String {
    let accounts = files::read_text(Path::new("/etc/passwd")).unwrap_or_default();
    let number = uid.to_string();
    let found = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    found.unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Log, Surroundings, arguments::CgroupManager};

    #[test]
    fn names_lead_nowhere_else() {
        let around = Surroundings::default();
        let root = PathBuf::from("/state");
        let context = Context {
            around: &around,
            root,
            manager: CgroupManager::Cgroupfs,
            log: Log::default(),
        };
        for name in ["", ".", "..", "a/b", "../x", "a b", "ä", "a\0", &"a".repeat(256)] {
            assert!(Place::of(&context, name).is_err(), "{name:?}");
        }
        for name in ["a", "A_+-.9", "...", ".hidden"] {
            assert_eq!(Place::of(&context, name).unwrap().0, Path::new("/state").join(name));
        }
    }

    #[test]
    fn a_record_of_another_form_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place(folder.path().to_owned());
        assert!(place.read().unwrap().is_none());
        let spec = Spec::default();
        let mut record = Record::new("a", Path::new("/b"), Path::new("/r"), &spec).unwrap();
        place.write(&record).unwrap();
        assert_eq!(place.read().unwrap(), Some(record.clone()));
        record.version += 1;
        place.write(&record).unwrap();
        assert!(place.read().is_err());
    }

    #[test]
    fn the_lock_of_a_removed_directory_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place(folder.path().join("x"));
        assert!(place.lock().unwrap().is_none());
        place.make().unwrap();
        assert!(place.make().is_err());
        assert!(place.lock().unwrap().is_some());
        place.remove().unwrap();
        assert!(!place.exists());
    }
}
