//! Who a process is and what it may do: ids, groups, capabilities (`credentials(7)`, `capabilities(7)`).
//!
//! All calls here are of the thread, by system call: the C library's would signal other threads, which a cloned child has not.

use rustix::{
    fs::{Gid, Uid},
    io::Errno,
};
use rustix::{
    process::{Signal, set_parent_process_death_signal},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
        set_keep_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
        set_thread_res_uid,
    },
};

use super::{At as _, Result, files};

/// Capabilities as bits, numbered as in `capabilities(7)`; what is inheritable or ambient is what somebody has asked for (CVE-2022-24769).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// What can ever be gained by executing a file.
    pub bounding: u64,
    /// What counts now.
    pub effective: u64,
    /// What can be made effective.
    pub permitted: u64,
    /// What executing a file that has it keeps.
    pub inheritable: u64,
    /// What executing any file keeps.
    pub ambient: u64,
}

/// Takes out of the bounding set what is not in `keep`.
///
/// # Errors
/// What the kernel says.
pub fn bound(keep: u64) -> Result<()> {
    for number in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if keep & one.bits() != 0 {
            continue;
        }
        match remove_capability_from_bounding_set(one) {
            // The first number the kernel does not know.
            Err(Errno::INVAL) => break,
            other => other.at("drop capability", number)?,
        }
    }
    Ok(())
}

/// Gives the capabilities that this process may still hand on.
///
/// # Errors
/// What the kernel says.
pub fn permitted() -> Result<u64> {
    let sets = capabilities(None).at("read", "the capabilities of this process")?;
    Ok(sets.permitted.bits())
}

/// Sets the capability sets, after the ids were set with [`set_gid`] and [`set_uid`].
///
/// # Errors
/// What the kernel says.
pub fn set(wanted: Capabilities) -> Result<()> {
    let sets = CapabilitySets {
        effective: CapabilitySet::from_bits_retain(wanted.effective),
        permitted: CapabilitySet::from_bits_retain(wanted.permitted),
        inheritable: CapabilitySet::from_bits_retain(wanted.inheritable),
    };
    set_capabilities(None, sets).at("set", "the capabilities")?;
    clear_ambient_capability_set().at("clear", "the ambient capabilities")?;
    for number in (0..64).filter(|number| wanted.ambient & (1 << number) != 0) {
        let one = CapabilitySet::from_bits_retain(1 << number);
        configure_capability_in_ambient_set(one, true).at("make ambient capability", number)?;
    }
    Ok(())
}

/// Becomes another group, real, effective and saved.
///
/// # Errors
/// What the kernel says; invalid argument when this user namespace does not map it.
pub fn set_gid(gid: u32) -> Result<()> {
    let gid = Gid::from_raw(gid);
    set_thread_res_gid(gid, gid, gid).at("become group", gid.as_raw())
}

/// Becomes another user, real, effective and saved, and keeps the permitted capabilities for [`set`].
///
/// # Errors
/// What the kernel says; invalid argument when this user namespace does not map it.
pub fn set_uid(uid: u32) -> Result<()> {
    let uid = Uid::from_raw(uid);
    set_keep_capabilities(true).at("keep", "the capabilities")?;
    set_thread_res_uid(uid, uid, uid).at("become user", uid.as_raw())
}

/// Sets the supplementary groups.
///
/// # Errors
/// What the kernel says; not permitted when this user namespace may not set groups at all.
pub fn set_groups(groups: &[u32]) -> Result<()> {
    let groups: Vec<Gid> = groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
    set_thread_groups(&groups).at("set", "the supplementary groups")
}

/// Tells whether this user namespace may set supplementary groups (`user_namespaces(7)`).
pub fn may_set_groups() -> bool {
    files::read(std::path::Path::new("/proc/self/setgroups"))
        .is_ok_and(|text| !text.starts_with(b"deny"))
}

/// Lets no program executed from now on gain privileges (`PR_SET_NO_NEW_PRIVS`).
///
/// # Errors
/// What the kernel says.
pub fn forbid_new_privileges() -> Result<()> {
    set_no_new_privs(true).at("set", "no_new_privs")
}

/// Has this process killed when its parent ends; a change of ids undoes it.
///
/// # Errors
/// What the kernel says.
pub fn die_with_parent() -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).at("set", "the parent death signal")
}

/// Lists the names of all capabilities that this kernel has (`capabilities(7)`).
pub fn names() -> Vec<String> {
    let last = files::read_text(std::path::Path::new("/proc/sys/kernel/cap_last_cap"));
    let last: u32 = last.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(63);
    CapabilitySet::all()
        .iter_names()
        .filter(|(_, set)| set.bits().trailing_zeros() <= last)
        .map(|(name, _)| format!("CAP_{name}"))
        .collect()
}

/// Gives the bit of a capability by its name, with or without `CAP_`.
pub fn bit(name: &str) -> Option<u64> {
    CapabilitySet::from_name(name.strip_prefix("CAP_").unwrap_or(name)).map(|set| set.bits())
}
