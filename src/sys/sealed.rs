//! A program as a file that nobody can write: what a container finds at `/proc/PID/exe` of who made it (CVE-2019-5736).
//!
//! A process that enters a container brings the file it was executed from with it: the container can have `/proc/self/exe` executed, keep
//! that file open and write it once nobody runs it. So who enters is executed from a copy of the mount that the program lies on, read-only
//! and attached nowhere; its bytes are not copied. Once the copy's descriptor is closed the mount belongs to no namespace, and nobody can
//! make it writable again, whatever rights he has (`mount_setattr(2)`, `EINVAL`).

use std::{
    ffi::{CStr, CString, c_void},
    fs::File,
    io,
    os::{
        fd::{FromRawFd as _, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    path::Path,
};

use rustix::fs::{
    AtFlags, CWD, MemfdFlags, SealFlags, StatVfsMountFlags, StatxAttributes, StatxFlags,
    fcntl_add_seals, fcntl_get_seals, fstat, fstatvfs, memfd_create, readlinkat, statx,
};

use super::{
    At as _, Result, SysError, files,
    mount::{Attributes, Mount},
};

/// This program.
const OWN: &str = "/proc/self/exe";

/// The stack of the process that runs an errand, in bytes.
const STACK: usize = 64 << 10;

/// What can be done to a file in memory no more.
const SEALS: SealFlags =
    SealFlags::WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK).union(SealFlags::SEAL);

/// Opens a program to be executed as [`files::name_of`] the descriptor, which is to be closed then.
///
/// # Errors
/// What the kernel says, with the path.
pub fn seal(program: &Path) -> Result<OwnedFd> {
    let file = files::pin(program)?;
    if is_sealed(program)? {
        return Ok(file);
    }
    match Mount::copy_path(program, false) {
        Ok(copy) => {
            copy.restrict(Attributes::MOUNT_ATTR_RDONLY, false)?;
            Ok(copy.into_root())
        }
        // This mount namespace belongs to a user that this process is not root of.
        Err(_) => [libc::CLONE_NEWNS, libc::CLONE_NEWNS | libc::CLONE_NEWUSER]
            .into_iter()
            .find_map(|namespaces| seal_in(namespaces, &file).ok())
            .map_or_else(|| copy(program), Ok),
    }
}

/// Executes this program anew from a sealed file, unless it was executed from one; the same arguments, environment and open files. For the
/// beginning of `main`.
///
/// # Errors
/// What the kernel says.
pub fn become_sealed() -> Result<()> {
    let own = Path::new(OWN);
    if is_sealed(own)? {
        // It was called by its descriptor.
        return nix::sys::prctl::set_name(c"estiba").at("name", "this process");
    }
    let sealed = seal(own)?;
    let arguments: Vec<CString> = std::env::args_os()
        .map(|argument| CString::new(argument.into_vec()))
        .collect::<std::result::Result<_, _>>()
        .at("pass on", "arguments")?;
    let name = super::namespace::c_string(&files::name_of(&sealed))?;
    match nix::unistd::execv(&name, &arguments) {
        Ok(never) => match never {},
        Err(errno) => Err(SysError::new("execute", OWN, errno)),
    }
}

/// Tells whether a file is the root of a mount of its own that refuses writes, or a file in memory that does.
fn is_sealed(program: &Path) -> Result<bool> {
    let file = files::pin(program)?;
    let flags = fstatvfs(&file).at_path("stat the file system of", program)?.f_flag;
    if flags.contains(StatVfsMountFlags::RDONLY) {
        let status = statx(&file, c"", AtFlags::EMPTY_PATH, StatxFlags::empty());
        let status = status.at_path("stat", program)?;
        return Ok(status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT));
    }
    // Files elsewhere have no seals, and some may be executed but not opened.
    let seals = files::open(program).ok().and_then(|file| fcntl_get_seals(&file).ok());
    Ok(seals.is_some_and(|seals| seals.contains(SEALS)))
}

/// Copies a program into memory, where nothing else is allowed.
fn copy(program: &Path) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Before Linux 6.3 every such file can be executed, and this flag is not known.
    let file = memfd_create("estiba", flags | MemfdFlags::EXEC)
        .or_else(|_unknown| memfd_create("estiba", flags))
        .at("make", "a file in memory")?;
    let mut file = File::from(file);
    io::copy(&mut files::open(program)?, &mut file).at_path("copy", program)?;
    fcntl_add_seals(&file, SEALS).at_path("seal a copy of", program)?;
    Ok(file.into())
}

