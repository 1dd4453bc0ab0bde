//! A test's own host: a store of its own, as root a network of its own, and the proof that nothing is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use estiba::{
    model::Subject,
    store::{Layout, Store},
};
use tempfile::TempDir;

/// The image that most tests stand on: programs of this machine, made as the demo makes it.
pub(crate) const STARTER: &str = "demo/base:latest";

/// The image with one more layer that comes in the same archive; tests do without it.
const APP: &str = "demo/app:latest";

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A host of its own for one test; must be used on the thread that made it.
pub(crate) struct Host {
    dir: TempDir,
}

/// Tells whether the tests run as the machine's root.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Says why a test does nothing here.
pub(crate) fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// Asks again until the answer is yes; fails, with words, when patience ends.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Calls a program, which must answer in time, and say little.
pub(crate) fn answer_in_time(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            let place = fs::read_to_string(format!("/proc/{}/wchan", child.id()));
            child.kill().unwrap();
            panic!("{command:?} hangs in {place:?}: {:?}", child.wait_with_output());
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    child.wait_with_output().unwrap()
}

impl Host {
    /// Makes an empty host.
    pub(crate) fn new() -> Self {
        if is_root() {
            // Of this thread, and of what it starts: bridges, links and rules stay here and go with it.
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        }
        Self { dir: TempDir::new().unwrap() }
    }

    /// Makes a host with the starter image.
    pub(crate) fn with_starter() -> Self {
        let host = Self::new();
        host.load_starter();
        host
    }

    /// Loads the starter image.
    pub(crate) fn load_starter(&self) {
        let archive = self.path("starter.tar");
        let mut file = fs::File::create(&archive).unwrap();
        estiba::engine::starter::write_archive(&mut file).unwrap();
        self.ok(&["load", "-q", "-i", archive.to_str().unwrap()]);
        self.ok(&["rmi", APP]);
    }

    /// Gives a path in the test's own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Prepares a call of the program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_estiba"));
        command
            .env("ESTIBA_ROOT", self.path("root"))
            .env("ESTIBA_RUNROOT", self.path("run"))
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Calls the program.
    pub(crate) fn call(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Calls the program, which must succeed, and gives what it printed without the last line feed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        assert!(output.status.success(), "estiba {}: {output:?}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Calls the program, which must fail with this exit code, and gives what it said on standard error.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        assert_eq!(output.status.code(), Some(code), "estiba {}: {output:?}", arguments.join(" "));
        String::from_utf8(output.stderr).unwrap().trim_end().to_owned()
    }

    /// Calls the program with something on standard input.
    pub(crate) fn with_input(&self, input: &[u8], arguments: &[&str]) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Beside the reading: what comes back holds up what goes in when nobody takes it.
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input).unwrap());
            child.wait_with_output().unwrap()
        })
    }

    /// Gives one field of `inspect`, by Go template.
    pub(crate) fn field(&self, name: &str, template: &str) -> String {
        self.ok(&["inspect", "-f", template, name])
    }

    /// Removes every container and shows that nothing of any is left: no process, mount, link, control group or directory.
    pub(crate) fn assert_clean(&self) {
        for id in self.ok(&["ps", "-aq", "--no-trunc"]).lines() {
            self.ok(&["rm", "-f", id]);
        }
        eventually("no process has a file of this store open", || self.holders().is_empty());
        assert_eq!(self.ok(&["ps", "-aq"]), "");
        // A monitor deletes what nobody looks for when it has told everybody of the end.
        for place in ["root/containers", "run/containers"] {
            eventually("no directory of a container is left", || {
                names_in(&self.path(place)).is_empty()
            });
        }
        for ended in ["root/ended", "run/ended"] {
            eventually("what ended is deleted", || names_in(&self.path(ended)).is_empty());
        }
        assert_eq!(names_in(&self.path("root/staging")), [""; 0], "staging");
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.dir.path().to_str().unwrap()), "mounts: {mounts}");
        eventually("no link is left", || links().iter().all(|link| !link.starts_with("ve")));
        let ids: BTreeSet<String> = self.told_of().into_keys().collect();
        assert_eq!(control_groups(|name| ids.contains(name)), Vec::<PathBuf>::new());
    }

    /// Gives, of each container that the journal tells of, what happened to it.
    pub(crate) fn told_of(&self) -> BTreeMap<String, String> {
        let layout = Layout { data_root: self.path("root"), run_root: self.path("run") };
        let events = Store::open(layout).unwrap().read(|records| records.events_since(0)).unwrap();
        let mut told = BTreeMap::<String, String>::new();
        for event in events.into_iter().filter(|event| event.subject == Subject::Container) {
            let line = told.entry(event.id).or_default();
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&event.occurrence.to_string());
        }
        told
    }

    /// Lists the processes that have a file of this store open: its monitors.
    pub(crate) fn holders(&self) -> Vec<i32> {
        let inside = |link: &Path| link.starts_with(self.dir.path());
        numbers_in_proc()
            .filter(|pid| {
                let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
                descriptors
                    .flatten()
                    .any(|entry| fs::read_link(entry.path()).is_ok_and(|link| inside(&link)))
            })
            .collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Also after a failed assertion nothing may stay behind on the machine.
        let all = self.call(&["ps", "-aq"]);
        for id in String::from_utf8_lossy(&all.stdout).lines() {
            let _removed = self.call(&["rm", "-f", id]);
        }
        if !is_root() {
            // What belongs to subordinate ids can only be deleted inside the user namespace, which goes with the images.
            let all = self.call(&["images", "-q", "--no-trunc"]);
            for id in String::from_utf8_lossy(&all.stdout).lines() {
                let _removed = self.call(&["rmi", "-f", id]);
            }
        }
    }
}

fn numbers_in_proc() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Lists the names in a directory; one that is not there is empty.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Lists the network links that this thread sees.
pub(crate) fn links() -> Vec<String> {
    fs::read_to_string("/proc/thread-self/net/dev")
        .unwrap()
        .lines()
        .skip(2)
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
        .collect()
}

/// Lists the control groups of a container, in every hierarchy.
pub(crate) fn control_groups_of(id: &str) -> Vec<PathBuf> {
    control_groups(|name| name == id)
}

/// Lists the control groups whose name is looked for, in every hierarchy.
fn control_groups(is_looked_for: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if is_looked_for(&entry.file_name().to_string_lossy()) {
                    found.push(entry.path());
                } else {
                    pending.push(entry.path());
                }
            }
        }
    }
    found
}
