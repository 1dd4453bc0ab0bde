//! Copying from a place in one tree to a place in another, by the rules of `docker cp`.

use std::{
    ffi::{CStr, CString},
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    fs::{FileType, Mode, OFlags, openat},
    io::Errno,
};

use super::{DEEPEST, Manner, Rules, copy_entry, copy_file, copy_into, make_directory};
use crate::sys::{
    At as _, Result, SysError,
    root::{self, Links, Root},
};

/// A path in a tree.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The tree.
    pub root: &'a Root,
    /// The path, absolute in it.
    pub path: &'a str,
}

impl Place<'_> {
    /// Splits the path into a directory and a name; no name where it ends in `.`, `..` or nothing.
    fn split(&self) -> (&str, Option<&str>) {
        let path = self.path.trim_end_matches('/');
        match path.rsplit_once('/') {
            Some((above, name)) if !matches!(name, "" | "." | "..") => {
                (if above.is_empty() { "/" } else { above }, Some(name))
            }
            _ => (self.path, None),
        }
    }

    /// Tells whether only a directory can be meant.
    fn wants_directory(&self) -> bool {
        self.path.ends_with('/') || self.split().1.is_none()
    }

    fn directory(&self, path: &str) -> Result<OwnedFd> {
        self.root.open(path, OFlags::RDONLY | OFlags::DIRECTORY, Links::Follow)
    }

    fn refuse(&self, errno: Errno) -> SysError {
        SysError::new("copy to", self.path, io::Error::from(errno))
    }
}

/// What is copied, open.
enum Source {
    Directory(OwnedFd),
    File(OwnedFd),
    /// A link, or something else without bytes, under a name.
    Entry(OwnedFd, CString),
}

/// Copies `from` to `to`: into it if it is a directory, else in its place. A directory whose path ends in `/.` is copied without itself.
///
/// # Errors
/// What the kernel says, with the path; is-a-directory for a directory over a file.
pub fn between(from: Place<'_>, to: Place<'_>, manner: Manner) -> Result<()> {
    let rules = Rules { keeps_owners: manner.keeps_owners, merges: true, keeps_directories: false };
    let (above, name) = from.split();
    let source = open_source(from, above, name, manner)?;
    let existing = match to.root.pin(to.path, Links::Follow) {
        Ok(found) => Some(root::kind(&found)? == FileType::Directory),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    match (source, existing) {
        (Source::Directory(_), Some(false)) => Err(to.refuse(Errno::NOTDIR)),
        (Source::Directory(source), Some(true)) => {
            let target = to.directory(to.path)?;
            let Some(name) = name else {
                return copy_into(source.as_fd(), target.as_fd(), DEEPEST, rules);
            };
            let inner = make_directory((target.as_fd(), &text(name)?), rules)?;
            copy_into(source.as_fd(), inner.as_fd(), DEEPEST, rules)
        }
        (Source::Directory(source), None) => {
            let (above, name) = to.split();
            let name = name.ok_or_else(|| to.refuse(Errno::NOENT))?;
            let target = to.directory(above)?;
            let inner = make_directory((target.as_fd(), &text(name)?), rules)?;
            copy_into(source.as_fd(), inner.as_fd(), DEEPEST, rules)
        }
        (_, None) if to.wants_directory() => Err(to.refuse(Errno::NOENT)),
        (source, existing) => {
            let is_directory = existing == Some(true);
            let (above, own) = if is_directory { (to.path, None) } else { to.split() };
            let target = to.directory(above)?;
            let name = own.or(name).ok_or_else(|| to.refuse(Errno::ISDIR))?;
            copy_one(source, (&target, &text(name)?), rules)
        }
    }
}

fn copy_one(source: Source, (target, name): (&OwnedFd, &CStr), rules: Rules) -> Result<()> {
    let target = (target.as_fd(), name);
    match source {
        Source::File(file) => copy_file(file, target, rules),
        Source::Entry(directory, entry) => {
            copy_entry((directory.as_fd(), &entry), target, DEEPEST, rules)
        }
        Source::Directory(directory) => {
            let inner = make_directory(target, rules)?;
            copy_into(directory.as_fd(), inner.as_fd(), DEEPEST, rules)
        }
    }
}

/// Opens what is copied; what it is, is told by what was opened, not by a look before.
fn open_source(from: Place<'_>, above: &str, name: Option<&str>, manner: Manner) -> Result<Source> {
    let Some(name) = name else {
        return from.directory(from.path).map(Source::Directory);
    };
    let follows = manner.follows_link || from.path.ends_with('/');
    let file = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let (directory, entry) = (from.directory(above)?, text(name)?);
    let opened = if follows {
        from.root.open(from.path, file, Links::Follow)
    } else {
        let flags = file | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&directory, &*entry, flags, Mode::empty()) {
            // A link, or a socket.
            Err(Errno::LOOP | Errno::NXIO) => return Ok(Source::Entry(directory, entry)),
            other => other.at("open", from.path),
        }
    }?;
    match root::kind(&opened)? {
        FileType::Directory => Ok(Source::Directory(opened)),
        FileType::RegularFile => Ok(Source::File(opened)),
        _ => Ok(Source::Entry(directory, entry)),
    }
}

fn text(name: &str) -> Result<CString> {
    crate::sys::namespace::c_string(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::files;

    fn tree(folder: &tempfile::TempDir, name: &str) -> Root {
        let path = folder.path().join(name);
        files::make_dir(&path).unwrap();
        Root::new(files::pin(&path).unwrap())
    }

    #[test]
    fn places_are_copied_by_the_rules_of_docker() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (from, to) = (tree(&folder, "from"), tree(&folder, "to"));
        files::make_dir(&path("from/d/e")).unwrap();
        files::make_dir(&path("to/there")).unwrap();
        for (name, text) in [("from/f", "f"), ("from/d/g", "g"), ("to/old", "old")] {
            files::write(&path(name), text).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", path("from/link")).unwrap();
        std::os::unix::fs::symlink("/..", path("to/up")).unwrap();
        let manner = Manner { keeps_owners: false, follows_link: false };
        let copy = |source: &str, target: &str| {
            between(Place { root: &from, path: source }, Place { root: &to, path: target }, manner)
        };
        for (source, target, made, text) in [
            ("/f", "/there", "to/there/f", "f"),
            ("/f", "/there/", "to/there/f", "f"),
            ("/f", "/new", "to/new", "f"),
            ("/f", "/old", "to/old", "f"),
            ("/d", "/there", "to/there/d/g", "g"),
            ("/d", "/made", "to/made/g", "g"),
            ("/d/.", "/there", "to/there/g", "g"),
            ("/../../d/g", "/h", "to/h", "g"),
            // A link of the target's tree leads to places of that tree.
            ("/f", "/up", "to/f", "f"),
        ] {
            copy(source, target).unwrap_or_else(|error| panic!("{source} {target}: {error}"));
            assert_eq!(files::read_text(&path(made)).unwrap(), text, "{source} {target}");
        }
        copy("/link", "/there").unwrap();
        assert!(files::is_link(&path("to/there/link")));
        for (source, target) in [
            ("/f", "/absent/"),
            ("/f", "/absent/x"),
            ("/d", "/old"),
            ("/absent", "/x"),
            ("/f/", "/x"),
        ] {
            assert!(copy(source, target).is_err(), "{source} {target}");
        }
    }
}
