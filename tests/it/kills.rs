//! kill -9 at any moment of what changes images: the store is whole afterwards, and no image that was acknowledged is lost.

use std::{
    collections::BTreeMap,
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{
    image::{Oci, Tar, gzip},
    registry::server::{Kind, Server, host},
    support::{Host, STARTER},
};

/// What the next call does, and which image it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verb {
    Load,
    Import,
    Commit,
    Remove,
    Prune,
    Pull,
}

/// Without a registry, all but the last.
const VERBS: [Verb; 6] =
    [Verb::Load, Verb::Import, Verb::Commit, Verb::Remove, Verb::Prune, Verb::Pull];

/// How many images there are to load.
const IMAGES: usize = 6;

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What is known of an image after the calls that have been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    There,
    Gone,
    Unknown,
}

/// Writes archives whose images share layers with one another.
fn archives(host: &Host) {
    let body: Vec<u8> =
        (0..300_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for number in 0..IMAGES {
        let many = (0..200).fold(Tar::new().dir("d/"), |tar, file| {
            tar.file(&format!("d/{file}"), &body[file * 40..][..=number * 10])
        });
        let tars = [
            Tar::new().file("base", &body).end(),
            Tar::new().file(&format!("pair-{}", number / 2), &body[..500_000]).end(),
            many.end(),
        ];
        let blobs: Vec<_> = tars.iter().map(|tar| gzip(tar)).collect();
        let layers: Vec<(&[u8], &[u8])> =
            tars.iter().zip(&blobs).map(|(tar, blob)| (&tar[..], &blob[..])).collect();
        fs::write(
            host.path(&format!("{number}.tar")),
            Oci::new(&layers, &format!("load:{number}")).tar(),
        )
        .unwrap();
        fs::write(host.path(&format!("import-{number}.tar")), &tars[2]).unwrap();
    }
}

/// Calls that are made and killed, and what is known of each image after them.
struct Run<'a> {
    host: &'a Host,
    registry: Option<Server>,
    dice: Dice,
    known: BTreeMap<String, Known>,
    /// How long each verb takes.
    lengths: BTreeMap<Verb, Duration>,
    killed: BTreeMap<Verb, usize>,
    done: usize,
}

impl<'a> Run<'a> {
    fn new(host: &'a Host, seed: u64) -> Self {
        archives(host);
        let change = "seq 1 100000 > /numbers; rm /bin/seq; mkdir /d; touch /d/x";
        host.ok(&["run", "--name", "c", STARTER, "sh", "-c", change]);
        let registry = Server::start(host, Kind::Open);
        let (known, lengths) = (BTreeMap::new(), BTreeMap::new());
        let run = Self {
            host,
            registry,
            dice: Dice(seed),
            known,
            lengths,
            killed: BTreeMap::new(),
            done: 0,
        };
        for number in 0..IMAGES as u64 {
            if run.registry.is_some() {
                let (name, path) = (format!("load:{number}"), run.path(&format!("{number}.tar")));
                host.ok(&["load", "-q", "-i", &path]);
                host.ok(&["tag", &name, &run.remote(number)]);
                host.ok(&["push", "-q", &run.remote(number)]);
                host.ok(&["rmi", &name, &run.remote(number)]);
            }
        }
        run
    }

    fn path(&self, name: &str) -> String {
        self.host.path(name).display().to_string()
    }

    fn remote(&self, number: u64) -> String {
        let place = self.registry.as_ref().map(|it| it.name(&format!("load:{number}")));
        place.unwrap_or_default()
    }

