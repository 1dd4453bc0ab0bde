//! The screen as a person has it: the real program in a real terminal, with real containers.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    support::{Host, STARTER, eventually},
    terminal::Terminal,
};

fn open(host: &Host) -> Terminal {
    Terminal::start(host.command(&[]), 40, 120)
}

fn assert_restored(terminal: &Terminal) {
    assert!(!terminal.is_alternate(), "the alternate screen stayed");
    assert!(!terminal.hides_cursor(), "the cursor stayed hidden");
    assert!(terminal.is_cooked(), "the terminal stayed raw");
    assert!(!terminal.takes_mouse(), "the mouse stayed taken");
}

/// Clicks the first letter of a text once it is shown, as terminals report it (xterm's SGR mode).
fn click(terminal: &mut Terminal, text: &str) {
    // What is drawn first is no sign that all of a frame has come.
    terminal.wait_for(text);
    let screen = terminal.screen();
    let place = screen.lines().enumerate().find_map(|(row, line)| {
        let (before, _) = line.split_once(text)?;
        Some((row + 1, before.chars().count() + 1))
    });
    let (row, column) = place.unwrap_or_else(|| panic!("{text} is not shown: {screen}"));
    terminal.send(&format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m"));
}

#[test]
fn the_mouse_selects_and_does_what_a_hint_says_until_the_terminal_has_it() {
    let host = Host::with_starter();
    for name in ["bow", "stern"] {
        host.ok(&["create", "--name", name, STARTER, "sleep", "1000"]);
    }
    let mut terminal = open(&host);
    terminal.wait_for("┌ bow ");
    assert!(terminal.takes_mouse());
    click(&mut terminal, "stern");
    terminal.wait_for("┌ stern ");
    click(&mut terminal, "d delete");
    terminal.wait_for("Delete container stern");
    click(&mut terminal, "[y] delete it");
    terminal.wait_for("┌ bow ");
    assert_eq!(host.ok(&["ps", "-a", "--format", "{{.Names}}"]), "bow");
    terminal.send("m");
    terminal.wait_for("it selects text");
    assert!(!terminal.takes_mouse());
    terminal.send("\x03");
    assert!(terminal.wait().success());
    assert_restored(&terminal);
    host.assert_clean();
}

#[test]
fn the_palette_prunes_what_its_plan_has_shown() {
    let host = Host::with_starter();
    host.ok(&["create", "--name", "idle", STARTER, "sleep", "1000"]);
    host.ok(&["run", "-d", "--name", "busy", STARTER, "sleep", "1000"]);
    let mut terminal = open(&host);
    terminal.wait_for("idle");
    terminal.wait_for("busy");
    terminal.send(":");
    terminal.wait_for("type to search");
    terminal.send("prune containers\r");
    terminal.wait_for("1 goes; that gives back");
    terminal.send("y");
    terminal.wait_until_gone("idle");
    assert_eq!(host.ok(&["ps", "-a", "--format", "{{.Names}}"]), "busy");
    terminal.send("\x03");
    assert!(terminal.wait().success());
    assert_restored(&terminal);
    host.assert_clean();
}

#[test]
fn what_another_process_does_appears_and_keys_act() {
    let host = Host::with_starter();
    let mut terminal = open(&host);
    terminal.wait_for("demo/base");
    host.ok(&["run", "-d", "--name", "appears", STARTER, "sleep", "1000"]);
    terminal.wait_for("appears");
    terminal.wait_until("it runs", |screen| {
        screen.lines().any(|line| line.contains("appears") && line.contains("up"))
    });
    // Kill asks first; then the row says how it ended.
    terminal.send("K");
    terminal.wait_for("Kill");
    terminal.send("\r");
    terminal.wait_for("exited 137");
    terminal.send("s");
    terminal.wait_until_gone("exited 137");
    terminal.send("q");
    assert!(terminal.wait().success());
    assert_restored(&terminal);
    assert_eq!(host.ok(&["ps", "--format", "{{.Names}}"]), "appears", "containers run on");
    host.assert_clean();
}

#[test]
fn an_image_in_use_shows_its_blockers_and_stays() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "blocker", STARTER, "sleep", "1000"]);
    let mut terminal = open(&host);
    terminal.wait_for("blocker");
    terminal.send("2d");
    terminal.wait_for("Cannot be deleted");
    terminal.wait_until("the dialog names it", |screen| screen.matches("blocker").count() >= 2);
    terminal.send("\x1b");
    terminal.wait_until_gone("Cannot be deleted");
    terminal.send("\x03");
    assert!(terminal.wait().success());
    assert!(host.ok(&["images"]).contains("demo/base"));
    host.assert_clean();
}

#[test]
fn a_shell_opens_inside_and_the_screen_comes_back() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "home", "--hostname", "harbour", STARTER, "sleep", "1000"]);
    let mut terminal = open(&host);
    terminal.wait_for("home");
    terminal.send("e");
    terminal.wait_for("a shell in home");
    assert!(!terminal.takes_mouse(), "the shell has the terminal's mouse");
    terminal.send("cat /proc/sys/kernel/hostname; echo 6 times 7 is $((6*7))\r");
    terminal.wait_for("6 times 7 is 42");
    terminal.wait_for("harbour");
    terminal.send("exit\r");
    terminal.wait_for("Networks");
    terminal.send("?");
    terminal.wait_for("type to search");
    terminal.send("\x1b");
    // An escape and the next key in one reading would be one key with alt.
    terminal.wait_until_gone("type to search");
    terminal.send("\x03");
    assert!(terminal.wait().success());
    assert_restored(&terminal);
    host.assert_clean();
}

#[test]
fn a_new_container_is_made_from_the_selected_image() {
    let host = Host::with_starter();
    let mut terminal = open(&host);
    terminal.wait_for("demo/base");
    terminal.send("2n");
    terminal.wait_for("Name");
    terminal.send("barge\tsleep 1000\r");
    terminal.wait_until("it runs", |screen| {
        screen.lines().any(|line| line.contains("barge") && line.contains("up"))
    });
    assert_eq!(host.ok(&["ps", "--format", "{{.Names}}"]), "barge");
    terminal.send("\x03");
    assert!(terminal.wait().success());
    host.assert_clean();
}

#[test]
fn the_terminal_comes_back_when_the_program_is_terminated() {
    let host = Host::new();
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let mut terminal = open(&host);
        terminal.wait_for("demo");
        assert!(terminal.is_alternate());
        kill(Pid::from_raw(terminal.pid()), signal).unwrap();
        terminal.wait();
        assert_restored(&terminal);
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_program() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "stays", STARTER, "sleep", "1000"]);
    let mut terminal = open(&host);
    terminal.wait_for("stays");
    terminal.hang_up();
    eventually("the program ends", || terminal.has_ended());
    assert_eq!(host.ok(&["ps", "--format", "{{.Names}}"]), "stays");
    host.assert_clean();
}
