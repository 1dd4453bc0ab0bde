//! Images into archives.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write},
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use super::{Cancel, Engine, EngineError, ErrorKind, Progress, Result, images::find, names};
use crate::{
    image,
    model::{Image, ImageReference},
    store::Records,
    sys::{At as _, files},
};

/// How much is written at once.
const CHUNK: usize = 256 * 1024;

/// Where an archive is written to.
#[expect(missing_debug_implementations, reason = "a writer has none")]
pub enum Destination<'a> {
    /// A file, which is there once it is whole.
    Path(&'a Path),
    /// A stream, such as standard output.
    Stream(&'a mut dyn Write),
}

impl Engine {
    /// Saves images into one archive, which is an OCI layout and a docker-archive at once. A name without a tag means all its tags.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an image, before anything is written; [`ErrorKind::Storage`] when it cannot be written, and
    /// [`ErrorKind::Cancelled`]; then the file is as it was.
    pub fn save(
        &self,
        names: &[String],
        destination: Destination<'_>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<()> {
        let images = self.store().read(|records| chosen(records, names))?;
        match destination {
            Destination::Stream(stream) => {
                Ok(image::save(self.layout(), &images, stream, cancel, progress)?)
            }
            Destination::Path(path) => {
                let out = Outgoing::create(path)?;
                let mut buffered = BufWriter::with_capacity(CHUNK, &out.file);
                image::save(self.layout(), &images, &mut buffered, cancel, progress)?;
                drop(buffered);
                out.appear()
            }
        }
    }
}

/// Finds images by name, each with the names by which it was asked for.
fn chosen(records: &Records<'_>, names: &[String]) -> Result<Vec<(Image, Vec<ImageReference>)>> {
    let mut chosen: Vec<(Image, Vec<ImageReference>)> = Vec::new();
    let mut choose = |image: Image, name: Option<ImageReference>| {
        let place = chosen.iter().position(|(known, _)| known.id == image.id);
        let place = place.unwrap_or_else(|| {
            chosen.push((image, Vec::new()));
            chosen.len() - 1
        });
        if let Some(name) = name.filter(|name| !chosen[place].1.contains(name)) {
            chosen[place].1.push(name);
        }
    };
    for name in names {
        let all = all_tags(records, name)?;
        if all.is_empty() {
            let (id, reference) = find(records, name)?;
            let image = records.image(id)?.ok_or_else(|| {
                EngineError::new(ErrorKind::NotFound, format!("no such image: {name}"))
            })?;
            choose(image, reference);
        }
        for (image, reference) in all {
            choose(image, Some(reference));
        }
    }
    Ok(chosen)
}

/// Finds what a name without tag and digest stands for: every tag of it, as docker's `save` takes it.
fn all_tags(records: &Records<'_>, name: &str) -> Result<Vec<(Image, ImageReference)>> {
    let is_tagless =
        !name.contains('@') && name.rsplit('/').next().is_some_and(|last| !last.contains(':'));
    let Some(wanted) = name.parse::<ImageReference>().ok().filter(|_| is_tagless) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for image in records.images()? {
        for reference in &image.references {
            if reference.tag().is_some() && reference.familiar_name() == wanted.familiar_name() {
                found.push((image.clone(), reference.clone()));
            }
        }
    }
    Ok(found)
}

/// A file on its way to its name; what is not finished is removed.
struct Outgoing<'a> {
    file: File,
    path: &'a Path,
    /// Where it lies meanwhile; `None` for what is no file, such as a device or a pipe.
    fresh: Option<PathBuf>,
}

impl<'a> Outgoing<'a> {
    fn create(path: &'a Path) -> Result<Self> {
        let kind = files::pin(path).ok().and_then(|pin| File::from(pin).metadata().ok());
        if let Some(kind) = kind.map(|there| there.file_type()) {
            if kind.is_dir() {
                let message = format!("{} is a directory", path.display());
                return Err(
                    EngineError::new(ErrorKind::Invalid, message).hint("name a file to write to")
                );
            }
            if kind.is_char_device() || kind.is_fifo() || kind.is_block_device() {
                let file = files::open_with(path, OpenOptions::new().write(true))?;
                return Ok(Self { file, path, fresh: None });
            }
        }
        let mut fresh = path.as_os_str().to_owned();
        let number = u32::from_ne_bytes(names::random()?);
        fresh.push(format!(".{number:08x}"));
        let fresh = PathBuf::from(fresh);
        Ok(Self { file: files::create_new(&fresh)?, path, fresh: Some(fresh) })
    }

    fn appear(mut self) -> Result<()> {
        let Some(fresh) = self.fresh.as_deref() else { return Ok(()) };
        self.file.sync_all().at_path("sync", fresh)?;
        files::rename(fresh, self.path)?;
        self.fresh = None;
        Ok(())
    }
}

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        if let Some(fresh) = &self.fresh {
            // What cannot be removed has been told of by what failed before.
            let _left = files::remove_file(fresh);
        }
    }
}
