//! How much room files take.
#![expect(clippy::disallowed_methods, reason = "this file is what those methods are replaced by")]

use std::{collections::BTreeSet, fs, io, os::unix::fs::MetadataExt as _, path::Path};

use super::{
    super::{At as _, Result},
    list,
};

/// Gives the bytes of a file; `None` when it is not there.
///
/// # Errors
/// What the kernel says, with the path.
pub fn size_if_there(path: &Path) -> Result<Option<u64>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at_path("look at", path),
    }
}

/// Sums up the bytes of the files in a directory, following no link, those with several names once; what goes away meanwhile counts nothing.
///
/// # Errors
/// What the kernel says, with the path.
pub fn tree_size(path: &Path) -> Result<u64> {
    let (mut sum, mut known) = (0, BTreeSet::new());
    let mut pending = vec![path.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in list(&dir)? {
            match fs::symlink_metadata(&entry) {
                Ok(found) if found.is_dir() => pending.push(entry),
                Ok(found)
                    if found.is_file()
                        && (found.nlink() == 1 || known.insert((found.dev(), found.ino()))) =>
                {
                    sum += found.len();
                }
                _ => {}
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{link, make_dir, write},
        *,
    };

    #[test]
    fn a_file_with_two_names_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        make_dir(&path("a")).unwrap();
        write(&path("a/b"), "12345").unwrap();
        link(&path("a/b"), &path("c")).unwrap();
        write(&path("d"), "1").unwrap();
        assert_eq!(tree_size(dir.path()).unwrap(), 6);
        assert_eq!(size_if_there(&path("d")).unwrap(), Some(1));
        assert_eq!(size_if_there(&path("e")).unwrap(), None);
    }
}
