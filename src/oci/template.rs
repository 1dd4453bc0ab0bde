//! A config to begin with.

use std::{io::Write as _, path::Path};

use oci_spec::runtime::{
    LinuxIdMappingBuilder, LinuxNamespace, LinuxNamespaceType, Process, Root, Spec, User,
};

use super::{Context, Failure};
use crate::{runtime::default_spec, sys::files};

/// Writes `config.json` into a directory that has none.
pub(super) fn write(
    context: &Context<'_>,
    bundle: Option<&Path>,
    rootless: bool,
) -> Result<u8, Failure> {
    let path = context.absolute(bundle.unwrap_or_else(|| Path::new("."))).join("config.json");
    let mut file = files::create_new(&path).map_err(|error| match error.source.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new("File config.json exists. Remove it first")
        }
        _ => error.into(),
    })?;
    let text = serde_json::to_string_pretty(&spec(rootless))
        .map_err(|error| Failure::new(error.to_string()))?;
    writeln!(file, "{text}")
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Ok(0)
}

fn spec(rootless: bool) -> Spec {
    let mut spec = default_spec(rootless);
    let mut root = Root::default();
    root.set_path("rootfs".into()).set_readonly(Some(true));
    let mut process: Process = spec.process().clone().unwrap_or_default();
    process
        .set_terminal(Some(true))
        .set_user(User::default())
        .set_args(Some(vec!["sh".to_owned()]))
        .set_env(Some(vec![
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            "TERM=xterm".to_owned(),
        ]))
        .set_cwd("/".into())
        .set_no_new_privileges(Some(true));
    spec.set_root(Some(root)).set_process(Some(process)).set_hostname(Some("estiba".to_owned()));
    if rootless {
        map_user(&mut spec);
    }
    spec
}

/// Adds a user namespace in which the caller is root; the network stays the caller's.
fn map_user(spec: &mut Spec) {
    let mut linux = spec.linux().clone().unwrap_or_default();
    let mut namespaces = linux.namespaces().clone().unwrap_or_default();
    namespaces.retain(|namespace| namespace.typ() != LinuxNamespaceType::Network);
    let mut user = LinuxNamespace::default();
    user.set_typ(LinuxNamespaceType::User).set_path(None);
    namespaces.push(user);
    let map = |id: u32| {
        let mapping = LinuxIdMappingBuilder::default().container_id(0_u32).host_id(id).size(1_u32);
        mapping.build().ok().map(|mapping| vec![mapping])
    };
    linux
        .set_namespaces(Some(namespaces))
        .set_uid_mappings(map(nix::unistd::geteuid().as_raw()))
        .set_gid_mappings(map(nix::unistd::getegid().as_raw()));
    spec.set_linux(Some(linux));
}
