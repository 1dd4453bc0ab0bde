//! From what programs may do to capabilities, devices, hidden paths and parameters of a spec.

use std::path::Path;

use oci_spec::runtime::{
    Capabilities, Capability, Linux, LinuxCapabilities, LinuxDevice, LinuxDeviceCgroup,
    LinuxDeviceType, Process, Spec,
};

use super::seccomp;
use crate::{
    engine::{EngineError, ErrorKind, Result},
    model::{Device, Seccomp, Security},
    sys::{caps, files},
};

/// What would let a container mount, and so reach devices that its mounts forbid.
const MOUNTS: &str = "CAP_SYS_ADMIN";
/// Directories below `/dev` that are not the host's to show: terminals, shared memory, queues.
const OWN_OF_DEV: [&str; 6] = ["pts", "shm", "fd", "mqueue", "console", "ptmx"];

/// Adds what `asked` says to a spec.
pub(super) fn add(
    spec: &mut Spec,
    process: &mut Process,
    asked: &Security,
    is_rootless: bool,
) -> Result<()> {
    if asked.is_default() {
        return Ok(());
    }
    let capabilities = capabilities(process, asked)?;
    process.set_apparmor_profile(asked.apparmor.clone());
    let mut linux = spec.linux().clone().unwrap_or_default();
    if let Seccomp::Profile(text) = &asked.seccomp {
        linux.set_seccomp(Some(seccomp::read(text, &capabilities)?));
    }
    if !asked.sysctls.is_empty() {
        linux.set_sysctl(Some(asked.sysctls.clone().into_iter().collect()));
    }
    protect(&mut linux, asked);
    let devices = devices(asked, is_rootless)?;
    let needs_rules = !asked.privileged
        && (!devices.is_empty()
            || !asked.device_rules.is_empty()
            || capabilities.iter().any(|name| name == MOUNTS));
    // In a user namespace no node works that is made there, and rules are not for its root to set.
    if needs_rules && !is_rootless {
        let mut resources = linux.resources().clone().unwrap_or_default();
        resources.set_devices(Some(rules(asked, &devices)?));
        linux.set_resources(Some(resources));
        allow_nodes(spec);
    }
    if asked.privileged {
        open_up(spec, is_rootless);
    }
    if !devices.is_empty() {
        linux.set_devices(Some(devices.into_iter().map(|(device, _)| device).collect()));
    }
    spec.set_linux(Some(linux));
    Ok(())
}

/// Sets the capabilities, and gives their names (moby, `caps.TweakCapabilities`).
fn capabilities(process: &mut Process, asked: &Security) -> Result<Vec<String>> {
    let sets = process.capabilities().clone().unwrap_or_default();
    let usual = sets.bounding().clone().unwrap_or_default();
    let held = caps::permitted()?;
    let is_held = |name: &String| caps::bit(name).is_some_and(|bit| held & bit != 0);
    let all = || caps::names().into_iter().filter(is_held).collect::<Vec<String>>();
    let has_all = |list: &[String]| list.iter().any(|name| name == "ALL");
    let added = || asked.cap_add.iter().filter(|name| *name != "ALL").cloned();
    let names: Vec<String> = if asked.privileged {
        all()
    } else if has_all(&asked.cap_add) {
        all().into_iter().filter(|name| !asked.cap_drop.contains(name)).collect()
    } else if has_all(&asked.cap_drop) {
        added().collect()
    } else {
        let usual =
            usual.iter().copied().map(full_name).filter(|name| !asked.cap_drop.contains(name));
        usual.chain(added()).collect()
    };
    if let Some(name) = added().find(|name| !is_held(name)) {
        return Err(EngineError::new(
            ErrorKind::Permission,
            format!("capability {name} cannot be given: Estiba does not have it itself"),
        ));
    }
    let set = names
        .iter()
        .map(|name| serde_json::from_value(name.as_str().into()))
        .collect::<std::result::Result<Capabilities, _>>()
        .map_err(|error| {
            EngineError::new(ErrorKind::Internal, "a capability has no name").caused_by(error)
        })?;
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(Some(set.clone()))
        .set_effective(Some(set.clone()))
        .set_permitted(Some(set))
        .set_inheritable(None)
        .set_ambient(None);
    process.set_capabilities(Some(sets));
    Ok(names)
}

