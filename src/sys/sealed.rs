//! A program as a file that nobody can write: what a container finds at `/proc/PID/exe` of who made it (CVE-2019-5736).
//!
//! A process that enters a container brings the file it was executed from with it: the container can have `/proc/self/exe` executed, keep
//! that file open and write it once nobody runs it. So who enters is executed from a copy of the mount that the program lies on, read-only
//! and attached nowhere; its bytes are not copied. Once the copy's descriptor is closed the mount belongs to no namespace, and nobody can
//! make it writable again, whatever rights he has (`mount_setattr(2)`, `EINVAL`).

use std::{
    ffi::{CStr, CString, c_void},
    os::{
        fd::{AsFd, FromRawFd as _, OwnedFd},
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::Path,
};

use rustix::fs::{AtFlags, StatVfsMountFlags, StatxAttributes, StatxFlags, fstatvfs, statx};

use super::{
    At as _, Result, SysError, files,
    mount::{Attributes, Mount},
};

/// This program.
const OWN: &str = "/proc/self/exe";

/// The stack of the process that runs an errand, in bytes.
const STACK: usize = 64 << 10;

/// Opens a program to be executed as [`files::name_of`] the descriptor, which is to be closed then.
///
/// # Errors
/// What the kernel says, with the path.
pub fn seal(program: &Path) -> Result<OwnedFd> {
    let file = files::pin(program)?;
    if is_sealed(&file)? {
        return Ok(file);
    }
    match Mount::copy_path(program, false) {
        Ok(copy) => {
            copy.restrict(Attributes::MOUNT_ATTR_RDONLY, false)?;
            Ok(copy.into_root())
        }
        Err(error) if error.errno() == Some(libc::EPERM) => {
            [libc::CLONE_NEWNS, libc::CLONE_NEWNS | libc::CLONE_NEWUSER]
                .into_iter()
                .find_map(|namespaces| seal_in(namespaces, program).ok())
                .ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// Executes this program anew from a sealed file, unless it was executed from one; the same arguments, environment and open files. For the
/// beginning of `main`.
///
/// # Errors
/// What the kernel says.
pub fn become_sealed() -> Result<()> {
    let own = Path::new(OWN);
    if is_sealed(files::pin(own)?)? {
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

/// Tells whether an open file is the root of a mount of its own that refuses writes.
fn is_sealed(file: impl AsFd) -> Result<bool> {
    let has_flag = fstatvfs(&file).at("stat the file system of", OWN)?.f_flag;
    if !has_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(false);
    }
    let status = statx(&file, c"", AtFlags::EMPTY_PATH, StatxFlags::empty()).at("stat", OWN)?;
    Ok(status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// What a process is sent into a mount namespace of its own for, because this one's belongs to a user that this process is not root of.
struct Errand<'a> {
    program: &'a CStr,
    /// The descriptor it came back with, or -1.
    found: i32,
}

/// Seals a program from within new namespaces, which end at once.
fn seal_in(namespaces: i32, program: &Path) -> Result<OwnedFd> {
    let path = CString::new(program.as_os_str().as_bytes()).at_path("open", program)?;
    let mut errand = Errand { program: &path, found: -1 };
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
        return Err(SysError::new("copy the mount of", program.display(), nix::Error::EPERM));
    }
    // SAFETY: the errand has just opened it, in the table of descriptors that it shared (CLONE_FILES), for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(errand.found) })
}

extern "C" fn run_errand(given: *mut c_void) -> libc::c_int {
    // SAFETY: it is the errand of `seal_in`, which waits.
    let errand = unsafe { &mut *given.cast::<Errand<'_>>() };
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: the path ends with a zero and lives as long as the call.
    let opened = unsafe {
        libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, errand.program.as_ptr(), flags)
    };
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
    match i32::try_from(opened) {
        Ok(opened) if answer == 0 => errand.found = opened,
        // Whatever was opened goes with this process's own table only if it is closed here: the table is shared.
        // SAFETY: the number is that of the descriptor just opened, or none.
        Ok(opened) => drop(unsafe { libc::close(opened) }),
        Err(_) => {}
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seals by each way that this user has.
    fn in_each_way(program: &Path) -> Vec<OwnedFd> {
        let ways = [
            seal(program),
            seal_in(libc::CLONE_NEWNS, program),
            seal_in(libc::CLONE_NEWNS | libc::CLONE_NEWUSER, program),
        ];
        let ways: Vec<OwnedFd> = ways.into_iter().filter_map(Result::ok).collect();
        if ways.is_empty() {
            eprintln!("skipped: this user may make no mount namespace");
        }
        ways
    }

    #[test]
    fn a_sealed_program_runs_and_cannot_be_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!is_sealed(&file).unwrap());
        for sealed in in_each_way(file.path()) {
            assert!(is_sealed(&sealed).unwrap());
            let mut options = std::fs::OpenOptions::new();
            let opened = files::open_with(files::name_of(&sealed).as_ref(), options.append(true));
            assert_eq!(opened.unwrap_err().errno(), Some(libc::EROFS));
            // One that is sealed needs no further seal.
            assert!(is_sealed(seal(Path::new(&files::name_of(&sealed))).unwrap()).unwrap());
        }
        for sealed in in_each_way(Path::new("/bin/true")) {
            let mut command = std::process::Command::new(files::name_of(&sealed));
            assert!(command.status().unwrap().success());
        }
        assert!(seal(Path::new("/absent")).unwrap_err().is_not_found());
    }
}
