//! The control groups that a container is shown.

use std::{fs, path::Path};

use oci_spec::runtime::LinuxNamespaceType;

use super::{Yard, yard};

/// Lists what is mounted for the control groups: where, and with which options.
const MOUNTED: &str = "while read a b c d e f g; do case $g in *' cgroup '*|*' cgroup2 '*) echo $e $f;; esac; done < /proc/self/mountinfo";

impl Yard {
    /// Has its control groups mounted as `option` says, with a control group namespace or without.
    fn shows_groups(&mut self, option: &str, has_namespace: bool) {
        for mount in self.spec.mounts_mut().as_mut().unwrap() {
            if mount.destination() == Path::new("/sys/fs/cgroup") {
                mount.set_options(Some(vec![option.to_owned()]));
            }
        }
        let linux = self.spec.linux_mut().as_mut().unwrap();
        let mut namespaces = linux.namespaces().clone().unwrap();
        namespaces.retain(|one| one.typ() != LinuxNamespaceType::Cgroup);
        if has_namespace {
            let mut own = oci_spec::runtime::LinuxNamespace::default();
            own.set_typ(LinuxNamespaceType::Cgroup).set_path(None);
            namespaces.push(own);
        }
        linux.set_namespaces(Some(namespaces));
        self.write();
    }
}

fn is_two_alone() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// CVE-2022-0492: whoever reaches the top of a hierarchy of version 1 may name a program there that the kernel runs outside. Seen to fail with
/// fresh mounts instead of the group's own directories: then `release_agent` is there, and so are all groups of the machine.
#[test]
fn cve_2022_0492_a_container_without_namespace_is_shown_its_own_groups_only() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    yard.shows_groups("rw", false);
    yard.ok("run -d ID");
    let top = yard.inside("find /sys/fs/cgroup -name release_agent -o -name cgroup.sane_behavior");
    assert_eq!(String::from_utf8_lossy(&top.stdout), "", "{top:?}");
    // What it makes there lies in its own group.
    let made = yard.inside(
        "for d in /sys/fs/cgroup/memory /sys/fs/cgroup; do test -e $d/cgroup.procs && mkdir $d/inner && echo $d; done",
    );
    let made = String::from_utf8_lossy(&made.stdout).into_owned();
    let expected = if is_two_alone() { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
    assert_eq!(made.trim(), expected);
    let outside = if is_two_alone() { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
    assert!(Path::new(outside).join(&yard.id).join("inner").exists());
    // Only its own processes are in sight.
    let members = yard.inside("cat /sys/fs/cgroup/pids/cgroup.procs /sys/fs/cgroup/cgroup.procs");
    let members = String::from_utf8_lossy(&members.stdout).into_owned();
    assert!(members.lines().all(|pid| pid != "0") && members.contains('1'), "{members}");
    yard.ok("delete -f ID");
    yard.assert_nothing_left();
}

/// CVE-2023-25809: groups that are not the container's own cannot be written. Seen to fail without what makes those of a container without a group
/// read-only.
#[test]
fn cve_2023_25809_groups_of_others_cannot_be_written() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    let write = "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/escaped && echo made $d; echo 0 > $d/cgroup.procs && echo moved $d; done 2>/dev/null";
    for has_namespace in [false, true] {
        for (manager, option) in [("disabled", "rw"), ("cgroupfs", "ro")] {
            yard.shows_groups(option, has_namespace);
            yard.ok(&format!("--cgroup-manager {manager} run -d ID"));
            let tried = yard.inside(write);
            assert_eq!(String::from_utf8_lossy(&tried.stdout), "", "{manager} {has_namespace}");
            let mounted = String::from_utf8(yard.inside(MOUNTED).stdout).unwrap();
            let is_shown = manager == "cgroupfs" || has_namespace;
            assert_eq!(!mounted.is_empty(), is_shown, "{manager} {has_namespace}: {mounted}");
            for line in mounted.lines() {
                let options = line.rsplit(' ').next().unwrap();
                assert!(
                    ["ro", "nosuid", "nodev", "noexec"]
                        .iter()
                        .all(|one| options.split(',').any(|option| option == *one)),
                    "{line}"
                );
            }
            yard.ok("delete -f ID");
            yard.assert_nothing_left();
        }
    }
}

#[test]
fn a_container_with_a_namespace_rules_below_its_own_groups() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    yard.shows_groups("rw", true);
    yard.ok("run -d ID");
    let place = if is_two_alone() { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/pids" };
    let made = yard.inside(&format!(
        "mkdir {place}/a && echo $$ > {place}/a/cgroup.procs && cat /proc/self/cgroup"
    ));
    let made = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.lines().any(|line| line.ends_with(":/a")), "{made}");
    assert!(Path::new(place).join(&yard.id).join("a").exists());
    let listed = fs::read_dir(Path::new(place).join(&yard.id)).unwrap().count();
    assert!(listed > 0);
    yard.ok("delete -f ID");
    yard.assert_nothing_left();
}
