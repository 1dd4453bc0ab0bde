//! What went wrong, in the user's words, with a kind to branch on.

use std::{error::Error, fmt};

use crate::{
    image::ImageError, model::Dependent, network::NetworkError, registry::RegistryError,
    store::StoreError, sys::SysError,
};

/// Why a verb was not done.
#[derive(Debug)]
pub struct EngineError {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kind of failure it is; each front end has exactly one table from kind to exit code or colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such container, image or network.
    NotFound,
    /// It is against the present state: a name in use, a container that runs.
    Conflict,
    /// Others depend on it.
    InUse {
        /// Who does.
        dependents: Vec<Dependent>,
    },
    /// The request or the input makes no sense.
    Invalid,
    /// A pool has nothing left.
    Exhausted,
    /// The program of a container is there but cannot be executed (exit code 126).
    CannotRun,
    /// The program of a container is not there (exit code 127).
    NoProgram,
    /// What is needed went away meanwhile.
    Gone,
    /// The store cannot be read or written.
    Storage,
    /// The kernel refused a step.
    Kernel,
    /// A registry cannot be reached, or does not do it.
    Registry,
    /// Whoever asked does not want it any more.
    Cancelled,
    /// This process may not do it.
    Permission,
    /// A defect of Estiba itself.
    Internal,
}

impl EngineError {
    /// Says what went wrong: one line, no full stop, with the object's name.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// Adds the next thing to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Gives the kind.
    pub const fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Gives the next thing to try, if there is one.
    pub fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// Shows the message, and after it the cause if there is one.
impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for EngineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// How each lower floor's failure is told. What has a better name for the user is caught where the verb knows it.
impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(_) => Self::new(ErrorKind::Conflict, error.to_string()),
            StoreError::Kernel(cause) => cause.into(),
            other => Self::new(ErrorKind::Storage, "the store cannot be used").caused_by(other),
        }
    }
}

impl From<SysError> for EngineError {
    fn from(error: SysError) -> Self {
        let (kind, hint) = match error.errno() {
            Some(libc::ENOSPC | libc::EDQUOT) => {
                (ErrorKind::Storage, Some("free some space on that disk"))
            }
            Some(libc::EROFS) => (ErrorKind::Storage, Some("choose another place with --root")),
            Some(libc::EACCES | libc::EPERM) => (ErrorKind::Permission, None),
            _ => (ErrorKind::Kernel, None),
        };
        let error = Self::new(kind, error.to_string());
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl From<ImageError> for EngineError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Kernel(cause) => cause.into(),
            ImageError::Store(cause) => cause.into(),
            ImageError::Registry(cause) => cause.into(),
            ImageError::Refused(refusal) => {
                Self::new(ErrorKind::Permission, refusal.to_string()).hint(refusal.next_step())
            }
            ImageError::Policy { .. } => Self::new(ErrorKind::Invalid, error.to_string())
                .hint("correct it, see containers-policy.json(5); until then nothing is let in"),
            ImageError::Write(_) => Self::new(ErrorKind::Storage, error.to_string()),
            ImageError::Form(_)
            | ImageError::Read(_)
            | ImageError::Missing(_)
            | ImageError::Digest { .. }
            | ImageError::Size { .. }
            | ImageError::TooLong { .. }
            | ImageError::Document { .. }
            | ImageError::Platform { .. }
            | ImageError::Layer { .. }
            | ImageError::Archive(_)
            | ImageError::Unpack { .. }
            | ImageError::Index { .. }
            | ImageError::Upper { .. }
            | ImageError::Instruction { .. }
            | ImageError::Removed => Self::new(ErrorKind::Invalid, error.to_string()),
        }
    }
}

impl From<RegistryError> for EngineError {
    fn from(error: RegistryError) -> Self {
        let message = error.to_string();
        match error {
            RegistryError::Cancelled => Self::new(ErrorKind::Cancelled, message),
            RegistryError::NotFound { .. } => Self::new(ErrorKind::NotFound, message),
            RegistryError::Unauthorized { host, .. } => {
                Self::new(ErrorKind::Permission, message).hint(format!("estiba login {host}"))
            }
            RegistryError::Denied { host, .. } => Self::new(ErrorKind::Permission, message)
                .hint(format!("if it is not public: estiba login {host}")),
            RegistryError::Untrusted { host, .. } => Self::new(ErrorKind::Registry, message).hint(
                format!("put its authority's certificate into /etc/docker/certs.d/{host}/ca.crt"),
            ),
            RegistryError::TooMany { host, .. }
            | RegistryError::Refused { host, status: 429, .. } => {
                Self::new(ErrorKind::Registry, message)
                    .hint(format!("who is logged in may ask more often: estiba login {host}"))
            }
            RegistryError::Unreachable { .. }
            | RegistryError::Refused { .. }
            | RegistryError::Protocol { .. }
            | RegistryError::Digest { .. }
            | RegistryError::Blocked { .. } => Self::new(ErrorKind::Registry, message),
        }
    }
}

impl From<NetworkError> for EngineError {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Kernel(cause) => cause.into(),
            NetworkError::NotABridge { .. } => Self::new(ErrorKind::Kernel, error.to_string()),
        }
    }
}
