//! What the kernel refused, and about which object.

use std::{fmt, io, path::Path};

/// A system call that failed, with what was being done to what.
#[derive(Debug)]
pub struct SysError {
    /// What was being done, as a verb: `open`, `mount overlay on`.
    pub operation: &'static str,
    /// What it was done to: a path, an interface, a process.
    pub object: String,
    /// What the kernel answered.
    pub source: io::Error,
}

/// The result of a call into this room.
pub type Result<T> = std::result::Result<T, SysError>;

impl SysError {
    /// Puts together what was done to what and what came back.
    pub fn new(
        operation: &'static str,
        object: impl fmt::Display,
        source: impl Into<io::Error>,
    ) -> Self {
        Self { operation, object: object.to_string(), source: source.into() }
    }

    /// Takes the reason from `errno`.
    pub fn last(operation: &'static str, object: impl fmt::Display) -> Self {
        Self::new(operation, object, io::Error::last_os_error())
    }

    /// Gives the kernel's error number, if it was the kernel that refused.
    pub fn errno(&self) -> Option<i32> {
        self.source.raw_os_error()
    }

    /// Tells whether the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

impl fmt::Display for SysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.operation, self.object, self.source)
    }
}

impl std::error::Error for SysError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Adds to a failure what was being done to what.
pub trait At<T> {
    /// Names operation and object; the object is formatted only on failure.
    ///
    /// # Errors
    /// The failure itself, named.
    fn at(self, operation: &'static str, object: impl fmt::Display) -> Result<T>;

    /// Names operation and path.
    ///
    /// # Errors
    /// The failure itself, named.
    fn at_path(self, operation: &'static str, path: &Path) -> Result<T>
    where
        Self: Sized,
    {
        self.at(operation, path.display())
    }
}

impl<T, E: Into<io::Error>> At<T> for std::result::Result<T, E> {
    fn at(self, operation: &'static str, object: impl fmt::Display) -> Result<T> {
        self.map_err(|source| SysError::new(operation, object, source))
    }
}
