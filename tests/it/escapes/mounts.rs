//! Links, files and races where something is mounted or made.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use estiba::{
    runtime::{Created, Stdio, User},
    sys::files,
};
use nix::{sys::stat::Mode as Bits, unistd::mkfifo};
use oci_spec::runtime::{Mount, Spec};
use serde_json::json;

use crate::{
    stage::{Mode, Outcome, Stage, alone, in_each_mode, wait},
    support::{is_root, skip},
};

/// What an image can have in the place of a directory of the system.
const OBSTACLES: [&str; 5] = ["link out", "link up", "link to nothing", "file", "pipe"];

/// Makes one of [`OBSTACLES`] in the image.
fn obstruct(stage: &Stage, obstacle: &str, name: &str, outside: &Path) {
    let place = stage.image(name);
    match obstacle {
        "link out" => symlink(outside, place).unwrap(),
        "link up" => {
            let up = format!("../../../../../../../..{}", outside.display());
            symlink(up, place).unwrap();
        }
        "link to nothing" => symlink("/nowhere/to/be/found", place).unwrap(),
        "file" => fs::write(place, "").unwrap(),
        _ => mkfifo(&place, Bits::S_IRWXU).unwrap(),
    }
}

fn bind(source: &Path, target: &str) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_typ(Some("bind".to_owned()))
        .set_source(Some(source.to_owned()))
        .set_destination(target.into())
        .set_options(Some(vec!["rbind".to_owned()]));
    mount
}

/// Lists everything below a directory of the host.
fn tree(top: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![top.to_owned()];
    while let Some(directory) = pending.pop() {
        for path in files::list(&directory).unwrap() {
            if files::is_dir(&path) {
                pending.push(path.clone());
            }
            found.push(path.display().to_string());
        }
    }
    found.sort();
    found
}

/// CVE-2026-41579, CVE-2026-47766, CVE-2026-88264, CVE-2026-88265, CVE-2019-19921, CVE-2023-28642, GHSA-992m-xc3g-r7rj: an image with something else in the
/// place of `/dev`, `/proc` or `/sys` is refused, and nothing is made where its links lead. Seen to fail with `Root::resolve`
/// as a plain `openat` below the root: with a link out the container ran.
#[test]
fn cve_2026_41579_an_image_without_directories_of_the_system_is_refused() {
    in_each_mode(|mode| {
        for name in ["dev", "proc", "sys"] {
            for obstacle in OBSTACLES {
                let outcome = alone(|| {
                    let mut stage = Stage::enter(mode);
                    let outside = stage.folder.path().join("outside");
                    files::make_dir(&outside).unwrap();
                    obstruct(&stage, obstacle, name, &outside);
                    let mut outcome = stage.script("true");
                    outcome.output = tree(&outside).join(" ");
                    outcome
                });
                let case = format!("{mode:?} /{name} is a {obstacle}: {outcome:?}");
                assert_eq!(outcome.code, 125, "{case}");
                assert!(outcome.error.contains(&format!("/{name}")), "{case}");
                assert_eq!(outcome.output, "", "{case}");
            }
        }
    });
}

