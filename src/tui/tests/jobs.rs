//! Pulling, and the list of what is being done.

use super::fixture::{frame, image_id, model, overview, press, send, text, type_word};
use crate::{
    engine::Progress,
    model::{Digest, Signature},
    tui::{
        model::{Model, Overlay},
        msg::{Effect, Failure, Msg, Task},
    },
};

const SIZE: (u16, u16) = (120, 40);

fn refused(message: &str) -> Failure {
    Failure { message: message.to_owned(), hint: None, grave: false }
}

fn part(phase: &'static str, object: &str, done: u64, total: Option<u64>) -> Progress {
    Progress { phase, object: object.to_owned(), done, total }
}

fn shown(model: &mut Model) -> String {
    text(&frame(model))
}

/// Presses keys and gives the tasks that came of it.
fn tasks(model: &mut Model, keys: &str) -> Vec<Task> {
    let effects = press(model, keys).into_iter();
    effects
        .filter_map(|effect| if let Effect::Do(_, task) = effect { Some(task) } else { None })
        .collect()
}

#[test]
fn names_here_and_tags_there_complete_what_is_typed() {
    let mut model = model(SIZE);
    press(&mut model, "P");
    type_word(&mut model, "deb");
    assert_eq!(press(&mut model, "tab"), []);
    let screen = shown(&mut model);
    assert!(screen.contains("Names debian:12▌"), "{screen}");
    for _ in "debian:12".chars() {
        press(&mut model, "backspace");
    }
    type_word(&mut model, "localhost:5000/x:");
    assert_eq!(press(&mut model, "tab"), [Effect::Tags("localhost:5000/x".to_owned())]);
    assert!(shown(&mut model).contains("asking the registry for the tags of localhost:5000/x"));
    assert_eq!(press(&mut model, "tab"), [], "once is enough");
    // An answer for a name that nobody waits for is dropped.
    send(&mut model, Msg::Tags("other".to_owned(), Ok(vec!["bad".to_owned()])));
    let tags = ["2", "1"].map(str::to_owned).to_vec();
    send(&mut model, Msg::Tags("localhost:5000/x".to_owned(), Ok(tags)));
    let screen = shown(&mut model);
    assert!(screen.contains("  localhost:5000/x:2") && !screen.contains("bad"), "{screen}");
    press(&mut model, "down down");
    let names = vec!["localhost:5000/x:1".parse().unwrap()];
    assert_eq!(tasks(&mut model, "enter"), [Task::Pull(names)]);
    assert!(model.overlays.is_empty());
}

#[test]
fn what_cannot_be_asked_or_read_is_told_in_the_dialog() {
    let mut model = model(SIZE);
    press(&mut model, "P enter");
    assert!(shown(&mut model).contains("nothing is typed"));
    type_word(&mut model, "no/such:");
    assert_eq!(press(&mut model, "tab").len(), 1);
    send(&mut model, Msg::Tags("no/such".to_owned(), Err(refused("nobody answers"))));
    assert!(shown(&mut model).contains("nobody answers"));
    assert_eq!(press(&mut model, "tab").len(), 1, "it can be asked again");
    type_word(&mut model, "UPPER!");
    assert_eq!(tasks(&mut model, "enter"), []);
    assert!(shown(&mut model).contains("invalid image reference"));
    press(&mut model, "esc");
    assert!(model.overlays.is_empty());
}

#[test]
fn several_names_are_one_job_and_a_path_is_an_archive() {
    let mut model = model(SIZE);
    press(&mut model, "P");
    type_word(&mut model, "a:1 b:2");
    let names = ["a:1", "b:2"].map(|name| name.parse().unwrap()).to_vec();
    assert_eq!(tasks(&mut model, "enter"), [Task::Pull(names)]);
    press(&mut model, "P");
    type_word(&mut model, "./x.tar");
    assert_eq!(tasks(&mut model, "enter"), [Task::Load("./x.tar".into())]);
    press(&mut model, "2 j x");
    assert!(shown(&mut model).contains("To ./debian-12.tar▌"));
    assert_eq!(tasks(&mut model, "enter"), [Task::Save(image_id(1), "./debian-12.tar".into())]);
}

