//! The mounts of a spec, their options read.

use std::path::PathBuf;

use oci_spec::runtime::{Mount, Spec};

use super::RuntimeError;
use crate::sys::{cgroup::Hierarchies, mount::Attributes};

/// One mount, ready to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedMount {
    /// The absolute path inside.
    pub(super) target: String,
    /// What is mounted.
    pub(super) source: Source,
    /// `nodev` among them wherever the container could make a device node.
    pub(super) attributes: Attributes,
}

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A file or directory of the host.
    Bind {
        /// Its path.
        path: PathBuf,
        /// Whether with the mounts below it.
        is_recursive: bool,
        /// Whether later mounts of the host below it appear (`rslave`).
        follows_host: bool,
    },
    /// A file system of its own.
    Filesystem {
        /// `proc`, `tmpfs`, …
        kind: String,
        /// Its options; the value is empty for a flag.
        options: Vec<(String, String)>,
    },
    /// The control groups.
    Cgroup(Hierarchies),
}

impl PlannedMount {
    /// Names what is mounted, for messages.
    pub(super) fn source_name(&self) -> String {
        match &self.source {
            Source::Bind { path, .. } => path.display().to_string(),
            Source::Filesystem { kind, .. } => kind.clone(),
            Source::Cgroup(_) => "cgroup".to_owned(),
        }
    }

    /// Tells whether it is part of the system that every container has: there, a link of the image is not followed.
    pub(super) fn is_of_system(&self) -> bool {
        ["/proc", "/sys", "/dev"].iter().any(|top| {
            self.target
                .strip_prefix(top)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }) && !matches!(self.source, Source::Bind { .. })
    }
}

/// Reads all mounts of a spec.
pub(super) fn resolve(spec: &Spec, is_rootless: bool) -> Result<Vec<PlannedMount>, RuntimeError> {
    let mut mounts = Vec::new();
    for mount in spec.mounts().iter().flatten() {
        mounts.extend(resolve_one(mount, is_rootless)?);
    }
    Ok(mounts)
}

fn resolve_one(mount: &Mount, is_rootless: bool) -> Result<Option<PlannedMount>, RuntimeError> {
    let unfit = |reason: &str| {
        RuntimeError::unfit(format_args!("mount {}: {reason}", mount.destination().display()))
    };
    let target = mount
        .destination()
        .to_str()
        .filter(|target| target.starts_with('/'))
        .ok_or_else(|| unfit("its path is not absolute"))?;
    let options = Options::parse(mount.options().as_deref().unwrap_or_default());
    let kind = mount.typ().as_deref().unwrap_or_default();
    let mut attributes = options.attributes;
    let source = match kind {
        _ if options.is_bind || matches!(kind, "" | "bind" | "none") => {
            attributes |= Attributes::MOUNT_ATTR_NODEV;
            if !options.rest.is_empty() {
                return Err(unfit(&format!("unknown option {}", options.rest[0].0)));
            }
            Source::Bind {
                path: mount.source().clone().ok_or_else(|| unfit("it has no source"))?,
                is_recursive: options.is_recursive,
                follows_host: options.follows_host,
            }
        }
        "cgroup" | "cgroup2" => match Hierarchies::to_mount(is_rootless) {
            Some(hierarchies) => Source::Cgroup(hierarchies),
            None => return Ok(None),
        },
        "proc" | "sysfs" | "mqueue" | "devpts" | "tmpfs" => {
            // A terminal is a device; everywhere else a device node is one that the container has made itself.
            if kind != "devpts" {
                attributes |= Attributes::MOUNT_ATTR_NODEV;
            }
            Source::Filesystem { kind: kind.to_owned(), options: options.rest }
        }
        _ => return Err(unfit(&format!("file system {kind} cannot be mounted"))),
    };
    Ok(Some(PlannedMount { target: target.to_owned(), source, attributes }))
}

/// Mount options as `mount(8)` writes them.
#[derive(Debug)]
struct Options {
    attributes: Attributes,
    is_bind: bool,
    is_recursive: bool,
    follows_host: bool,
    rest: Vec<(String, String)>,
}

impl Options {
    fn parse(words: &[String]) -> Self {
        let mut options = Self {
            attributes: Attributes::empty(),
            is_bind: false,
            is_recursive: false,
            follows_host: false,
            rest: Vec::new(),
        };
        for word in words {
            options.add(word);
        }
        options
    }

    fn add(&mut self, word: &str) {
        match word {
            "bind" => self.is_bind = true,
            "rbind" => (self.is_bind, self.is_recursive) = (true, true),
            "slave" | "rslave" => self.follows_host = true,
            "ro" | "rro" => self.attributes |= Attributes::MOUNT_ATTR_RDONLY,
            "nosuid" => self.attributes |= Attributes::MOUNT_ATTR_NOSUID,
            "nodev" => self.attributes |= Attributes::MOUNT_ATTR_NODEV,
            "noexec" => self.attributes |= Attributes::MOUNT_ATTR_NOEXEC,
            "noatime" => self.attributes |= Attributes::MOUNT_ATTR_NOATIME,
            "nodiratime" => self.attributes |= Attributes::MOUNT_ATTR_NODIRATIME,
            "strictatime" => self.attributes |= Attributes::MOUNT_ATTR_STRICTATIME,
            // What is so anyway, here.
            "defaults" | "rw" | "suid" | "exec" | "relatime" | "private" | "rprivate" | "" => {}
            _ => {
                let (key, value) = word.split_once('=').unwrap_or((word, ""));
                self.rest.push((key.to_owned(), value.to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use oci_spec::runtime::MountBuilder;

    use super::*;

    fn planned(kind: &str, options: &[&str]) -> Result<Option<PlannedMount>, RuntimeError> {
        let options: Vec<String> = options.iter().map(|&text| text.to_owned()).collect();
        let mount = MountBuilder::default()
            .destination("/there")
            .typ(kind)
            .source("/here")
            .options(options)
            .build()
            .unwrap();
        resolve_one(&mount, false)
    }

    #[test]
    fn options_are_sorted_into_attributes_and_the_file_systems_own() {
        let mount =
            planned("tmpfs", &["nosuid", "size=65536k", "mode=755", "rw"]).unwrap().unwrap();
        assert_eq!(mount.attributes, Attributes::MOUNT_ATTR_NOSUID | Attributes::MOUNT_ATTR_NODEV);
        let Source::Filesystem { options, .. } = mount.source else { panic!("{mount:?}") };
        assert_eq!(options.len(), 2);
        assert_eq!(options[0], ("size".to_owned(), "65536k".to_owned()));
    }

    #[test]
    fn what_the_container_can_write_has_no_devices() {
        for kind in ["bind", "tmpfs"] {
            let mount = planned(kind, &[]).unwrap().unwrap();
            assert!(mount.attributes.contains(Attributes::MOUNT_ATTR_NODEV), "{kind}");
        }
        let mount = planned("devpts", &[]).unwrap().unwrap();
        assert!(!mount.attributes.contains(Attributes::MOUNT_ATTR_NODEV));
    }

    #[test]
    fn unknown_kinds_and_options_are_refused() {
        assert!(planned("ext4", &[]).is_err());
        assert!(planned("bind", &["rbind", "shared"]).is_err());
        assert!(planned("bind", &["rbind", "suid,dev"]).is_err());
    }
}
