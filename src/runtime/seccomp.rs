//! The system call filter: what a container may ask of the kernel (`seccomp(2)`).
//!
//! `assets/seccomp.json` says which calls are allowed always, which for some arguments, which with a capability, and which not even then. Every
//! other call that this machine has fails with `EPERM`; a call that is newer than this list, or of an architecture that it is not for (x32), with
//! `ENOSYS`, so that programs fall back to what they did before it existed. 32-bit programs of x86 have the same profile with their own numbers.
//!
//! What the profiles of Docker and Podman do not both allow, it does not allow; but for calls that are newer than Podman's. As with theirs, `socketcall(2)`
//! of 32-bit programs, whose arguments a filter cannot see, makes sockets of every family.

mod architecture;
mod compile;
mod condition;
mod spec;

use std::{
    collections::BTreeMap,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use self::compile::compile;
use crate::sys::{Result, SysError, files, socket};

/// The default profile.
const DEFAULT: &str = include_str!("../../assets/seccomp.json");

/// Part of each cache key: to be raised when the same profile compiles to other instructions.
const COMPILER: &str = "2";

/// The length of the checksum before the instructions in a cache file.
const CHECKSUM: usize = 32;

/// A compiled filter, ready for `seccomp(2)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    instructions: Vec<u8>,
    /// `SECCOMP_FILTER_FLAG_…`.
    flags: u64,
    listener: Option<Listener>,
}

/// Who decides about calls that the filter hands on (config-linux.md, "The Container Process State").
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listener {
    path: PathBuf,
    metadata: String,
    state: serde_json::Value,
}

impl Program {
    /// Gives the default profile (`assets/seccomp.json`) for `capabilities` (names like `CAP_SYS_ADMIN`), compiled once and kept in `cache`.
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn default_for(capabilities: &[String], cache: &Path) -> Result<Self> {
        let path = cache.join(format!("seccomp-{}", key(capabilities)));
        let cached = files::read_if_there(&path)?;
        if let Some(program) = cached.as_deref().and_then(Self::from_cache) {
            return Ok(program);
        }
        let profile: Profile = serde_json::from_str(DEFAULT)
            .map_err(|error| SysError::new("read", "assets/seccomp.json", error))?;
        let program = Self::plain(compile(&profile, capabilities));
        files::make_private_dir(cache)?;
        // A name of this process's own; not synchronised, because the checksum finds what a power cut has spoilt.
        let fresh = cache.join(format!("seccomp-{}", std::process::id()));
        files::write(&fresh, program.to_cache())?;
        files::rename(&fresh, &path)?;
        Ok(program)
    }

    /// Gives the instructions.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.instructions
    }

    /// Tells whether somebody is to decide about calls.
    pub(super) const fn has_listener(&self) -> bool {
        self.listener.is_some()
    }

    /// Gives the flags to load it with.
    pub(super) const fn load_flags(&self) -> u64 {
        match self.listener {
            Some(_) => self.flags | libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            None => self.flags,
        }
    }

    /// Hands the descriptor at which calls of process `pid` wait to whom the spec names.
    pub(super) fn deliver(&self, descriptor: BorrowedFd<'_>, pid: i32) -> Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        let mut state = listener.state.clone();
        if let Some(state) = state.as_object_mut() {
            state.insert("pid".to_owned(), pid.into());
        }
        let version = state.get("ociVersion").cloned().unwrap_or_else(|| "1.2.0".into());
        let message = serde_json::json!({
            "ociVersion": version,
            "fds": ["seccompFd"],
            "pid": pid,
            "metadata": listener.metadata,
            "state": state,
        });
        socket::send_with(&listener.path, message.to_string().as_bytes(), descriptor)
    }

    const fn plain(instructions: Vec<u8>) -> Self {
        Self { instructions, flags: 0, listener: None }
    }

    fn to_cache(&self) -> Vec<u8> {
        [Sha256::digest(&self.instructions).as_slice(), &self.instructions].concat()
    }

    /// Takes what a cache file holds, if it is whole.
    fn from_cache(bytes: &[u8]) -> Option<Self> {
        let (checksum, instructions) = bytes.split_at_checked(CHECKSUM)?;
        let is_whole =
            !instructions.is_empty() && Sha256::digest(instructions).as_slice() == checksum;
        is_whole.then(|| Self::plain(instructions.to_vec()))
    }
}

/// Names what a program was compiled from.
fn key(capabilities: &[String]) -> String {
    let mut names: Vec<&str> = capabilities.iter().map(String::as_str).collect();
    names.sort_unstable();
    let mut hash = Sha256::new();
    for part in [COMPILER, std::env::consts::ARCH, DEFAULT].into_iter().chain(names) {
        hash.update(part);
        hash.update([0]);
    }
    let digest = hash.finalize();
    let beginning =
        digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{beginning:016x}")
}

/// The form of `assets/seccomp.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    /// Calls that are always allowed.
    allow: Vec<String>,
    /// Calls that are allowed when all that is said of their arguments holds.
    allow_when: Vec<Condition>,
    /// Calls of those that fail all the same.
    refuse_when: Vec<Refusal>,
    /// Calls that are said not to exist, because programs then use an older one whose arguments can be looked at.
    missing: Vec<String>,
    /// Calls that are allowed with a capability, whatever is said above.
    allow_with: BTreeMap<String, Vec<String>>,
}

/// What must hold of a call's argument.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Condition {
    syscall: String,
    /// Which argument, counted from 0.
    argument: u32,
    #[serde(flatten)]
    test: Test,
}

/// What is asked of an argument. Only its lower 32 bits count, as for the kernel: it takes all arguments that are tested as `int`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Test {
    IsOneOf(Vec<u32>),
    IsNoneOf(Vec<u32>),
    IsAtMost(u32),
    HasNoneOfBits(u32),
}

/// Arguments with which a call fails, unless there is a capability.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    syscall: String,
    /// Arguments, counted from 0, with the value that they have together.
    arguments: Vec<(u32, u32)>,
    /// `errno(3)`
    error: u32,
    /// The capability that opens it.
    unless: String,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_spoilt_cache_is_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let program = Program::default_for(&[], &cache).unwrap();
        let [path] = files::list(&cache).unwrap().try_into().unwrap();
        let inode = || files::open(&path).unwrap().metadata().unwrap().ino();
        let first = inode();
        assert_eq!(Program::default_for(&[], &cache).unwrap(), program);
        assert_eq!(inode(), first, "what is there is not compiled again");
        for spoilt in [&b""[..], b"short", &[7; 400]] {
            files::write(&path, spoilt).unwrap();
            assert_eq!(Program::default_for(&[], &cache).unwrap(), program);
            assert_eq!(files::read(&path).unwrap(), program.to_cache());
        }
    }

    #[test]
    fn capabilities_make_another_program_in_whatever_order() {
        let folder = tempfile::tempdir().unwrap();
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let program = |list: &[&str]| Program::default_for(&names(list), folder.path()).unwrap();
        assert_eq!(
            program(&["CAP_SYS_TIME", "CAP_SYS_BOOT"]),
            program(&["CAP_SYS_BOOT", "CAP_SYS_TIME"])
        );
        assert_ne!(program(&[]), program(&["CAP_SYS_BOOT"]));
    }
}
