//! A systemd of ours, on a bus of ours.

use super::*;
use crate::sys::bus::tests::{bus, refusal, reply, signal};

fn job(number: u32) -> OwnedObjectPath {
    let path = format!("/org/freedesktop/systemd1/job/{number}");
    OwnedObjectPath::try_from(path).unwrap()
}

#[test]
fn names_are_those_of_podman_and_docker() {
    let parse = |path: &str| Scope::parse(path, "me", false).map(|scope| (scope.slice, scope.unit));
    let is = |slice: &str, unit: &str| (slice.to_owned(), unit.to_owned());
    assert_eq!(parse("").unwrap(), is("system.slice", "estiba-me.scope"));
    assert_eq!(parse("a-b.slice:libpod:x").unwrap(), is("a-b.slice", "libpod-x.scope"));
    assert_eq!(parse(":docker:x").unwrap(), is("system.slice", "docker-x.scope"));
    assert_eq!(parse("a.slice::x").unwrap(), is("a.slice", "x.scope"));
    assert_eq!(Scope::parse("", "me", true).unwrap().slice, "user.slice");
    for (wrong, word) in [
        ("/a/b", "SLICE:PREFIX:NAME"),
        ("a:b:c", "no slice"),
        ("a--b.slice:b:c", "no slice"),
        ("a.slice:b:c/d", "no name of a unit"),
        ("a.slice:b:c.slice", "holds no process"),
    ] {
        let error = parse(wrong).unwrap_err().to_string();
        assert!(error.contains(word), "{wrong}: {error}");
    }
}

#[test]
fn names_are_escaped_as_systemd_does() {
    assert_eq!(escaped("estiba-a.scope"), "estiba_2da_2escope");
    assert_eq!(escaped("7a_"), "_37a_5f");
}

type Started =
    (String, String, Vec<(String, OwnedValue)>, Vec<(String, Vec<(String, OwnedValue)>)>);

#[test]
fn a_scope_is_begun_again_when_one_of_its_name_has_failed() {
    let mut tries = 0;
    let (stream, systemd) = bus(move |heard| match heard.member.as_str() {
        "StartTransientUnit" => {
            assert_eq!(heard.signature, "ssa(sv)a(sa(sv))");
            let (unit, mode, properties, _): Started = heard.read();
            assert_eq!((unit.as_str(), mode.as_str()), ("docker-x.scope", "fail"));
            let has = |name: &str| properties.iter().any(|(one, _)| one == name);
            assert!(["Slice", "PIDs", "Delegate", "TasksMax"].into_iter().all(has));
            tries += 1;
            if tries == 1 {
                return vec![refusal(heard, "org.freedesktop.systemd1.UnitExists")];
            }
            // Another job ends first.
            vec![
                signal("JobRemoved", &(1_u32, job(1), "other.service", "done")),
                reply(heard, &(job(2),)),
                signal("JobRemoved", &(2_u32, job(2), "docker-x.scope", "failed")),
            ]
        }
        _ => vec![reply(heard, &())],
    });
    let mut bus = Bus::over(stream).unwrap();
    let scope = Scope::parse("system.slice:docker:x", "x", false).unwrap();
    let resources = Resources { pids: Some(7), ..Resources::default() };
    let error = scope.begin(&mut bus, 1, &resources).unwrap_err().to_string();
    assert_eq!(error, "systemd, unit docker-x.scope: its job ended: failed");
    drop(bus);
    let called = systemd.join().unwrap();
    let start = "StartTransientUnit";
    assert_eq!(called, ["Hello", "Subscribe", "AddMatch", start, "ResetFailedUnit", start]);
}

#[test]
fn a_scope_is_ended_also_when_it_is_gone() {
    for is_gone in [false, true] {
        let (stream, systemd) = bus(move |heard| match heard.member.as_str() {
            "StopUnit" if is_gone => {
                vec![refusal(heard, "org.freedesktop.systemd1.NoSuchUnit")]
            }
            "StopUnit" => vec![
                reply(heard, &(job(3),)),
                signal("JobRemoved", &(3_u32, job(3), "docker-x.scope", "done")),
            ],
            "ResetFailedUnit" => vec![refusal(heard, "org.freedesktop.systemd1.NoSuchUnit")],
            _ => vec![reply(heard, &())],
        });
        let mut bus = Bus::over(stream).unwrap();
        Scope::parse(":docker:x", "x", false).unwrap().end(&mut bus).unwrap();
        drop(bus);
        let called = systemd.join().unwrap();
        assert_eq!(called.last().map(String::as_str) == Some("StopUnit"), is_gone, "{called:?}");
    }
}

#[test]
fn without_systemd_the_way_out_is_said() {
    let error = connect(Path::new("/does/not/exist")).unwrap_err().to_string();
    assert!(error.contains("no systemd") && error.contains("--cgroup-manager cgroupfs"), "{error}");
}
