//! The face of an OCI runtime, called as podman, dockerd and containerd call it.

mod compatible;
mod escapes;
mod fields;
mod groups;
mod handed;
mod links;
mod terminals;

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use estiba::runtime::default_spec;
use oci_spec::runtime::{Root, Spec};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    stage::bind,
    support::{control_groups_of, eventually, is_root, names_in, skip},
};

/// So that each container has a name of its own.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A bundle, and a directory of states.
pub(crate) struct Yard {
    dir: TempDir,
    pub(crate) id: String,
    pub(crate) spec: Spec,
}

/// Makes one whose program is a shell script; `None`, with a word why, when this user cannot.
pub(crate) fn yard(script: &str) -> Option<Yard> {
    if !is_root() {
        skip("a container of a bundle needs root here");
        return None;
    }
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = TempDir::new().unwrap();
    fs::create_dir_all(dir.path().join("bundle/rootfs/tmp")).unwrap();
    let mut spec = default_spec(false);
    let mut root = Root::default();
    root.set_path("rootfs".into()).set_readonly(None);
    spec.set_root(Some(root));
    let mounts = spec.mounts_mut().as_mut().unwrap();
    for path in ["/usr", "/bin", "/sbin", "/lib", "/lib64"].map(PathBuf::from) {
        if path.exists() {
            mounts.push(bind(path.to_str().unwrap(), path.to_str().unwrap()));
        }
    }
    let process = spec.process_mut().as_mut().unwrap();
    process.set_args(Some(["/bin/sh", "-c", script].map(str::to_owned).to_vec()));
    let id = format!("it{}-{number}", std::process::id());
    let yard = Yard { dir, id, spec };
    yard.write();
    Some(yard)
}

impl Yard {
    pub(crate) fn write(&self) {
        let text = serde_json::to_vec(&self.spec).unwrap();
        fs::write(self.path("bundle/config.json"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Prepares a call; what it and the container print goes to files, because a container keeps them open.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_estiba"));
        command
            .arg("oci")
            .arg("--root")
            .arg(self.path("state"))
            .args(words.replace("ID", &self.id).split(' '))
            .current_dir(self.path("bundle"))
            // Whatever this machine has, no test asks its systemd.
            .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/there/is/no/bus")
            .stdin(Stdio::null())
            .stdout(File::create(self.path("out")).unwrap())
            .stderr(File::create(self.path("err")).unwrap());
        command
    }

    /// Calls, and gives the exit code.
    pub(crate) fn code(&self, words: &str) -> i32 {
        self.command(words).status().unwrap().code().unwrap()
    }

    /// Calls what must succeed, and gives what was printed.
    pub(crate) fn ok(&self, words: &str) -> String {
        assert_eq!(self.code(words), 0, "{words}: {}", self.text("err"));
        self.text("out")
    }

    /// Calls what must fail, and gives what was said.
    pub(crate) fn fails(&self, code: i32, words: &str) -> String {
        assert_eq!(self.code(words), code, "{words}: {}", self.text("err"));
        self.text("err")
    }

    pub(crate) fn state(&self) -> Value {
        serde_json::from_str(&self.ok("state ID")).unwrap()
    }

    pub(crate) fn status(&self) -> String {
        self.state()["status"].as_str().unwrap().to_owned()
    }

    /// Executes a script in the container and gives what it printed.
    pub(crate) fn inside(&self, script: &str) -> Output {
        self.command("exec ID /bin/sh -c")
            .arg(script)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .unwrap()
    }

    /// Calls with descriptors that the shell opens as `opened` says, and variables as `front` says.
    pub(crate) fn with_descriptors(&self, opened: &str, front: &str, words: &str) -> Output {
        let command = self.command(words);
        let script = format!("exec {opened}; {front} exec \"$0\" \"$@\"");
        Command::new("sh")
            .args(["-c", &script])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(self.path("bundle"))
            .output()
            .unwrap()
    }

    pub(crate) fn assert_nothing_left(&self) {
        assert_eq!(names_in(&self.path("state")), [""; 0], "state directories");
        assert_eq!(control_groups_of(&self.id), Vec::<PathBuf>::new());
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.dir.path().to_str().unwrap()), "{mounts}");
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        // Also after a failed assertion nothing may stay behind.
        let _removed = self.command("delete --force ID").status();
    }
}

