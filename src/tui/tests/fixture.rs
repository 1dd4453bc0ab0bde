//! A small world, a fixed clock, and a way to press keys and look at frames.

use std::{collections::BTreeMap, fmt::Write, net::Ipv4Addr, time::Duration};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, style::Modifier};

use crate::{
    engine::{LogLine, Overview, Privilege, Stream},
    model::{
        ChainId, Change, ChangedEntry, Container, ContainerConfig, ContainerId, DiffId, Digest,
        Endpoint, EntryKind, Exit, HistoryEntry, Image, ImageConfig, ImageId, Layer, LayerEntry,
        Network, NetworkId, NetworkMode, Pressure, Readings, Sample, State, Statistics, Throttling,
        Timestamp, Usage,
    },
    tui::{
        keymap::Keymap,
        model::Model,
        msg::{Effect, Msg},
        theme::Theme,
        update::update,
        view,
        widgets::file_tree::FileTree,
    },
};

/// The moment at which every test plays: 2026-11-24T12:00:00Z.
pub(super) fn noon() -> Timestamp {
    Timestamp::from_second(1_795_521_600).unwrap()
}

pub(super) fn ago(seconds: u64) -> Timestamp {
    noon() - Duration::from_secs(seconds)
}

pub(super) fn container_id(number: u8) -> ContainerId {
    ContainerId::from_bytes([number; 32])
}

pub(super) fn image_id(number: u8) -> ImageId {
    ImageId(Digest::from_bytes([number; 32]))
}

pub(super) fn network_id(number: u8) -> NetworkId {
    NetworkId::from_bytes([number; 32])
}

fn layer(chain: u8, size: u64) -> Layer {
    Layer {
        chain: ChainId(Digest::from_bytes([chain; 32])),
        diff: DiffId(Digest::from_bytes([chain + 100; 32])),
        blob: Digest::from_bytes([chain + 50; 32]),
        size,
        entries: 10,
    }
}

fn step(created_by: &str, empty_layer: bool) -> HistoryEntry {
    HistoryEntry {
        created: Some(ago(86_400 * 3)),
        created_by: created_by.to_owned(),
        comment: String::new(),
        empty_layer,
    }
}

pub(super) fn image(number: u8, name: &str, layers: Vec<Layer>, steps: &[(&str, bool)]) -> Image {
    Image {
        id: image_id(number),
        manifest: Digest::from_bytes([number + 1; 32]),
        references: vec![name.parse().unwrap()],
        created: Some(ago(86_400 * 3)),
        stored: ago(3600),
        layers,
        config: ImageConfig {
            architecture: "amd64".to_owned(),
            os: "linux".to_owned(),
            env: vec!["PATH=/usr/bin:/bin".to_owned()],
            command: vec!["/bin/sh".to_owned()],
            workdir: "/".to_owned(),
            history: steps.iter().map(|(by, empty)| step(by, *empty)).collect(),
            ..ImageConfig::default()
        },
    }
}

pub(super) fn container(number: u8, name: &str, image: (u8, &str), state: State) -> Container {
    let network = u8::from(name == "cache") + 1;
    let address = Ipv4Addr::new(10, 210, network - 1, number + 1);
    let endpoint = Endpoint {
        network: network_id(network),
        network_name: ["bridge", "backend"][usize::from(network - 1)].parse().unwrap(),
        container: container_id(number),
        container_name: name.parse().unwrap(),
        address,
        prefix: 24,
        gateway: Ipv4Addr::new(10, 210, network - 1, 1),
        mac: Endpoint::mac_of(address),
        interface: "eth0".to_owned(),
    };
    Container {
        id: container_id(number),
        name: name.parse().unwrap(),
        image: image_id(image.0),
        image_name: image.1.to_owned(),
        created: ago(4000 - u64::from(number)),
        config: ContainerConfig {
            args: vec!["/bin/serve".to_owned(), "--port=80".to_owned()],
            env: vec!["PATH=/usr/bin:/bin".to_owned(), "MODE=production".to_owned()],
            workdir: "/srv".to_owned(),
            network: NetworkMode::Bridges(vec![network_id(network)]),
            ..ContainerConfig::default()
        },
        endpoints: state.is_live().then_some(endpoint).into_iter().collect(),
        state,
    }
}