/// What a process is sent into a mount namespace of its own for.
struct Errand<'a> {
    /// Where the program lies.
    place: &'a CStr,
    /// By what it is known again, should something else lie there now: device and number.
    identity: (u64, u64),
    /// The descriptor it came back with, or -1.
    found: i32,
}

/// Seals a program from within new namespaces, which end at once. What is open here belongs to no mount of theirs, so it is looked for by its path.
fn seal_in(namespaces: i32, program: &OwnedFd) -> Result<OwnedFd> {
    let place = readlinkat(CWD, files::name_of(program), Vec::new()).at("find", OWN)?;
    let status = fstat(program).at("stat", OWN)?;
    let identity = (status.st_dev, status.st_ino);
    let mut errand = Errand { place: &place, identity, found: -1 };
    // Aligned as the processor wants it (System V ABI).
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let top = stack.as_mut_ptr_range().end.cast::<c_void>();
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES | namespaces;
    let given = std::ptr::from_mut(&mut errand).cast::<c_void>();
    // SAFETY: this thread stands still (CLONE_VFORK) until the other has ended, so stack and errand outlive it; it makes system calls only.
    let pid = unsafe { libc::clone(run_errand, top, flags, given) };
    if pid < 0 {
        return Err(SysError::last("clone into", "new namespaces"));
    }
    // SAFETY: no status is asked for. It sends no signal at its end, which is why nobody else in this process waits for it.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL) };
    if errand.found < 0 {
        let place = place.to_string_lossy();
        return Err(SysError::new("copy the mount of", place, nix::Error::EPERM));
    }
    // SAFETY: the errand has just opened it, in the table of descriptors that it shared (CLONE_FILES), for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(errand.found) })
}

/// Runs an errand. It shares memory with a program of many threads: nothing here may take a lock or memory.
extern "C" fn run_errand(given: *mut c_void) -> libc::c_int {
    // SAFETY: it is the errand of `seal_in`, which waits.
    let errand = unsafe { &mut *given.cast::<Errand<'_>>() };
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: the path ends with a zero and lives as long as the call.
    let opened =
        unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, errand.place.as_ptr(), flags) };
    let request = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path is empty and static, the request is a living structure of the size given.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            opened,
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            std::ptr::from_ref(&request),
            size_of::<libc::mount_attr>(),
        )
    };
    let Ok(opened) = i32::try_from(opened) else { return 1 };
    let mut status = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the kernel fills a structure that outlives the call.
    let is_there = unsafe { libc::fstat(opened, status.as_mut_ptr()) } == 0;
    // SAFETY: all zeros is a valid structure, and the kernel may have filled it.
    let status = unsafe { status.assume_init() };
    if answer == 0 && is_there && (status.st_dev, status.st_ino) == errand.identity {
        errand.found = opened;
        return 0;
    }
    // SAFETY: the descriptor was opened above, for nobody else. The table is shared, so it would stay.
    unsafe { libc::close(opened) };
    1
}
#[cfg(test)]
mod tests {
    use super::*;

    /// Seals by each way that this user has.
    fn in_each_way(program: &Path) -> Vec<OwnedFd> {
        let file = files::pin(program).unwrap();
        let ways = [
            seal(program),
            copy(program),
            seal_in(libc::CLONE_NEWNS, &file),
            seal_in(libc::CLONE_NEWNS | libc::CLONE_NEWUSER, &file),
        ];
        let ways: Vec<OwnedFd> = ways.into_iter().filter_map(Result::ok).collect();
        if ways.len() == 2 {
            eprintln!("skipped: this user may make no mount namespace");
        }
        assert!(ways.len() > 1);
        ways
    }

    #[test]
    fn a_sealed_program_runs_and_cannot_be_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!is_sealed(file.path()).unwrap());
        for sealed in in_each_way(file.path()) {
            let name = files::name_of(&sealed);
            let name = Path::new(&name);
            assert!(is_sealed(name).unwrap());
            let mut options = std::fs::OpenOptions::new();
            let written = files::open_with(name, options.append(true))
                .and_then(|mut file| io::Write::write_all(&mut file, b"x").at_path("write", name));
            let errno = written.unwrap_err().errno();
            assert!(matches!(errno, Some(libc::EROFS | libc::EPERM)), "{errno:?}");
            // One that is sealed needs no further seal.
            seal(name).unwrap();
        }
        for sealed in in_each_way(Path::new("/bin/true")) {
            let mut command = std::process::Command::new(files::name_of(&sealed));
            assert!(command.status().unwrap().success());
        }
        assert!(seal(Path::new("/absent")).unwrap_err().is_not_found());
    }
}