#[test]
fn a_container_is_made_started_killed_and_removed() {
    let Some(yard) = yard("touch /tmp/begun; exec sleep 1000") else { return };
    yard.ok("create --pid-file ../pid ID");
    let state = yard.state();
    assert_eq!((&state["status"], &state["id"]), (&"created".into(), &yard.id.as_str().into()));
    assert_eq!(state["pid"].to_string(), yard.text("pid"));
    assert_eq!(state["bundle"], yard.path("bundle").to_str().unwrap());
    assert_eq!(state["rootfs"], yard.path("bundle/rootfs").to_str().unwrap());
    assert!(!yard.path("bundle/rootfs/tmp/begun").exists(), "the program did not wait");
    yard.ok("start ID");
    assert_eq!(yard.status(), "running");
    eventually("the program runs", || yard.path("bundle/rootfs/tmp/begun").exists());
    assert!(yard.fails(1, "start ID").contains("already running"));
    assert!(yard.fails(1, "delete ID").contains("is not stopped: running"));
    yard.ok("kill ID KILL");
    eventually("the container has stopped", || yard.status() == "stopped");
    assert_eq!(yard.state()["pid"], 0);
    assert!(yard.fails(1, "kill ID").contains("container not running"));
    assert!(yard.fails(1, "start ID").contains("has stopped"));
    yard.ok("delete ID");
    assert!(yard.fails(1, "state ID").contains("does not exist"));
    assert!(yard.fails(1, "delete ID").contains("does not exist"));
    yard.assert_nothing_left();
}

#[test]
fn what_runs_is_listed() {
    let Some(yard) = yard("exec sleep 1000") else { return };
    assert_eq!(yard.ok("list -f json").trim(), "[]");
    yard.ok("run --detach --pid-file ../pid ID");
    assert_eq!(yard.ok("ps -f json ID").trim(), format!("[{}]", yard.text("pid")));
    assert!(yard.ok("ps ID").contains("sleep 1000"));
    assert!(yard.ok("list").contains(&yard.id));
    assert_eq!(yard.ok("list -q").trim(), yard.id);
    let all: Value = serde_json::from_str(&yard.ok("list -f json")).unwrap();
    assert_eq!(all[0]["status"], "running");
    let line: Value = serde_json::from_str(&yard.ok("events --stats ID")).unwrap();
    assert_eq!(line["data"]["pids"]["current"], 1, "{line}");
}

