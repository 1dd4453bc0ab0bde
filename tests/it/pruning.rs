//! What nobody uses is removed, what is used stays; and what takes how much room.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use crate::{
    image::{Oci, Tar, gzip},
    support::{Host, STARTER},
};

/// Loads an image with these layers under a name, each a file of so many bytes.
fn loaded(host: &Host, name: &str, sizes: &[(&str, usize)]) {
    let tars: Vec<_> =
        sizes.iter().map(|(file, size)| Tar::new().file(file, &vec![b'x'; *size]).end()).collect();
    let blobs: Vec<_> = tars.iter().map(|tar| gzip(tar)).collect();
    let layers: Vec<(&[u8], &[u8])> =
        tars.iter().zip(&blobs).map(|(tar, blob)| (&tar[..], &blob[..])).collect();
    let path = host.path("layout.tar");
    fs::write(&path, Oci::new(&layers, name).tar()).unwrap();
    host.ok(&["load", "-q", "-i", path.to_str().unwrap()]);
}

/// Sums up the bytes of files, each inode once, by other means than the program.
fn bytes_in(path: &Path) -> u64 {
    let mut known = std::collections::BTreeSet::new();
    let mut pending = vec![path.to_owned()];
    let mut sum = 0;
    while let Some(path) = pending.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        if found.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if found.is_file() && known.insert(found.ino()) {
            sum += found.len();
        }
    }
    sum
}

#[test]
fn room_is_told_to_the_byte_shared_and_alone() {
    let host = Host::with_starter();
    loaded(&host, "one:1", &[("base", 1000), ("a", 50)]);
    loaded(&host, "two:1", &[("base", 1000), ("b", 7)]);
    host.ok(&["tag", "two:1", "two:2"]);
    host.ok(&["run", "--name", "c", STARTER, "sh", "-c", "echo 12345 > /f; ln /f /g"]);
    host.ok(&["create", "--name", "d", "two:1", "x"]);
    let all: serde_json::Value =
        serde_json::from_str(&host.ok(&["system", "df", "-v", "--format", "json"])).unwrap();
    let rows = |key: &str| all[key].as_array().unwrap().clone();
    let image = |name: &str, tag: &str| {
        rows("Images")
            .into_iter()
            .find(|row| row["Repository"] == name && row["Tag"] == tag)
            .unwrap()
    };
    for (name, tag, expected, containers) in [
        ("one", "1", [1050, 1000, 50], "0"),
        ("two", "1", [1007, 1000, 7], "1"),
        ("two", "2", [1007, 1000, 7], "1"),
    ] {
        let row = image(name, tag);
        assert_eq!(
            ["SizeBytes", "SharedBytes", "UniqueBytes"].map(|key| row[key].as_u64().unwrap()),
            expected
        );
        assert_eq!(row["Containers"], containers);
    }
    let container = rows("Containers").into_iter().find(|row| row["Names"] == "c").unwrap();
    assert_eq!(container["SizeBytes"], 6, "a file with two names once");
    // All of it together is what lies on the disk.
    let layers: u64 = fs::read_dir(host.path("root/layers"))
        .unwrap()
        .map(|it| bytes_in(&it.unwrap().path().join("diff")))
        .sum();
    assert_eq!(all["LayersBytes"].as_u64(), Some(layers));
    assert_eq!(all["BlobsBytes"].as_u64(), Some(bytes_in(&host.path("root/blobs"))));
    let totals = host.ok(&["system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"]);
    assert_eq!(totals.lines().take(2).collect::<Vec<_>>(), ["Images 3 2", "Containers 2 0"]);
    host.assert_clean();
}

#[test]
fn what_is_used_stays_and_what_goes_is_said_first() {
    let host = Host::with_starter();
    loaded(&host, "one:1", &[("base", 1000), ("a", 50)]);
    loaded(&host, "two:1", &[("base", 1000), ("b", 7)]);
    loaded(&host, "three:1", &[("base", 1000), ("c", 9)]);
    host.ok(&["untag", "one:1"]);
    host.ok(&["network", "create", "idle"]);
    host.ok(&["network", "create", "meant"]);
    host.ok(&["run", "--name", "ended", "--label", "l=1", STARTER, "true"]);
    host.ok(&["create", "--name", "stays", "--network", "meant", "two:1", "x"]);
    host.ok(&["run", "-d", "--name", "runs", STARTER, "sleep", "1000"]);
    // Nobody can be asked here, and nothing goes.
    let said = host.call(&["system", "prune", "-a"]);
    let plan = String::from_utf8(said.stdout).unwrap();
    assert!(!said.status.success() && plan.contains("container ended, exited"), "{plan}");
    assert!(plan.contains("network idle") && plan.contains("image three:1"), "{plan}");
    assert_eq!(host.ok(&["ps", "-aq"]).lines().count(), 3);
    // Only what fits.
    let said = host.ok(&["container", "prune", "-f", "--filter", "until=1h"]);
    assert!(said.ends_with("Total reclaimed space: 0B"), "{said}");
    host.ok(&["container", "prune", "-f", "--filter", "label!=l"]);
    assert_eq!(
        host.ok(&["ps", "-a", "--format", "{{.Names}}"]),
        "runs\nended",
        "the one without the label"
    );
    host.ok(&["create", "--name", "stays", "--network", "meant", "two:1", "x"]);
    host.ok(&["container", "prune", "-f", "--filter", "label=l=1"]);
    assert_eq!(host.ok(&["ps", "-a", "--format", "{{.Names}}"]), "stays\nruns");
    host.fails(1, &["container", "prune", "-f", "--filter", "nosuch=1"]);
    // Dangling images only, then all.
    let before = bytes_in(&host.path("root/layers")) + bytes_in(&host.path("root/blobs"));
    let said = host.ok(&["image", "prune", "-f"]);
    assert_eq!(host.ok(&["images", "-q"]).lines().count(), 3, "{said}");
    let said = host.ok(&["image", "prune", "-a", "-f"]);
    assert!(said.contains("untagged: three:1"), "{said}");
    let after = bytes_in(&host.path("root/layers")) + bytes_in(&host.path("root/blobs"));
    assert!(before - after > 59, "{before} {after}");
    let names = host.ok(&["images", "--format", "{{.Repository}}"]);
    assert_eq!(names.lines().collect::<std::collections::BTreeSet<_>>().len(), 2, "{names}");
    host.ok(&["network", "prune", "-f"]);
    assert_eq!(host.ok(&["network", "ls", "--format", "{{.Name}}"]), "bridge\nmeant");
    // With its container the image and the network are idle, and go at once.
    host.ok(&["rm", "-f", "runs"]);
    host.ok(&["system", "prune", "-a", "-f"]);
    assert_eq!(
        (host.ok(&["images", "-q"]), host.ok(&["ps", "-aq"])),
        (String::new(), String::new())
    );
    assert_eq!(host.ok(&["network", "ls", "--format", "{{.Name}}"]), "bridge");
    assert_eq!(bytes_in(&host.path("root/layers")) + bytes_in(&host.path("root/blobs")), 0);
    host.assert_clean();
}
