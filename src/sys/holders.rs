//! The processes that hold a namespace together: written down in a file, under a lock, so that the next one finds a living one.
//!
//! A namespace without a name lives as long as a process is in it. Who wants to share one locks the list, joins a living holder or
//! makes a namespace if there is none, writes itself down, and lets go. Under the lock nobody can make a second one.

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use super::{
    At as _, Result, SysError, files,
    process::{ProcessId, boot_id},
};

/// The locked list of a namespace's living holders. Dropping it lets go of the lock.
#[derive(Debug)]
pub struct Holders {
    path: PathBuf,
    boot: String,
    living: Vec<ProcessId>,
    lock: Flock<File>,
}

impl Holders {
    /// Locks and reads the list `name` in `run_root`, which is made (mode 0700) if it is not there. Waits for whoever has it locked.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn lock(run_root: &Path, name: &str) -> Result<Self> {
        files::make_private_dir(run_root)?;
        let path = run_root.join(name);
        let lock = lock_file(&run_root.join(format!("{name}.lock")))?;
        let text = files::read_if_there(&path)?.unwrap_or_default();
        let boot = boot_id()?;
        let living =
            parse(&String::from_utf8_lossy(&text), &boot).filter(|one| !one.is_gone()).collect();
        Ok(Self { path, boot, living, lock })
    }

    /// Opens the namespace (`user`, `net`) of the first holder that still lives.
    ///
    /// # Errors
    /// What the kernel says, when it does not let this process look into a living holder.
    pub fn namespace(&self, kind: &str) -> Result<Option<File>> {
        for holder in &self.living {
            let path = PathBuf::from(format!("/proc/{}/ns/{kind}", holder.pid));
            match files::open(&path) {
                // Opening does not say whose file it is, if the number was given out again meanwhile.
                Ok(namespace) if holder.is_alive() => return Ok(Some(namespace)),
                // One that is about to end has left its namespaces before it counts as ended (`do_exit` in the kernel).
                Err(error) if error.is_not_found() => {}
                Err(error) if !holder.is_gone() => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Writes this process down as a further holder, drops the dead from the list, and lets go of the lock.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn enlist(self) -> Result<()> {
        let current = ProcessId::current()?;
        let others = self.living.iter().filter(|holder| **holder != current);
        let mut text = format!("{}\n", self.boot);
        for holder in others.chain([&current]) {
            let _infallible = writeln!(text, "{} {}", holder.pid, holder.start);
        }
        // Renamed into place, so that being killed here loses no holder; not synced, because a reboot ends them all.
        let fresh = self.path.with_extension("fresh");
        files::write(&fresh, text)?;
        files::rename(&fresh, &self.path)?;
        self.lock
            .unlock()
            .map_err(|(_, errno)| SysError::new("unlock", self.path.display(), errno))?;
        Ok(())
    }
}

fn lock_file(path: &Path) -> Result<Flock<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    let mut file = files::open_with(path, &options)?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusive) {
            Ok(lock) => return Ok(lock),
            Err((unlocked, Errno::EINTR)) => file = unlocked,
            Err((_, errno)) => return Err(errno).at_path("lock", path),
        }
    }
}

/// Reads the boot's identity and lines of `pid start`; what is of another boot, or not such a line, is nobody.
fn parse<'a>(text: &'a str, boot: &str) -> impl Iterator<Item = ProcessId> + use<'a> {
    let lines =
        text.strip_prefix(boot).and_then(|rest| rest.strip_prefix('\n')).unwrap_or_default();
    lines.lines().filter_map(|line| {
        let (pid, start) = line.split_once(' ')?;
        Some(ProcessId { pid: pid.parse().ok()?, start: start.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_forgotten_and_nobody_is_written_twice() {
        let root = tempfile::tempdir().unwrap();
        let list = root.path().join("net");
        let boot = boot_id().unwrap();
        files::write(&list, format!("{boot}\n1 999999999999\nnonsense\n-5 x\n")).unwrap();
        for _ in 0..2 {
            Holders::lock(root.path(), "net").unwrap().enlist().unwrap();
            let current = ProcessId::current().unwrap();
            let expected = format!("{boot}\n{} {}\n", current.pid, current.start);
            assert_eq!(files::read_text(&list).unwrap(), expected);
        }
    }

    #[test]
    fn who_was_written_down_before_a_reboot_is_nobody() {
        let text = "boot-1\n12 34\n56 78\n";
        assert_eq!(parse(text, "boot-1").count(), 2);
        assert_eq!(parse(text, "boot-2").count(), 0);
        assert_eq!(parse("12 34\n", "boot-1").count(), 0);
    }

    #[test]
    fn a_holder_that_is_just_ending_is_no_obstacle() {
        let root = tempfile::tempdir().unwrap();
        let boot = boot_id().unwrap();
        for _ in 0..300 {
            let mut child = std::process::Command::new("true").spawn().unwrap();
            let holder = ProcessId::of(i32::try_from(child.id()).unwrap()).unwrap();
            let text = format!("{boot}\n{} {}\n", holder.pid, holder.start);
            files::write(&root.path().join("net"), text).unwrap();
            let listed = Holders::lock(root.path(), "net").unwrap();
            while listed.namespace("net").unwrap().is_some() {}
            child.wait().unwrap();
        }
    }

    #[test]
    fn a_living_holder_s_namespace_is_found() {
        let root = tempfile::tempdir().unwrap();
        let empty = Holders::lock(root.path(), "net").unwrap();
        assert!(empty.namespace("net").unwrap().is_none());
        empty.enlist().unwrap();
        let found = Holders::lock(root.path(), "net").unwrap();
        assert!(found.namespace("net").unwrap().is_some());
    }
}