#[test]
fn what_can_fail_fails_when_a_container_is_made() {
    let Some(mut yard) = yard("true") else { return };
    fs::write(yard.path("bundle/rootfs/tmp/plain"), "no program").unwrap();
    for (program, said) in [
        ("nope", r#"exec: "nope": executable file not found in $PATH"#),
        ("/tmp/nope", r#"exec: "/tmp/nope": no such file or directory"#),
        ("/tmp/plain", r#"exec: "/tmp/plain": permission denied"#),
        ("/tmp", r#"exec: "/tmp": is a directory"#),
    ] {
        let process = yard.spec.process_mut().as_mut().unwrap();
        process.set_args(Some(vec![program.to_owned()]));
        yard.write();
        let heard = yard.fails(1, "--log ../log --log-format json create ID");
        let said = format!("runc create failed: unable to start container process: {said}");
        assert_eq!(heard.trim(), said);
        let log = yard.text("log");
        let line: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!((&line["level"], &line["msg"]), (&"error".into(), &said.into()));
        yard.assert_nothing_left();
    }
    yard.spec.process_mut().as_mut().unwrap().set_args(Some(vec!["/bin/true".to_owned()]));
    yard.write();
    // After the first process exists.
    yard.fails(1, "create --pid-file /does/not/exist ID");
    yard.assert_nothing_left();
    assert!(yard.fails(1, "create --no-pivot ID").contains("--no-pivot"));
    assert!(yard.fails(1, "create --bundle /does/not ID").contains("not found"));
    assert!(yard.fails(1, "create ../ID").contains("invalid container ID"));
    for verb in ["checkpoint --image-path /x", "restore -d --bundle /x"] {
        assert!(yard.fails(1, &format!("{verb} ID")).contains("refused"), "{verb}");
    }
    yard.fails(1, "--log ../usage --log-format json create --no-such-flag ID");
    let line: Value = serde_json::from_str(&yard.text("usage")).unwrap();
    assert!(line["msg"].as_str().unwrap().contains("--no-such-flag"), "{line}");
    assert!(yard.fails(1, "--systemd-cgroup create ID").contains("no systemd"));
    assert!(yard.fails(1, "create --preserve-fds 50 ID").contains("descriptor"));
    yard.assert_nothing_left();
    yard.ok("create ID");
    assert!(yard.fails(1, "create ID").contains("already exists"));
    assert_eq!(yard.status(), "created");
    // One that was never started may go without force.
    yard.ok("delete ID");
    yard.assert_nothing_left();
}

#[test]
fn of_two_calls_at_once_one_wins() {
    let Some(yard) = yard("exec sleep 1000") else { return };
    let race = |words: &str| {
        let quiet = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut all = [0; 4].map(|_| quiet(&mut yard.command(words)));
        all.iter_mut()
            .filter_map(|one| one.wait().unwrap().code())
            .filter(|&code| code == 0)
            .count()
    };
    for _ in 0..3 {
        assert_eq!(race("create ID"), 1);
        assert_eq!(yard.status(), "created");
        assert_eq!(race("start ID"), 1);
        assert_eq!(race("pause ID"), 1);
        assert_eq!(race("resume ID"), 1);
        assert_eq!(race("delete --force ID"), 4);
        yard.assert_nothing_left();
    }
}

#[test]
fn a_container_whose_first_process_was_killed_is_stopped() {
    let Some(yard) = yard("exec sleep 1000") else { return };
    for start in [false, true] {
        yard.ok("create --pid-file ../pid ID");
        if start {
            yard.ok("start ID");
        }
        let pid = nix::unistd::Pid::from_raw(yard.text("pid").parse().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        eventually("it has stopped", || yard.status() == "stopped");
        yard.ok("delete ID");
        yard.assert_nothing_left();
    }
}

#[test]
fn what_create_leaves_when_it_is_killed_is_removed_by_the_next() {
    let Some(yard) = yard("exec sleep 1000") else { return };
    // Nobody reads it, and so `create` stands still where it writes the number of the process.
    nix::unistd::mkfifo(&yard.path(".pid"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut creating = yard.command("create --pid-file ../pid ID").spawn().unwrap();
    let record = format!("state/{}/state.json", yard.id);
    let init = || {
        let record: Value = serde_json::from_str(&yard.text(&record)).ok()?;
        record["init"]["pid"].as_i64()
    };
    eventually("the first process is written down", || init().is_some());
    let first = PathBuf::from(format!("/proc/{}/exe", init().unwrap()));
    assert!(first.exists());
    creating.kill().unwrap();
    creating.wait().unwrap();
    // Its memory goes before it is seen to have ended.
    eventually("the first process ends with who made it", || yard.status() == "stopped");
    assert!(fs::read_link(&first).is_err());
    assert!(yard.fails(1, "start ID").contains("has stopped"));
    yard.ok("delete ID");
    yard.assert_nothing_left();
}

#[test]
fn limits_hold_and_change() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    let mut spec = serde_json::to_value(&yard.spec).unwrap();
    spec["linux"]["resources"] =
        serde_json::json!({ "memory": { "limit": 67_108_864 }, "pids": { "limit": 20 } });
    yard.spec = serde_json::from_value(spec).unwrap();
    yard.write();
    yard.ok("run -d ID");
    let limit = || {
        let line: Value = serde_json::from_str(&yard.ok("events --stats ID")).unwrap();
        line["data"]["memory"]["usage"]["limit"].as_u64().unwrap()
    };
    assert_eq!(limit(), 64 << 20);
    yard.ok("update --memory 100m --memory-swap 209715200 ID");
    assert_eq!(limit(), 100 << 20);
    yard.ok("pause ID");
    // Standing still does not keep it from being ended.
    yard.ok("delete --force ID");
    yard.ok("delete --force ID");
    yard.assert_nothing_left();
}

#[test]
fn what_it_can_do_and_how_to_begin_is_printed() {
    let Some(yard) = yard("true") else { return };
    let features: Value = serde_json::from_str(&yard.ok("features")).unwrap();
    assert_eq!(features["ociVersionMin"], "1.0.0");
    assert!(features["linux"]["capabilities"].as_array().unwrap().contains(&"CAP_KILL".into()));
    assert!(yard.ok("--version").contains("spec: 1."));
    assert!(yard.fails(1, "spec").contains("exists"));
    fs::create_dir(yard.path("fresh")).unwrap();
    yard.ok("spec --bundle ../fresh");
    let spec: Spec = serde_json::from_str(&yard.text("fresh/config.json")).unwrap();
    assert_eq!(spec.process().as_ref().unwrap().args().as_ref().unwrap(), &["sh"]);
}