fn full_name(capability: Capability) -> String {
    let name = capability.to_string();
    if name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
}

/// Hides and write-protects paths, or leaves that.
fn protect(linux: &mut Linux, asked: &Security) {
    if asked.privileged {
        linux.set_masked_paths(None).set_readonly_paths(None);
        return;
    }
    let is_open = |path: &String| {
        asked.unmasked.iter().any(|open| open == "ALL" || open.trim_end_matches('/') == path)
    };
    let kept = |paths: &Option<Vec<String>>| -> Vec<String> {
        paths.iter().flatten().filter(|path| !is_open(path)).cloned().collect()
    };
    let mut masked = kept(linux.masked_paths());
    masked.extend(asked.masked.iter().cloned());
    let read_only = kept(linux.readonly_paths());
    linux.set_masked_paths(Some(masked)).set_readonly_paths(Some(read_only));
}

/// Lets nodes in `/dev` work; what may be done with them the rules say.
fn allow_nodes(spec: &mut Spec) {
    change_options(spec, "/dev", |options| options.retain(|option| option != "nodev"));
}

/// Lets a privileged container write where it usually cannot.
fn open_up(spec: &mut Spec, is_rootless: bool) {
    for path in ["/sys", "/sys/fs/cgroup"] {
        change_options(spec, path, |options| options.retain(|option| option != "ro"));
    }
    if !is_rootless {
        allow_nodes(spec);
    }
}

fn change_options(spec: &mut Spec, path: &str, change: impl Fn(&mut Vec<String>)) {
    for mount in spec.mounts_mut().iter_mut().flatten() {
        if mount.destination() == Path::new(path) {
            let mut options = mount.options().clone().unwrap_or_default();
            change(&mut options);
            mount.set_options(Some(options));
        }
    }
}

/// Looks at the devices of the host that are wanted, with what may be done with them.
fn devices(asked: &Security, is_rootless: bool) -> Result<Vec<(LinuxDevice, String)>> {
    let mut found = Vec::new();
    if asked.privileged && !is_rootless {
        let all = Device { host: "/dev".into(), inside: "/dev".into(), access: "rwm".into() };
        gather(&all, &mut found)?;
    }
    for device in &asked.devices {
        let before = found.len();
        gather(device, &mut found)?;
        if found.len() == before {
            return Err(EngineError::new(
                ErrorKind::Invalid,
                format!("there is no device in {}", device.host),
            ));
        }
    }
    Ok(found)
}

/// Adds a device, or all in a directory and those below it; links are not followed there.
fn gather(device: &Device, found: &mut Vec<(LinuxDevice, String)>) -> Result<()> {
    let path = Path::new(&device.host);
    if !files::is_dir(path) {
        if let Some(node) = files::device_node(path)? {
            let kind = if node.is_block { LinuxDeviceType::B } else { LinuxDeviceType::C };
            let mut shown = LinuxDevice::default();
            shown
                .set_path(device.inside.clone().into())
                .set_typ(kind)
                .set_major(node.major.into())
                .set_minor(node.minor.into())
                .set_file_mode(Some(node.mode))
                .set_uid(Some(node.uid))
                .set_gid(Some(node.gid));
            found.push((shown, device.access.clone()));
        }
        return Ok(());
    }
    for entry in files::list(path)? {
        let Some(name) = entry.file_name().and_then(|name| name.to_str()) else { continue };
        let is_own = device.host == "/dev" && OWN_OF_DEV.contains(&name);
        if is_own || files::is_link(&entry) {
            continue;
        }
        let below = Device {
            host: entry.display().to_string(),
            inside: format!("{}/{name}", device.inside.trim_end_matches('/')),
            access: device.access.clone(),
        };
        gather(&below, found)?;
    }
    Ok(())
}

