//! What a container used over the last hour, in a file of fixed size that its monitor writes and anybody reads.
//!
//! A record is sixteen words of eight bytes. The first `FINE` records are a second apart, the `COARSE` after them ten; the place of a record follows
//! from its time alone, so that nobody has to find a head: to add one is one write, to read the newest are a few reads. A record that is read while it is
//! written does not match its sum, and is passed over. The file lies in [`Layout::container_run`] and goes with that.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::PathBuf,
    time::Duration,
};

use crate::{
    model::{ContainerId, Pressure, Readings, Sample, Statistics, Throttling, Usage},
    store::Layout,
    sys::{At as _, Result, files},
};

/// The name of the file in [`Layout::container_run`].
const NAME: &str = "statistics";
/// So many records a second apart: four minutes.
const FINE: u64 = 240;
/// So many records ten seconds apart: an hour.
const COARSE: u64 = 360;
/// The words of a record.
const WORDS: usize = 16;
/// The bytes of a record.
const RECORD: usize = WORDS * 8;
/// How many seconds the newest record may be old before it says nothing about now any more.
const FRESH: u64 = 3;

/// The bytes of the file.
const LENGTH: u64 = (FINE + COARSE) * RECORD as u64;

type Record = [u8; RECORD];

fn path(layout: &Layout, id: ContainerId) -> PathBuf {
    layout.container_run(id).join(NAME)
}

/// The monitor's side.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    /// The last ten seconds that have a record.
    tens: Option<u64>,
}

impl Writer {
    /// Makes the file with room for all records; what is not written yet takes no memory either. One of an earlier run is not gone on with: its counts
    /// have nothing to do with those of this one.
    pub(super) fn create(layout: &Layout, id: ContainerId) -> Result<Self> {
        remove(layout, id)?;
        let path = path(layout, id);
        let file = files::create_new(&path)?;
        file.set_len(LENGTH).at_path("make room in", &path)?;
        Ok(Self { file, tens: None })
    }

    /// Adds a sample, which is later than the one before.
    pub(super) fn push(&mut self, sample: &Sample) -> io::Result<()> {
        let record = encode(sample);
        let seconds = sample.at.as_secs();
        self.file.write_all_at(&record, fine(seconds))?;
        let tens = seconds / 10;
        if self.tens != Some(tens) {
            self.tens = Some(tens);
            self.file.write_all_at(&record, coarse(tens))?;
        }
        Ok(())
    }
}

