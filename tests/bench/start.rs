//! How long a container takes from the first word to the last, beside the floor: what the kernel alone takes to make and unmake a process
//! with the same namespaces, mounts and protections.
//!
//! `cargo bench --bench start [RUNS]`, as root. Read the ratio; times differ from machine to machine and from minute to minute.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on must stop, and says what it found"
)]

use std::{
    fs,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::{Command, Stdio as Streams},
    time::{Duration, Instant},
};

use estiba::{
    engine::starter,
    runtime::{self, Admission, Rootfs, Setup, Stdio, User},
    sys::pidfd,
};
use oci_spec::runtime::Spec;

const PROGRAM: &str = env!("CARGO_BIN_EXE_estiba");
const RUNS: usize = 40;

fn main() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: without root there is nothing to compare with");
        return;
    }
    // Bridges and links that might be made stay here and go with this process.
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    // Cargo adds --bench.
    let runs = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(RUNS);
    let dir = tempfile::tempdir().unwrap();
    let place = Place { dir: dir.path() };
    place.load_starter();
    let kinds: [(&str, &dyn Fn()); 3] = [
        ("floor: namespaces, mounts, execve", &|| place.floor()),
        ("estiba --version", &|| place.call(&["--version"])),
        ("estiba run --rm --network none", &|| {
            place.call(&["run", "--rm", "--network", "none", starter::STARTER, "true"]);
        }),
    ];
    let mut times = kinds.map(|_| Vec::new());
    // In turn, so that a noisy minute is everybody's; the first round warms the caches.
    for round in 0..=runs {
        for ((_, work), times) in kinds.iter().zip(&mut times) {
            let begun = Instant::now();
            work();
            if round > 0 {
                times.push(begun.elapsed());
            }
        }
    }
    let [floor, ..] = times.each_mut().map(|times| Summary::of(times));
    println!("{:36}{:>9}{:>9}{:>14}", "", "min ms", "median", "times floor");
    for ((name, _), times) in kinds.iter().zip(&mut times) {
        let Summary { min, median } = Summary::of(times);
        println!("{name:36}{min:9.2}{median:9.2}{:14.1}", median / floor.median);
    }
}

/// Milliseconds.
struct Summary {
    min: f64,
    median: f64,
}

impl Summary {
    fn of(times: &mut [Duration]) -> Self {
        times.sort_unstable();
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        Self { min: millis(times[0]), median: millis(times[times.len() / 2]) }
    }
}

/// A store of its own.
struct Place<'a> {
    dir: &'a Path,
}

impl Place<'_> {
    fn load_starter(&self) {
        let archive = self.dir.join("starter.tar");
        starter::write_archive(&mut fs::File::create(&archive).unwrap()).unwrap();
        self.call(&["load", "-q", "-i", archive.to_str().unwrap()]);
    }

    fn call(&self, arguments: &[&str]) {
        let status = Command::new(PROGRAM)
            .env("ESTIBA_ROOT", self.dir.join("root"))
            .env("ESTIBA_RUNROOT", self.dir.join("run"))
            .args(arguments)
            .stdin(Streams::null())
            .stdout(Streams::null())
            .status();
        assert!(status.unwrap().success(), "{arguments:?}");
    }

    /// Makes the same container as the program does, and nothing else: no store, no monitor, no control group.
    fn floor(&self) {
        for name in ["upper", "work", "at"] {
            fs::create_dir_all(self.dir.join("floor").join(name)).unwrap();
        }
        let floor = |name: &str| self.dir.join("floor").join(name);
        let null = || fs::File::options().read(true).write(true).open("/dev/null").unwrap().into();
        let running = runtime::create(Setup {
            spec: &spec(),
            rootfs: Rootfs::Overlay {
                lowers: self.layers(),
                upper: floor("upper"),
                work: floor("work"),
                at: floor("at"),
                is_volatile: true,
            },
            user: User::FromSpec,
            stdio: Stdio::Pipes { stdin: null(), stdout: null(), stderr: null() },
            cgroup: None,
            class: None,
            seccomp: None,
            given: Vec::new(),
            rootless: false,
            gate: runtime::Gate::Channel,
            admission: Admission::Ready,
            has_reaper: false,
            preserved: 0,
        });
        pidfd::reap(running.unwrap().start().unwrap().pidfd.as_fd());
        fs::remove_dir_all(self.dir.join("floor")).unwrap();
    }

    /// Gives the unpacked layers; which is topmost makes no difference here.
    fn layers(&self) -> Vec<PathBuf> {
        let layers = fs::read_dir(self.dir.join("root/layers")).unwrap();
        layers.map(|layer| layer.unwrap().path().join("diff")).collect()
    }
}

fn spec() -> Spec {
    let mut spec = runtime::default_spec(false);
    let process = spec.process_mut().as_mut().unwrap();
    process.set_args(Some(vec!["true".to_owned()]));
    spec
}
