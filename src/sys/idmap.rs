//! Which ids inside of a user namespace mean which outside (`user_namespaces(7)`).

use std::{
    fmt::Write as _,
    io::Read as _,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::sched::CloneFlags;

use super::{At as _, Result, clone, files, namespace, pidfd};

/// A row of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first inside.
    pub inside: u32,
    /// The first outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// The ids of a user namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdMaps {
    /// Users.
    pub users: Vec<Range>,
    /// Groups.
    pub groups: Vec<Range>,
}

impl IdMaps {
    /// Writes them for a process that has just been made in a user namespace.
    ///
    /// # Errors
    /// What the kernel says, with the file; invalid argument when ranges overlap.
    pub fn write(&self, pid: i32) -> Result<()> {
        let file = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
        files::write(&file("uid_map"), text(&self.users))?;
        match files::write(&file("gid_map"), text(&self.groups)) {
            // Without privilege, groups can be mapped only when setgroups(2) is off.
            Err(error) if error.errno() == Some(libc::EPERM) => {
                files::write(&file("setgroups"), "deny")?;
                files::write(&file("gid_map"), text(&self.groups))
            }
            other => other,
        }
    }

    /// Makes a user namespace with these ids and no process in it, to map the owners of a mount.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn namespace(&self) -> Result<OwnedFd> {
        let (waits, bell) = std::io::pipe().at("make", "a pipe")?;
        let (child, bell) = clone::spawn(CloneFlags::CLONE_NEWUSER, None, bell, move || {
            // Until the other end is closed.
            let _nothing_comes = (&waits).read(&mut [0]);
            0
        })?;
        let made = self
            .write(child.pid)
            .and_then(|()| namespace::open(Path::new(&format!("/proc/{}/ns/user", child.pid))));
        drop(bell);
        pidfd::kill_and_reap(&child.pidfd);
        made
    }
}

fn text(ranges: &[Range]) -> String {
    let mut text = String::new();
    for Range { inside, outside, count } in ranges {
        // Writing into a string does not fail.
        let _infallible = writeln!(text, "{inside} {outside} {count}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_written_as_the_kernel_reads_it() {
        let ranges = [
            Range { inside: 0, outside: 1000, count: 1 },
            Range { inside: 1, outside: 100_000, count: 65536 },
        ];
        assert_eq!(text(&ranges), "0 1000 1\n1 100000 65536\n");
    }
}
