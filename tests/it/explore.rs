//! Looking into images and containers: analysis of what is stored and of archives, rules, and files taken out and back.

use std::fs;

use estiba::engine::{
    Engine, EngineConfig, ErrorKind, PolicyFile, Privilege, RegistryFiles, Shelf, starter::STARTER,
};

use crate::support::{Host, is_root, skip};

/// Opens the store of a host in this process.
fn engine(host: &Host) -> Engine {
    Engine::open(EngineConfig {
        data_root: host.path("root"),
        run_root: host.path("run"),
        program: env!("CARGO_BIN_EXE_estiba").into(),
        privilege: Privilege::Rootful,
        registries: RegistryFiles::default(),
        policy: PolicyFile::default(),
    })
    .unwrap()
}

#[test]
fn an_image_is_analysed_alike_wherever_it_lies() {
    let host = Host::with_starter();
    host.ok(&["run", "--name", "work", STARTER, "sh", "-c", "echo new > /bin/ls; rm /bin/mv"]);
    host.ok(&["commit", "work", "worked:1"]);
    let archive = host.path("worked.tar");
    let archive = archive.to_str().unwrap();
    host.ok(&["save", "-o", archive, "worked:1"]);
    let stored = host.ok(&["analyze", "--json", "worked:1"]);
    assert_eq!(stored, host.ok(&["analyze", "--json", archive]));
    let bytes = fs::read(archive).unwrap();
    let streamed = host.with_input(&bytes, &["analyze", "--json", "-"]);
    assert_eq!(String::from_utf8_lossy(&streamed.stdout).trim_end(), stored);
    let told: serde_json::Value = serde_json::from_str(&stored).unwrap();
    let number = |name: &str| told[name].as_u64().unwrap();
    let hidden = told["hidden"].as_array().unwrap();
    let mut paths: Vec<_> =
        hidden.iter().map(|copy| (copy["path"].as_str().unwrap(), &copy["fate"])).collect();
    paths.sort_unstable_by_key(|(path, _)| *path);
    assert_eq!(paths, [("bin/ls", &"replaced".into()), ("bin/mv", &"removed".into())]);
    let sum: u64 = hidden.iter().map(|copy| copy["size"].as_u64().unwrap()).sum();
    assert_eq!(number("wasted"), sum);
    assert_eq!(number("userSize"), 4, "what the one file in the layer above has");
    // Rules as people have them: what they say is beside JSON, and the exit code is for pipelines.
    let rules = host.path("rules.yml");
    let rules = rules.to_str().unwrap();
    for (text, code) in [
        ("rules: {lowestEfficiency: 0.5, highestUserWastedPercent: disabled}", 0),
        ("rules: {lowestEfficiency: 0.5}", 1),
        ("rules: {lowestEfficiency: much}", 1),
    ] {
        fs::write(rules, text).unwrap();
        let output = host.call(&["analyze", "--json", "--ci", rules, "worked:1"]);
        assert_eq!(output.status.code(), Some(code), "{text}: {output:?}");
    }
    let message = host.fails(1, &["analyze", "absent:1"]);
    assert!(message.contains("no such image: absent:1"), "{message}");
    host.assert_clean();
}

#[test]
fn an_archive_is_analysed_without_being_taken_in() {
    let host = Host::new();
    let archive = host.path("starter.tar");
    let mut file = fs::File::create(&archive).unwrap();
    estiba::engine::starter::write_archive(&mut file).unwrap();
    drop(file);
    let told = host.ok(&["analyze", archive.to_str().unwrap()]);
    assert!(told.contains("efficiency   100.00 %"), "{told}");
    assert_eq!(host.ok(&["images", "-q"]), "");
    fs::write(&archive, "no tar").unwrap();
    let message = host.fails(1, &["analyze", archive.to_str().unwrap()]);
    assert!(message.contains("neither an OCI layout nor a docker-archive"), "{message}");
    host.assert_clean();
}

#[test]
fn changes_are_listed_live_and_taken_back_when_nothing_runs() {
    if !is_root() {
        return skip("an engine in this process is the machine's root's");
    }
    let host = Host::with_starter();
    let script = "echo new > /bin/ls; rm /bin/mv; mkdir /made; echo x > /made/y; ln -s /etc /made/l; sleep 1000";
    host.ok(&["run", "-d", "--network", "none", "--name", "work", STARTER, "sh", "-c", script]);
    let engine = engine(&host);
    let id = engine.container("work").unwrap().id;
    let changed = || -> Vec<String> {
        let changes = engine.own_changes(id).unwrap().into_iter();
        changes.map(|it| format!("{:?} {}", it.change, it.entry.path)).collect()
    };
    let all = ["Changed bin/ls", "Removed bin/mv", "Added made", "Added made/l", "Added made/y"];
    crate::support::eventually("all is changed", || {
        all.iter().all(|line| changed().contains(&(*line).to_owned()))
    });
    // While it runs, nothing is taken back under the kernel's feet.
    let refusal = engine.reset(id, "bin/ls").unwrap_err();
    assert_eq!(*refusal.kind(), ErrorKind::Conflict);
    assert!(refusal.next_step().unwrap().contains("estiba stop work"));
    let shelf = Shelf::Container(id);
    assert_eq!(engine.read_inside(&shelf, "bin/ls", 3).unwrap().bytes, b"new");
    assert_eq!(engine.read_inside(&shelf, "bin/sh", 4).unwrap().bytes, b"\x7fELF");
    assert!(engine.read_inside(&shelf, "made/l/passwd", 4).is_err(), "through a link");
    let taken = host.path("taken");
    let done = engine.extract(&shelf, "made", &taken).unwrap();
    assert_eq!((done.files, done.bytes), (1, 2));
    assert!(taken.join("l").is_symlink());
    engine.extract(&shelf, "made", &taken).unwrap_err();
    host.ok(&["kill", "work"]);
    host.ok(&["wait", "work"]);
    for path in ["bin/ls", "bin/mv", "made"] {
        engine.reset(id, path).unwrap();
    }
    assert_eq!(*engine.reset(id, "bin/ls").unwrap_err().kind(), ErrorKind::NotFound);
    let left = changed();
    assert!(!left.iter().any(|line| all.contains(&line.as_str())), "{left:?}");
    // The image's own files are seen again.
    let listed = "test -s /bin/mv && test ! -e /made && ls /bin/ls";
    host.ok(&["commit", "work", "again:1"]);
    assert_eq!(host.ok(&["run", "--rm", "again:1", "sh", "-c", listed]), "/bin/ls");
    drop(engine);
    host.assert_clean();
}