/// Takes the file away: it says nothing about now any more. Its absence is no failure.
pub(super) fn remove(layout: &Layout, id: ContainerId) -> Result<()> {
    match files::remove_file(&path(layout, id)) {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}

/// Everybody else's side.
#[derive(Debug)]
pub struct Reader(File);

impl Reader {
    /// Opens the ring of a container that runs.
    ///
    /// # Errors
    /// Not found while its monitor has not begun one, which it does a second after the start.
    pub fn open(layout: &Layout, id: ContainerId) -> Result<Self> {
        files::open(&path(layout, id)).map(Self)
    }

    /// Reads the newest sample and the one before; `None` when there is none that tells of `now`, which is a time on the clock of the samples, or when
    /// the container has ended.
    pub fn latest(&self, now: Duration) -> Option<Readings> {
        self.0.metadata().ok().filter(|file| file.nlink() > 0)?;
        let now = now.as_secs();
        let mut newest = (now.saturating_sub(FRESH)..=now).rev().filter_map(|second| {
            let sample = self.record(fine(second))?;
            (sample.at.as_secs() == second).then_some(sample)
        });
        Some(Readings { last: newest.next()?, before: newest.next() })
    }

    /// Reads all samples, oldest first: ten seconds apart, and for the last minutes one second.
    pub fn all(&self) -> Vec<Sample> {
        let mut bytes = vec![0; usize::try_from(LENGTH).unwrap_or_default()];
        if self.0.read_exact_at(&mut bytes, 0).is_err() {
            return Vec::new();
        }
        let mut samples: Vec<Sample> = bytes.as_chunks().0.iter().filter_map(decode).collect();
        samples.sort_unstable_by_key(|sample| sample.at);
        samples.dedup_by_key(|sample| sample.at);
        samples
    }

    fn record(&self, place: u64) -> Option<Sample> {
        let mut record = [0; RECORD];
        self.0.read_exact_at(&mut record, place).ok()?;
        decode(&record)
    }
}

/// Gives where in the file the record of a second is.
const fn fine(seconds: u64) -> u64 {
    seconds % FINE * RECORD as u64
}

/// Gives where in the file the record of ten seconds is.
const fn coarse(tens: u64) -> u64 {
    (FINE + tens % COARSE) * RECORD as u64
}

/// What stands for "nobody counts that".
const NOBODY: u64 = u64::MAX;

fn encode(sample: &Sample) -> Record {
    let Sample { at, statistics: Statistics { usage, throttling, pressure, .. } } = *sample;
    let Statistics { received, sent, read, written, .. } = sample.statistics;
    let stalled = pressure.map_or([NOBODY; 5], |pressure| {
        let Pressure { cpu, memory, memory_full, io, io_full } = pressure;
        [cpu, memory, memory_full, io, io_full].map(micros)
    });
    let mut words = [
        nanos(at),
        nanos(usage.cpu),
        usage.memory,
        usage.memory_limit.unwrap_or(NOBODY),
        usage.pids.min(u64::from(u32::MAX)),
        received.unwrap_or(NOBODY),
        sent.unwrap_or(NOBODY),
        read.unwrap_or(NOBODY),
        written.unwrap_or(NOBODY),
        nanos(throttling.time),
        throttling.periods << 32 | throttling.throttled & u64::from(u32::MAX),
        stalled[0],
        stalled[1],
        stalled[2],
        stalled[3],
        stalled[4],
    ];
    words[PIDS] |= u64::from(sum(&words)) << 32;
    let mut record = [0; RECORD];
    for (bytes, word) in record.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    record
}

/// The word whose upper half is the sum of all others.
const PIDS: usize = 4;

fn decode(record: &Record) -> Option<Sample> {
    let mut words = [0_u64; WORDS];
    for (word, bytes) in words.iter_mut().zip(record.chunks_exact(8)) {
        *word = u64::from_le_bytes(bytes.try_into().ok()?);
    }
    let told = words[PIDS] >> 32;
    words[PIDS] &= u64::from(u32::MAX);
    if words[0] == 0 || told != u64::from(sum(&words)) {
        return None;
    }
    let counted = |place: usize| (words[place] != NOBODY).then_some(words[place]);
    let stalled = |place: usize| Duration::from_micros(words[place]);
    Some(Sample {
        at: Duration::from_nanos(words[0]),
        statistics: Statistics {
            usage: Usage {
                cpu: Duration::from_nanos(words[1]),
                memory: words[2],
                memory_limit: counted(3),
                pids: words[PIDS],
            },
            received: counted(5),
            sent: counted(6),
            read: counted(7),
            written: counted(8),
            throttling: Throttling {
                time: Duration::from_nanos(words[9]),
                periods: words[10] >> 32,
                throttled: words[10] & u64::from(u32::MAX),
            },
            pressure: counted(11).map(|cpu| Pressure {
                cpu: Duration::from_micros(cpu),
                memory: stalled(12),
                memory_full: stalled(13),
                io: stalled(14),
                io_full: stalled(15),
            }),
        },
    })
}

/// Sums words up so that a record of which one part is older than another does not match (FNV-1a).
fn sum(words: &[u64; WORDS]) -> u32 {
    let mixed = words.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, word| {
        (sum ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23)
    });
    u32::try_from(mixed >> 32 ^ mixed & u64::from(u32::MAX)).unwrap_or_default()
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(milliseconds: u64) -> Sample {
        let statistics = Statistics {
            usage: Usage {
                cpu: Duration::from_millis(milliseconds / 2),
                memory: 7 << 20,
                memory_limit: None,
                pids: 3,
            },
            sent: Some(milliseconds),
            ..Statistics::default()
        };
        Sample { at: Duration::from_millis(milliseconds), statistics }
    }

    fn ring() -> (tempfile::TempDir, Layout, ContainerId) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        let layout = Layout { data_root: root.clone(), run_root: root };
        let id = ContainerId::from_bytes([7; 32]);
        files::make_private_dir(&layout.container_run(id)).unwrap();
        (dir, layout, id)
    }

    #[test]
    fn an_hour_is_kept_in_a_file_of_fixed_size() {
        let (_dir, layout, id) = ring();
        assert!(Reader::open(&layout, id).unwrap_err().is_not_found());
        let mut writer = Writer::create(&layout, id).unwrap();
        let reader = Reader::open(&layout, id).unwrap();
        assert_eq!((reader.all(), reader.latest(Duration::from_secs(9))), (Vec::new(), None));
        let begun = 5_000;
        for second in begun..begun + 8_000 {
            writer.push(&sample(second * 1000 + 400)).unwrap();
        }
        let all = reader.all();
        let ages: Vec<u64> = all.iter().rev().map(|one| begun + 7_999 - one.at.as_secs()).collect();
        assert!(ages.iter().take(240).copied().eq(0..240), "{ages:?}");
        assert!(ages.windows(2).skip(240).all(|pair| pair[1] - pair[0] <= 10), "{ages:?}");
        let oldest = *ages.last().unwrap();
        assert!((3580..3600).contains(&oldest), "{oldest}");
        let length = files::open(&path(&layout, id)).unwrap().metadata().unwrap().len();
        assert_eq!(length, LENGTH);
        let now = Duration::from_secs(begun + 8_000);
        let latest = reader.latest(now).unwrap();
        assert_eq!(latest.last.at, Duration::from_millis((begun + 7_999) * 1000 + 400));
        assert_eq!(latest.before.unwrap().at + Duration::from_secs(1), latest.last.at);
        // A monitor that was stopped says nothing about now, and neither does a run that is over.
        assert_eq!(reader.latest(now + Duration::from_secs(9)), None);
        files::remove_file(&path(&layout, id)).unwrap();
        assert_eq!(reader.latest(now), None);
    }

    #[test]
    fn a_run_does_not_go_on_with_the_ring_of_the_one_before() {
        let (_dir, layout, id) = ring();
        Writer::create(&layout, id).unwrap().push(&sample(5_000)).unwrap();
        let before = Reader::open(&layout, id).unwrap();
        let _writer = Writer::create(&layout, id).unwrap();
        assert_eq!(before.latest(Duration::from_secs(5)), None);
        assert_eq!(Reader::open(&layout, id).unwrap().all(), []);
        remove(&layout, id).unwrap();
        remove(&layout, id).unwrap();
        assert!(Reader::open(&layout, id).unwrap_err().is_not_found());
    }

    #[test]
    fn a_missing_second_is_no_gap_in_what_is_newest() {
        let (_dir, layout, id) = ring();
        let mut writer = Writer::create(&layout, id).unwrap();
        for milliseconds in [10_900, 12_010] {
            writer.push(&sample(milliseconds)).unwrap();
        }
        let latest = Reader::open(&layout, id).unwrap().latest(Duration::from_millis(12_900));
        let latest = latest.unwrap();
        assert_eq!(latest.before.unwrap().at, Duration::from_millis(10_900));
        assert_eq!(latest.last.at, Duration::from_millis(12_010));
    }

    #[test]
    fn a_torn_record_is_passed_over() {
        let (old, new) = (encode(&sample(1_000)), encode(&sample(241_000)));
        for place in 1..RECORD {
            let torn: Vec<u8> = new[..place].iter().chain(&old[place..]).copied().collect();
            let torn: Record = torn.try_into().unwrap();
            // Where the parts differ in nothing it is one of the two, whole.
            assert!(torn == old || torn == new || decode(&torn).is_none(), "{place}");
        }
        assert_eq!(decode(&[0; RECORD]), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            times in prop::array::uniform3(1_u64..1 << 50),
            counts in prop::array::uniform3(prop::option::of(0..u64::MAX - 1)),
            memory: u64,
            pids: u32,
            periods in prop::array::uniform2(any::<u32>()),
            waited in prop::option::of(prop::array::uniform5(0_u64..1 << 50)),
        ) {
            let pressure = waited.map(|waited| waited.map(Duration::from_micros)).map(
                |[cpu, memory, memory_full, io, io_full]| Pressure {
                    cpu, memory, memory_full, io, io_full,
                },
            );
            let sample = Sample {
                at: Duration::from_nanos(times[0]),
                statistics: Statistics {
                    usage: Usage {
                        cpu: Duration::from_nanos(times[1]),
                        memory,
                        memory_limit: counts[0],
                        pids: pids.into(),
                    },
                    received: counts[1],
                    sent: counts[2],
                    read: counts[1],
                    written: None,
                    throttling: Throttling {
                        periods: periods[0].into(),
                        throttled: periods[1].into(),
                        time: Duration::from_nanos(times[2]),
                    },
                    pressure,
                },
            };
            prop_assert_eq!(decode(&encode(&sample)), Some(sample));
        }
    }
}
