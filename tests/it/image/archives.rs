//! Every form of archive, and what becomes of names, blobs and shared layers.

use estiba::{
    image::{delete_staged, set_aside},
    model::{
        ImageReference,
        Occurrence::{Load, Tag},
    },
};

use super::*;

fn base() -> Vec<u8> {
    Tar::new().dir("etc/").file("etc/hosts", b"127.0.0.1").end()
}

fn top() -> Vec<u8> {
    Tar::new().file("etc/motd", b"hello").end()
}

#[test]
fn every_form_of_archive_gives_the_same_image() {
    let (base, top) = (base(), top());
    let many_members = [gzip(&base[..700]), gzip(&base[700..])].concat();
    let zstd_oci = Oci::new(&[(&base, &many_members), (&top, &zstd(&top))], "a:1");
    let plain_oci = Oci::new(&[(&base, &base), (&top, &gzip(&top))], "a:1");
    let saved = docker(&[&base, &top], "a:1");
    let folder = tempfile::tempdir().unwrap();
    zstd_oci.folder(folder.path());
    let file = folder.path().join("saved.tar");
    estiba::sys::files::write(&file, &saved).unwrap();
    let packed = folder.path().join("saved.tar.gz");
    estiba::sys::files::write(&packed, gzip(&saved)).unwrap();

    let mut trees = Vec::new();
    for archive in [&zstd_oci.tar(), &plain_oci.tar(), &saved, &zstd(&saved)] {
        let place = place();
        let image = place.only(archive);
        trees.push((image.id, image.references, place.index(&place.images()[0], 1)));
    }
    for path in [folder.path(), &file, &packed] {
        let place = place();
        assert_eq!(place.load_path(path).unwrap().len(), 1);
        let image = place.images().remove(0);
        assert_eq!(staged(&place.layout), 0);
        let index = place.index(&image, 1);
        let motd = place.diff(&image, 1).join("etc/motd");
        assert_eq!(estiba::sys::files::read(&motd).unwrap(), b"hello");
        trees.push((image.id, image.references, index));
    }
    assert!(trees.windows(2).all(|pair| pair[0] == pair[1]), "{trees:#?}");
    assert_eq!(trees[0].1, ["a:1".parse::<ImageReference>().unwrap()]);
}

#[test]
fn blobs_are_kept_and_a_manifest_is_made_where_there_was_none() {
    let place = place();
    let image = place.only(&docker(&[&base()], "saved"));
    let manifest = estiba::sys::files::read(&place.layout.blob(image.manifest)).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["layers"][0]["digest"], image.layers[0].blob.to_string());
    assert_eq!(manifest["layers"][0]["size"], base().len());
    for blob in [image.id.0, image.manifest, image.layers[0].blob] {
        let bytes = estiba::sys::files::read(&place.layout.blob(blob)).unwrap();
        assert_eq!(hex(&bytes), blob.hex());
    }
    assert_eq!(image.config.command, ["sh"]);
    assert_eq!(image.layers[0].size, 9);
    assert_eq!(image.layers[0].entries, 2);
}

#[test]
fn a_layer_is_unpacked_once_and_goes_with_its_last_image() {
    let place = place();
    let (base, top) = (base(), top());
    let one = place.only(&docker(&[&base], "one"));
    let shared = inode(&place.diff(&one, 0));
    let two = place.only(&docker(&[&base, &top], "two"));
    assert_eq!(inode(&place.diff(&two, 0)), shared);
    let again = place.only(&docker(&[&base, &top], "three"));
    assert_eq!(again.references.len(), 2);

    remove(&place, &two);
    assert!(place.diff(&one, 0).exists());
    assert!(!place.diff(&two, 1).exists());
    assert!(place.layout.blob(one.layers[0].blob).exists(), "the other image has it");
    assert!(!place.layout.blob(two.layers[1].blob).exists());
    remove(&place, &one);
    for part in ["layers", "blobs/sha256", "staging"] {
        let left = estiba::sys::files::list(&place.layout.data_root.join(part)).unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn remove(place: &Place, image: &Image) {
    let mut store = Store::open(place.layout.clone()).unwrap();
    store
        .write(|records| {
            let orphans = records.remove_image(image.id)?;
            set_aside(&place.layout, image, &orphans)
        })
        .unwrap();
    delete_staged(&place.layout).unwrap();
}

#[test]
fn a_removal_that_comes_to_nothing_is_put_back() {
    let place = place();
    let image = place.only(&docker(&[&base()], "one"));
    let mut before = place.everything();
    let mut store = Store::open(place.layout.clone()).unwrap();
    let undone: Result<(), StoreError> = store.write(|records| {
        let orphans = records.remove_image(image.id)?;
        set_aside(&place.layout, &image, &orphans).unwrap();
        Err(StoreError::Taken("x".to_owned()))
    });
    assert!(undone.is_err());
    assert!(!place.diff(&image, 0).exists());
    delete_staged(&place.layout).unwrap();
    let mut after = place.everything();
    // The directories that things went out of and into have new times.
    for part in ["blobs/sha256", "layers", "staging"] {
        let path = place.layout.data_root.join(part).display().to_string();
        before.remove(&path);
        after.remove(&path);
    }
    assert_eq!(after, before);
}

#[test]
fn what_a_killed_load_left_is_removed() {
    let place = place();
    let image = place.only(&docker(&[&base()], "one"));
    // As if it had died after moving a layer into place, before the records were written.
    let lost = place.layout.data_root.join("layers").join("ab".repeat(32));
    let dead = place.layout.staging().join("0123456789abcdef/layers/0/diff");
    for path in [&lost, &dead] {
        estiba::sys::files::make_private_dir(path).unwrap();
    }
    delete_staged(&place.layout).unwrap();
    assert!(!lost.exists());
    assert_eq!(staged(&place.layout), 0);
    assert!(place.diff(&image, 0).exists());
}

#[test]
fn a_layer_that_has_gone_missing_is_unpacked_again() {
    let place = place();
    let archive = docker(&[&base()], "one");
    let image = place.only(&archive);
    estiba::sys::files::remove_tree(&place.layout.layer(image.layers[0].chain)).unwrap();
    assert_eq!(place.only(&archive).layers, image.layers);
    assert!(place.diff(&image, 0).join("etc/hosts").exists());
}

#[test]
fn many_loads_of_one_image_at_once_all_succeed() {
    let place = place();
    let (base, top) = (base(), top());
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (place, base, top) = (&place, &base, &top);
            scope.spawn(move || {
                let archive = docker(&[base, top], &format!("n{number}"));
                assert_eq!(place.load(&archive).unwrap().len(), 1);
            });
        }
    });
    let images = place.images();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].references.len(), 6);
    assert_eq!(staged(&place.layout), 0);
}

