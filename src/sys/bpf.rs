//! Programs that the kernel asks whether a control group may use a device (`bpf(2)`, `BPF_PROG_TYPE_CGROUP_DEVICE`).

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use super::{Result, SysError};

/// Commands (`linux/bpf.h`).
const LOAD: libc::c_int = 5;
const ATTACH: libc::c_int = 8;
const DETACH: libc::c_int = 9;
const BY_ID: libc::c_int = 13;
const QUERY: libc::c_int = 16;

/// The kind of program and the place where it is asked.
const CGROUP_DEVICE_PROGRAM: u32 = 15;
const CGROUP_DEVICE: u32 = 6;

/// Several programs at one group: all must allow.
const ALLOW_MULTI: u32 = 2;

/// The most programs of a group that are replaced.
const MOST: usize = 64;

/// The beginning of `union bpf_attr`, as each command reads it; what follows is zero.
#[repr(C)]
#[derive(Default)]
struct LoadRequest {
    program_type: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

#[repr(C)]
#[derive(Default)]
struct AttachRequest {
    target: u32,
    program: u32,
    place: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct QueryRequest {
    target: u32,
    place: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
}

/// A program of the kernel's.
#[derive(Debug)]
pub struct Program(OwnedFd);

impl Program {
    /// Has the kernel check and compile instructions of eight bytes each.
    ///
    /// # Errors
    /// What the kernel says; not permitted without `CAP_BPF` and `CAP_NET_ADMIN`.
    pub fn load(instructions: &[[u8; 8]]) -> Result<Self> {
        let license = c"Apache-2.0";
        let request = LoadRequest {
            program_type: CGROUP_DEVICE_PROGRAM,
            count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
            instructions: instructions.as_ptr() as u64,
            license: license.as_ptr() as u64,
            ..LoadRequest::default()
        };
        // SAFETY: instructions and licence live until the call is over.
        match unsafe { bpf(LOAD, &raw const request) } {
            // SAFETY: the kernel has just made this descriptor for us.
            Some(descriptor) => Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) })),
            None => Err(SysError::last("load", "a program for devices")),
        }
    }

    /// Asks it whenever a process of the control group (version 2) uses a device, instead of all that were asked before.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn replace_at(&self, group: impl AsFd) -> Result<()> {
        let group = group.as_fd();
        let before = attached(group)?;
        let request = |program: BorrowedFd<'_>, flags| AttachRequest {
            target: number(group),
            program: number(program),
            place: CGROUP_DEVICE,
            flags,
        };
        let attach = request(self.0.as_fd(), ALLOW_MULTI);
        // SAFETY: the request holds numbers only.
        if unsafe { bpf(ATTACH, &raw const attach) }.is_none() {
            return Err(SysError::last("attach", "a program for devices"));
        }
        for old in before {
            let detach = request(old.as_fd(), 0);
            // SAFETY: the request holds numbers only.
            if unsafe { bpf(DETACH, &raw const detach) }.is_none() {
                return Err(SysError::last("detach", "the old program for devices"));
            }
        }
        Ok(())
    }
}

/// Gives the programs that a group has.
fn attached(group: BorrowedFd<'_>) -> Result<Vec<OwnedFd>> {
    let mut ids = [0_u32; MOST];
    let mut request = QueryRequest {
        target: number(group),
        place: CGROUP_DEVICE,
        ids: ids.as_mut_ptr() as u64,
        count: u32::try_from(MOST).unwrap_or(u32::MAX),
        ..QueryRequest::default()
    };
    // SAFETY: the kernel writes at most `count` numbers into `ids`, and the count into the request; both live.
    if unsafe { bpf(QUERY, &raw mut request) }.is_none() {
        return Err(SysError::last("list", "the programs for devices"));
    }
    let count = usize::try_from(request.count).unwrap_or(MOST);
    let open = |&id: &u32| {
        let request = [id, 0, 0];
        // SAFETY: the request is one number, padded with zeros.
        match unsafe { bpf(BY_ID, &raw const request) } {
            // SAFETY: the kernel has just made this descriptor for us.
            Some(descriptor) => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
            None => Err(SysError::last("open", "a program for devices")),
        }
    };
    ids.iter().take(count).map(open).collect()
}

fn number(descriptor: BorrowedFd<'_>) -> u32 {
    descriptor.as_raw_fd().cast_unsigned()
}

/// Calls the kernel; `None` when it refuses, which `errno` explains.
///
/// # Safety
/// Every pointer in the request must be valid for what the command does with it.
unsafe fn bpf<T>(command: libc::c_int, request: *const T) -> Option<libc::c_int> {
    // SAFETY: the caller's promise, and the size is that of the request.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, request, size_of::<T>()) };
    libc::c_int::try_from(answer).ok().filter(|&answer| answer >= 0)
}
