//! How long the layer explorer takes to open on a large image: 30 layers, 500,000 files, of which no byte is there; only the stored
//! indexes are, and they are all that is read.
//!
//! `cargo bench --bench explore [RUNS]`. The last line is what a person waits for: from the key `L` to the frame that shows the files,
//! in a real terminal, with a fresh program each time.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a measurement that cannot go on must stop, and says what it found; the terminal is that of the tests, which ask more of it"
)]

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use estiba::{
    image::{Strata, write_index},
    model::{
        ChainId, DiffId, Digest, EntryKind, Image, ImageConfig, ImageId, Layer, LayerEntry,
        Timestamp,
    },
    store::{Layout, Store, StoreError},
};

#[path = "../it/terminal.rs"]
mod terminal;

mod support {
    /// How long is waited for what ought to come at once.
    pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_estiba");
const RUNS: usize = 10;
const LAYERS: usize = 30;
const FILES: usize = 500_000;
/// The bytes that the files say to have: 6 GB in all.
const SIZE: u64 = 12_000;

fn main() {
    // Cargo adds --bench.
    let runs = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(RUNS);
    let place = tempfile::tempdir().unwrap();
    let data_root = place.path().join("data");
    let run_root = place.path().join("run");
    let layout = Layout { data_root, run_root };
    let image = store(&layout);
    println!(
        "{} layers, {} paths, {} bytes",
        image.layers.len(),
        image.layers.iter().map(|layer| layer.entries).sum::<u64>(),
        image.size()
    );
    let mut steps: [(&str, Vec<Duration>); 6] = [
        ("read all indexes, and bring them into one order", Vec::new()),
        ("what the last layer does", Vec::new()),
        ("what the last layer does, stacked", Vec::new()),
        ("all that is not seen any more", Vec::new()),
        ("engine: first frame's files (read and changes)", Vec::new()),
        ("from the key to the frame", Vec::new()),
    ];
    for _ in 0..runs {
        let mut timed = |step: usize, begun: Instant| steps[step].1.push(begun.elapsed());
        let begun = Instant::now();
        let strata = Strata::read(&layout, &image.layers).unwrap();
        timed(0, begun);
        let last = Instant::now();
        let changes = strata.changes(LAYERS - 1, LAYERS, false);
        timed(1, last);
        timed(4, begun);
        assert!(!changes.is_empty());
        let begun = Instant::now();
        let all = strata.changes(LAYERS - 1, LAYERS, true);
        timed(2, begun);
        assert!(all.len() > changes.len());
        let begun = Instant::now();
        assert!(!strata.hidden().is_empty());
        timed(3, begun);
        drop(strata);
        let waited = from_key_to_frame(&layout);
        steps[5].1.push(waited);
    }
    for (name, times) in &mut steps {
        times.sort_unstable();
        let [least, median, most] = [0, times.len() / 2, times.len() - 1].map(|at| times[at]);
        println!("{name:<50} median {median:>9.1?}   least {least:>9.1?}   most {most:>9.1?}");
    }
}

/// Opens the explorer in a terminal; gives the time from the key that opens it.
fn from_key_to_frame(layout: &Layout) -> Duration {
    let mut command = Command::new(PROGRAM);
    command.arg("--root").arg(&layout.data_root).arg("--runroot").arg(&layout.run_root);
    let mut terminal = terminal::Terminal::start(command, 40, 120);
    terminal.wait_for("large:1");
    terminal.send("2");
    terminal.wait_for("L layers");
    let begun = Instant::now();
    terminal.send("L");
    terminal.wait_until("the files of the last layer", |screen| screen.contains("layer 30 · +"));
    let waited = begun.elapsed();
    terminal.send("\x03");
    while !terminal.has_ended() {
        std::thread::yield_now();
    }
    waited
}

/// Makes a store with one image, of which there is nothing but records and indexes.
fn store(layout: &Layout) -> Image {
    let digest = |number: usize| {
        let mut bytes = [0; 32];
        // Spread, so that they do not compress better than true ones.
        let mut state = u64::try_from(number).unwrap() + 1;
        for chunk in bytes.chunks_mut(8) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            chunk.copy_from_slice(&(state ^ (state >> 29)).to_le_bytes());
        }
        Digest::from_bytes(bytes)
    };
    let mut store = Store::open(layout.clone()).unwrap();
    let mut layers = Vec::new();
    for number in 0..LAYERS {
        let chain = ChainId(digest(10_000_000 + number));
        let entries = entries(number, &digest);
        let layer = Layer {
            chain,
            diff: DiffId(digest(20_000_000 + number)),
            blob: digest(30_000_000 + number),
            size: entries.iter().map(|entry| entry.size).sum(),
            entries: entries.len() as u64,
        };
        let directory = layout.layer(chain);
        fs::create_dir_all(&directory).unwrap();
        write(&directory, entries);
        layers.push(layer);
    }
    let image = Image {
        id: ImageId(digest(40_000_000)),
        manifest: digest(50_000_000),
        references: Vec::new(),
        created: None,
        stored: Timestamp::now(),
        layers,
        config: ImageConfig { command: vec!["true".to_owned()], ..ImageConfig::default() },
    };
    store
        .write(|records| {
            records.insert_image(&image)?;
            records.set_reference(&"large:1".parse().unwrap(), image.id)?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    image
}

fn write(directory: &Path, entries: Vec<LayerEntry>) {
    write_index(directory, "synthetic", entries).unwrap();
}

/// Gives the files of one layer: its own, and some of those that the layer below has.
fn entries(layer: usize, digest: &dyn Fn(usize) -> Digest) -> Vec<LayerEntry> {
    let entry = |path: String, kind: EntryKind, digest: Option<Digest>| LayerEntry {
        path,
        size: if kind == EntryKind::File { SIZE } else { 0 },
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: 1_700_000_000 + i64::try_from(layer).unwrap(),
        digest,
    };
    let mut entries = vec![
        entry("usr".to_owned(), EntryKind::Directory, None),
        entry("usr/lib".to_owned(), EntryKind::Directory, None),
        entry("usr/lib/python3.11".to_owned(), EntryKind::Directory, None),
    ];
    let own = FILES / LAYERS;
    // A tenth of a layer lies in the folders of the one below, under the same names.
    let first = (layer * own).saturating_sub(if layer == 0 { 0 } else { own / 10 });
    let files = first..first + own;
    for folder in files.start / 50..=(files.end - 1) / 50 {
        let path = format!("usr/lib/python3.11/package-{folder:06}");
        entries.push(entry(path.clone(), EntryKind::Directory, None));
        let here = (folder * 50..(folder + 1) * 50).filter(|file| files.contains(file));
        entries.extend(here.map(|file| {
            let path = format!("{path}/module_with_a_usual_name_{file:07}.py");
            entry(path, EntryKind::File, Some(digest(layer * FILES + file)))
        }));
    }
    entries
}
