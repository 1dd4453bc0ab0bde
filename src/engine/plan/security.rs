//! What of privileges makes no sense, and their names in one form.

use std::path::Path;

use super::{Result, invalid};
use crate::{
    engine::spec,
    model::{Seccomp, Security},
    sys::{caps, files},
};

/// Kernel parameters that belong to a container's namespaces (docker/cli, `ValidateSysctl`).
const SYSCTLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Refuses what makes no sense, and gives the rest with the full names of capabilities.
pub(super) fn resolve(asked: &Security) -> Result<Security> {
    let mut security = asked.clone();
    for list in [&mut security.cap_add, &mut security.cap_drop] {
        for name in list.iter_mut() {
            *name = capability(name)?;
        }
    }
    for name in security.sysctls.keys() {
        let is_fine = SYSCTLS.contains(&name.as_str())
            || ["net.", "fs.mqueue."].iter().any(|beginning| name.starts_with(beginning));
        if !is_fine {
            return Err(invalid(format!("sysctl '{name}' is not allowed: it belongs to the host")));
        }
    }
    for device in &security.devices {
        let path = Path::new(&device.host);
        if !files::exists(path) {
            return Err(invalid(format!(
                "device {} cannot be added: there is no such file on this machine",
                device.host
            )));
        }
        if !files::is_dir(path) && files::device_node(path)?.is_none() {
            return Err(invalid(format!("{} is not a device node", device.host)));
        }
    }
    if let Seccomp::Profile(text) = &security.seccomp {
        spec::seccomp::read(text, &[])?;
    }
    let mut paths = security.masked.iter().chain(&security.unmasked);
    if let Some(path) = paths.find(|path| !path.starts_with('/') && *path != "ALL") {
        return Err(invalid(format!("path {path} of --security-opt is not absolute")));
    }
    Ok(security)
}

/// Gives the full name of a capability.
fn capability(name: &str) -> Result<String> {
    let upper = name.to_ascii_uppercase();
    if upper == "ALL" {
        return Ok(upper);
    }
    let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
    match caps::bit(&full) {
        Some(_) => Ok(full),
        None => Err(invalid(format!("unknown capability: \"{full}\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Device;

    #[test]
    fn capabilities_have_one_form() {
        for (name, full) in
            [("net_admin", "CAP_NET_ADMIN"), ("CAP_KILL", "CAP_KILL"), ("all", "ALL")]
        {
            assert_eq!(capability(name).unwrap(), full);
        }
        assert!(capability("fly").unwrap_err().to_string().contains("CAP_FLY"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let base = Security::default;
        let device = |host: &str| Device {
            host: host.into(),
            inside: "/dev/x".into(),
            access: "rwm".into(),
        };
        for (security, word) in [
            (
                Security { sysctls: [("kernel.panic".into(), "1".into())].into(), ..base() },
                "kernel.panic",
            ),
            (Security { devices: vec![device("/dev/absent")], ..base() }, "/dev/absent"),
            (Security { devices: vec![device("/etc/passwd")], ..base() }, "/etc/passwd"),
            (Security { seccomp: Seccomp::Profile("{".into()), ..base() }, "seccomp"),
            (Security { masked: vec!["x".into()], ..base() }, "path x"),
        ] {
            let error = resolve(&security).unwrap_err().to_string();
            assert!(error.contains(word), "{word}: {error}");
        }
        let fine = Security { devices: vec![device("/dev/null")], ..base() };
        assert_eq!(resolve(&fine).unwrap(), fine);
    }
}
