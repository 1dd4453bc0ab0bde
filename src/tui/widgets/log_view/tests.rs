use proptest::prelude::*;
use ratatui::style::{Color, Modifier};

use super::*;
use crate::{
    sys::clock::spent,
    tui::widgets::testing::{SIZES, buffer, drawn, highlighted, rows},
};

const SIZE: (u16, u16) = (60, 5);

fn line(text: &str, stream: Stream) -> LogLine {
    let time = "2026-11-24T12:34:56Z".parse().unwrap();
    LogLine { time, stream, bytes: text.as_bytes().to_vec() }
}

fn push(view: &mut LogView, text: &str) {
    view.push(&line(&format!("{text}\n"), Stream::Stdout));
}

fn view(cap: usize, count: usize) -> LogView {
    let mut view = LogView::new(cap);
    for number in 0..count {
        push(&mut view, &format!("line {number}"));
    }
    shown(&mut view);
    view
}

fn shown(view: &mut LogView) -> Vec<String> {
    drawn(SIZE, |area, buffer, theme| view.render(area, buffer, theme, "G"))
}

fn first(view: &mut LogView) -> String {
    shown(view)[0].split("│ ").nth(1).unwrap().to_owned()
}

#[test]
fn lines_have_time_and_stream() {
    let mut view = LogView::new(10);
    view.push(&line("out\r\n", Stream::Stdout));
    view.push(&line("\u{1b}[32merr\u{1b}[0m\n", Stream::Stderr));
    assert_eq!(shown(&mut view)[..2], ["12:34:56 │ out", "12:34:56 ! err"]);
    view.show_times_in(TimeZone::fixed(jiff::tz::offset(2)));
    assert_eq!(shown(&mut view)[0], "14:34:56 │ out");
    let narrow = drawn((20, 2), |a, b, t| view.render(a, b, t, "G"));
    assert_eq!(narrow, ["│ out", "! err"]);
    let colours = |colour| {
        let drawn = buffer(SIZE, |area, buffer, _| {
            view.render(area, buffer, &Theme::new(colour, false), "G");
        });
        drawn[(13, 2)].fg
    };
    assert_eq!([true, false].map(colours), [Color::Green, Color::Reset]);
}

#[test]
fn it_follows_until_one_scrolls_up() {
    let mut view = view(100, 20);
    assert_eq!(shown(&mut view)[4], "12:34:56 │ line 19");
    view.scroll(Step::Prev);
    push(&mut view, "line 20");
    let rows = shown(&mut view);
    assert_eq!(rows[0], "12:34:56 │ line 14");
    assert_eq!(rows[3], "12:34:56 │ line 17");
    assert!(rows[4].starts_with("── 3 more lines, G follows ───"), "{rows:?}");
    view.scroll(Step::Next);
    assert!(!view.is_following);
    view.scroll(Step::Next);
    assert!(view.is_following);
    push(&mut view, "line 21");
    assert_eq!(shown(&mut view)[4], "12:34:56 │ line 21");
    view.scroll(Step::Top);
    assert_eq!(first(&mut view), "line 0");
    view.scroll(Step::Bottom);
    assert!(view.is_following);
}

#[test]
fn lines_that_fall_out_do_not_move_what_is_read() {
    let mut view = view(20, 20);
    view.scroll(Step::HalfPage(-2));
    let reading = first(&mut view);
    for number in 20..25 {
        push(&mut view, &format!("line {number}"));
        assert_eq!(first(&mut view), reading);
    }
    for number in 25..60 {
        push(&mut view, &format!("line {number}"));
    }
    assert_eq!(first(&mut view), "line 40");
    assert_eq!(view.page.lines.len(), 20);
    view.clear();
    push(&mut view, "anew");
    assert_eq!(first(&mut view), "anew");
}

#[test]
fn long_lines_are_bounded_and_go_on_below() {
    let mut view = LogView::new(10);
    push(&mut view, &format!("{}{}", "x".repeat(LINE - 1), "日本"));
    let text = view.page.line(0).unwrap().text();
    assert_eq!(text.len(), LINE - 1 + "…".len());
    assert!(text.ends_with("x…"));
    push(&mut view, &format!("{} end", "y".repeat(70)));
    let rows = shown(&mut view);
    assert_eq!(rows[3], format!("12:34:56 │ {}", "y".repeat(49)));
    assert_eq!(rows[4], format!("         │ {} end", "y".repeat(21)));
    for _ in 0..3 {
        view.scroll(Step::Prev);
    }
    assert_eq!(shown(&mut view)[4].trim_end_matches('─'), "── 1 more line, G follows ");
}

