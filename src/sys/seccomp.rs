//! Loading a system call filter (`seccomp(2)`).

use std::os::fd::{FromRawFd as _, OwnedFd};

use super::{Result, SysError};

/// Loads a filter for this thread and all that comes of it, with `flags` (`SECCOMP_FILTER_FLAG_…`); gives the descriptor at which calls wait if `SECCOMP_FILTER_FLAG_NEW_LISTENER` is among them. Classic BPF instructions of eight bytes each, in this machine's byte order. Without
/// `no_new_privs` it needs `CAP_SYS_ADMIN`.
///
/// # Errors
/// What the kernel says; invalid argument when it is no valid filter.
pub fn load(instructions: &[u8], flags: u64) -> Result<Option<OwnedFd>> {
    let filter: Vec<libc::sock_filter> = instructions
        .as_chunks::<8>()
        .0
        .iter()
        .map(|&[c0, c1, jt, jf, k0, k1, k2, k3]| libc::sock_filter {
            code: u16::from_ne_bytes([c0, c1]),
            jt,
            jf,
            k: u32::from_ne_bytes([k0, k1, k2, k3]),
        })
        .collect();
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap_or(u16::MAX),
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the program points to `len` living instructions, which the kernel copies and does not change.
    let answer = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    let is_listening = flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER != 0;
    match i32::try_from(answer) {
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(number @ 0..) if is_listening => Ok(Some(unsafe { OwnedFd::from_raw_fd(number) })),
        Ok(0) => Ok(None),
        _ => Err(SysError::last("load", "the system call filter")),
    }
}
