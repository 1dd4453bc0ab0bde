//! Where a container is tried out: a process of one thread, as root or as root of a user namespace, with a root file system of the host's programs.
#![expect(
    unsafe_code,
    reason = "the test harness has threads; a fork has one, which is what cloning a container needs"
)]

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::Path,
};

use estiba::{
    runtime::{
        self, Admission, Created, Gate, Rootfs, Running, RuntimeError, Setup, Stdio, User,
        default_spec, seccomp,
    },
    sys::{cgroup::Cgroup, files},
};
use nix::{
    sched::{CloneFlags, unshare},
    sys::wait::{Id, WaitPidFlag, WaitStatus, waitid},
    unistd::{ForkResult, fork, getuid, pipe},
};
use oci_spec::runtime::{Mount, Spec};
use serde::{Serialize, de::DeserializeOwned};

/// As whom a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Rootful,
    Rootless,
}

/// Runs a case in each mode that this user can have.
pub(crate) fn in_each_mode(case: impl Fn(Mode)) {
    if getuid().is_root() {
        case(Mode::Rootful);
    } else {
        eprintln!("skipped as root: the tests do not run as root");
    }
    if alone(|| try_enter(Mode::Rootless).is_ok()) {
        case(Mode::Rootless);
    } else {
        eprintln!("skipped rootless: user namespaces are not allowed here");
    }
}

/// Runs `body` in a fork, which has one thread, and gives what it returns.
pub(crate) fn alone<T: Serialize + DeserializeOwned>(body: impl FnOnce() -> T) -> T {
    let (reader, writer) = pipe().unwrap();
    // SAFETY: the C library makes the fork's heap usable; the body prints nothing and takes no lock that another thread may hold.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            drop(reader);
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            if let Ok(value) = &result {
                let bytes = serde_json::to_vec(value).unwrap_or_default();
                drop(File::from(writer).write_all(&bytes));
            }
            // SAFETY: ends the fork without the harness's exit handlers.
            unsafe { libc::_exit(i32::from(result.is_err())) }
        }
        ForkResult::Parent { child } => {
            drop(writer);
            let mut bytes = Vec::new();
            File::from(reader).read_to_end(&mut bytes).unwrap();
            nix::sys::wait::waitpid(child, None).unwrap();
            serde_json::from_slice(&bytes).expect("the fork panicked; its message is above")
        }
    }
}

/// What a container left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(crate) struct Outcome {
    pub(crate) output: String,
    pub(crate) code: i32,
    pub(crate) error: String,
}

impl Outcome {
    fn failed(error: &RuntimeError) -> Self {
        let code = match error {
            RuntimeError::Program { exit_code, .. } => *exit_code,
            _ => 125,
        };
        Self { output: String::new(), code, error: error.to_string() }
    }

    /// Finds `name: value` or `name value` in the output.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.output
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map_or("", |rest| rest.trim_start_matches(':').trim())
    }
}

/// A container to be tried out; change it, then [`Stage::run`].
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) mode: Mode,
    pub(crate) spec: Spec,
    pub(crate) user: User,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) filter: Option<seccomp::Program>,
    /// The root file system, if not the overlay.
    pub(crate) root: Option<Rootfs>,
}

impl Stage {
    /// Must be called in a fork ([`alone`]).
    pub(crate) fn enter(mode: Mode) -> Self {
        try_enter(mode).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["lower/etc", "lower/tmp", "upper", "work", "at", "cache"] {
            files::make_dir(&folder.path().join(name)).unwrap();
        }
        let mut spec = default_spec(mode == Mode::Rootless);
        let mounts = spec.mounts_mut().as_mut().unwrap();
        for path in ["/usr", "/bin", "/sbin", "/lib", "/lib64"] {
            if files::exists(Path::new(path)) {
                mounts.push(bind(path, path));
            }
        }
        let stage = Self {
            mode,
            spec,
            user: User::Named { user: String::new(), groups: Vec::new() },
            folder,
            filter: None,
            root: None,
        };
        stage
            .image_file("etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\n");
        stage.image_file("etc/group", "root:x:0:\nweb:x:34:\nlogs:x:4:web\n");
        stage
    }

    /// Writes a file of the image.
    pub(crate) fn image_file(&self, path: &str, text: &str) {
        files::write(&self.image(path), text).unwrap();
    }

