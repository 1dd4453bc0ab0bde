//! The user namespace that an ordinary user's processes share.

use std::{
    fs::{self, File, Permissions},
    io::{Read as _, Write as _},
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
};

use estiba::sys::userns;
use nix::{
    fcntl::OFlag,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::signal::kill,
    unistd::{Gid, Pid, Uid, pipe2, setgroups, setresgid, setresuid},
};
use tempfile::TempDir;

use crate::isolated::{alone, finish, forked, namespace_of, start};

/// The user and group `nobody`, as whom root runs these tests.
const NOBODY: u32 = 65534;

/// Makes a directory that an ordinary user owns.
fn run_root() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    if Uid::effective().is_root() {
        chown(root.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    root
}

/// Makes this process an ordinary user's, and tells whether such a one may make user namespaces here.
fn become_ordinary() -> bool {
    if Uid::effective().is_root() {
        let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        setgroups(&[]).unwrap();
        setresgid(gid, gid, gid).unwrap();
        setresuid(uid, uid, uid).unwrap();
    }
    let may = forked(|| unshare(CloneFlags::CLONE_NEWUSER).unwrap()) == 0;
    if !may {
        println!("skipped: an ordinary user may not make user namespaces here");
    }
    may
}

/// A process that is in the namespace until it is dropped.
struct Holder {
    child: Pid,
    bell: File,
    namespace: String,
}

impl Holder {
    fn new(root: &Path) -> Self {
        let (hears, bell) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let (reads, tells) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut ends = Some((bell, reads));
        let child = start(|| {
            drop(ends.take());
            userns::enter(root).unwrap();
            let mut tells = File::from(tells);
            tells.write_all(own_namespace().as_bytes()).unwrap();
            drop(tells);
            // Holders made later have a copy of the other end, so closing it would not be heard.
            File::from(hears).read_exact(&mut [0]).unwrap();
        });
        let (bell, reads) = ends.unwrap();
        let mut namespace = String::new();
        File::from(reads).read_to_string(&mut namespace).unwrap();
        Self { child, bell: File::from(bell), namespace }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.bell.write_all(b"!").unwrap();
        assert_eq!(finish(self.child), 0);
    }
}

fn own_namespace() -> String {
    namespace_of("self", "user")
}

#[test]
fn an_ordinary_user_is_root_inside() {
    alone("userns::an_ordinary_user_is_root_inside", || {
        let root = run_root();
        if !become_ordinary() {
            return;
        }
        let before = own_namespace();
        // A directory that is not there yet is made, for its owner only.
        let deeper = root.path().join("run");
        let ids = userns::enter(&deeper).unwrap();
        assert!(ids >= 1);
        assert_ne!(own_namespace(), before);
        assert_eq!((Uid::effective().as_raw(), Gid::effective().as_raw()), (0, 0));
        let mode = fs::metadata(&deeper).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        // Its own files in /proc stay its own, and it may do what root may.
        fs::write("/proc/self/comm", "visible").unwrap();
        assert!(fs::read_dir("/proc/self/fd").unwrap().count() > 0);
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).unwrap();
    });
}

#[test]
fn all_are_in_one_namespace_whoever_ends() {
    alone("userns::all_are_in_one_namespace_whoever_ends", || {
        let root = run_root();
        if !become_ordinary() {
            return;
        }
        let first = Holder::new(root.path());
        let second = Holder::new(root.path());
        assert_eq!(first.namespace, second.namespace);
        assert_ne!(first.namespace, own_namespace());
        drop(first);
        let third = Holder::new(root.path());
        assert_eq!(second.namespace, third.namespace);
        drop(second);
        // Whoever is in may signal the others, whatever users their programs run as.
        let fourth = forked(|| {
            userns::enter(root.path()).unwrap();
            kill(third.child, None).unwrap();
        });
        assert_eq!(fourth, 0);
        drop(third);
        // All have ended; the next begins anew.
        let fifth = Holder::new(root.path());
        assert_ne!(fifth.namespace, own_namespace());
    });
}

