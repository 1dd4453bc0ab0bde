//! The starter image: made from programs that are already on this machine, so that there is something to run before anything
//! was pulled.
//!
//! A few programs, what they load (found by reading their ELF headers, never by running them), and the files that every program
//! expects. The archive is an OCI layout in a tar, the same bytes each time it is made from the same programs, and comes into
//! the store as any other archive does.

mod archive;
mod elf;

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

use archive::{Entry, LayerWriter};

use super::{EngineError, ErrorKind, Result};

/// The name of the starter image.
pub const STARTER: &str = "demo/base:latest";
/// The name of the image that adds one layer to it.
pub const APP: &str = "demo/app:latest";
/// The label that everything of the demo carries.
pub const LABEL: &str = "estiba.demo";

/// Programs that are taken if they are there; the shell must be.
const PROGRAMS: &[&str] = &[
    "cat", "chmod", "cp", "date", "df", "echo", "env", "false", "grep", "head", "hostname", "id",
    "ip", "kill", "ln", "ls", "mkdir", "mv", "ping", "printf", "ps", "pwd", "rm", "rmdir", "sed",
    "seq", "sleep", "sort", "stat", "tail", "touch", "tr", "true", "uname", "wc", "whoami",
];
/// Where programs are looked for.
const SEARCHED: &[&str] = &["/bin", "/usr/bin", "/sbin", "/usr/sbin"];
/// Prints a line now and then, so that there is a log to look at.
const WORKER: &str = "#!/bin/sh
# Prints a line now and then. Made by estiba demo.
trap 'echo \"$HOSTNAME: stowed away\"; exit 0' TERM INT
count=0
while :; do
  count=$((count + 1))
  echo \"$HOSTNAME: crate $count is stowed\"
  sleep 2 &
  wait $!
done
";

/// Writes both images as one archive that [`Engine::load`](super::Engine::load) takes.
///
/// # Errors
/// [`ErrorKind::NotFound`] when this machine has no shell that can be taken, [`ErrorKind::Storage`] when `out` cannot be written.
pub fn write_archive(out: &mut dyn Write) -> Result<()> {
    let base = base_layer()?;
    let app = app_layer();
    archive::write(out, &base, &app).map_err(|error| {
        EngineError::new(ErrorKind::Storage, "the starter image cannot be written").caused_by(error)
    })
}

/// Gathers shell, programs, libraries and the files around them.
fn base_layer() -> Result<LayerWriter> {
    let shell = find_program("sh").ok_or_else(|| {
        EngineError::new(
            ErrorKind::NotFound,
            "this machine has no shell in /bin or /usr/bin to make an image from",
        )
        .hint("load an image instead: estiba load -i FILE")
    })?;
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut take = |name: &str, program: &Path| -> Result<()> {
        // A script would need its own interpreter and more; only what the kernel loads itself is taken.
        let Some(loads) = elf::closure(program)? else { return Ok(()) };
        files.insert(format!("bin/{name}"), program.to_owned());
        files.extend(loads);
        Ok(())
    };
    take("sh", &shell)?;
    for name in PROGRAMS {
        if let Some(program) = find_program(name) {
            take(name, &program)?;
        }
    }
    let mut layer = LayerWriter::default();
    for (name, mode) in [
        ("tmp", 0o1777),
        ("root", 0o700),
        ("proc", 0o555),
        ("sys", 0o555),
        ("dev", 0o755),
        ("srv", 0o755),
    ] {
        layer.add(name, Entry::Directory { mode });
    }
    for (name, text) in [
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\ndemo:x:1000:1000:demo:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        ),
        ("etc/group", "root:x:0:\ndemo:x:1000:\nnogroup:x:65534:\n"),
        (
            "etc/os-release",
            "NAME=\"Estiba starter\"\nID=estiba\nPRETTY_NAME=\"Estiba starter, made from programs of this machine\"\n",
        ),
        ("srv/motd", "Welcome aboard.\n"),
    ] {
        layer.add(name, Entry::File { mode: 0o644, bytes: text.as_bytes().to_vec() });
    }
    layer.add("bin/worker", Entry::File { mode: 0o755, bytes: WORKER.as_bytes().to_vec() });
    for (name, path) in files {
        layer.add(&name, Entry::File { mode: 0o755, bytes: crate::sys::files::read(&path)? });
    }
    Ok(layer)
}

/// What the second image adds, changes and removes, so that its layer has one of each to show.
fn app_layer() -> LayerWriter {
    let mut layer = LayerWriter::default();
    layer.add("srv/app", Entry::Directory { mode: 0o755 });
    layer.add(
        "srv/app/cargo.txt",
        Entry::File { mode: 0o644, bytes: b"12 crates of oranges\n7 barrels of oil\n".to_vec() },
    );
    let release = "NAME=\"Estiba demo app\"\nID=estiba\nPRETTY_NAME=\"Estiba demo app, one layer on top of the starter\"\n";
    layer.add("etc/os-release", Entry::File { mode: 0o644, bytes: release.as_bytes().to_vec() });
    layer.add("srv/.wh.motd", Entry::File { mode: 0o644, bytes: Vec::new() });
    layer
}

fn find_program(name: &str) -> Option<PathBuf> {
    SEARCHED.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_the_same_each_time() {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        write_archive(&mut first).unwrap();
        write_archive(&mut second).unwrap();
        assert!(
            first == second && first.len() > 100_000,
            "{} and {} bytes",
            first.len(),
            second.len()
        );
    }

    #[test]
    fn a_shell_comes_with_all_it_loads() {
        let shell = find_program("sh").unwrap();
        let loads =
            elf::closure(&shell).unwrap().expect("the shell of this machine is an ELF file");
        for (inside, outside) in &loads {
            assert!(outside.is_file(), "{inside} at {}", outside.display());
            assert!(!inside.starts_with('/'));
        }
    }
}