    /// Chooses a verb, the image that it is about, and the words for it.
    fn choose(&mut self) -> (Verb, String, Vec<String>) {
        let verbs = VERBS.len() as u64 - u64::from(self.registry.is_none());
        let verb = VERBS[usize::try_from(self.dice.below(verbs)).unwrap()];
        let number = self.dice.below(IMAGES as u64);
        let name = match verb {
            Verb::Import => format!("import:{number}"),
            Verb::Commit => format!("commit:{number}"),
            Verb::Pull => self.remote(number),
            Verb::Remove if self.registry.is_some() && self.dice.below(2) == 0 => {
                self.remote(number)
            }
            _ => format!("load:{number}"),
        };
        let archive = self.path(&match verb {
            Verb::Import => format!("import-{number}.tar"),
            _ => format!("{number}.tar"),
        });
        let words: &[&str] = match verb {
            Verb::Load => &["load", "-q", "-i", &archive],
            Verb::Import => &["import", &archive, &name, "-c", "LABEL doomed=1"],
            Verb::Commit => &["commit", "c", &name],
            Verb::Pull => &["pull", "-q", &name],
            Verb::Remove => &["rmi", &name],
            Verb::Prune => &["image", "prune", "-a", "-f", "--filter", "label=doomed"],
        };
        let words = words.iter().map(ToString::to_string).collect();
        (verb, name, words)
    }

    /// Makes a call; the first one of each verb shows how long it takes, the others are killed at some moment of that.
    fn call(&mut self) {
        let (verb, name, words) = self.choose();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let begun = Instant::now();
        let mut command = self.host.command(&words);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if let Some(length) = self.lengths.get(&verb) {
            let length = u64::try_from(length.as_micros()).unwrap();
            let moment = self.dice.below(length + length / 10 + 1);
            std::thread::park_timeout(Duration::from_micros(moment));
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        let is_killed = status.code().is_none();
        // What is not there cannot be removed; everything else succeeds, unless it is killed.
        assert!(is_killed || status.success() || verb == Verb::Remove, "{verb:?} {name}: {status}");
        if status.success() {
            // It was quicker than was thought: the machine has less to do by now.
            let length = self.lengths.get(&verb).map(|length| *length * 3 / 4);
            self.lengths.insert(verb, length.unwrap_or_else(|| begun.elapsed()));
            self.done += 1;
        }
        *self.killed.entry(verb).or_default() += usize::from(is_killed);
        if verb == Verb::Prune {
            (0..IMAGES).for_each(|number| self.learn(format!("import:{number}"), verb, is_killed));
        } else {
            self.learn(name, verb, is_killed);
        }
        assert_whole(self.host, &self.known, &format!("{verb:?} {status}"));
    }

    fn learn(&mut self, name: String, verb: Verb, is_killed: bool) {
        let meant = match verb {
            Verb::Remove | Verb::Prune => Known::Gone,
            _ => Known::There,
        };
        // What was there stays there when it was about to come again, and what was gone stays gone.
        if is_killed && self.known.get(&name) != Some(&meant) {
            self.known.insert(name, Known::Unknown);
        } else {
            self.known.insert(name, meant);
        }
    }
}

/// Kills calls so often, at moments spread over as long as each takes.
fn kill_often(host: &Host, kills: usize, seed: u64) {
    let mut run = Run::new(host, seed);
    let mut calls = 0;
    while run.killed.values().sum::<usize>() < kills {
        calls += 1;
        assert!(calls < kills * 6, "few of {calls} calls were killed: {:?}", run.killed);
        run.call();
    }
    let (killed, done) = (&run.killed, run.done);
    println!(
        "{calls} calls, {kills} killed {killed:?}, {done} done, seed {seed}: whole after each"
    );
}

fn assert_whole(host: &Host, known: &BTreeMap<String, Known>, when: &str) {
    let output = host.call(&["system", "check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.trim_end().ends_with("all is whole"),
        "{when}: {output:?}"
    );
    let names = host.ok(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    for (name, known) in known {
        let is_there = names.lines().any(|line| line == *name);
        assert!(
            *known == Known::Unknown || is_there == (*known == Known::There),
            "{when}: {name} {known:?}: {names}"
        );
    }
}

#[test]
fn a_few_kills_leave_a_whole_store() {
    let host = host();
    host.load_starter();
    kill_often(&host, 12, 0x5eed);
    host.ok(&["system", "check", "--deep"]);
    host.assert_clean();
}

/// Run by tests/soak/run.
#[test]
#[ignore = "takes minutes: tests/soak/run kills"]
fn two_hundred_kills_leave_a_whole_store() {
    let host = host();
    host.load_starter();
    let seed =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    kill_often(&host, 200, seed | 1);
    host.ok(&["system", "check", "--deep"]);
    host.assert_clean();
}
