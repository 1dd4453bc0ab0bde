//! A bundle: its config read, its root file system found, its control group named.

use std::path::{Component, Path, PathBuf};

use oci_spec::runtime::Spec;

use super::{
    Context, Failure,
    arguments::{CgroupManager, Creation},
    reading,
    record::Place,
};
use crate::{
    runtime::systemd::Scope,
    sys::{files, program},
};

/// What a control group is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GroupName {
    /// Its path below the top.
    Path(String),
    /// The unit of systemd that it is made for.
    Scope(Scope),
}

/// A bundle that makes sense.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) path: PathBuf,
    pub(super) rootfs: PathBuf,
    pub(super) spec: Spec,
    /// None when control groups are not asked for.
    pub(super) cgroup: Option<GroupName>,
    /// How many descriptors after 2 the program gets.
    pub(super) preserved: u32,
}

impl Bundle {
    /// Reads the bundle that a container is to be made of.
    pub(super) fn read(context: &Context<'_>, options: &Creation) -> Result<Self, Failure> {
        let _fit = Place::of(context, &options.id)?;
        if options.no_pivot {
            return Err(Failure::new(
                "--no-pivot is refused: without pivot_root the host's root file system stays within the container's reach",
            ));
        }
        let path = context.absolute(options.bundle.as_deref().unwrap_or_else(|| Path::new(".")));
        let config = options
            .config
            .as_ref()
            .map_or_else(|| path.join("config.json"), |config| context.absolute(config));
        let mut spec = read_config(context, &config)?;
        let rootfs = spec.root().as_ref().map(|root| path.join(root.path()));
        let rootfs = rootfs.ok_or_else(|| Failure::new("config.json: it has no root"))?;
        let cgroup = cgroup_name(context, &spec, &options.id)?;
        let preserved = preserved(context, &mut spec, options.preserve_fds)?;
        Ok(Self { path, rootfs, spec, cgroup, preserved })
    }
}

fn read_config(context: &Context<'_>, path: &Path) -> Result<Spec, Failure> {
    let bytes = files::read_if_there(path)?.ok_or_else(|| {
        Failure::new(format!("JSON specification file {} not found", path.display()))
    })?;
    let spec: Spec = reading::document(&bytes, &path.display().to_string(), &context.log)?;
    let user = spec.process().as_ref().and_then(|process| process.user().username().as_deref());
    if user.is_some_and(|name| !name.is_empty()) {
        context.log.warn("process.user.username is for Windows, and changes nothing");
    }
    Ok(spec)
}

/// Counts the descriptors to be handed on, and has the program told of those that are sockets to listen on (`sd_listen_fds(3)`).
fn preserved(context: &Context<'_>, spec: &mut Spec, asked: u32) -> Result<u32, Failure> {
    let listening = context.around.listen_fds.as_deref().unwrap_or("0");
    let listening: u32 = listening
        .parse()
        .map_err(|_not_a_number| Failure::new(format!("LISTEN_FDS={listening} is no number")))?;
    if let (1.., Some(process)) = (listening, spec.process_mut().as_mut()) {
        let mut variables = process.env().clone().unwrap_or_default();
        variables.extend([format!("LISTEN_FDS={listening}"), "LISTEN_PID=1".to_owned()]);
        process.set_env(Some(variables));
    }
    checked(asked.saturating_add(listening))
}

/// Makes sure that all descriptors to be handed on are there: others of this program would be in their places.
pub(super) fn checked(preserved: u32) -> Result<u32, Failure> {
    let missing = (3..=preserved.saturating_add(2)).find(|&number| !program::is_open(number));
    match missing {
        None => Ok(preserved),
        Some(number) => {
            Err(Failure::new(format!("descriptor {number} is to be preserved, but it is not open")))
        }
    }
}

/// Names the control group: the path of the spec, or the container's name.
fn cgroup_name(context: &Context<'_>, spec: &Spec, id: &str) -> Result<Option<GroupName>, Failure> {
    let path = spec.linux().as_ref().and_then(|linux| linux.cgroups_path().as_deref());
    let path = path.filter(|path| !path.as_os_str().is_empty());
    match context.manager {
        CgroupManager::Disabled => Ok(None),
        CgroupManager::Systemd => {
            let text = path.map(|path| path.display().to_string()).unwrap_or_default();
            let scope = Scope::parse(&text, id, context.around.rootless)?;
            Ok(Some(GroupName::Scope(scope)))
        }
        CgroupManager::Cgroupfs => {
            let path = path.unwrap_or_else(|| Path::new(id));
            let parts = path.components().map(|part| match part {
                Component::Normal(name) => Ok(name.to_str()),
                Component::RootDir | Component::CurDir => Ok(None),
                Component::ParentDir | Component::Prefix(_) => Err(Failure::new(format!(
                    "cgroupsPath {} leads out of where it begins",
                    path.display()
                ))),
            });
            let parts: Vec<Option<&str>> = parts.collect::<Result<_, _>>()?;
            let name = parts.into_iter().flatten().collect::<Vec<_>>().join("/");
            let is_systemd_form = name.contains(':');
            if name.is_empty() || is_systemd_form {
                return Err(Failure::new(format!(
                    "cgroupsPath {} is no path of a control group",
                    path.display()
                )));
            }
            Ok(Some(GroupName::Path(name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Log, Surroundings};

    fn named(manager: CgroupManager, path: Option<&str>) -> Result<Option<GroupName>, String> {
        let around = Surroundings::default();
        let context =
            Context { around: &around, root: PathBuf::new(), manager, log: Log::default() };
        let mut spec = Spec::default();
        spec.linux_mut().as_mut().unwrap().set_cgroups_path(path.map(PathBuf::from));
        cgroup_name(&context, &spec, "me").map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn control_groups_are_named_by_path_or_id() {
        let named_here = |path| named(CgroupManager::Cgroupfs, path);
        let is = |path: &str| Ok(Some(GroupName::Path(path.to_owned())));
        assert_eq!(named_here(None), is("me"));
        assert_eq!(named_here(Some("")), is("me"));
        assert_eq!(named_here(Some("/a/b")), is("a/b"));
        assert_eq!(named_here(Some("a/./b/")), is("a/b"));
        for wrong in ["/a/../../b", "..", "/", "system.slice:estiba:me"] {
            assert!(named_here(Some(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(named(CgroupManager::Disabled, Some("/a")), Ok(None));
    }

    #[test]
    fn for_systemd_a_group_is_named_by_its_unit() {
        let unit = |path| match named(CgroupManager::Systemd, path) {
            Ok(Some(GroupName::Scope(scope))) => scope.unit().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(unit(Some("a.slice:b:c")), "b-c.scope");
        assert_eq!(unit(None), "estiba-me.scope");
        let failure = named(CgroupManager::Systemd, Some("/a/b")).unwrap_err();
        assert!(failure.contains("SLICE:PREFIX:NAME"), "{failure}");
    }

    #[test]
    fn descriptors_that_are_not_there_cannot_be_preserved() {
        assert_eq!(checked(0).unwrap(), 0);
        assert!(checked(5000).is_err());
        assert!(checked(u32::MAX).is_err());
    }
}
