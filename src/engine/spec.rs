//! From a container's record to the spec that the runtime carries out.

mod isolation;
pub(super) mod resources;
pub(super) mod seccomp;
mod security;

use std::path::Path;

use oci_spec::runtime::{Mount as SpecMount, Spec};

use super::Result;
use crate::model::{Container, Mount, MountKind, Resources};

/// Where programs are looked for when neither image nor user says.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What stands around a container when its spec is made.
#[derive(Debug)]
pub(super) struct Around<'a> {
    /// Where `hosts`, `resolv.conf` and `hostname` are, which a monitor writes: its own, or that of the container whose network it shares.
    pub(super) etc: &'a Path,
    /// Whether this is a user namespace.
    pub(super) is_rootless: bool,
    /// A process of the container whose processes it sees.
    pub(super) pid_of: Option<i32>,
    /// A process of the container whose shared memory and queues it uses.
    pub(super) ipc_of: Option<i32>,
    /// A process of the container whose network it shares.
    pub(super) network_of: Option<i32>,
}

/// Fills the runtime's default spec with what the container runs; `limits` are those of its limits that can hold.
///
/// # Errors
/// [`ErrorKind::Invalid`](super::ErrorKind::Invalid) when a device that it names is gone.
pub(super) fn build(
    mut spec: Spec,
    container: &Container,
    limits: &Resources,
    around: &Around<'_>,
) -> Result<Spec> {
    let config = &container.config;
    let mut process = spec.process().clone().unwrap_or_default();
    process
        .set_args(Some(config.args.clone()))
        .set_env(Some(environment(container)))
        .set_cwd(config.workdir.clone().into())
        .set_terminal(Some(config.tty))
        .set_no_new_privileges(Some(config.no_new_privileges));
    spec.set_hostname(Some(config.hostname.clone()));
    resources::add(&mut spec, &mut process, limits)?;
    security::add(&mut spec, &mut process, &config.security, around.is_rootless)?;
    isolation::add(&mut spec, &config.isolation, &config.network, around);
    spec.set_process(Some(process));
    let mut root = spec.root().clone().unwrap_or_default();
    root.set_readonly(Some(config.read_only));
    spec.set_root(Some(root));
    let mut mounts = spec.mounts().clone().unwrap_or_default();
    mounts.extend(isolation::etc(around, config.read_only));
    mounts.extend(config.mounts.iter().map(user_mount));
    spec.set_mounts(Some(mounts));
    Ok(spec)
}

/// Adds what every program expects to find, unless image or user set it.
fn environment(container: &Container) -> Vec<String> {
    let config = &container.config;
    let mut env = config.env.clone();
    let mut add = |entry: String| {
        let key = entry.split_inclusive('=').next().unwrap_or_default().to_owned();
        if !env.iter().any(|known| known.starts_with(&key)) {
            env.push(entry);
        }
    };
    add(DEFAULT_PATH.to_owned());
    add(format!("HOSTNAME={}", config.hostname));
    if config.tty {
        add("TERM=xterm".to_owned());
    }
    env
}

fn user_mount(mount: &Mount) -> SpecMount {
    match &mount.kind {
        MountKind::Bind { source, propagation, is_flat, .. } => {
            let mut shown = bind(source, &mount.target, mount.read_only);
            if *is_flat || !propagation.is_empty() {
                let change = |option: String| match option.as_str() {
                    "rbind" if *is_flat => "bind".to_owned(),
                    "rprivate" if !propagation.is_empty() => propagation.clone(),
                    _ => option,
                };
                let options = shown.options().clone().unwrap_or_default();
                shown.set_options(Some(options.into_iter().map(change).collect()));
            }
            shown
        }
        MountKind::Tmpfs { size, options: asked } => {
            let mut options = ["noexec", "nosuid", "nodev"].map(str::to_owned).to_vec();
            if !asked.iter().any(|option| option.starts_with("mode=")) {
                options.push("mode=1777".to_owned());
            }
            options.extend(asked.iter().cloned());
            options.extend(size.map(|bytes| format!("size={bytes}")));
            options.extend(mount.read_only.then(|| "ro".to_owned()));
            spec_mount("tmpfs", Path::new("tmpfs"), &mount.target, options)
        }
    }
}

fn bind(source: &Path, target: &str, read_only: bool) -> SpecMount {
    let access = if read_only { "rro" } else { "rw" };
    // No device node that is in it works, whoever made it: see `runtime`.
    let options = ["rbind", "rprivate", "rnodev", access].map(str::to_owned).to_vec();
    spec_mount("bind", source, target, options)
}

fn spec_mount(kind: &str, source: &Path, target: &str, options: Vec<String>) -> SpecMount {
    let mut mount = SpecMount::default();
    mount
        .set_typ(Some(kind.to_owned()))
        .set_source(Some(source.to_owned()))
        .set_destination(target.into())
        .set_options(Some(options));
    mount
}
