//! The program that enters a container, and that the container must not change.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
    thread,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    oci::yard,
    support::{Host, STARTER, eventually, is_root, skip},
};

/// A directory to be shown at `/evil`: a program that waits for this one to be executed, and a script of whatever program enters.
fn evil() -> TempDir {
    let dir = TempDir::new().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/escapes/grab.c");
    let made = Command::new("cc").arg("-o").arg(dir.path().join("grab")).arg(source).status();
    assert!(made.unwrap().success());
    fs::write(dir.path().join("script"), "#!/proc/self/exe\n").unwrap();
    for path in ["", "grab", "script"] {
        let for_all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(dir.path().join(path), for_all).unwrap();
    }
    dir
}

/// Where the libraries are that it loads.
fn libraries() -> impl Iterator<Item = &'static str> {
    ["/lib", "/lib64", "/usr/lib"].into_iter().filter(|path| Path::new(path).is_dir())
}

/// What is executed so that the file of who entered becomes the program: by its name, and as the interpreter of a script.
const WAYS: [&str; 2] = ["/proc/self/exe", "/evil/script"];

/// Has a container wait for what it can grab, and a program executed there until it has; gives what it said.
fn grabbed(wait: impl FnOnce() -> Output + Send, execute: impl Fn() -> Output) -> Output {
    thread::scope(|scope| {
        let waiting = scope.spawn(wait);
        while !waiting.is_finished() {
            execute();
        }
        waiting.join().unwrap()
    })
}

/// The file must refuse writes itself, and nothing that was tried may have been allowed.
fn assert_sealed(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let tried = said.strip_prefix("read-only: yes\n").map(str::lines);
    let tried: Vec<&str> = tried.into_iter().flatten().collect();
    assert_eq!(tried.len(), 3, "{output:?}");
    assert!(tried.iter().all(|line| !line.ends_with(": yes")), "{output:?}");
}

/// CVE-2019-5736: a container that has the program executed which made it, or entered it, cannot write its file. Seen to fail with `sealed::seal`
/// taken out of `monitor::foresee`, for the first process, and of `monitor::spawn`: "read-only: no".
#[test]
fn cve_2019_5736_a_container_cannot_write_its_monitor() {
    let host = Host::with_starter();
    let evil = evil();
    let mut volumes = vec![format!("{}:/evil:ro", evil.path().display())];
    volumes.extend(libraries().map(|path| format!("{path}:{path}:ro")));
    let around: Vec<&str> = ["--name", "home", "--network", "none"]
        .into_iter()
        .chain(volumes.iter().flat_map(|volume| ["-v", volume.as_str()]))
        .chain([STARTER])
        .collect();
    if is_root() {
        host.ok(&[&["run", "-d"], &around[..], &["/proc/self/exe", "events"]].concat());
        assert_sealed(&host.call(&["exec", "home", "/evil/grab", "/evil/grab"]));
        host.ok(&["rm", "-f", "home"]);
    } else {
        skip(
            "in an ordinary user's container this program ends before it is caught as the first process",
        );
    }
    for way in WAYS {
        let wait = [&["run", "--rm"], &around[..], &["/evil/grab", "/evil/grab"]].concat();
        let execute = || host.call(&["exec", "home", way, "version"]);
        assert_sealed(&grabbed(|| host.call(&wait), execute));
    }
    host.assert_clean();
}

/// CVE-2019-5736, where no monitor keeps the file busy: also with all rights. Seen to fail with `become_sealed` taken out of `oci::dispatch`: "read-only: no".
#[test]
fn cve_2019_5736_a_container_cannot_write_its_runtime() {
    for way in WAYS {
        let Some(mut yard) = yard("true") else { return };
        let evil = evil();
        let mut spec = serde_json::to_value(&yard.spec).unwrap();
        let mounts = spec["mounts"].as_array_mut().unwrap();
        let bind = |from: &Path, to: &str| json!({"destination": to, "type": "bind", "source": from, "options": ["rbind", "ro"]});
        mounts.push(bind(evil.path(), "/evil"));
        mounts.extend(libraries().map(|path| bind(Path::new(path), path)));
        for set in ["bounding", "permitted", "effective"] {
            spec["process"]["capabilities"][set]
                .as_array_mut()
                .unwrap()
                .push("CAP_SYS_ADMIN".into());
        }
        spec["process"]["args"] = json!(["/evil/grab", "/evil/grab"]);
        yard.spec = serde_json::from_value(spec).unwrap();
        yard.write();
        let execute = || yard.command(&format!("exec ID {way} version")).output().unwrap();
        assert_sealed(&grabbed(|| yard.with_descriptors("", "", "run ID"), execute));
        yard.assert_nothing_left();
    }
}

/// CVE-2016-9962, CVE-2019-5736: while a process enters a container, nobody there can look into it. Seen to fail with `set_inspectable(true)` in `join::steps` and
/// `clone::spawn_among`: the file of who entered, "/" as nothing leads there, was among those listed.
#[test]
fn cve_2016_9962_nobody_looks_into_who_enters() {
    let host = Host::with_starter();
    let script = "echo begun; while :; do ls -l /proc/[0-9]*/exe /proc/[0-9]*/fd/ 2>&-; done";
    host.ok(&["run", "-d", "--name", "home", "--network", "none", STARTER, "sh", "-c", script]);
    let log = || host.ok(&["logs", "home"]);
    eventually("it looks", || log().contains("/proc/1/exe"));
    for _ in 0..25 {
        host.ok(&["exec", "home", "true"]);
    }
    let seen = log();
    let programs: BTreeSet<&str> = seen
        .lines()
        .filter(|line| line.contains("/exe -> "))
        .filter_map(|line| line.split_once(" -> ").map(|(_, program)| program))
        .collect();
    assert!(programs.contains("/bin/sh"), "{programs:?}");
    assert!(programs.iter().all(|program| program.starts_with("/bin/")), "{programs:?}");
    // Nor at what it has open: nothing but pipes, the null device, what `ls` lists, and the libraries that programs of the image are just loading.
    let known = ["pipe:", "/proc/", "/dev/null", "/lib", "/usr/lib", "/etc/ld.so."];
    let opened: BTreeSet<&str> = seen
        .lines()
        .filter(|line| line.starts_with('l') && !line.contains("/exe -> "))
        .filter_map(|line| line.split_once(" -> ").map(|(_, file)| file))
        .filter(|file| !known.iter().any(|known| file.starts_with(known)))
        .collect();
    assert_eq!(opened, BTreeSet::new());
    host.assert_clean();
}