pub(super) fn running(seconds: u64) -> State {
    State::running(ago(seconds))
}

pub(super) fn exited(code: i32) -> State {
    State::exited(Some(ago(8000)), ago(7200), Exit { code, ..Exit::default() })
}

/// Three images of which two share a layer, four containers, two networks: as drawn in the design.
pub(super) fn overview() -> Overview {
    let containers = vec![
        container(4, "cache", (3, "redis:7"), running(7300)),
        container(3, "job", (2, "busybox"), exited(0)),
        container(2, "web-2", (1, "debian:12"), running(185)),
        container(1, "web-1", (1, "debian:12"), running(190)),
    ];
    let network = |number: u8, name: &str| Network {
        id: network_id(number),
        name: name.parse().unwrap(),
        subnet: format!("10.210.{}.0/24", number - 1).parse().unwrap(),
        gateway: Ipv4Addr::new(10, 210, number - 1, 1),
        bridge: format!("estiba{number}"),
        created: ago(90_000),
        endpoints: containers
            .iter()
            .flat_map(|container| &container.endpoints)
            .filter(|endpoint| endpoint.network == network_id(number))
            .cloned()
            .collect(),
    };
    let base = layer(1, 117_000_000);
    let images = vec![
        image(
            3,
            "redis:7",
            vec![base, layer(2, 1_200), layer(3, 21_000_000)],
            &[
                ("debootstrap bookworm", false),
                ("COPY redis.conf /etc/redis.conf", false),
                ("ENV REDIS_VERSION=7.2", true),
                ("RUN apt-get install redis", false),
                ("EXPOSE 6379", true),
            ],
        ),
        image(2, "busybox", vec![layer(4, 2_000_000)], &[("ADD busybox /", false)]),
        image(1, "debian:12", vec![base], &[("debootstrap bookworm", false)]),
    ];
    Overview {
        networks: vec![network(1, "bridge"), network(2, "backend")],
        images,
        containers,
        signatures: BTreeMap::new(),
        sequence: 7,
    }
}

/// What the running ones use, a second after another.
pub(super) fn usage(second: u64) -> BTreeMap<ContainerId, Readings> {
    [(1, 12, 18), (2, 3, 17), (4, 1, 9)]
        .into_iter()
        .map(|(number, share, megabytes)| {
            let usage = Usage {
                cpu: Duration::from_millis(share * second),
                memory: megabytes << 20,
                memory_limit: None,
                pids: 1,
            };
            let statistics = Statistics { usage, ..Statistics::default() };
            let last = Sample { at: Duration::from_secs(1000 + second), statistics };
            (container_id(number), Readings { last, before: None })
        })
        .collect()
}

/// Five minutes of a container: a second apart in the last two, ten before; its use of the processor goes up and down.
pub(super) fn samples(is_limited: bool) -> Vec<Sample> {
    let mut cpu = Duration::ZERO;
    let seconds = (0..18).map(|number| number * 10).chain(180..300);
    let mut last = 0;
    let sample = |second: u64| {
        let share = (second % 40).abs_diff(20) * 2;
        cpu += Duration::from_millis(share * 10 * (second - last));
        last = second;
        let usage = Usage {
            cpu,
            memory: (8 + second / 20) << 20,
            memory_limit: is_limited.then_some(64 << 20),
            pids: 3,
        };
        let statistics = Statistics {
            usage,
            received: is_limited.then_some(second * 1500),
            sent: is_limited.then_some(second * 300),
            read: Some(4_000_000),
            written: Some(second * 10_000),
            throttling: Throttling {
                periods: if is_limited { second * 10 } else { 0 },
                throttled: second,
                time: Duration::from_millis(second * 7),
            },
            pressure: is_limited.then(|| Pressure {
                cpu: Duration::from_millis(second * 120),
                ..Pressure::default()
            }),
        };
        Sample { at: Duration::from_secs(500 + second), statistics }
    };
    seconds.map(sample).collect()
}

/// A screen of this size that knows nothing yet.
pub(super) fn blank(size: (u16, u16)) -> Model {
    let (keymap, _) = Keymap::new(None);
    let mut model = Model::new(keymap, Theme::new(true, false), Privilege::Rootful);
    send(&mut model, Msg::Tick(noon()));
    send(&mut model, Msg::Resize(size.0, size.1));
    model
}