#[test]
fn who_was_born_inside_holds_it_too() {
    alone("userns::who_was_born_inside_holds_it_too", || {
        let root = run_root();
        if !become_ordinary() {
            return;
        }
        let (hears, bell) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let (reads, tells) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut ends = Some((bell, reads));
        let starter = start(|| {
            drop(ends.take());
            userns::enter(root.path()).unwrap();
            start(|| {
                userns::enlist(root.path()).unwrap();
                let mut tells = File::from(tells);
                tells.write_all(own_namespace().as_bytes()).unwrap();
                drop(tells);
                File::from(hears).read_to_end(&mut Vec::new()).unwrap();
            });
        });
        assert_eq!(finish(starter), 0);
        let (bell, reads) = ends.unwrap();
        let mut monitor = String::new();
        File::from(reads).read_to_string(&mut monitor).unwrap();
        assert_eq!(Holder::new(root.path()).namespace, monitor);
        drop(bell);
    });
}

#[test]
fn many_at_once_meet_in_one() {
    alone("userns::many_at_once_meet_in_one", || {
        let root = run_root();
        if !become_ordinary() {
            return;
        }
        let (hears, bell) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let (reads, tells) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut ends = Some((bell, reads));
        let children: Vec<Pid> = (0..12)
            .map(|_| {
                start(|| {
                    drop(ends.take());
                    userns::enter(root.path()).unwrap();
                    let mut told = File::from(tells.try_clone().unwrap());
                    // In one piece: all write into one pipe.
                    told.write_all(format!("{}\n", own_namespace()).as_bytes()).unwrap();
                    drop(told);
                    File::from(hears.try_clone().unwrap()).read_to_end(&mut Vec::new()).unwrap();
                })
            })
            .collect();
        let (bell, reads) = ends.unwrap();
        let mut reads = File::from(reads);
        let mut said = String::new();
        while said.lines().count() < children.len() || !said.ends_with('\n') {
            let mut bytes = [0; 1024];
            let length = reads.read(&mut bytes).unwrap();
            said.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        }
        let mut namespaces: Vec<&str> = said.lines().collect();
        namespaces.dedup();
        assert_eq!(namespaces.len(), 1, "{namespaces:?}");
        drop(bell);
        for child in children {
            assert_eq!(finish(child), 0);
        }
    });
}

#[test]
fn subordinate_ids_are_mapped_where_there_are_any() {
    alone("userns::subordinate_ids_are_mapped_where_there_are_any", || {
        let has_programs = ["newuidmap", "newgidmap"]
            .iter()
            .all(|program| Path::new("/usr/bin").join(program).exists());
        if !Uid::effective().is_root() || !has_programs {
            println!("skipped: needs root, newuidmap and newgidmap");
            return;
        }
        let root = run_root();
        let files = tempfile::tempdir().unwrap();
        fs::set_permissions(files.path(), Permissions::from_mode(0o755)).unwrap();
        if let Err(refused) = show_ranges(files.path(), &format!("{NOBODY}:100000:65536\n")) {
            println!("skipped: /etc cannot be covered: {refused}");
            return;
        }
        if !become_ordinary() {
            return;
        }
        assert_eq!(userns::enter(root.path()).unwrap(), 65537);
        let owned = root.path().join("owned");
        fs::write(&owned, "").unwrap();
        chown(&owned, Some(1000), Some(65536)).unwrap();
        // Groups can be given up, as each container's first process does.
        setgroups(&[Gid::from_raw(7)]).unwrap();
    });
}

/// Puts files with these ranges over `/etc/subuid` and `/etc/subgid`, for this process alone.
fn show_ranges(files: &Path, ranges: &str) -> nix::Result<()> {
    const NOTHING: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NOTHING, "/", NOTHING, private, NOTHING)?;
    for name in ["subuid", "subgid"] {
        let file = files.join(name);
        fs::write(&file, ranges).unwrap();
        let target = Path::new("/etc").join(name);
        mount(Some(&file), &target, NOTHING, MsFlags::MS_BIND, NOTHING)?;
    }
    Ok(())
}
