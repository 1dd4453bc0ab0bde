//! What frames look like.

use std::time::Duration;

use insta::Settings;
use jiff::SignedDuration;

use super::fixture::{
    ago, blank, container_id, frame, log, model, overview, press, samples, send, text,
    text_and_styles, tree, type_word,
};
use crate::{
    engine::{Overview, Stream},
    model::{Exit, Health, HealthCheck, HealthHistory, HealthResult, RestartPolicy, State},
    tui::{msg::Msg, theme::Theme},
};

/// Compares with a file under `tests/snapshots`.
pub(super) fn compare(name: &str, content: &str) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("tui-{name}"), content));
}

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

#[test]
fn the_first_whole_frame() {
    for size in SIZES {
        let mut model = model(size);
        let name = format!("containers-{}x{}", size.0, size.1);
        compare(&name, &text_and_styles(&frame(&mut model)));
    }
}

#[test]
fn an_image_lights_up_its_relatives() {
    for size in SIZES {
        let mut model = model(size);
        press(&mut model, "2 j");
        let name = format!("images-{}x{}", size.0, size.1);
        compare(&name, &text_and_styles(&frame(&mut model)));
    }
}

#[test]
fn layers_of_an_image_on_the_whole_screen() {
    for size in SIZES {
        let mut model = model(size);
        press(&mut model, "2 G L");
        let number = model.detail.number;
        send(&mut model, Msg::Tree(number, Ok(tree())));
        let name = format!("layers-{}x{}", size.0, size.1);
        compare(&name, &text(&frame(&mut model)));
    }
}

#[test]
fn the_files_of_a_layer_are_folded_filtered_and_hidden() {
    let mut frames = String::new();
    for keys in ["", "j j j h", "R", "/ r d", "/ n o p e"] {
        let mut model = model((80, 24));
        press(&mut model, "2 G L l");
        let number = model.detail.number;
        send(&mut model, Msg::Tree(number, Ok(tree())));
        if !keys.is_empty() {
            press(&mut model, keys);
        }
        frames.push_str(&text_and_styles(&frame(&mut model)));
    }
    compare("files", &frames);
}

