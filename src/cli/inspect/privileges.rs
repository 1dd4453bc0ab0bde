//! Privileges and what is shared, in the words of Docker's `HostConfig`.

use serde_json::{Value, json};

use super::some;
use crate::model::{ContainerConfig, Ipc, Seccomp, Security, Sharing};

/// Gives the fields.
pub(super) fn of(config: &ContainerConfig) -> Value {
    let (security, isolation) = (&config.security, &config.isolation);
    let pid = match &isolation.pid {
        Sharing::Own => String::new(),
        Sharing::Host => "host".to_owned(),
        Sharing::Container(id) => format!("container:{id}"),
    };
    let ipc = match &isolation.ipc {
        Ipc::Private => "private".to_owned(),
        Ipc::Shareable => "shareable".to_owned(),
        Ipc::None => "none".to_owned(),
        Ipc::Host => "host".to_owned(),
        Ipc::Container(id) => format!("container:{id}"),
    };
    let names = &isolation.names;
    json!({
        "Privileged": security.privileged,
        "CapAdd": some(&security.cap_add),
        "CapDrop": some(&security.cap_drop),
        "SecurityOpt": some(&options(security, config.no_new_privileges)),
        "Sysctls": security.sysctls,
        "Devices": security.devices.iter().map(|device| json!({
            "PathOnHost": device.host,
            "PathInContainer": device.inside,
            "CgroupPermissions": device.access,
        })).collect::<Vec<_>>(),
        "DeviceCgroupRules": security.device_rules,
        "GroupAdd": some(&security.groups),
        "PidMode": pid,
        "IpcMode": ipc,
        "UTSMode": if isolation.uts_host { "host" } else { "" },
        "CgroupnsMode": if isolation.cgroupns_host { "host" } else { "private" },
        "CgroupParent": isolation.cgroup_parent,
        "UsernsMode": "",
        "Init": isolation.init.then_some(true),
        "Annotations": isolation.annotations,
        "ExtraHosts": some(&names.extra_hosts.iter()
            .map(|(name, address)| format!("{name}:{address}")).collect::<Vec<_>>()),
        "Dns": names.dns,
        "DnsSearch": names.dns_search,
        "DnsOptions": names.dns_options,
        "RestartPolicy": {
            "Name": config.restart.name(),
            "MaximumRetryCount": config.restart.most(),
        },
        "LogConfig": { "Type": config.log.driver.to_string(), "Config": config.log.options },
    })
}

fn options(security: &Security, no_new_privileges: bool) -> Vec<String> {
    let mut options = Vec::new();
    if no_new_privileges {
        options.push("no-new-privileges".to_owned());
    }
    match &security.seccomp {
        Seccomp::Default => {}
        Seccomp::Unconfined => options.push("seccomp=unconfined".to_owned()),
        Seccomp::Profile(text) => options.push(format!("seccomp={text}")),
    }
    options.extend(security.apparmor.iter().map(|profile| format!("apparmor={profile}")));
    options.extend(security.masked.iter().map(|path| format!("mask={path}")));
    options.extend(security.unmasked.iter().map(|path| format!("unmask={path}")));
    options
}
