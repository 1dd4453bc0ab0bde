//! The mounts of a spec, their options read.

mod groups;
mod options;

use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxIdMapping, Mount, Spec};

pub(super) use self::groups::{Groups, Membership, Shown};
use self::options::Options;
use super::RuntimeError;
use crate::sys::{
    self,
    idmap::{IdMaps, Range},
    mount::{self, Attributes, Change, Filesystem, Propagation},
};

/// One mount, ready to be made.
#[derive(Debug)]
pub(super) struct PlannedMount {
    /// The absolute path inside.
    pub(super) target: String,
    /// What is mounted.
    pub(super) source: Source,
    /// Attributes of the mount, and then those of it and the mounts below it.
    pub(super) changes: [Change; 2],
    /// How mounts below it travel, and whether that goes for the mounts below too; in this order.
    pub(super) propagation: Vec<(Propagation, bool)>,
}

/// What a mount shows.
#[derive(Debug)]
pub(super) enum Source {
    /// A file or directory of the host.
    Bind {
        /// Its path.
        path: PathBuf,
        /// Whether with the mounts below it.
        is_recursive: bool,
        /// A copy that was made outside already.
        ready: Option<mount::Mount>,
    },
    /// A file system of its own.
    Filesystem {
        /// `proc`, `tmpfs`, …
        kind: String,
        /// Its options; the value is empty for a flag.
        options: Vec<(String, String)>,
        /// Whether it begins with what the image has there (`tmpcopyup`).
        copies_up: bool,
    },
    /// The control groups.
    Cgroup(Groups),
    /// What is mounted there already, changed.
    Remount {
        /// Options for the file system; the value is empty for a flag.
        options: Vec<(String, String)>,
    },
}

/// What of the container decides how its mounts are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// Whether this process is root of a user namespace only.
    pub(super) is_rootless: bool,
    /// Whether it is in another user namespace, so that the host's files must be reached before.
    pub(super) enters_user: bool,
    /// The ids of the user namespace that it gets.
    pub(super) ids: Option<&'a IdMaps>,
    /// What `SELinux` calls all that is in a file system made for it; empty to leave it.
    pub(super) label: &'a str,
    /// Which control groups it is in.
    pub(super) membership: Membership<'a>,
}

/// Files of `/proc` that may be shown from elsewhere, because they tell how big the machine is (what lxcfs emulates; runc's list).
const EMULATED: [&str; 11] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/net/dev",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
];

/// Kinds whose files `SELinux` knows by themselves, or that take no label for all (runc's list).
const SELF_LABELLED: [&str; 3] = ["proc", "sysfs", "mqueue"];

/// The longest string that `fsconfig(2)` takes, in bytes (its buffer has 256, the last is zero).
pub(super) const LONGEST_OPTION: usize = 255;

impl PlannedMount {
    /// Names what is mounted, for messages.
    pub(super) fn source_name(&self) -> String {
        match &self.source {
            Source::Bind { path, .. } => path.display().to_string(),
            Source::Filesystem { kind, .. } => kind.clone(),
            Source::Cgroup(_) => "cgroup".to_owned(),
            Source::Remount { .. } => "other options".to_owned(),
        }
    }

    /// Tells whether it is part of the system that every container has: there, a link of the image is not followed.
    pub(super) fn is_of_system(&self) -> bool {
        let is_bind = matches!(self.source, Source::Bind { .. });
        let is_below = |top| {
            let rest = self.target.strip_prefix(top);
            rest.is_some_and(|rest: &str| rest.is_empty() || rest.starts_with('/'))
        };
        is_below("/proc") || (["/sys", "/dev"].into_iter().any(is_below) && !is_bind)
    }

    /// Tells whether it is the container's own procfs.
    pub(super) fn is_proc(&self) -> bool {
        matches!(&self.source, Source::Filesystem { kind, .. } if kind == "proc")
            && self.target == "/proc"
    }

    /// Tells whether it needs nothing from outside: no file of the host, no control group, no network namespace.
    pub(super) fn is_own(&self) -> bool {
        matches!(&self.source, Source::Filesystem { kind, copies_up: false, .. } if kind != "sysfs")
    }

    /// Tells whether it may lie inside of `/proc`.
    pub(super) fn may_be_in_proc(&self) -> bool {
        match self.source {
            Source::Bind { .. } => EMULATED.contains(&self.target.as_str()),
            Source::Remount { .. } => true,
            _ => false,
        }
    }

    /// Gives what a new file system has as attributes.
    pub(super) fn attributes(&self) -> Attributes {
        let [one, all] = self.changes;
        one.then(all).of_new()
    }