#[test]
fn a_log_is_read_above_its_end_and_searched() {
    let lines: Vec<String> = (0..40)
        .map(|n| match n % 7 {
            3 => format!(
                "\u{1b}[33mwarning\u{1b}[0m: request {n} took long: {}",
                "upstream ".repeat(8)
            ),
            _ => format!("GET /item/{n} 200"),
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut frames = String::new();
    for keys in ["", "ctrl-u", "/ i t e m / 2 enter n", "/ n o p e"] {
        let mut model = model((80, 24));
        let number = model.detail.number;
        let mut written = log(&lines);
        for line in written.iter_mut().step_by(5) {
            line.stream = Stream::Stderr;
        }
        send(&mut model, Msg::LogLines(number, written));
        press(&mut model, "l");
        frame(&mut model);
        if !keys.is_empty() {
            press(&mut model, keys);
        }
        frames.push_str(&text_and_styles(&frame(&mut model)));
    }
    compare("log", &frames);
}

#[test]
fn every_tab_says_something() {
    let mut frames = String::new();
    for (pane, tabs) in [("1", 8), ("2", 5), ("3", 3)] {
        for turns in 0..tabs {
            let mut model = model((110, 32));
            press(&mut model, pane);
            for _ in 0..turns {
                press(&mut model, "]");
            }
            let number = model.detail.number;
            send(&mut model, Msg::Tree(number, Ok(tree())));
            frames.push_str(&text(&frame(&mut model)));
        }
    }
    compare("tabs", &frames);
}

/// One container is unwell, one is being checked, one waits to be started again.
fn troubled() -> Overview {
    let mut world = overview();
    let check = |line: &str| HealthCheck {
        test: vec!["CMD-SHELL".to_owned(), line.to_owned()],
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(2),
        ..HealthCheck::default()
    };
    let up = |health| State::Running {
        started: ago(185),
        paused: false,
        restarts: 2,
        health: Some(health),
    };
    world.containers[0].state = up(Health::Unhealthy);
    world.containers[0].config.restart = RestartPolicy::OnFailure { most: 5 };
    world.containers[0].config.health = check("curl -fsS http://localhost/ || exit 1");
    world.containers[1].state = State::Restarting {
        started: Some(ago(9)),
        finished: ago(4),
        exit: Exit { code: 3, ..Exit::default() },
        restarts: 7,
    };
    world.containers[1].config.restart = RestartPolicy::Always;
    world.containers[2].state = up(Health::Starting);
    world.sequence += 1;
    world
}

#[test]
fn what_is_not_well_says_so() {
    for size in SIZES {
        let mut model = model(size);
        send(&mut model, Msg::Loaded(Ok(troubled())));
        press(&mut model, "g l ] ] ] ] ] ]");
        let result = |second: u64, code: i32, output: &str| HealthResult {
            start: ago(second),
            end: ago(second).checked_add(SignedDuration::from_millis(17)).unwrap(),
            code,
            output: output.to_owned(),
        };
        let history = HealthHistory {
            run: Some(ago(185)),
            failures: 3,
            results: vec![
                result(43, 0, "ok\n"),
                result(33, 7, "curl: (7) Failed to connect\n\u{1b}[31mred"),
                result(23, 1, ""),
                result(13, -1, "Health check exceeded timeout (2s)"),
            ],
        };
        send(&mut model, Msg::Health(container_id(4), Ok(history)));
        let name = format!("health-{}x{}", size.0, size.1);
        compare(&name, &text_and_styles(&frame(&mut model)));
    }
}

#[test]
fn statistics_are_figures_and_charts() {
    let mut frames = String::new();
    for size in SIZES {
        for (keys, is_limited, ascii) in
            [("]", true, false), ("] l t", false, false), ("] l", true, true)]
        {
            let mut model = model(size);
            model.theme = Theme::new(!ascii, ascii);
            let mut world = overview();
            world.sequence = 8;
            if is_limited {
                world.containers[0].config.resources.nano_cpus = Some(500_000_000);
            }
            send(&mut model, Msg::Loaded(Ok(world)));
            press(&mut model, keys);
            let number = model.detail.number;
            send(&mut model, Msg::Samples(number, samples(is_limited)));
            frames.push_str(&text(&frame(&mut model)));
        }
    }
    compare("stats", &frames);
}

#[test]
fn what_does_not_run_has_no_statistics() {
    let mut model = model((80, 24));
    press(&mut model, "j ]");
    let shown = text(&frame(&mut model));
    assert!(shown.contains("it does not run"), "{shown}");
}

#[test]
fn a_form_shows_the_command_and_what_is_wrong() {
    let mut frames = String::new();
    for size in SIZES {
        let mut model = model(size);
        press(&mut model, "2 j n");
        frames.push_str(&text(&frame(&mut model)));
        type_word(&mut model, "web-3");
        press(&mut model, "tab");
        send(&mut model, Msg::Paste("sh -c 'echo it; sleep 10'".to_owned()));
        press(&mut model, "tab tab tab tab");
        type_word(&mut model, "12q");
        press(&mut model, "tab tab tab tab tab tab space");
        frames.push_str(&text_and_styles(&frame(&mut model)));
    }
    compare("form", &frames);
}

#[test]
fn dialogs() {
    let mut frames = String::new();
    for keys in [
        "2 j d", // an image in use
        "d",     // a running container
        "j d",   // a stopped one
        "3 j d", // the default network
        "3 d",   // a network in use
        "space space space d",
        "K",
        "s q", // while something is being done
        "P",
        "s J",
        "n",
        "3 n",
        "E",
    ] {
        let mut model = model((90, 26));
        press(&mut model, keys);
        frames.push_str(&text(&frame(&mut model)));
    }
    compare("dialogs", &frames);
}

#[test]
fn the_help_is_the_keymap() {
    let mut model = model((80, 60));
    press(&mut model, "?");
    compare("help", &text(&frame(&mut model)));
    type_word(&mut model, "restart");
    let found = text(&frame(&mut model));
    assert!(found.contains("Restart the container"), "{found}");
    assert!(!found.contains("Kill the container"), "{found}");
}

#[test]
fn an_empty_store_says_how_to_begin() {
    let mut model = blank((80, 24));
    let mut frames = text(&frame(&mut model));
    send(&mut model, Msg::Loaded(Ok(Overview::default())));
    frames.push_str(&text(&frame(&mut model)));
    compare("empty", &frames);
}

#[test]
fn ascii_means_ascii_and_no_colour_means_none() {
    let mut model = model((120, 40));
    model.theme = Theme::new(false, true);
    press(&mut model, "2 j d");
    let buffer = frame(&mut model);
    assert!(text(&buffer).is_ascii());
    for cell in &buffer.content {
        assert_eq!(cell.fg, ratatui::style::Color::Reset);
    }
    let mut frames = text(&buffer);
    let mut model = crate::tui::tests::fixture::model((80, 24));
    model.theme = Theme::new(false, true);
    press(&mut model, "2 G L l");
    let number = model.detail.number;
    send(&mut model, Msg::Tree(number, Ok(tree())));
    let buffer = frame(&mut model);
    assert!(text(&buffer).is_ascii());
    frames.push_str(&text(&buffer));
    compare("ascii", &frames);
}

#[test]
fn every_glyph_has_a_stand_in_of_its_width() {
    for keys in [
        "1",
        "2",
        "3",
        "1 ]",
        "1 ] ]",
        "1 ] ] ]",
        "1 ] ] ] ]",
        "2 ] ]",
        "2 ] ] ] ]",
        "3 ]",
        ":",
        "d",
        "3 d",
        "K",
        "s q", // while something is being done
        "n",
        "?",
        "E",
        "space",
        "/ x",
        "o O",
        "2 G L l",
        "2 G L l o",
        "2 G L j",
        "2 G L l j x",
        "P d",
        "s J",
        "1 ] ] l",
        "1 l / 2",
    ] {
        let mut frames = [false, true].map(|ascii| {
            let mut model = model((120, 40));
            model.theme = Theme::new(true, ascii);
            press(&mut model, keys);
            let number = model.detail.number;
            send(&mut model, Msg::Tree(number, Ok(tree())));
            frame(&mut model)
        });
        let [plain, ascii] = &mut frames;
        for (place, (drawn, stand_in)) in plain.content.iter().zip(&ascii.content).enumerate() {
            let at = plain.pos_of(place);
            assert!(stand_in.symbol().is_ascii(), "{} at {at:?} of {keys}", drawn.symbol());
            let is_lost = stand_in.symbol() == "?" && drawn.symbol() != "?";
            assert!(!is_lost, "{} at {at:?} of {keys} has no stand-in", drawn.symbol());
        }
    }
}

#[test]
fn small_screens_show_one_pane_and_say_so() {
    let mut model = model((59, 15));
    let shown = text(&frame(&mut model));
    assert!(shown.contains("too small"), "{shown}");
    assert!(shown.contains("web-1"), "{shown}");
    assert!(!shown.contains("Images"), "{shown}");
}

#[test]
fn no_size_panics() {
    let sizes = (1..=8).chain([13, 16, 24, 39, 60, 80, 100, 200]).collect::<Vec<u16>>();
    for width in &sizes {
        for height in sizes.iter().filter(|height| **height <= 61) {
            for keys in ["1", "2 L", "2 d", "n", "?", "/ x", "1 l", "E"] {
                let mut model = model((*width, *height));
                press(&mut model, keys);
                frame(&mut model);
            }
        }
    }
}

#[test]
fn nothing_from_an_image_reaches_the_terminal_raw() {
    let mut world = overview();
    for container in &mut world.containers {
        container.image_name = "evil\u{1b}]0;title\u{7}\u{202e}".to_owned();
        container.config.env = vec!["X=\u{1b}[31mred".to_owned()];
    }
    for image in &mut world.images {
        image.config.history[0].created_by = "RUN \u{1b}c\n\u{9b}31m".to_owned();
    }
    for keys in ["1 ] ] ] ] ]", "2 ] ]", "1 ] ] ] ] ] ] ]"] {
        let mut model = blank((120, 40));
        send(&mut model, Msg::Loaded(Ok(world.clone())));
        press(&mut model, keys);
        let shown = text(&frame(&mut model));
        let raw = shown.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(raw, None);
    }
}