    /// Gives the place of a path of the image.
    pub(crate) fn image(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join("lower").join(path)
    }

    /// Says what is executed.
    pub(crate) fn command(&mut self, words: &[&str]) -> &mut Self {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        let process = self.spec.process_mut().as_mut().unwrap();
        process.set_args(Some(words));
        self
    }

    /// Runs a shell script as the container's program.
    pub(crate) fn script(&mut self, script: &str) -> Outcome {
        self.command(&["/bin/sh", "-c", script]).run()
    }

    pub(crate) fn create(
        &self,
        stdio: Stdio,
        cgroup: Option<&Cgroup>,
    ) -> Result<Created, RuntimeError> {
        let place = |name: &str| self.folder.path().join(name);
        runtime::create(Setup {
            spec: &self.spec,
            rootfs: self.root.clone().unwrap_or_else(|| Rootfs::Overlay {
                lowers: vec![place("lower")],
                upper: place("upper"),
                work: place("work"),
                at: place("at"),
                is_volatile: false,
            }),
            user: self.user.clone(),
            stdio,
            cgroup,
            class: None,
            seccomp: self.filter.as_ref(),
            rootless: self.mode == Mode::Rootless,
            given: Vec::new(),
            gate: Gate::Channel,
            admission: Admission::Ready,
            has_reaper: false,
            preserved: 0,
        })
    }

    /// Runs the container to its end.
    pub(crate) fn run(&self) -> Outcome {
        let (output, stdio) = streams();
        match self.create(stdio, None).and_then(Created::start) {
            Err(error) => Outcome::failed(&error),
            Ok(running) => collect(output, &running),
        }
    }
}

/// Makes standard streams whose output can be read.
pub(crate) fn streams() -> (OwnedFd, Stdio) {
    let (output, stdout) = pipe_close_on_exec();
    let stderr = stdout.try_clone().unwrap();
    let (stdin, _) = pipe_close_on_exec();
    (output, Stdio::Pipes { stdin, stdout, stderr })
}

/// Reads all output, then reaps.
pub(crate) fn collect(output: OwnedFd, running: &Running) -> Outcome {
    let mut bytes = Vec::new();
    // A terminal whose last user is gone answers EIO.
    drop(File::from(output).read_to_end(&mut bytes));
    Outcome {
        output: String::from_utf8_lossy(&bytes).into_owned(),
        code: wait(running),
        error: String::new(),
    }
}

pub(crate) fn wait(running: &Running) -> i32 {
    use std::os::fd::AsFd as _;
    match waitid(Id::PIDFd(running.pidfd.as_fd()), WaitPidFlag::WEXITED).unwrap() {
        WaitStatus::Exited(_, code) => code,
        WaitStatus::Signaled(_, signal, _) => 128 + signal as i32,
        other => panic!("{other:?}"),
    }
}

/// Makes a read-only bind mount.
pub(crate) fn bind(source: &str, target: &str) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_destination(target.into())
        .set_source(Some(source.into()))
        .set_typ(Some("bind".to_owned()))
        .set_options(Some(vec!["rbind".to_owned(), "rro".to_owned(), "rnodev".to_owned()]));
    mount
}

fn pipe_close_on_exec() -> (OwnedFd, OwnedFd) {
    nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap()
}

/// Becomes what a mode says: nothing to do as root, otherwise root of a new user namespace of one id.
fn try_enter(mode: Mode) -> Result<(), String> {
    if mode == Mode::Rootful {
        return Ok(());
    }
    let text = |error: &dyn std::fmt::Display| error.to_string();
    if getuid().is_root() {
        let nobody = 65534;
        nix::unistd::setgroups(&[]).map_err(|error| text(&error))?;
        nix::unistd::setgid(nobody.into()).map_err(|error| text(&error))?;
        nix::unistd::setuid(nobody.into()).map_err(|error| text(&error))?;
        nix::sys::prctl::set_dumpable(true).map_err(|error| text(&error))?;
    }
    let (uid, gid) = (getuid(), nix::unistd::getgid());
    let flags = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    unshare(flags).map_err(|error| text(&error))?;
    for (name, line) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ] {
        files::write(&Path::new("/proc/self").join(name), line).map_err(|error| text(&error))?;
    }
    Ok(())
}
