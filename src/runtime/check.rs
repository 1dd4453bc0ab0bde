//! What of a spec can be refused before anything is looked at closer.

use std::path::Path;

use oci_spec::runtime::{Linux, Process, Spec};

use super::RuntimeError;
use crate::sys::{caps, files, resctrl::Class};

/// Refuses versions and sections that are for somebody else, and what this machine does not have.
pub(super) fn check(spec: &Spec, class: Option<&Class>) -> Result<(), RuntimeError> {
    version(spec.version())?;
    let foreign = [
        ("solaris", spec.solaris().is_some()),
        ("windows", spec.windows().is_some()),
        ("vm", spec.vm().is_some()),
        ("zos", spec.zos().is_some()),
    ];
    if let Some((section, _)) = foreign.iter().find(|(_, is_there)| *is_there) {
        return Err(RuntimeError::unfit(format_args!("{section}: this is a runtime for Linux")));
    }
    self::class(spec, class)?;
    let process = spec.process().as_ref();
    if process.is_some_and(|process| process.command_line().is_some()) {
        return Err(RuntimeError::unfit("process.commandLine: this is a runtime for Linux"));
    }
    spec.linux().as_ref().map_or(Ok(()), linux)
}

/// The newest version of which every field is known, as (major, minor).
const NEWEST: (u32, u32) = (1, 3);

/// Takes 1.0 to the newest that is known: a newer one may ask for what would be passed over here.
fn version(text: &str) -> Result<(), RuntimeError> {
    let (numbers, _) = text.split_once(['-', '+']).unwrap_or((text, ""));
    let parts: Vec<Result<u32, _>> = numbers.split('.').map(str::parse).collect();
    match parts.as_slice() {
        [Ok(major), Ok(minor), Ok(_)] if *major == NEWEST.0 && *minor <= NEWEST.1 => Ok(()),
        _ => {
            let (major, minor) = NEWEST;
            let reason = format_args!("ociVersion {text:?} is not one of 1.0 to {major}.{minor}");
            Err(RuntimeError::unfit(reason))
        }
    }
}

/// Refuses to leave out a class of service: it is the caller's to make, for all programs of the container.
pub(super) fn class(spec: &Spec, class: Option<&Class>) -> Result<(), RuntimeError> {
    let is_asked = spec.linux().as_ref().is_some_and(|linux| linux.intel_rdt().is_some());
    if is_asked && class.is_none() {
        return Err(RuntimeError::unfit("linux.intelRdt: its class of service was not made"));
    }
    Ok(())
}

fn linux(linux: &Linux) -> Result<(), RuntimeError> {
    if linux.mount_label().as_ref().is_some_and(|label| !label.is_empty()) && !has_selinux() {
        return Err(RuntimeError::unfit("linux.mountLabel: this machine has no SELinux"));
    }
    Ok(())
}

/// Tells what is to be written into files of `/proc/self` so that the program is confined by a security module.
pub(super) fn labels(process: &Process) -> Result<Vec<(&'static str, String)>, RuntimeError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut labels = Vec::new();
    if let Some(profile) = given(process.apparmor_profile()) {
        if let Some(file) = apparmor(Path::new("/sys/module"), Path::new("/proc/self/attr")) {
            labels.push((file, format!("{TO_PROFILE}{profile}")));
        } else if profile != "unconfined" {
            let reason =
                format_args!("process.apparmorProfile {profile}: this machine has no AppArmor");
            return Err(RuntimeError::unfit(reason));
        }
    }
    if let Some(label) = given(process.selinux_label()) {
        if !has_selinux() {
            let reason = format_args!("process.selinuxLabel {label}: this machine has no SELinux");
            return Err(RuntimeError::unfit(reason));
        }
        labels.push(("attr/exec", label));
    }
    Ok(labels)
}

/// What comes before a profile of `AppArmor` where the kernel takes one (`aa_change_onexec(2)`).
pub(super) const TO_PROFILE: &str = "exec ";

/// Gives the file of `/proc/self` that takes a profile of `AppArmor`; `None` where that is not part of the kernel, or not active: then its files are
/// there (since Linux 5.8), and cannot be read.
fn apparmor(modules: &Path, attributes: &Path) -> Option<&'static str> {
    let enabled = files::read_text(&modules.join("apparmor/parameters/enabled")).ok()?;
    let own = attributes.join("apparmor");
    let (place, file) = if files::exists(&own) {
        (own, "attr/apparmor/exec")
    } else {
        (attributes.to_owned(), "attr/exec")
    };
    let is_active = enabled.starts_with('Y') && files::read_text(&place.join("current")).is_ok();
    is_active.then_some(file)
}

/// Tells whether this machine has `SELinux`.
fn has_selinux() -> bool {
    files::exists(Path::new("/sys/fs/selinux/enforce"))
}

