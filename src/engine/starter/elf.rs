//! What a program loads: its interpreter and libraries, read from its ELF headers (`elf(5)`, `ld.so(8)`).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use elf::{ElfBytes, abi, endian::AnyEndian};

use crate::{
    engine::{EngineError, ErrorKind, Result},
    sys::files,
};

/// Where libraries lie when neither the program nor `/etc/ld.so.conf` says (`ld.so(8)`, and Debian's multiarch).
const USUAL: &[&str] = &["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];

/// What one ELF file asks for.
struct Needs {
    class: elf::file::Class,
    machine: u16,
    interpreter: Option<String>,
    libraries: Vec<String>,
    searched: Vec<PathBuf>,
}

/// Finds everything that a program loads: the path inside the image (without a leading slash) and the file here. `None` when the
/// program is no ELF file.
pub(super) fn closure(program: &Path) -> Result<Option<BTreeMap<String, PathBuf>>> {
    let Some(root) = needs_of(program)? else { return Ok(None) };
    let mut found = BTreeMap::new();
    if let Some(interpreter) = &root.interpreter {
        found.insert(interpreter.trim_start_matches('/').to_owned(), PathBuf::from(interpreter));
    }
    let system = system_directories();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut pending = vec![root];
    while let Some(needs) = pending.pop() {
        for library in &needs.libraries {
            if !seen.insert(library.clone()) {
                continue;
            }
            let (path, its_needs) = find(library, &needs, &system)?.ok_or_else(|| {
                EngineError::new(
                    ErrorKind::NotFound,
                    format!(
                        "{} needs {library}, which is in none of the library directories",
                        program.display()
                    ),
                )
            })?;
            found.insert(path.to_string_lossy().trim_start_matches('/').to_owned(), path);
            pending.push(its_needs);
        }
    }
    Ok(Some(found))
}

/// Looks for a library where its user says, then where the system has them; one for another processor does not count.
fn find(library: &str, user: &Needs, system: &[PathBuf]) -> Result<Option<(PathBuf, Needs)>> {
    for dir in user.searched.iter().chain(system) {
        let path = dir.join(library);
        if !path.is_file() {
            continue;
        }
        if let Some(needs) = needs_of(&path)?
            && needs.machine == user.machine
            && needs.class == user.class
        {
            return Ok(Some((path, needs)));
        }
    }
    Ok(None)
}

/// Reads what a file asks for; `None` when it is no ELF file.
fn needs_of(path: &Path) -> Result<Option<Needs>> {
    let bytes = files::read(path)?;
    if !bytes.starts_with(&abi::ELFMAGIC) {
        return Ok(None);
    }
    parse(&bytes, path).map(Some).map_err(|error| {
        EngineError::new(ErrorKind::Invalid, format!("{} is a broken ELF file", path.display()))
            .caused_by(error)
    })
}

fn parse(bytes: &[u8], path: &Path) -> std::result::Result<Needs, elf::ParseError> {
    let file = ElfBytes::<AnyEndian>::minimal_parse(bytes)?;
    let mut needs = Needs {
        class: file.ehdr.class,
        machine: file.ehdr.e_machine,
        interpreter: None,
        libraries: Vec::new(),
        searched: Vec::new(),
    };
    let segments = file.segments();
    let found =
        segments.as_ref().and_then(|all| all.iter().find(|one| one.p_type == abi::PT_INTERP));
    if let Some(segment) = found {
        let text = file.segment_data(&segment)?;
        needs.interpreter = Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned());
    }
    let Some(dynamic) = file.dynamic()? else { return Ok(needs) };
    // The table of strings is named by its address in memory; the segments say where that is in the file.
    let address =
        dynamic.iter().find(|entry| entry.d_tag == abi::DT_STRTAB).map(|entry| entry.d_ptr());
    let strings = address.and_then(|address| {
        let mut segments = segments.as_ref()?.iter();
        let within = segments.find(|one| {
            one.p_type == abi::PT_LOAD
                && (one.p_vaddr..one.p_vaddr + one.p_filesz).contains(&address)
        })?;
        bytes.get(usize::try_from(address - within.p_vaddr + within.p_offset).ok()?..)
    });
    let text = |offset: u64| -> Option<String> {
        let rest = strings?.get(usize::try_from(offset).ok()?..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(rest.get(..end)?).into_owned())
    };
    let origin = path.parent().unwrap_or_else(|| Path::new("/")).to_string_lossy();
    for entry in dynamic.iter() {
        match entry.d_tag {
            abi::DT_NEEDED => needs.libraries.extend(text(entry.d_val())),
            abi::DT_RPATH | abi::DT_RUNPATH => {
                let dirs = text(entry.d_val()).unwrap_or_default();
                let dirs = dirs.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
                needs
                    .searched
                    .extend(dirs.split(':').filter(|dir| !dir.is_empty()).map(PathBuf::from));
            }
            _ => {}
        }
    }
    Ok(needs)
}

/// Lists the directories of `/etc/ld.so.conf` and what it includes, then the usual ones.
fn system_directories() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    read_conf(Path::new("/etc/ld.so.conf"), &mut dirs, 0);
    for base in ["/lib", "/usr/lib"] {
        let multiarch = format!("{base}/{}-linux-gnu", std::env::consts::ARCH);
        dirs.push(PathBuf::from(multiarch));
    }
    dirs.extend(USUAL.iter().map(PathBuf::from));
    dirs
}

/// Reads one file of directories; `include` lines name further ones, with `*` in the last part.
fn read_conf(path: &Path, dirs: &mut Vec<PathBuf>, depth: u8) {
    // A machine without that file (musl) has only the usual directories.
    let Ok(text) = files::read_text(path) else { return };
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(pattern) = line.strip_prefix("include ").filter(|_| depth < 4) {
            let pattern = Path::new(pattern.trim());
            let mut included =
                files::list(pattern.parent().unwrap_or_else(|| Path::new("/"))).unwrap_or_default();
            included.sort();
            let suffix = pattern.extension();
            for file in included.iter().filter(|file| file.extension() == suffix) {
                read_conf(file, dirs, depth + 1);
            }
        } else if line.starts_with('/') {
            dirs.push(PathBuf::from(line));
        }
    }
}