#[test]
fn pieces_of_a_line_are_one_line() {
    let mut view = LogView::new(10);
    for (text, stream) in [
        ("Password", Stream::Stdout),
        (": ", Stream::Stdout),
        ("***\n", Stream::Stdout),
        ("a", Stream::Stdout),
        ("b\n", Stream::Stderr),
        ("\n", Stream::Stderr),
        ("c\n", Stream::Stderr),
    ] {
        view.push(&line(text, stream));
    }
    let texts: Vec<_> = view.page.lines.iter().map(|kept| kept.line.text()).collect();
    assert_eq!(texts, ["Password: ***", "a", "b", "", "c"]);
    for _ in 0..3 {
        view.push(&line(&"z".repeat(LINE), Stream::Stdout));
    }
    assert_eq!(view.page.lines.len(), 6);
    assert_eq!(view.page.line(5).unwrap().text().len(), LINE + "…".len());
}

#[test]
fn matches_are_gone_to_and_highlighted() {
    let mut view = view(100, 40);
    view.search(Some("line 1"));
    let mut found = Vec::new();
    for direction in [Step::Prev, Step::Prev, Step::Next, Step::Next, Step::Next] {
        let (rows, at) = highlighted(SIZE, |a, b, t| view.render(a, b, t, "G"));
        found.push(rows[at].split("│ ").nth(1).unwrap().to_owned());
        view.next_match(direction);
    }
    assert_eq!(found, ["line 19", "line 18", "line 17", "line 18", "line 19"]);
    assert_eq!(view.viewport.top.line, 0, "it went round the end");
    view.search(Some("nowhere"));
    assert!(view.is_lost());
    push(&mut view, "now it is somewhere, nowhere else");
    assert!(!view.is_lost());
    view.search(Some("LINE"));
    assert!(view.is_lost());
    view.search(None);
    let plain = buffer(SIZE, |a, b, t| view.render(a, b, t, "G"));
    assert!(plain.content.iter().all(|cell| !cell.modifier.contains(Modifier::UNDERLINED)));
}

#[test]
fn no_size_panics() {
    for size in SIZES {
        let mut view = LogView::new(10);
        let draw = |view: &mut LogView| {
            drawn(size, |area, buffer, theme| view.render(area, buffer, theme, "G"));
        };
        draw(&mut view);
        for text in ["", "x", "日本語 \u{1b}[1mis long enough to be broken", "👩\u{200d}🚀"]
        {
            push(&mut view, text);
            view.search(Some("i"));
            draw(&mut view);
        }
        for step in [Step::Prev, Step::Top, Step::HalfPage(1), Step::Bottom, Step::Page(-1)] {
            view.scroll(step);
            draw(&mut view);
            view.next_match(step);
        }
    }
}

#[test]
fn a_flood_is_taken_in_quickly() {
    let mut view = LogView::new(10_000);
    let begun = spent();
    for number in 0..50_000 {
        push(&mut view, &format!("{number} GET /some/path 200"));
    }
    shown(&mut view);
    assert_eq!(view.page.lines.len(), 10_000);
    let spent = spent().saturating_sub(begun);
    assert!(spent < std::time::Duration::from_secs(10), "{spent:?}");
}

proptest! {
    #[test]
    fn whatever_is_done_the_view_is_full_and_within(
        lengths in prop::collection::vec(0_usize..200, 1..30),
        steps in prop::collection::vec(-7_isize..7, 0..20),
    ) {
        let mut view = LogView::new(12);
        for (place, length) in lengths.iter().enumerate() {
            push(&mut view, &"word ".repeat(*length / 5));
            if let Some(step) = steps.get(place) {
                view.scroll(Step::By(*step));
            }
            let drawn = buffer(SIZE, |a, b, t| view.render(a, b, t, "G"));
            let seen = rows(&drawn);
            prop_assert!(view.viewport.top <= view.viewport.last_top(&view.page));
            prop_assert_eq!(view.is_following, view.viewport.top == view.viewport.last_top(&view.page));
            prop_assert_eq!(seen[4].contains("follows"), !view.is_following);
        }
    }
}
