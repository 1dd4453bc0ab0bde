//! Running a program to its end, with a text on its standard input and no longer than it may take.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{MemfdFlags, memfd_create},
    io::Errno,
};

use super::{At as _, Result, SysError, pidfd};

/// How much of what it says is told when it fails, in bytes.
const LONGEST_WORDS: u64 = 1024;

/// A program to be run.
#[derive(Debug)]
pub struct Job<'a> {
    /// Its absolute path.
    pub path: &'a Path,
    /// Its arguments; the first is the name it is called by.
    pub arguments: &'a [String],
    /// Its whole environment, as `NAME=value`.
    pub environment: &'a [String],
    /// What it reads.
    pub input: &'a [u8],
    /// How long it may take.
    pub patience: Option<Duration>,
}

/// Runs it.
///
/// # Errors
/// What the kernel says, with the path; that it failed, with what it said; timed out, after it was killed.
pub fn run(job: &Job<'_>) -> Result<()> {
    let mut words = anonymous(b"")?;
    let mut command = Command::new(job.path);
    if let Some((name, rest)) = job.arguments.split_first() {
        command.arg0(name).args(rest);
    }
    let pairs = job.environment.iter().filter_map(|text| text.split_once('='));
    let copy = |file: &File| file.try_clone().at("share", "an unnamed file");
    command
        .env_clear()
        .envs(pairs)
        .stdin(Stdio::from(anonymous(job.input)?))
        .stdout(Stdio::from(copy(&words)?))
        .stderr(Stdio::from(copy(&words)?));
    let child = command.spawn().at_path("run", job.path)?;
    let status = wait(child, job)?;
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    // What cannot be read as text is left out: the status alone says that it failed.
    drop(
        words
            .seek(SeekFrom::Start(0))
            .and_then(|_| words.take(LONGEST_WORDS).read_to_string(&mut said)),
    );
    let reason = format!("{status}: {}", said.trim());
    Err(SysError::new("run", job.path.display(), io::Error::other(reason)))
}

fn wait(mut child: Child, job: &Job<'_>) -> Result<ExitStatus> {
    if let Some(patience) = job.patience {
        let pidfd = pidfd::open(i32::try_from(child.id()).unwrap_or(i32::MAX))?;
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut watched = [PollFd::new(&pidfd, PollFlags::IN)];
            match poll(&mut watched, Timespec::try_from(left).ok().as_ref()) {
                Ok(0) => {
                    pidfd::kill_and_reap(&pidfd);
                    return Err(SysError::new("run", job.path.display(), Errno::TIMEDOUT));
                }
                Err(Errno::INTR) => {}
                other => break other.at("wait for", job.path.display()).map(drop)?,
            }
        }
    }
    child.wait().at_path("wait for", job.path)
}

/// Makes a file without a name.
fn anonymous(bytes: &[u8]) -> Result<File> {
    let mut file = File::from(memfd_create("input", MemfdFlags::CLOEXEC).at("make", "a file")?);
    file.write_all(bytes).at("write", "an unnamed file")?;
    file.seek(SeekFrom::Start(0)).at("write", "an unnamed file")?;
    Ok(file)
}

/// Makes a file without a name that holds `bytes`, to be handed to another process.
///
/// # Errors
/// What the kernel says.
pub fn file_of(bytes: &[u8]) -> Result<std::os::fd::OwnedFd> {
    anonymous(bytes).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, patience: Option<Duration>) -> Result<()> {
        let arguments = ["name", "-c", script].map(str::to_owned);
        run(&Job {
            path: Path::new("/bin/sh"),
            arguments: &arguments,
            environment: &["A=b".to_owned()],
            input: b"the input",
            patience,
        })
    }

    #[test]
    fn a_program_has_what_it_is_given_and_nothing_else() {
        sh("test \"$(cat)\" = 'the input' && test $A = b && test -z $HOME && test $0 = name", None)
            .unwrap();
        let error = sh("echo because >&2; exit 3", None).unwrap_err().to_string();
        assert!(error.contains("because") && error.contains('3'), "{error}");
        let missing = Job {
            path: Path::new("/no/such"),
            arguments: &[],
            environment: &[],
            input: b"",
            patience: None,
        };
        assert!(run(&missing).unwrap_err().is_not_found());
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let before = Instant::now();
        let error = sh("exec sleep 100", Some(Duration::from_millis(100))).unwrap_err();
        assert_eq!(error.errno(), Some(libc::ETIMEDOUT));
        assert!(before.elapsed() < Duration::from_secs(50));
    }
}