    /// Tells whether mounts travel between the source and here.
    pub(super) fn travels(&self) -> bool {
        let mut kinds = self.propagation.iter().map(|(kind, _)| *kind);
        kinds.any(|kind| matches!(kind, Propagation::Slave | Propagation::Shared))
    }
}

/// Lists the options of mounts that are understood whatever the file system is.
pub fn mount_options() -> Vec<String> {
    options::words()
}

/// Reads all mounts of a spec.
pub(super) fn resolve(
    spec: &Spec,
    surroundings: Surroundings<'_>,
    given: Vec<(String, mount::Mount)>,
) -> Result<Vec<PlannedMount>, RuntimeError> {
    let mut mounts = Vec::new();
    for mount in spec.mounts().iter().flatten() {
        mounts.push(resolve_one(mount, surroundings)?);
    }
    for (place, copy) in given {
        for planned in mounts.iter_mut().filter(|planned| planned.target == place) {
            if let Source::Bind { ready, .. } = &mut planned.source {
                *ready = Some(copy);
                break;
            }
        }
    }
    Ok(mounts)
}

fn resolve_one(
    mount: &Mount,
    surroundings: Surroundings<'_>,
) -> Result<PlannedMount, RuntimeError> {
    let unfit = |reason: &str| {
        RuntimeError::unfit(format_args!("mount {}: {reason}", mount.destination().display()))
    };
    let target =
        target(mount.destination()).ok_or_else(|| unfit("its path is empty or not UTF-8"))?;
    let options = Options::parse(mount.options().as_deref().unwrap_or_default());
    let kind = mount.typ().as_deref().unwrap_or_default();
    let is_bind = options.bind.is_some() || matches!(kind, "" | "bind" | "none");
    if options.copies_up && (is_bind || kind != "tmpfs") {
        return Err(unfit("tmpcopyup is for a tmpfs only"));
    }
    if maps_owners(mount, &options) && (!is_bind || options.is_remount) {
        return Err(unfit("only a bind can have idmap or uidMappings and gidMappings"));
    }
    let changes = [options.top, options.whole];
    if let Some((word, _)) = options.filesystem.first().filter(|_| is_bind) {
        return Err(unfit(&format!("option {word} is unknown, or not for a bind")));
    }
    let source = match kind {
        _ if options.is_remount => Source::Remount { options: options.filesystem },
        _ if is_bind => bind(mount, &options, surroundings)?,
        "cgroup" | "cgroup2" => {
            Source::Cgroup(Groups::resolve(surroundings.membership, surroundings.is_rootless)?)
        }
        _ => Source::Filesystem {
            kind: kind.to_owned(),
            options: told(kind, mount, &options, surroundings.label)
                .map_err(|reason| unfit(&reason))?,
            copies_up: options.copies_up,
        },
    };
    let planned = PlannedMount { target, source, changes, propagation: options.propagation };
    if planned.target == "/proc" && !is_bind && !planned.is_proc() && !options.is_remount {
        return Err(unfit(&format!("file system {kind} cannot take the place of proc")));
    }
    Ok(planned)
}

/// Reads `linux.rootfsPropagation`; nothing when it is empty.
pub(super) fn root_propagation(text: &str) -> Result<Option<(Propagation, bool)>, RuntimeError> {
    let options = Options::parse(&[text.to_owned()]);
    match options.propagation.as_slice() {
        [] if text.is_empty() => Ok(None),
        [one] => Ok(Some(*one)),
        _ => Err(RuntimeError::unfit(format_args!("linux.rootfsPropagation {text} is unknown"))),
    }
}

/// Makes a directory in which nothing is and nothing can be made.
pub(super) fn empty_directory() -> sys::Result<mount::Mount> {
    let attributes = Attributes::MOUNT_ATTR_RDONLY
        | Attributes::MOUNT_ATTR_NOSUID
        | Attributes::MOUNT_ATTR_NODEV
        | Attributes::MOUNT_ATTR_NOEXEC;
    let filesystem = Filesystem::open("tmpfs")?;
    filesystem.set("mode", "755")?;
    filesystem.mount(attributes)
}

