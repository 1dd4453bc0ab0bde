//! From a container's record to the spec that the runtime carries out.

pub(super) mod resources;

use std::path::Path;

use oci_spec::runtime::{LinuxNamespaceType, Mount as SpecMount, Spec};

use super::Result;
use crate::model::{Container, Mount, MountKind, NetworkMode};

/// Where programs are looked for when neither image nor user says.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Fills the runtime's default spec with what the container runs. The files `hosts`, `resolv.conf` and `hostname` in
/// `generated` are the monitor's to write.
///
/// # Errors
/// [`ErrorKind::Invalid`](super::ErrorKind::Invalid) when a device that it names is gone.
pub(super) fn build(mut spec: Spec, container: &Container, generated: &Path) -> Result<Spec> {
    let config = &container.config;
    let mut process = spec.process().clone().unwrap_or_default();
    process
        .set_args(Some(config.args.clone()))
        .set_env(Some(environment(container)))
        .set_cwd(config.workdir.clone().into())
        .set_terminal(Some(config.tty))
        .set_no_new_privileges(Some(config.no_new_privileges));
    resources::add(&mut spec, &mut process, &config.resources)?;
    spec.set_process(Some(process)).set_hostname(Some(config.hostname.clone()));
    let mut root = spec.root().clone().unwrap_or_default();
    root.set_readonly(Some(config.read_only));
    spec.set_root(Some(root));
    if config.network == NetworkMode::Host {
        share_host_network(&mut spec);
    }
    let mut mounts = spec.mounts().clone().unwrap_or_default();
    mounts.extend(
        ["hosts", "resolv.conf", "hostname"]
            .map(|file| bind(&generated.join(file), &format!("/etc/{file}"), config.read_only)),
    );
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

fn share_host_network(spec: &mut Spec) {
    let Some(mut linux) = spec.linux().clone() else {
        return;
    };
    let namespaces = linux.namespaces().clone().unwrap_or_default();
    linux.set_namespaces(Some(
        namespaces
            .into_iter()
            .filter(|namespace| namespace.typ() != LinuxNamespaceType::Network)
            .collect(),
    ));
    spec.set_linux(Some(linux));
}

fn user_mount(mount: &Mount) -> SpecMount {
    match &mount.kind {
        MountKind::Bind { source, .. } => bind(source, &mount.target, mount.read_only),
        MountKind::Tmpfs { size } => {
            let mut options = vec!["nosuid".to_owned(), "nodev".to_owned(), "mode=1777".to_owned()];
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