/// CVE-2026-88264, CVE-2026-88265, CVE-2025-52565: a `/dev` of the image whose files are links gives a container with a terminal neither null nor console
/// nor devpts elsewhere. Seen to fail with `O_NOFOLLOW` taken out of `open_entry` and `O_EXCL` and `O_NOFOLLOW` out of `make_entry`: the container with the
/// link `dev/null` ran.
#[test]
fn cve_2026_88264_links_in_a_dev_of_the_image_lead_nowhere() {
    if !is_root() {
        return skip("needs root");
    }
    for (name, is_refused) in
        [("dev/null", true), ("dev/pts", true), ("dev/console", false), ("dev/ptmx", false)]
    {
        let outcome = alone(|| {
            let mut stage = Stage::enter(Mode::Rootful);
            let outside = stage.folder.path().join("outside");
            files::make_dir(&outside).unwrap();
            files::make_dir(&stage.image("dev")).unwrap();
            files::write(&outside.join("kept"), "kept").unwrap();
            let target = if name == "dev/pts" { outside.clone() } else { outside.join("kept") };
            symlink(target, stage.image(name)).unwrap();
            let mounts = stage.spec.mounts_mut().as_mut().unwrap();
            mounts.retain(|mount| mount.destination() != Path::new("/dev"));
            stage.command(&["/bin/true"]);
            let started = stage.create(Stdio::Terminal, None).and_then(Created::start);
            let error = started.map(|running| wait(&running)).err();
            Outcome {
                output: format!(
                    "{} {:?}",
                    tree(&outside).len(),
                    files::read_text(&outside.join("kept"))
                ),
                code: 0,
                error: error.map(|error| error.to_string()).unwrap_or_default(),
            }
        });
        assert_eq!(outcome.output, "1 Ok(\"kept\")", "{name} {outcome:?}");
        let said = name.rsplit_once('/').unwrap().1;
        let is_named = outcome.error.contains(said) || outcome.error.contains("terminal");
        assert!(
            is_named == is_refused && outcome.error.is_empty() != is_refused,
            "{name} {outcome:?}"
        );
    }
}

/// CVE-2022-23648, CVE-2024-45310: what is mounted over `/etc/hosts` is mounted in the container, whatever `/etc` is in the image. Seen to fail with
/// `Root::resolve` as a plain `openat` below the root: `hosts` was made outside.
#[test]
fn cve_2024_45310_no_file_is_made_where_a_link_of_the_image_leads() {
    in_each_mode(|mode| {
        for (place, target) in
            [("etc", "/etc/hosts"), ("etc/hosts", "/etc/hosts"), ("srv", "/srv/a/b")]
        {
            for obstacle in OBSTACLES {
                let outcome = alone(|| {
                    let mut stage = Stage::enter(mode);
                    if place == "etc" {
                        fs::remove_dir_all(stage.image("etc")).unwrap();
                        stage.user = User::FromSpec;
                    }
                    let outside = stage.folder.path().join("outside");
                    files::make_dir(&outside).unwrap();
                    obstruct(&stage, obstacle, place, &outside);
                    let source = stage.folder.path().join("hosts");
                    files::write(&source, "of the engine\n").unwrap();
                    stage.spec.mounts_mut().as_mut().unwrap().push(bind(&source, target));
                    let mut outcome = stage.script(&format!("cat {target}"));
                    outcome.error.push_str(&tree(&outside).join(" "));
                    outcome
                });
                let case = format!("{mode:?} /{place} is a {obstacle}: {outcome:?}");
                let is_shown = outcome.output == "of the engine\n" && outcome.error.is_empty();
                let is_refused = outcome.code == 125 && outcome.error.contains(target);
                assert!(is_shown || is_refused, "{case}");
                assert_eq!(
                    is_refused,
                    place != "etc/hosts" && ["file", "pipe"].contains(&obstacle),
                    "{case}"
                );
            }
        }
    });
}

