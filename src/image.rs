//! Images: in from archives and registries, layers unpacked once and shared, their indexes read and compared.
//!
//! An archive is an OCI layout (a folder or a tar) or a docker-archive; which one, and how each layer is compressed, is found out from the
//! content, never from a name. A load resolves the documents, stages the layers that the store does not have (each blob hashed, inflated,
//! unpacked and indexed in one pass, several at once), and lets everything appear in one transaction. Until then nothing in the store has
//! changed, and if the process dies, staging is all it leaves.
//!
//! Invariants: a layer is unpacked only beneath its own directory; no byte is in the store whose digest was not verified; what an archive
//! says of a size is only ever used to refuse.
//!
//! | file | what it holds |
//! |---|---|
//! | `source` | an archive as named pieces |
//! | `remote` | a registry's layers, and what broken transfers left of them |
//! | `documents`, `resolve` | its JSON, and the images it tells of |
//! | `stream` | hashing, inflating, bounding |
//! | `layers` | several layers at once into staging |
//! | `unpack` | one layer's tar into a directory and an index |
//! | `supply` | what gives the blobs of layers: `source`, `remote` |
//! | `intake` | the whole way in, from either |
//! | `load`, `pull` | of an archive; of a registry |
//! | `made`, `instruction` | images that are made here: commit, import |
//! | `push`, `save` | out: to a registry; into an archive |
//! | `pack` | what a container has written, as a layer |
//! | `analyze` | of what an image is made, and what of it is waste |
//! | `browse` | files where they lie: read, taken out, taken back |
//! | `trust` | which images a policy lets in, and by whose signature |
//! | `staging` | where unfinished and removed things lie |
//! | `spread` | an archive of files, unpacked for a while |
//! | `check`, `repair` | whether the store is whole, and what is done about it |
//! | `index`, `compare`, `strata` | what is in a layer, and what it does to those below; what nobody sees any more |
//!
//! Not here: containers' states, how registries are spoken to, building.

mod analyze;
mod browse;
mod check;
mod compare;
mod documents;
mod error;
mod index;
mod instruction;
mod intake;
mod layers;
mod load;
mod made;
mod pack;
mod pull;
mod push;
mod remote;
mod repair;
mod resolve;
mod save;
mod source;
mod spread;
mod staging;
mod strata;
mod stream;
mod supply;
mod trust;
mod unpack;

use std::{
    io::Read,
    path::{Path, PathBuf},
};

pub use analyze::{analyze, analyze_archive};
pub use browse::{Excerpt, Extracted, excerpt, extract, layer_files, own_layer, reset};
pub use check::{Depth, Extent, Finding, Suspect, check};
pub use error::{EntryFault, ImageError, LayerFault};
pub use index::{layer_index, write as write_index};
pub use instruction::Instruction;
pub use load::load;
pub use made::{Recipe, commit, import};
pub use pull::{Pulled, Wish, pull};
pub use push::{Pushed, push};
pub use repair::{drop_blob, remove_strays, unpack_anew};
pub use save::save;
pub use spread::{Spread, spread};
pub use staging::{delete_staged, set_aside};
pub use strata::{Counts, Strata};
pub use trust::{Policy, Refusal};
pub use unpack::unpack_layer;

use crate::{
    model::{ContainerId, Image, ImageId, ImageReference},
    store::Layout,
    sys::files,
};

/// Where an archive is read from.
#[expect(missing_debug_implementations, reason = "a reader has none")]
pub enum Archive<'a> {
    /// A file or an unpacked OCI layout.
    Path(&'a Path),
    /// A stream, such as standard input.
    Stream(&'a mut (dyn Read + Send)),
}

/// An image that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The image.
    pub image: ImageId,
    /// The names the archive gave it.
    pub references: Vec<ImageReference>,
}

/// How far something has come that images are moved by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done: `read`, `unpack`, `download`; `upload`, `save`; of a layer that is here: `exists`, `done`; that is there:
    /// `there`, `mounted`, `pushed`.
    pub phase: &'static str,
    /// To what: a short digest.
    pub object: String,
    /// Bytes done.
    pub done: u64,
    /// Bytes in all, where known.
    pub total: Option<u64>,
}

/// Who is told how far a load has come.
type Report<'a> = &'a mut dyn FnMut(Progress);

/// The directories that make up a container's root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// The layers' directories, topmost first.
    pub lowers: Vec<PathBuf>,
    /// Where changes go.
    pub upper: PathBuf,
    /// Where the kernel prepares them.
    pub work: PathBuf,
}

/// How layers are kept on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Every owner as in the image; device nodes are made; overlay marks are `trusted.*`. As root of the machine.
    Kept,
    /// Owners that the user namespace does not have become its root, device nodes are left out (the index still knows both); overlay marks are `user.*`.
    Mapped,
}

/// Makes the directories for a new container's changes and names the layers below.
///
/// The root directory of a merged file system is that of its uppermost layer, so the new one looks like the image's. Below the image lies what
/// containers have mounted on, so that it need not be made anew in the changes of each.
///
/// # Errors
/// [`ImageError::Kernel`].
pub fn overlay(
    layout: &Layout,
    image: &Image,
    container: ContainerId,
) -> Result<Overlay, ImageError> {
    let place = layout.container(container);
    let layers = image.layers.iter().rev();
    let mut lowers: Vec<_> = layers.map(|layer| layout.layer(layer.chain).join("diff")).collect();
    lowers.push(mount_points(layout)?);
    let (upper, work) = (written(layout, container), place.join("work"));
    for directory in [&upper, &work] {
        files::make_private_dir(directory)?;
    }
    if let Some(topmost) = lowers.first() {
        files::make_alike(&upper, topmost)?;
    }
    Ok(Overlay { lowers, upper, work })
}

/// Gives the layer with the places that every container has something mounted on; makes it if it is not there.
fn mount_points(layout: &Layout) -> Result<PathBuf, ImageError> {
    let place = layout.mount_points();
    let (etc, last) = (place.join("etc"), place.join("sys"));
    if !files::exists(&last) {
        // Two processes may do so at once; the last one is there when all are. Nobody else looks in.
        files::make_private_dir(place.parent().unwrap_or(&place))?;
        for directory in [&place, &etc, &place.join("dev"), &place.join("proc")] {
            files::make_dir(directory)?;
        }
        for file in ["hosts", "resolv.conf", "hostname"] {
            files::write(&etc.join(file), "")?;
        }
        files::make_dir(&last)?;
    }
    Ok(place)
}

/// Gives the directory of what a container has written over its image.
pub fn written(layout: &Layout, container: ContainerId) -> PathBuf {
    layout.container(container).join("upper")
}
