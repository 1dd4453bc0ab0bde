//! Why an image was not taken in or shown.

use std::{fmt, io, path::PathBuf};

use super::trust::Refusal;
use crate::{model::Digest, registry::RegistryError, store::StoreError, sys::SysError};

/// Why an image was not taken in or shown.
///
/// [`ImageError::Kernel`] and [`ImageError::Store`] are failures of this machine, [`ImageError::Refused`] and [`ImageError::Policy`] are what its owner
/// wants; everything else is a fault of the archive.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The kernel refused a file.
    #[error(transparent)]
    Kernel(#[from] SysError),
    /// The records refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A registry did not do it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The policy does not let it in.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The policy cannot be understood.
    #[error("policy {} cannot be understood: {}", path.display(), printable(reason))]
    Policy {
        /// Where it lies.
        path: PathBuf,
        /// Which entry, and what is wrong with it.
        reason: String,
    },
    /// It is no archive that holds images.
    #[error("it is neither an OCI layout nor a docker-archive: {0}")]
    Form(&'static str),
    /// The archive ends early, or cannot be read.
    #[error("the archive cannot be read: {0}")]
    Read(#[source] io::Error),
    /// An archive cannot be written.
    #[error("the archive cannot be written: {0}")]
    Write(#[source] io::Error),
    /// Something that the archive refers to is not in it.
    #[error("the archive refers to {}, which is not in it", printable(.0))]
    Missing(String),
    /// A blob is not what its digest says.
    #[error("{} should be {expected}, but its bytes are {found}", printable(object))]
    Digest {
        /// What was read.
        object: String,
        /// What the archive says.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// A blob is not as long as the archive says.
    #[error("{} should have {expected} bytes, but has {found}", printable(object))]
    Size {
        /// What was read.
        object: String,
        /// What the archive says.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// A document is longer than any true one.
    #[error("{} has {size} bytes; a manifest or config may have 4194304", printable(object))]
    TooLong {
        /// The document.
        object: String,
        /// Its bytes.
        size: u64,
    },
    /// A document does not say what it must.
    #[error("{} cannot be understood: {}", printable(object), printable(reason))]
    Document {
        /// The document.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The image was built for other machines only.
    #[error("the image is not for {wanted}, but for {}", printable(offered))]
    Platform {
        /// For what it was wanted.
        wanted: String,
        /// What there is.
        offered: String,
    },
    /// A layer is broken or hostile.
    #[error("layer {layer}: {fault}")]
    Layer {
        /// The beginning of its digest.
        layer: String,
        /// What is wrong.
        fault: LayerFault,
    },
    /// An archive of files is broken or hostile.
    #[error("the archive cannot be unpacked: {0}")]
    Archive(LayerFault),
    /// The kernel refused to make something of a layer.
    #[error("layer {layer}: {}", printable(&source.to_string()))]
    Unpack {
        /// The beginning of its digest.
        layer: String,
        /// What it said.
        source: SysError,
    },
    /// The stored index of a layer cannot be read.
    #[error("the index of layer {layer} cannot be read: {reason}")]
    Index {
        /// The beginning of the layer's digest.
        layer: String,
        /// What is wrong.
        reason: String,
    },
    /// What a container has written cannot be said in a layer.
    #[error("/{} cannot be part of an image: {reason}", printable(path))]
    Upper {
        /// What.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// An instruction that changes an image's config makes no sense.
    #[error("invalid change '{}': {reason}", printable(text))]
    Instruction {
        /// The instruction.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Other processes kept removing the layers that this load needed.
    #[error("the layers of the image were removed again and again by another process")]
    Removed,
}

impl ImageError {
    /// Tells whether the disk is full, or the user's share of it.
    pub(super) fn is_of_a_full_disk(&self) -> bool {
        let (Self::Kernel(source) | Self::Unpack { source, .. }) = self else { return false };
        matches!(source.errno(), Some(libc::ENOSPC | libc::EDQUOT))
    }
}

/// What is wrong with a layer.
#[derive(Debug)]
pub enum LayerFault {
    /// It is no tar, is cut off, or does not inflate.
    Broken(io::Error),
    /// It is compressed in a way that is not supported.
    Compression(&'static str),
    /// It has more entries, or longer names, than any true layer.
    Entries,
    /// It goes on long after the end of its archive.
    Trailing,
    /// It hides a path of layers below, and has none.
    Whiteout(String),
    /// One entry is at fault.
    Entry {
        /// Its path as written.
        path: String,
        /// What is wrong with it.
        fault: EntryFault,
    },
}

/// What is wrong with an entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryFault {
    /// Its path, or the link that it goes through, leads outside the layer.
    Outside,
    /// Its path is empty, has a NUL byte, or is longer than 4095 bytes, 255 in one component, or 256 components.
    Path,
    /// A directory on its path is something else.
    NotDirectory,
    /// It is a hard link to something that is not in this layer.
    LinkTarget(String),
    /// It is of a kind that layers do not have.
    Kind(u8),
    /// It is a sparse file in a form that is not supported.
    Sparse,
    /// Its header holds a number that makes no sense.
    Number(&'static str),
    /// It says to be larger than what is free on the disk.
    Large(u64),
    /// It is shorter than it says.
    Short,
}

/// Makes text out of an archive fit to be shown: control characters written out, at most 200 characters.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown = String::new();
    for (place, character) in text.chars().enumerate() {
        if place == LONGEST {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

impl fmt::Display for LayerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(source) => {
                write!(f, "it cannot be read: {}", printable(&source.to_string()))
            }
            Self::Compression(kind) => {
                write!(f, "it is compressed with {kind}, which is not supported")
            }
            Self::Entries => {
                f.write_str("it has more than 10,000,000 entries, or more than 1 GiB of names")
            }
            Self::Trailing => f.write_str("it goes on long after the end of its archive"),
            Self::Whiteout(path) => {
                write!(
                    f,
                    "entry '{}' has a name that hides files of layers (.wh.)",
                    printable(path)
                )
            }
            Self::Entry { path, fault } => write!(f, "entry '{}': {fault}", printable(path)),
        }
    }
}

impl fmt::Display for EntryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside => f.write_str("it points outside the layer"),
            Self::Path => f.write_str("its path is empty, too long, or has a NUL byte"),
            Self::NotDirectory => f.write_str("something on its path is not a directory"),
            Self::LinkTarget(target) => {
                write!(
                    f,
                    "it is a hard link to '{}', which is not in this layer",
                    printable(target)
                )
            }
            Self::Kind(kind) => write!(f, "its kind '{}' is not supported", kind.escape_ascii()),
            Self::Sparse => f.write_str("it is a sparse file in a form that is not supported"),
            Self::Number(field) => write!(f, "its {field} makes no sense"),
            Self::Large(size) => {
                write!(f, "with its {size} bytes the layer is larger than what is free on the disk")
            }
            Self::Short => f.write_str("it is shorter than it says"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_archive_says_is_shown_not_obeyed() {
        let fault = EntryFault::Outside;
        let path = format!("\x1b[31m\n{}", "x".repeat(300));
        let shown = LayerFault::Entry { path, fault }.to_string();
        assert!(shown.starts_with("entry '\\u{1b}[31m\\nxxx"), "{shown}");
        assert!(shown.ends_with("…': it points outside the layer"), "{shown}");
    }
}
