//! Sockets with a name in the file system (`unix(7)`).

use std::{
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd as _, BorrowedFd, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{AT_FDCWD, OFlag},
    sys::{
        socket::{getsockopt, sockopt::PeerCredentials},
        stat::{FchmodatFlags, Mode, fchmodat},
    },
};

use rustix::{
    io::retry_on_intr,
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
};

use super::{At as _, Result, files};

/// The longest path that fits `sun_path` with its closing zero (`unix(7)`).
const LONGEST_PATH: usize = 107;

/// Listens on a new socket `name` in `dir`, for its owner only (mode 0600); a stale one of that name goes first.
///
/// # Errors
/// What the kernel says, with the path.
pub fn listen(dir: &Path, name: &str) -> Result<UnixListener> {
    let path = dir.join(name);
    files::remove_file(&path)?;
    let near = Near::find(dir, name)?;
    let listener = UnixListener::bind(&near.path).at_path("listen on", &path)?;
    fchmodat(AT_FDCWD, &near.path, Mode::S_IRUSR | Mode::S_IWUSR, FchmodatFlags::FollowSymlink)
        .at_path("change the mode of", &path)?;
    Ok(listener)
}

/// Connects to the socket `name` in `dir`.
///
/// # Errors
/// What the kernel says, with the path.
pub fn connect(dir: &Path, name: &str) -> Result<UnixStream> {
    let near = Near::find(dir, name)?;
    UnixStream::connect(&near.path).at_path("connect to", &dir.join(name))
}

/// Tells which user made the other end (`SO_PEERCRED`), as a number in this user namespace.
///
/// # Errors
/// What the kernel says.
pub fn peer_uid(stream: &UnixStream) -> Result<u32> {
    let credentials = getsockopt(stream, PeerCredentials).at("identify", "the peer of a socket")?;
    Ok(credentials.uid())
}

/// A path that fits a socket address, and the directory that it leads through while it does not by itself.
struct Near {
    path: PathBuf,
    _dir: Option<OwnedFd>,
}

impl Near {
    fn find(dir: &Path, name: &str) -> Result<Self> {
        let path = dir.join(name);
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self { path, _dir: None });
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let opened = nix::fcntl::open(dir, flags, Mode::empty()).at_path("open", dir)?;
        Ok(Self {
            path: PathBuf::from(format!("/proc/self/fd/{}/{name}", opened.as_raw_fd())),
            _dir: Some(opened),
        })
    }
}

/// Connects to the socket at `path`, sends `bytes` together with a descriptor, and closes the connection.
///
/// # Errors
/// What the kernel says, with the path.
pub fn send_with(path: &Path, bytes: &[u8], descriptor: BorrowedFd<'_>) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stream = connect(path.parent().unwrap_or_else(|| Path::new("/")), name)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    let parts = [std::io::IoSlice::new(bytes)];
    let sent = retry_on_intr(|| sendmsg(&stream, &parts, &mut control, SendFlags::NOSIGNAL))
        .at_path("send to", path)?;
    // What did not fit goes after it.
    std::io::Write::write_all(&mut &stream, bytes.get(sent..).unwrap_or_default())
        .at_path("send to", path)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        os::unix::fs::PermissionsExt as _,
    };

    use super::*;

    #[test]
    fn a_path_longer_than_an_address_is_reached_too() {
        let root = tempfile::tempdir().unwrap();
        for dir in [root.path().join("short"), root.path().join("d".repeat(150))] {
            files::make_private_dir(&dir).unwrap();
            drop(listen(&dir, "a.sock").unwrap());
            let listener = listen(&dir, "a.sock").unwrap();
            let mut client = connect(&dir, "a.sock").unwrap();
            let (mut server, _address) = listener.accept().unwrap();
            client.write_all(b"x").unwrap();
            drop(client);
            let mut text = String::new();
            server.read_to_string(&mut text).unwrap();
            assert_eq!(text, "x");
            assert_eq!(peer_uid(&server).unwrap(), nix::unistd::geteuid().as_raw());
            let mode = dir.join("a.sock").metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let error = connect(root.path(), "none").unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}