/// A screen of this size over the small world, with usage and a log.
pub(super) fn model(size: (u16, u16)) -> Model {
    let mut model = blank(size);
    send(&mut model, Msg::Loaded(Ok(overview())));
    send(&mut model, Msg::Usage(Ok(usage(0))));
    send(&mut model, Msg::Usage(Ok(usage(1))));
    let number = model.detail.number;
    send(&mut model, Msg::LogLines(number, log(&["GET / 200", "GET /health 200"])));
    model
}

pub(super) fn log(lines: &[&str]) -> Vec<LogLine> {
    let line = |text: &&str| LogLine {
        time: noon(),
        stream: Stream::Stdout,
        bytes: format!("{text}\n").into_bytes(),
    };
    lines.iter().map(line).collect()
}

/// The files of a layer: one added, one changed, one removed.
pub(super) fn tree() -> FileTree {
    let entry = |path: &str, kind: EntryKind, size: u64, change: Change| ChangedEntry {
        entry: LayerEntry {
            path: path.to_owned(),
            kind,
            mode: 0o755,
            uid: 0,
            gid: 0,
            size,
            mtime: 0,
            digest: None,
        },
        change,
    };
    FileTree::new(vec![
        entry("etc", EntryKind::Directory, 0, Change::Changed),
        entry("etc/passwd", EntryKind::File, 1_100, Change::Changed),
        entry("usr", EntryKind::Directory, 0, Change::Changed),
        entry("usr/bin", EntryKind::Directory, 0, Change::Added),
        entry("usr/bin/redis-server", EntryKind::File, 14_000_000, Change::Added),
        entry("usr/changelog.gz", EntryKind::File, 40_000, Change::Removed),
    ])
}

pub(super) fn send(model: &mut Model, msg: Msg) -> Vec<Effect> {
    update(model, msg)
}

/// Presses keys, written as in the keymap with blanks between; gives all effects but the reading of usage.
pub(super) fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    keys.split(' ')
        .flat_map(|key| update(model, Msg::Key(event(key))))
        .filter(|effect| !matches!(effect, Effect::Sample(_)))
        .collect()
}

pub(super) fn event(key: &str) -> KeyEvent {
    let (modifiers, rest) = match key.strip_prefix("ctrl-") {
        Some(rest) => (KeyModifiers::CONTROL, rest),
        None => (KeyModifiers::NONE, key),
    };
    let code = match rest {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "space" => KeyCode::Char(' '),
        "backspace" => KeyCode::Backspace,
        "down" => KeyCode::Down,
        "right" => KeyCode::Right,
        "left" => KeyCode::Left,
        one => KeyCode::Char(one.chars().next().unwrap()),
    };
    KeyEvent::new(code, modifiers)
}

/// Types a word, letter by letter.
pub(super) fn type_word(model: &mut Model, word: &str) {
    for letter in word.chars() {
        update(model, Msg::Key(KeyEvent::from(KeyCode::Char(letter))));
    }
}

/// Draws a frame.
pub(super) fn frame(model: &mut Model) -> Buffer {
    let (width, height) = model.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, model)).unwrap();
    terminal.backend().buffer().clone()
}

/// Writes the text of a frame.
pub(super) fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let mut text = String::new();
    for row in buffer.content.chunks(width) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Writes the text of a frame, and below it every run of cells that are not plain: `row:from..to fg bg modifiers`.
pub(super) fn text_and_styles(buffer: &Buffer) -> String {
    let mut out = text(buffer);
    out.push_str("---\n");
    let width = usize::from(buffer.area.width).max(1);
    for (y, row) in buffer.content.chunks(width).enumerate() {
        let mut start = 0;
        for run in row.chunk_by(|a, b| (a.fg, a.bg, a.modifier) == (b.fg, b.bg, b.modifier)) {
            let (cell, end) = (&run[0], start + run.len());
            let plain = cell.fg == ratatui::style::Color::Reset
                && cell.bg == ratatui::style::Color::Reset
                && cell.modifier == Modifier::empty();
            if !plain {
                let (fg, bg, modifier) = (cell.fg, cell.bg, cell.modifier);
                writeln!(out, "{y}:{start}..{end} {fg:?} {bg:?} {modifier:?}").unwrap();
            }
            start = end;
        }
    }
    out
}