#[test]
fn what_a_policy_refuses_is_told_whole() {
    for size in [(80, 24), SIZE] {
        let mut model = model(size);
        press(&mut model, "P");
        type_word(&mut model, "r.example/team/app:1");
        press(&mut model, "enter");
        let number = *model.jobs.keys().next().unwrap();
        let digest = "4".repeat(64);
        let failure = Failure {
            message: format!(
                "r.example/team/app:1 is refused by /etc/estiba/policy.json, entry docker \"r.example\": there is no signature of sha256:{digest}"
            ),
            hint: Some("have it signed: cosign sign --key KEY r.example/team/app:1".to_owned()),
            grave: true,
        };
        send(&mut model, Msg::Finished(number, Err(failure)));
        let screen = shown(&mut model);
        for words in ["r.example/team/app:1 is refused by", &digest, "cosign sign --key KEY"] {
            assert!(screen.contains(words), "{words}: {screen}");
        }
    }
}

#[test]
fn by_whom_an_image_is_signed_is_told() {
    let mut world = overview();
    let signature = Signature {
        digest: Digest::from_bytes([1; 32]),
        payload: String::new(),
        signature: String::new(),
        key: Digest::from_bytes([0xab; 32]),
        key_name: "/etc/estiba/cosign.pub".to_owned(),
        identity: "r.example/team/app\u{1b}[31m".to_owned(),
    };
    let all = world.images.iter().map(|image| (image.id, vec![signature.clone()]));
    world.signatures = all.collect();
    world.sequence += 1;
    let mut model = model(SIZE);
    send(&mut model, Msg::Loaded(Ok(world)));
    press(&mut model, "2 l");
    let screen = (0..5)
        .map(|_| {
            press(&mut model, "]");
            shown(&mut model)
        })
        .find(|screen| screen.contains("signed by"))
        .unwrap();
    for words in
        ["signed by    /etc/estiba/cosign.pub (abababababab)", "signed as    r.example/team/app"]
    {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    assert!(!screen.contains('\u{1b}'));
}

#[test]
fn a_job_tells_how_far_each_layer_is_and_is_cancelled() {
    let mut model = model(SIZE);
    press(&mut model, "P");
    type_word(&mut model, "redis:8");
    press(&mut model, "enter");
    let number = *model.jobs.keys().next().unwrap();
    for progress in [
        part("exists", "aaaaaaaaaaaa", 0, None),
        part("download", "bbbbbbbbbbbb", 31_000_000, Some(50_000_000)),
        part("download", "cccccccccccc", 9_000_000, Some(9_000_000)),
    ] {
        send(&mut model, Msg::Progress(number, progress));
    }
    assert!(shown(&mut model).contains("⟳ pull redis:8 67%"));
    press(&mut model, "J");
    let screen = shown(&mut model);
    for words in ["31 MB of   50 MB", "verify, unpack", "is here", "[x] cancel it"] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    assert_eq!(press(&mut model, "x"), [Effect::Cancel(number)]);
    assert!(shown(&mut model).contains("is being cancelled"));
    send(&mut model, Msg::Finished(number, Err(refused("cancelled"))));
    assert!(shown(&mut model).contains("nothing is being done"));
    press(&mut model, "esc");
    // What the engine does at one go has no way back.
    press(&mut model, "1 g s J");
    assert!(matches!(model.overlays.last(), Some(Overlay::Jobs(_))));
    assert_eq!(press(&mut model, "x"), []);
    assert!(model.toasts.standing.back().unwrap().text.contains("cannot be cancelled"));
    // An archive is not done at one go.
    for (answer, phase) in [("./x.tar", "unpack"), ("save", "save")] {
        if answer == "save" {
            press(&mut model, "esc 2 j x");
        } else {
            press(&mut model, "esc P");
            type_word(&mut model, answer);
        }
        press(&mut model, "enter");
        let number = *model.jobs.keys().last().unwrap();
        send(
            &mut model,
            Msg::Progress(number, part(phase, "dddddddddddd", 4_000_000, Some(8_000_000))),
        );
        press(&mut model, "J G");
        let screen = shown(&mut model);
        assert!(screen.contains("4 MB of    8 MB") && screen.contains(phase), "{screen}");
        assert_eq!(press(&mut model, "x"), [Effect::Cancel(number)]);
        send(&mut model, Msg::Finished(number, Err(refused("cancelled"))));
    }
    // Progress of a job that is over changes nothing.
    send(&mut model, Msg::Progress(99, part("done", "x", 0, None)));
}
