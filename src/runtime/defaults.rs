//! What a container gets when nothing is asked for: Docker's choice of capabilities, mounts, hidden and read-only paths.

use std::path::Path;

use oci_spec::runtime::{
    Capabilities, Capability, Linux, LinuxCapabilities, LinuxNamespace, LinuxNamespaceType, Mount,
    Process, Root, Spec,
};

use crate::sys::{files, namespace::mapped_ranges};

/// The version of the runtime specification that specs here are written after.
const VERSION: &str = "1.3.0";

const CAPABILITIES: [Capability; 14] = [
    Capability::AuditWrite,
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Mknod,
    Capability::NetBindService,
    Capability::NetRaw,
    Capability::Setfcap,
    Capability::Setgid,
    Capability::Setpcap,
    Capability::Setuid,
    Capability::SysChroot,
];

/// The group of terminals, which small user namespaces have not.
const TTY_GROUP: u32 = 5;

/// Target, kind, options.
const MOUNTS: [(&str, &str, &[&str]); 7] = [
    ("/proc", "proc", &["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", &["nosuid", "nodev", "strictatime", "mode=755", "size=65536k"]),
    (
        "/dev/pts",
        "devpts",
        &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    ),
    ("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "ro"]),
];

const MASKED: [&str; 13] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
];

const READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

const NAMESPACES: [LinuxNamespaceType; 6] = [
    LinuxNamespaceType::Mount,
    LinuxNamespaceType::Pid,
    LinuxNamespaceType::Network,
    LinuxNamespaceType::Ipc,
    LinuxNamespaceType::Uts,
    LinuxNamespaceType::Cgroup,
];

/// Makes the spec that a container gets when nothing is asked for: namespaces, mounts, masked and read-only paths, Docker's capabilities; process, host name and network are filled in by the caller.
pub fn default_spec(rootless: bool) -> Spec {
    let mut spec = Spec::default();
    spec.set_version(VERSION.to_owned())
        .set_root(Some(Root::default()))
        .set_hostname(None)
        .set_mounts(Some(mounts(rootless)))
        .set_process(Some(process()))
        .set_linux(Some(linux()));
    if let Some(root) = spec.root_mut() {
        root.set_readonly(None);
    }
    spec
}

fn process() -> Process {
    let names: Capabilities = CAPABILITIES.into_iter().collect();
    let mut capabilities = LinuxCapabilities::default();
    capabilities
        .set_bounding(Some(names.clone()))
        .set_effective(Some(names.clone()))
        .set_permitted(Some(names))
        .set_inheritable(None)
        .set_ambient(None);
    let mut process = Process::default();
    process
        .set_args(None)
        .set_env(None)
        .set_terminal(None)
        .set_rlimits(None)
        .set_no_new_privileges(None)
        .set_capabilities(Some(capabilities));
    process
}

fn mounts(rootless: bool) -> Vec<Mount> {
    let has_tty_group = !rootless || is_mapped(TTY_GROUP);
    let make = |&(target, kind, options): &(&str, &str, &[&str])| {
        let options = options
            .iter()
            .filter(|option| has_tty_group || !option.starts_with("gid="))
            .map(|&option| option.to_owned());
        let mut mount = Mount::default();
        mount
            .set_destination(target.into())
            .set_typ(Some(kind.to_owned()))
            .set_source(Some(kind.into()))
            .set_options(Some(options.collect()));
        mount
    };
    MOUNTS.iter().map(make).collect()
}

fn linux() -> Linux {
    let namespaces = NAMESPACES.map(|kind| {
        let mut namespace = LinuxNamespace::default();
        namespace.set_typ(kind).set_path(None);
        namespace
    });
    let mut masked: Vec<String> = MASKED.map(str::to_owned).to_vec();
    masked.extend(thermal_throttles());
    let mut linux = Linux::default();
    linux
        .set_namespaces(Some(namespaces.to_vec()))
        .set_masked_paths(Some(masked))
        .set_readonly_paths(Some(READ_ONLY.map(str::to_owned).to_vec()))
        .set_resources(None)
        .set_devices(None)
        .set_seccomp(None);
    linux
}

/// Tells whether this user namespace has a group.
fn is_mapped(gid: u32) -> bool {
    // When it cannot be read, the kernel will say.
    files::read_text(Path::new("/proc/self/gid_map")).map_or(true, |map| {
        mapped_ranges(&map).iter().any(|&(first, count)| gid >= first && gid - first < count)
    })
}

/// Lists what tells neighbours apart by their heat (GHSA-6fw5-f8r9-fgfm); every processor has one, or none has.
fn thermal_throttles() -> Vec<String> {
    let name = "thermal_throttle";
    let place = Path::new("/sys/devices/system/cpu");
    if !files::exists(&place.join("cpu0").join(name)) {
        return Vec::new();
    }
    let processors = files::list(place).unwrap_or_default();
    processors
        .iter()
        .map(|processor| processor.join(name))
        .filter(|path| files::exists(path))
        .map(|path| path.display().to_string())
        .collect()
}