/// Takes out of a spec the capabilities that this process cannot hand on, and those that would be ambient without being permitted and inheritable
/// (`capabilities(7)`), and gives their names: config.md wants them logged as a warning, not to be a failure. In a new user namespace all can be had.
///
/// # Errors
/// [`RuntimeError::Kernel`] when the kernel does not say which those are.
pub fn take_out_ungrantable(spec: &mut Spec) -> Result<Vec<String>, RuntimeError> {
    let list = spec.linux().as_ref().and_then(|linux| linux.namespaces().as_ref());
    let mut kinds = list.into_iter().flatten().map(oci_spec::runtime::LinuxNamespace::typ);
    if kinds.any(|kind| kind == oci_spec::runtime::LinuxNamespaceType::User) {
        return Ok(Vec::new());
    }
    let held = caps::permitted()?;
    let mut taken = std::collections::BTreeSet::new();
    let Some(process) = spec.process_mut().as_mut() else { return Ok(Vec::new()) };
    let Some(sets) = process.capabilities().clone() else { return Ok(Vec::new()) };
    let mut keep = |set: &Option<oci_spec::runtime::Capabilities>| {
        set.as_ref().map(|set| {
            let is_held = |one: &&oci_spec::runtime::Capability| {
                let has = caps::bit(&one.to_string()).is_some_and(|bit| held & bit != 0);
                if !has {
                    taken.insert(one.to_string());
                }
                has
            };
            set.iter().filter(is_held).copied().collect()
        })
    };
    let mut fewer = sets.clone();
    fewer
        .set_bounding(keep(sets.bounding()))
        .set_effective(keep(sets.effective()))
        .set_permitted(keep(sets.permitted()))
        .set_inheritable(keep(sets.inheritable()))
        .set_ambient(keep(sets.ambient()));
    let can_be_ambient = |one: &oci_spec::runtime::Capability| {
        [fewer.permitted(), fewer.inheritable()]
            .into_iter()
            .all(|set| set.as_ref().is_some_and(|set| set.contains(one)))
    };
    let (ambient, never): (oci_spec::runtime::Capabilities, oci_spec::runtime::Capabilities) =
        fewer.ambient().clone().unwrap_or_default().into_iter().partition(can_be_ambient);
    taken.extend(never.iter().map(ToString::to_string));
    fewer.set_ambient(Some(ambient));
    process.set_capabilities(Some(fewer));
    Ok(taken.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_of_one_are_taken() {
        for (text, is_fine) in [
            ("1.0.0", true),
            ("1.0.2-dev", true),
            ("1.3.0", true),
            ("1.3.7+build", true),
            ("1.4.0", false),
            ("0.9.0", false),
            ("2.0.0", false),
            ("1.0", false),
            ("", false),
        ] {
            assert_eq!(version(text).is_ok(), is_fine, "{text}");
        }
    }

    #[test]
    fn apparmor_counts_where_it_is_active() {
        let folder = tempfile::tempdir().unwrap();
        let (modules, attributes) = (folder.path().join("module"), folder.path().join("attr"));
        let found = || apparmor(&modules, &attributes);
        assert_eq!(found(), None);
        let parameters = modules.join("apparmor/parameters");
        for dir in [&modules, &modules.join("apparmor"), &parameters, &attributes] {
            files::make_dir(dir).unwrap();
        }
        files::make_dir(&attributes.join("apparmor")).unwrap();
        files::write(&parameters.join("enabled"), "Y\n").unwrap();
        // Compiled in, and not active: what the kernel answers with EINVAL, a directory does with EISDIR.
        files::make_dir(&attributes.join("apparmor/current")).unwrap();
        assert_eq!(found(), None);
        files::remove_dir(&attributes.join("apparmor/current")).unwrap();
        files::write(&attributes.join("apparmor/current"), "unconfined\n").unwrap();
        assert_eq!(found(), Some("attr/apparmor/exec"));
        files::write(&parameters.join("enabled"), "N\n").unwrap();
        assert_eq!(found(), None);
        // As before Linux 5.8.
        files::remove_tree(&attributes.join("apparmor")).unwrap();
        files::write(&parameters.join("enabled"), "Y\n").unwrap();
        files::write(&attributes.join("current"), "unconfined\n").unwrap();
        assert_eq!(found(), Some("attr/exec"));
    }

    #[test]
    fn what_is_for_others_or_not_here_is_named() {
        for (section, value) in [
            ("windows", json!({"windows": {"layerFolders": []}})),
            ("vm", json!({"vm": {"kernel": {"path": "/x"}}})),
            ("intelRdt", json!({"linux": {"intelRdt": {"closID": "x"}}})),
            ("intelRdt", json!({"linux": {"intelRdt": {}}})),
            ("mountLabel", json!({"linux": {"mountLabel": "x"}})),
        ] {
            let mut whole = json!({"ociVersion": "1.2.0"});
            whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
            let spec: Spec = serde_json::from_value(whole).unwrap();
            let error = check(&spec, None).unwrap_err().to_string();
            assert!(error.contains(section), "{section}: {error}");
        }
    }
}
