//! Pseudoterminals of a devpts of one's own (`pty(7)`).

use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};

use rustix::fs::OFlags;

use super::{
    At as _, Result, SysError,
    root::{self, Links, Root},
};

/// What `statfs(2)` says of a devpts.
const DEVPTS_SUPER_MAGIC: u32 = 0x1cd1;

/// Both sides of a terminal.
#[derive(Debug)]
pub struct Terminal {
    /// What types and shows.
    pub master: OwnedFd,
    /// What programs run on.
    pub slave: OwnedFd,
}

impl Terminal {
    /// Makes one in the devpts at `/dev/pts` of a root, after making sure that it is one (CVE-2025-52565).
    ///
    /// # Errors
    /// What the kernel says, or that something else is there.
    pub fn open(in_root: &Root) -> Result<Self> {
        let path = "/dev/pts/ptmx";
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let master = in_root.open(path, flags, Links::Refuse)?;
        root::check_device(&master, path, 5, 2)?;
        if !root::is_on(&master, DEVPTS_SUPER_MAGIC)? {
            let reason = std::io::Error::other("it is not in a devpts file system");
            return Err(SysError::new("use", path, reason));
        }
        let unlocked: libc::c_int = 0;
        // SAFETY: TIOCSPTLCK reads one int, which lives.
        match unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) } {
            0 => {}
            _ => return Err(SysError::last("unlock", "a terminal")),
        }
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        // SAFETY: TIOCGPTPEER takes open flags by value and gives a descriptor.
        let slave = match unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) } {
            -1 => return Err(SysError::last("open the other side of", "a terminal")),
            // SAFETY: the kernel has just made it for us.
            number => unsafe { OwnedFd::from_raw_fd(number) },
        };
        Ok(Self { master, slave })
    }
}

/// Makes a terminal the controlling one of this session.
///
/// # Errors
/// What the kernel says.
pub fn control(terminal: impl AsFd) -> Result<()> {
    rustix::process::ioctl_tiocsctty(terminal).at("take control of", "a terminal")
}