/// CVE-2026-55686, CVE-2024-21626: a directory to start in is made in the container, through whatever links. Seen to fail with `Root::resolve` as a
/// plain `openat` below the root: `made/deep` was made outside.
#[test]
fn cve_2026_55686_a_directory_to_start_in_is_made_inside() {
    in_each_mode(|mode| {
        for chain in
            [["/b", "/c", "OUT"], ["b", "../../c", "../../../../../../../..OUT"], ["b", "c", "a"]]
        {
            let outcome = alone(|| {
                let mut stage = Stage::enter(mode);
                let outside = stage.folder.path().join("outside");
                files::make_dir(&outside).unwrap();
                for (name, target) in ["a", "b", "c"].into_iter().zip(chain) {
                    let target = target.replace("OUT", &outside.display().to_string());
                    symlink(target, stage.image(name)).unwrap();
                }
                let process = stage.spec.process_mut().as_mut().unwrap();
                process.set_cwd("/a/made/deep".into());
                let mut outcome = stage.script("pwd -P");
                outcome.error.push_str(&tree(&outside).join(" "));
                outcome
            });
            if chain == ["b", "c", "a"] {
                assert!(
                    outcome.code == 125 && outcome.error.contains("/a/made/deep"),
                    "{outcome:?}"
                );
            } else {
                assert!(outcome.output.ends_with("/outside/made/deep\n"), "{mode:?} {outcome:?}");
                assert_eq!(outcome.error, "", "{mode:?} {outcome:?}");
            }
        }
    });
}

/// CVE-2021-30465, CVE-2024-45310, CVE-2025-31133: somebody else with the same volume exchanges a directory of the mount point for a link while
/// containers are made; what is mounted is inside, or the container is not made, and nothing is made outside. Seen to fail with `Root::resolve` as a
/// plain `openat` below the root: `0/file`, `1/file`, `2/file`, … were made outside.
#[test]
fn cve_2021_30465_a_mount_point_that_is_exchanged_leads_nowhere() {
    if !is_root() {
        return skip("needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let (shared, outside) = (folder.path().join("shared"), folder.path().join("outside"));
    for directory in [&shared, &shared.join("place"), &outside] {
        files::make_dir(directory).unwrap();
    }
    symlink(&outside, shared.join("link")).unwrap();
    files::write(&folder.path().join("secret"), "mounted\n").unwrap();
    let (is_over, place, link) =
        (AtomicBool::new(false), shared.join("place"), shared.join("link"));
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let exchange = nix::fcntl::RenameFlags::RENAME_EXCHANGE;
                nix::fcntl::renameat2(
                    nix::fcntl::AT_FDCWD,
                    &place,
                    nix::fcntl::AT_FDCWD,
                    &link,
                    exchange,
                )
                .unwrap();
            }
        });
        let outcomes = (0..40)
            .map(|number| {
                alone(|| {
                    let mut stage = Stage::enter(Mode::Rootful);
                    let mounts = stage.spec.mounts_mut().as_mut().unwrap();
                    mounts.push(bind(&shared, "/shared"));
                    let target = format!("/shared/place/{number}/file");
                    mounts.push(bind(&folder.path().join("secret"), &target));
                    let process = stage.spec.process_mut().as_mut().unwrap();
                    process.set_cwd(format!("/shared/place/start{number}").into());
                    stage.script("cat /proc/self/mountinfo")
                })
            })
            .collect();
        is_over.store(true, Ordering::Relaxed);
        outcomes
    });
    assert_eq!(tree(&outside), [""; 0], "made outside");
    let made = outcomes.iter().filter(|outcome| outcome.code == 0).count();
    eprintln!("{made} of {} containers were made", outcomes.len());
    assert!(made > 0, "{:?}", outcomes.first());
    assert!(outcomes.iter().all(|outcome| outcome.code == 0 || outcome.code == 125));
}

/// CVE-2019-19921, CVE-2025-52881, CVE-2025-62596: what is hidden or protected is reached by a path that has no links, or not at all. Seen to fail with
/// `Root::resolve` as a plain `openat` below the root: the container ran.
#[test]
fn cve_2025_52881_protected_paths_follow_no_links() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        symlink("/proc", stage.image("link")).unwrap();
        let mut spec = serde_json::to_value(&stage.spec).unwrap();
        spec["linux"]["maskedPaths"] = json!(["/link/interrupts"]);
        stage.spec = serde_json::from_value::<Spec>(spec).unwrap();
        stage.script("true")
    });
    assert!(outcome.code == 125 && outcome.error.contains("/link/interrupts"), "{outcome:?}");
}
