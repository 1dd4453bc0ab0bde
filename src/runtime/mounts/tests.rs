//! What becomes of the mounts of a spec, before any is made.

use proptest::prelude::*;

use super::*;

fn planned(kind: &str, options: &[&str]) -> Result<PlannedMount, RuntimeError> {
    at("/there", kind, options)
}

fn at(target: &str, kind: &str, options: &[&str]) -> Result<PlannedMount, RuntimeError> {
    labelled("", target, kind, options)
}

fn labelled(
    label: &str,
    target: &str,
    kind: &str,
    options: &[&str],
) -> Result<PlannedMount, RuntimeError> {
    let mut mount = Mount::default();
    mount
        .set_destination(target.into())
        .set_typ(Some(kind.to_owned()))
        .set_source(Some("/here".into()))
        .set_options(Some(options.iter().map(|&text| text.to_owned()).collect()));
    let membership = Membership { group: None, has_namespace: true };
    let surroundings =
        Surroundings { is_rootless: false, enters_user: false, ids: None, label, membership };
    resolve_one(&mount, surroundings)
}

fn options_of(mount: PlannedMount) -> Vec<(String, String)> {
    match mount.source {
        Source::Filesystem { options, .. } | Source::Remount { options } => options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_are_sorted_into_attributes_and_the_file_systems_own() {
    let mount = planned("tmpfs", &["nosuid", "size=65536k", "mode=755", "rw"]).unwrap();
    assert_eq!(mount.attributes(), Attributes::MOUNT_ATTR_NOSUID);
    let options = options_of(mount);
    assert_eq!(options[0], ("source".to_owned(), "/here".to_owned()));
    assert_eq!(options[1], ("size".to_owned(), "65536k".to_owned()));
    assert_eq!(options.len(), 3);
}

#[test]
fn any_kind_is_left_to_the_kernel_and_its_device_is_not_written_when_read_only() {
    let options = options_of(planned("ext4", &["ro", "data=journal"]).unwrap());
    assert_eq!(options[1], ("ro".to_owned(), String::new()));
    let text = "lowerdir=/a:/b\\:c,upperdir=/u";
    let words: Vec<&str> = text.split(',').collect();
    let options = options_of(planned("overlay", &words).unwrap());
    let layers = |key: &str| -> Vec<&str> {
        options.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(layers("lowerdir+"), ["/a", "/b:c"]);
    assert_eq!(layers("upperdir"), ["/u"]);
}

/// What the kernel makes of it nobody of ours has seen: no machine of ours has `SELinux`.
#[test]
fn new_file_systems_get_the_label_of_the_spec() {
    let context = |kind: &str, words: &[&str]| {
        let options = options_of(labelled("a:b:c:d", "/there", kind, words).unwrap());
        options.into_iter().find(|(key, _)| key == "context").map(|(_, value)| value)
    };
    for kind in ["tmpfs", "devpts", "ext4"] {
        assert_eq!(context(kind, &[]).as_deref(), Some("a:b:c:d"), "{kind}");
    }
    for kind in ["sysfs", "mqueue"] {
        assert_eq!(context(kind, &[]), None, "{kind}");
    }
    assert_eq!(context("tmpfs", &["context=own"]).as_deref(), Some("own"));
}

#[test]
fn devices_work_where_the_spec_does_not_say_otherwise() {
    for kind in ["bind", "tmpfs", "devpts"] {
        let mount = planned(kind, &[]).unwrap();
        assert!(!mount.attributes().contains(Attributes::MOUNT_ATTR_NODEV), "{kind}");
        let mount = planned(kind, &["dev", "nodev"]).unwrap();
        assert!(mount.attributes().contains(Attributes::MOUNT_ATTR_NODEV), "{kind}");
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    for (kind, options, word) in [
        ("bind", &["rbind", "suid,dev"][..], "suid,dev"),
        ("bind", &["rbind", "sync"], "sync"),
        ("bind", &["bind", "size=1m"], "size"),
        ("bind", &["bind", "tmpcopyup"], "tmpcopyup"),
        ("ext4", &["tmpcopyup"], "tmpcopyup"),
        ("tmpfs", &["idmap"], "idmap"),
        ("bind", &["bind", "remount", "size=1m"], "size"),
    ] {
        let error = planned(kind, options).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("/there"), "{kind} {options:?}: {error}");
    }
    let long = format!("name={}", "x".repeat(256));
    assert!(planned("tmpfs", &[&long]).unwrap_err().to_string().contains("name"));
    assert!(at("/proc", "tmpfs", &[]).unwrap_err().to_string().contains("proc"));
    assert!(root_propagation("secret").unwrap_err().to_string().contains("rootfsPropagation"));
}

#[test]
fn nothing_of_proc_is_replaced_but_what_tells_the_size_of_the_machine() {
    for (target, kind, expected) in [
        ("/proc/meminfo", "bind", true),
        ("/proc/../proc//uptime", "bind", true),
        ("/proc/self/attr/exec", "bind", false),
        ("/proc/sys/kernel/core_pattern", "bind", false),
        ("/proc/meminfo", "tmpfs", false),
        ("/proc/acpi", "tmpfs", false),
    ] {
        let mount = at(target, kind, &[]).unwrap();
        assert_eq!(mount.may_be_in_proc(), expected, "{target} {kind}");
        assert!(mount.is_of_system());
    }
}

proptest! {
    #[test]
    fn a_target_never_leads_out(path in "[./a-c]{1,20}") {
        let target = target(Path::new(&path)).unwrap();
        prop_assert!(target.starts_with('/'));
        prop_assert!(!target.split('/').any(|part| part == ".." || part == "."));
        prop_assert!(!target.contains("//"));
    }

    #[test]
    fn layers_are_those_that_were_joined(names in prop::collection::vec("[a-z:\\\\]{1,6}", 1..5)) {
        let escape = |name: &String| name.replace('\\', "\\\\").replace(':', "\\:");
        let text: Vec<String> = names.iter().map(escape).collect();
        prop_assert_eq!(layers(&text.join(":")), names);
    }
}