#[test]
fn loads_and_removals_at_once_leave_whole_images() {
    let place = place();
    let (base, top) = (base(), top());
    let archives = [docker(&[&base, &top], "two"), docker(&[&base], "one")];
    std::thread::scope(|scope| {
        for archive in &archives {
            let place = &place;
            scope.spawn(move || {
                for _ in 0..15 {
                    assert_eq!(place.load(archive).unwrap().len(), 1);
                }
            });
        }
        for _ in 0..30 {
            for image in place.images() {
                remove(&place, &image);
            }
        }
    });
    delete_staged(&place.layout).unwrap();
    assert_eq!(staged(&place.layout), 0);
    let images = place.images();
    for image in &images {
        for (number, layer) in image.layers.iter().enumerate() {
            assert!(place.diff(image, number).join("etc").exists());
            assert!(place.layout.blob(layer.blob).exists());
        }
        assert!(
            place.layout.blob(image.manifest).exists() && place.layout.blob(image.id.0).exists()
        );
    }
    for image in &images {
        remove(&place, image);
    }
    let layers = estiba::sys::files::list(&place.layout.data_root.join("layers")).unwrap();
    assert!(layers.is_empty(), "{layers:?}");
}

#[test]
fn names_and_events_are_written() {
    let place = place();
    place.only(&Oci::new(&[(&base(), &base())], "small").tar());
    let image = place.only(&Oci::new(&[(&top(), &top())], "small").tar());
    assert_eq!(image.references, ["small:latest".parse::<ImageReference>().unwrap()]);
    assert_eq!(place.images().len(), 2);
    let mut store = Store::open(place.layout.clone()).unwrap();
    let events = store.read(|records| records.events_since(0)).unwrap();
    let occurrences: Vec<_> = events.iter().map(|event| event.occurrence).collect();
    assert_eq!(occurrences, [Load, Tag, Load, Tag]);
    assert_eq!(events[3].id, image.id.to_string());
    assert_eq!(events[3].attributes["name"], "small:latest");
    assert!(place.only(&Oci::new(&[], "No Name").tar()).references.is_empty());
}

#[test]
fn the_manifest_for_this_machine_is_chosen() {
    let arch = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    let mut oci = Oci::new(&[(&base(), &base())], "x");
    let mut index: serde_json::Value = serde_json::from_slice(&oci.0["index.json"]).unwrap();
    let mut mine = index["manifests"][0].take();
    mine["platform"] = serde_json::json!({ "os": "linux", "architecture": arch });
    let mut other = oci.blob(b"{}", "application/vnd.oci.image.manifest.v1+json");
    other["platform"] = serde_json::json!({ "os": "plan9", "architecture": "mips" });
    let nested = serde_json::json!({ "schemaVersion": 2, "manifests": [other, mine] }).to_string();
    let mut nested = oci.blob(nested.as_bytes(), "application/vnd.oci.image.index.v1+json");
    nested["annotations"] =
        serde_json::json!({ "io.containerd.image.name": "docker.io/library/multi:2" });
    oci.index(&[nested]);
    let place = place();
    let image = place.only(&oci.tar());
    assert_eq!(image.references[0].to_string(), "multi:2");

    oci.index(&[other]);
    let error = place.refused(&oci.tar());
    assert!(error.contains("plan9/mips"), "{error}");
}

#[test]
fn images_of_one_docker_archive_share_their_layers() {
    let place = place();
    let shared = Tar::new().file("shared", b"x").end();
    let own = Tar::new().file("own", b"y").end();
    let configs = [config(&[&shared]), config(&[&shared, &own])];
    let manifest = serde_json::json!([
        { "Config": "1.json", "RepoTags": ["one:1"], "Layers": ["a.tar"] },
        { "Config": "2.json", "RepoTags": ["two:1"], "Layers": ["a.tar", "b.tar"] },
    ]);
    let archive = Tar::new()
        .file("1.json", &configs[0])
        .file("2.json", &configs[1])
        .file("a.tar", &shared)
        .file("b.tar", &own)
        .file("manifest.json", manifest.to_string().as_bytes())
        .end();
    assert_eq!(place.load(&archive).unwrap().len(), 2);
    let layers: Vec<usize> = place.images().iter().map(|image| image.layers.len()).collect();
    assert_eq!(layers.iter().sum::<usize>(), 3);
    let blobs = estiba::sys::files::list(&place.layout.data_root.join("blobs/sha256")).unwrap();
    assert_eq!(blobs.len(), 6, "two layers, two configs, two manifests");
}