/// Says what may be done with devices: nothing but what is named here, and what every container may.
fn rules(asked: &Security, devices: &[(LinuxDevice, String)]) -> Result<Vec<LinuxDeviceCgroup>> {
    let mut none = LinuxDeviceCgroup::default();
    none.set_allow(false).set_access(Some("rwm".to_owned()));
    let mut rules = vec![none];
    rules.extend(devices.iter().map(|(device, access)| {
        let mut rule = LinuxDeviceCgroup::from(device);
        rule.set_access(Some(access.clone()));
        rule
    }));
    for text in &asked.device_rules {
        rules.push(rule(text).ok_or_else(|| {
            EngineError::new(ErrorKind::Invalid, format!("invalid device cgroup format '{text}'"))
        })?);
    }
    Ok(rules)
}

/// Reads `c 1:3 rwm`.
fn rule(text: &str) -> Option<LinuxDeviceCgroup> {
    let mut words = text.split(' ');
    let (kind, numbers, access) = (words.next()?, words.next()?, words.next()?);
    let (major, minor) = numbers.split_once(':')?;
    let number = |text: &str| match text {
        "*" => Some(None),
        number => number.parse::<u32>().ok().map(|number| Some(i64::from(number))),
    };
    let kind = match kind {
        "a" => LinuxDeviceType::A,
        "b" => LinuxDeviceType::B,
        "c" => LinuxDeviceType::C,
        _ => return None,
    };
    let mut rule = LinuxDeviceCgroup::default();
    rule.set_allow(true)
        .set_typ(Some(kind))
        .set_major(number(major)?)
        .set_minor(number(minor)?)
        .set_access(Some(access.to_owned()));
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::default_spec;

    fn names(cap_add: &[&str], cap_drop: &[&str]) -> Vec<String> {
        let strings = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let asked = Security {
            cap_add: strings(cap_add),
            cap_drop: strings(cap_drop),
            ..Security::default()
        };
        let mut process = default_spec(false).process().clone().unwrap();
        capabilities(&mut process, &asked).unwrap()
    }

    #[test]
    fn capabilities_are_taken_away_and_given_as_docker_does() {
        assert_eq!(names(&[], &["ALL"]), [""; 0]);
        assert_eq!(names(&[], &[]).len(), 14);
        assert_eq!(names(&[], &["CAP_KILL"]).len(), 13);
        if caps::permitted().unwrap() & caps::bit("CAP_CHOWN").unwrap() == 0 {
            return eprintln!("skipped: this user holds no capability to give");
        }
        assert_eq!(names(&["CAP_CHOWN"], &["ALL"]), ["CAP_CHOWN"]);
        assert!(names(&["ALL"], &["CAP_KILL"]).iter().all(|name| name != "CAP_KILL"));
    }

    #[test]
    fn rules_for_devices_are_read() {
        let read = rule("c 10:* rw").unwrap();
        assert_eq!((read.major(), read.minor(), read.allow()), (Some(10), None, true));
        for bad in ["", "c", "c 1", "c 1:2", "x 1:2 r", "c 1:x r", "c -1:2 r"] {
            assert_eq!(rule(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_directory_means_the_devices_in_it() {
        let device =
            |host: &str| Device { host: host.into(), inside: "/dev/x".into(), access: "r".into() };
        let mut found = Vec::new();
        gather(&device("/dev/null"), &mut found).unwrap();
        assert_eq!(found.pop().unwrap().0.path(), Path::new("/dev/x"));
        let empty = tempfile::tempdir().unwrap();
        gather(&device(empty.path().to_str().unwrap()), &mut found).unwrap();
        assert!(found.is_empty());
    }
}