/// Makes a path absolute and takes `.`, `..` and double slashes out of it; config.md lets it be relative to `/`.
fn target(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.to_str().filter(|text| !text.is_empty())?.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

/// Plans a bind. What must be copied from the host's own mounts, before those of the container are cut off from them, is copied now.
fn bind(
    mount: &Mount,
    options: &Options,
    surroundings: Surroundings<'_>,
) -> Result<Source, RuntimeError> {
    let unfit = |reason: &str| {
        RuntimeError::unfit(format_args!("mount {}: {reason}", mount.destination().display()))
    };
    let path = mount.source().clone().ok_or_else(|| unfit("it has no source"))?;
    let is_recursive = options.bind.unwrap_or(false);
    let is_shared = options.propagation.iter().any(|(kind, _)| *kind == Propagation::Shared);
    let mut ready = None;
    if maps_owners(mount, options) || is_shared {
        ready = Some(mount::Mount::copy_path(&path, is_recursive)?);
    } else if surroundings.enters_user {
        ready = copied_ahead(&path, is_recursive)?;
    }
    if let Some(copy) = ready.as_ref().filter(|_| maps_owners(mount, options)) {
        let own = id_maps(mount.uid_mappings().as_deref(), mount.gid_mappings().as_deref());
        let ids = own
            .as_ref()
            .or(surroundings.ids)
            .ok_or_else(|| unfit("idmap needs mappings, or a user namespace that has some"))?;
        copy.map_owners(ids.namespace()?, options.maps_owners.unwrap_or(false))
            .map_err(|error| unfit(&format!("its owners cannot be mapped: {error}")))?;
    }
    Ok(Source::Bind { path, is_recursive, ready })
}

/// Copies a mount for a process in a user namespace, to which the way there may be closed. Who may not mount here, an ordinary user, leaves it to
/// that process: it may, and goes the way as the same user.
pub(super) fn copied_ahead(
    path: &Path,
    is_recursive: bool,
) -> Result<Option<mount::Mount>, RuntimeError> {
    match mount::Mount::copy_path(path, is_recursive) {
        Err(error) if error.errno() == Some(libc::EPERM) => Ok(None),
        other => Ok(Some(other?)),
    }
}

fn maps_owners(mount: &Mount, options: &Options) -> bool {
    let has =
        |list: &Option<Vec<LinuxIdMapping>>| list.as_ref().is_some_and(|list| !list.is_empty());
    options.maps_owners.is_some() || has(mount.uid_mappings()) || has(mount.gid_mappings())
}

/// Takes the mappings of a spec; `None` when there are none.
pub(super) fn id_maps(
    users: Option<&[LinuxIdMapping]>,
    groups: Option<&[LinuxIdMapping]>,
) -> Option<IdMaps> {
    let ranges = |list: Option<&[LinuxIdMapping]>| -> Vec<Range> {
        let range = |one: &LinuxIdMapping| Range {
            inside: one.container_id(),
            outside: one.host_id(),
            count: one.size(),
        };
        list.unwrap_or_default().iter().map(range).collect()
    };
    let maps = IdMaps { users: ranges(users), groups: ranges(groups) };
    (!maps.users.is_empty() || !maps.groups.is_empty()).then_some(maps)
}

/// Gives what a new file system is told: its source, whether its device may be written, and its options.
fn told(
    kind: &str,
    mount: &Mount,
    options: &Options,
    label: &str,
) -> Result<Vec<(String, String)>, String> {
    let mut told = Vec::new();
    let source = mount.source().as_ref().and_then(|source| source.to_str());
    if let Some(source) = source.filter(|source| !source.is_empty()) {
        told.push(("source".to_owned(), source.to_owned()));
        let both = options.top.then(options.whole).of_new();
        if source.starts_with('/') && both.contains(Attributes::MOUNT_ATTR_RDONLY) {
            told.push(("ro".to_owned(), String::new()));
        }
    }
    for (key, value) in &options.filesystem {
        match (kind, key.as_str()) {
            // One by one they may be longer together than one option.
            ("overlay", "lowerdir") => {
                told.extend(layers(value).into_iter().map(|layer| ("lowerdir+".to_owned(), layer)));
            }
            _ => told.push((key.clone(), value.clone())),
        }
    }
    let is_labelled = !label.is_empty() && !SELF_LABELLED.contains(&kind);
    if is_labelled && !options.filesystem.iter().any(|(key, _)| key.ends_with("context")) {
        told.push(("context".to_owned(), label.to_owned()));
    }
    match told.iter().find(|(_, value)| value.len() > LONGEST_OPTION) {
        Some((key, _)) => Err(format!("option {key} is longer than {LONGEST_OPTION} bytes")),
        None => Ok(told),
    }
}

/// Splits the lower directories of an overlay, where `\\:` is a colon of a name (overlayfs.rst).
fn layers(text: &str) -> Vec<String> {
    let mut layers = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let Some(last) = layers.last_mut() else { break };
        match letter {
            ':' => layers.push(String::new()),
            '\\' => last.extend(letters.next()),
            _ => last.push(letter),
        }
    }
    layers
}

#[cfg(test)]
mod tests;
