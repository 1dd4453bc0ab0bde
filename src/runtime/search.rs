//! Finding and executing a program as a shell does, and saying why it did not work as Docker does.

use std::{
    ffi::{CStr, CString},
    io,
};

use nix::errno::Errno;

use super::protocol::Report;
use crate::sys::program;

/// Executes `arguments[0]`, searched for in the directories of `search_path` unless it has a slash; comes back only with the reason why not.
pub(super) fn execute(arguments: &[CString], environment: &[CString], search_path: &str) -> Report {
    let name = arguments.first().map(CString::as_c_str).unwrap_or_default();
    let mut worst = None;
    for path in candidates(name, search_path) {
        let error = program::execute(&path, arguments, environment);
        match error.raw_os_error().map(Errno::from_raw) {
            // Not here; maybe in the next directory.
            Some(Errno::ENOENT | Errno::ENOTDIR) if !program::exists(&path) => {}
            // Here, but not for us: the next directory may have a better one.
            Some(Errno::EACCES) => worst = Some((path, error)),
            _ => {
                worst = Some((path, error));
                break;
            }
        }
    }
    report(&name.to_string_lossy(), worst)
}

/// Looks for the program without executing it, as far as that can be told; gives the reason when there is none to execute.
pub(super) fn find(arguments: &[CString], search_path: &str) -> Option<Report> {
    let name = arguments.first().map(CString::as_c_str).unwrap_or_default();
    let mut worst = None;
    for path in candidates(name, search_path).into_iter().filter(|path| program::exists(path)) {
        match program::check_executable(&path) {
            Ok(()) => return None,
            Err(error) => worst = Some((path, error)),
        }
    }
    Some(report(&name.to_string_lossy(), worst))
}

/// Tells on standard error why a process ends before its program, when there is nobody else to tell.
pub(super) fn tell_last_words(report: &Report) {
    let words = match report {
        Report::Failed(error) => format!("{error}\n"),
        Report::Program { program, reason, .. } => format!("exec {program}: {reason}\n"),
        _ => return,
    };
    drop(io::Write::write_all(&mut io::stderr(), words.as_bytes()));
}

/// Lists the paths to try.
fn candidates(name: &CStr, search_path: &str) -> Vec<CString> {
    if name.is_empty() || name.to_bytes().contains(&b'/') {
        return vec![name.to_owned()];
    }
    let in_directory = |directory: &str| {
        let directory = if directory.is_empty() { "." } else { directory };
        let path = [directory.as_bytes(), b"/", name.to_bytes()].concat();
        CString::new(path).ok()
    };
    search_path.split(':').filter_map(in_directory).collect()
}

/// Words the failure: 127 when there is no such program, 126 when there is one that cannot be executed.
fn report(name: &str, failure: Option<(CString, io::Error)>) -> Report {
    let (reason, exit_code) = match failure {
        None if name.contains('/') => ("no such file or directory".to_owned(), 127),
        None => ("executable file not found in $PATH".to_owned(), 127),
        Some((path, error)) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT | Errno::ENOTDIR) => {
                ("its interpreter or loader is not in the image".to_owned(), 127)
            }
            Some(Errno::EACCES) if program::is_directory(&path) => {
                ("is a directory".to_owned(), 126)
            }
            Some(errno) => (errno.desc().to_lowercase(), 126),
            None => (error.to_string(), 126),
        },
    };
    Report::Program { program: name.to_owned(), reason, exit_code }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(arguments: &[&str], search_path: &str) -> (String, i32) {
        let arguments: Vec<CString> =
            arguments.iter().map(|&text| CString::new(text).unwrap()).collect();
        let Report::Program { reason, exit_code, .. } = execute(&arguments, &[], search_path)
        else {
            panic!("not a report about the program")
        };
        (reason, exit_code)
    }

    #[test]
    fn failures_have_the_words_and_codes_of_docker() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap();
        let file = |name: &str, text: &str, mode: u32| {
            use std::os::unix::fs::PermissionsExt as _;
            let path = folder.path().join(name);
            crate::sys::files::write(&path, text).unwrap();
            #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        file("plain", "no program", 0o644);
        file("text", "no program either", 0o755);
        file("orphan", "#!/does/not/exist\n", 0o755);
        for (name, reason, code) in [
            ("nothing", "executable file not found in $PATH", 127),
            ("plain", "permission denied", 126),
            ("text", "exec format error", 126),
            ("orphan", "its interpreter or loader is not in the image", 127),
            (&format!("{place}/nothing"), "no such file or directory", 127),
            (place, "is a directory", 126),
            ("", "executable file not found in $PATH", 127),
        ] {
            assert_eq!(
                outcome(&[name], &format!("/nowhere:{place}")),
                (reason.to_owned(), code),
                "{name}"
            );
        }
    }
}
