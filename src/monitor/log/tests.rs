use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::Path,
    time::Duration,
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{format::Format, json::LONGEST_LINE, *};
use crate::{
    model::LogBounds,
    sys::{clock, files},
};

const BOTH: [Format; 2] = [Format::Json, Format::Local];
const UNBOUNDED: LogBounds = LogBounds { size: None, files: 1 };
const SOON: Duration = Duration::from_secs(10);

fn chain(dir: &TempDir, format: Format) -> Chain {
    Chain::new(&dir.path().join("log"), format)
}

fn writer(dir: &TempDir, format: Format, bounds: LogBounds) -> Writer {
    Writer::open(chain(dir, format), bounds).unwrap()
}

fn reader(dir: &TempDir, format: Format, tail: Option<u64>) -> Reader {
    Reader::open(chain(dir, format), tail, None).unwrap()
}

fn second(number: i64) -> Timestamp {
    Timestamp::from_second(number).unwrap()
}

/// Writes lines, the time of each a second after that of the one before.
fn write(dir: &TempDir, format: Format, bounds: LogBounds, lines: &[String]) {
    let mut writer = writer(dir, format, bounds);
    for (number, line) in lines.iter().enumerate() {
        writer.push(false, line.as_bytes(), second(i64::try_from(number).unwrap()));
        if number % 7 == 0 {
            writer.flush();
        }
    }
    writer.flush();
    assert_eq!(writer.lost(), None);
}

/// Reads what is there now, entries that belong to one line put together.
fn texts(reader: &mut Reader) -> Vec<String> {
    lines_of(reader).into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
}

fn lines_of(reader: &mut Reader) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    while let Some(entry) = reader.next_entry(Duration::ZERO).unwrap() {
        assert!(entry.bytes.len() <= LONGEST_ENTRY);
        let last = lines.last_mut().unwrap();
        last.extend(entry.bytes);
        if last.ends_with(b"\n") {
            lines.push(Vec::new());
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("line {number}\n")).collect()
}

fn names(dir: &TempDir) -> Vec<String> {
    let all = files::list(dir.path()).unwrap();
    let mut names: Vec<_> =
        all.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn json_is_docker_s_byte_for_byte() {
    let dir = TempDir::new().unwrap();
    let mut writer = writer(&dir, Format::Json, UNBOUNDED);
    let time: Timestamp = "2026-11-24T10:14:02.123456780Z".parse().unwrap();
    writer.push(false, b"one\ntw", time);
    writer.push(true, b"<a href=\"x\\y\">\t&\x1b[0m\r\n", time);
    writer.push(false, "o \u{2028}ä\u{20ac}\u{7f}\nrest".as_bytes(), time);
    writer.push(true, b"\xffa\xe2\x82\n", time);
    writer.finish(time);
    let at = r#""time":"2026-11-24T10:14:02.12345678Z"}"#;
    // As moby's `jsonlogbytes.go` has it, which adds no `bytes`.
    let expected = [
        format!(r#"{{"log":"one\n","stream":"stdout",{at}"#),
        format!(
            r#"{{"log":"\u003ca href=\"x\\y\"\u003e\u0009\u0026\u001b[0m\r\n","stream":"stderr",{at}"#
        ),
        format!("{{\"log\":\"two \\u2028ä\u{20ac}\u{7f}\\n\",\"stream\":\"stdout\",{at}"),
        format!(r#"{{"log":"\ufffda\ufffd\ufffd\n","stream":"stderr","bytes":"/2Higgo=",{at}"#),
        format!(r#"{{"log":"rest","stream":"stdout",{at}"#),
    ];
    let text = files::read_text(&dir.path().join("log.json")).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_written_is_read(
        pieces in prop::collection::vec(
            (any::<bool>(), prop_oneof![
                "[a-z<&\"\\\\\u{2028}ä]{0,60}\n?".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..40),
                (any::<u8>(), 15_000..40_000_usize).prop_map(|(byte, count)| vec![byte; count]),
            ]), 0..12),
        cap in prop::option::of(1..100_000_u64),
    ) {
        for format in BOTH {
            let dir = TempDir::new().unwrap();
            let bounds = LogBounds { size: cap, files: 10_000 };
            let mut writer = writer(&dir, format, bounds);
            let mut expected = [Vec::new(), Vec::new()];
            for (number, (is_stderr, bytes)) in pieces.iter().enumerate() {
                // A clock may be set back.
                let time = second(i64::try_from(number * 7 % 5).unwrap());
                writer.push(*is_stderr, bytes, time);
                writer.flush();
                expected[usize::from(*is_stderr)].extend_from_slice(bytes);
            }
            writer.finish(second(100));
            let mut reader = reader(&dir, format, None);
            let mut found = [Vec::new(), Vec::new()];
            while let Some(entry) = reader.next_entry(Duration::ZERO).unwrap() {
                prop_assert!(entry.bytes.len() <= LONGEST_ENTRY && !entry.bytes.is_empty());
                prop_assert!(entry.time == second(100) || entry.time < second(5));
                found[usize::from(entry.is_stderr)].extend(entry.bytes);
            }
            prop_assert_eq!(&found, &expected);
        }
    }
}

#[test]
fn a_line_of_sixteen_megabytes_and_all_bytes_survive() {
    let bytes: Vec<u8> = (0..=u8::MAX).filter(|byte| *byte != b'\n').collect();
    let mut line: Vec<u8> = bytes.iter().copied().cycle().take(16 << 20).collect();
    line.push(b'\n');
    for format in BOTH {
        let dir = TempDir::new().unwrap();
        let mut writer = writer(&dir, format, UNBOUNDED);
        writer.push(false, b"before\n", second(1));
        for piece in line.chunks(64 << 10) {
            writer.push(false, piece, second(2));
            assert!(writer.held() <= 1 << 20, "{}", writer.held());
            writer.flush();
        }
        let mut last = reader(&dir, format, Some(1));
        assert!(lines_of(&mut last) == [line.clone()], "{format:?}");
        assert_eq!(lines_of(&mut reader(&dir, format, None)).len(), 2);
    }
}

#[test]
fn the_tail_is_found_from_the_end() {
    // More than a block, fewer and longer lines than fit into one, and across files.
    let long = (0..9).map(|number| format!("{}\n", number.to_string().repeat(40_000)));
    for all in [numbered(5_000), long.collect(), vec!["a\n".into(), "b".into()], Vec::new()] {
        for (format, size) in BOTH
            .into_iter()
            .flat_map(|format| [None, Some(1_000), Some(90_000)].map(|size| (format, size)))
        {
            let dir = TempDir::new().unwrap();
            write(&dir, format, LogBounds { size, files: 10_000 }, &all);
            let mut writer = writer(&dir, format, UNBOUNDED);
            if let Some(open) = all.last().filter(|line| !line.ends_with('\n')) {
                writer.push(false, open.as_bytes(), second(9));
            }
            writer.finish(second(9));
            for tail in [0, 1, 2, 3, 8, 9, 999, 4_999, 5_000, 6_000] {
                let mut reader = reader(&dir, format, Some(tail));
                let kept = usize::try_from(tail).unwrap().min(all.len());
                let found = texts(&mut reader);
                assert!(found == all[all.len() - kept..], "{format:?} {size:?} {tail}");
            }
            assert!(texts(&mut reader(&dir, format, None)) == all);
        }
    }
}

#[test]
fn a_time_is_found_by_halving() {
    let all: Vec<String> =
        (0..20_000).map(|number| format!("{number} {}\n", "x".repeat(100))).collect();
    for (format, size) in
        BOTH.into_iter().flat_map(|format| [(format, None), (format, Some(500_000))])
    {
        let dir = TempDir::new().unwrap();
        write(&dir, format, LogBounds { size, files: 100 }, &all);
        for since in [0, 1, 777, 4_000, 19_999, 20_000, 50_000] {
            let from = second(i64::try_from(since).unwrap());
            let mut reader = Reader::open(chain(&dir, format), None, Some(from)).unwrap();
            assert!(texts(&mut reader) == all[since.min(all.len())..], "{format:?} {since}");
        }
    }
}

#[test]
fn a_log_of_two_gigabytes_has_a_tail_at_once() {
    for format in BOTH {
        let dir = TempDir::new().unwrap();
        let mut writer = writer(&dir, format, UNBOUNDED);
        for number in 0..3_000 {
            writer.push(false, format!("line {number}\n").as_bytes(), second(number));
        }
        writer.flush();
        let path = chain(&dir, format).newest().to_owned();
        let file = files::open_with(&path, OpenOptions::new().write(true)).unwrap();
        // A hole in the midst: what is read of it would be seen in the time. For `local`, the blocks after it know how much was before.
        let block = files::read(&path).unwrap();
        file.set_len(0).unwrap();
        let far = 2 << 30;
        file.write_all_at(&block, far).unwrap();
        if format == Format::Local {
            file.write_all_at(&block[..24], 0).unwrap();
        } else {
            file.write_all_at(b"\n", far - 1).unwrap();
        }
        let begun = clock::spent();
        let mut reader = reader(&dir, format, Some(10));
        assert_eq!(texts(&mut reader), numbered(3_000)[2_990..]);
        let took = clock::spent().saturating_sub(begun);
        // 2 GB are not read in this time by a debug build; 50 ms are what is asked for, of a machine that does nothing else.
        println!("{format:?}: {took:?}");
        assert!(took < Duration::from_secs(2), "{format:?} {took:?}");
    }
}

#[test]
fn files_are_full_at_their_size_and_the_oldest_goes() {
    let all = numbered(1_000);
    for format in BOTH {
        let dir = TempDir::new().unwrap();
        write(&dir, format, LogBounds { size: Some(3_000), files: 3 }, &all);
        let newest = format!("log.{}", format.extension());
        assert_eq!(names(&dir), [newest.clone(), format!("{newest}.1"), format!("{newest}.2")]);
        for name in names(&dir) {
            let length = files::read(&dir.path().join(&name)).unwrap().len();
            // Docker's rule: a file that has reached its size takes no more.
            assert!(length < 3_000 + 100 && (name == newest || length >= 3_000), "{name} {length}");
        }
        let found = texts(&mut reader(&dir, format, None));
        assert!(!found.is_empty() && found == all[all.len() - found.len()..]);
        assert!(found.len() > 60, "{}", found.len());
    }
}

#[test]
fn a_reader_follows_across_files_and_misses_nothing() {
    for format in BOTH {
        let dir = TempDir::new().unwrap();
        let mut reader = reader(&dir, format, Some(10));
        assert_eq!(reader.next_entry(Duration::from_millis(1)).unwrap(), None);
        let all = numbered(3_000);
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| {
                let mut next =
                    |_| String::from_utf8(reader.next_entry(SOON).unwrap().unwrap().bytes);
                (0..3_000).map(|number| next(number).unwrap()).collect::<Vec<_>>()
            });
            write(&dir, format, LogBounds { size: Some(4_000), files: 1_000 }, &all);
            assert!(follower.join().unwrap() == all, "{format:?}");
        });
        assert!(names(&dir).len() > 5);
    }
}

#[test]
fn a_reader_whose_file_fell_out_goes_on_with_the_oldest() {
    for (format, files) in BOTH.into_iter().flat_map(|format| [(format, 1), (format, 2)]) {
        let dir = TempDir::new().unwrap();
        let all = numbered(1_000);
        write(&dir, format, UNBOUNDED, &all[..10]);
        let mut reader = reader(&dir, format, None);
        assert_eq!(texts(&mut reader), all[..10]);
        write(&dir, format, LogBounds { size: Some(2_000), files }, &all[10..]);
        let found = texts(&mut reader);
        // Its own file to the end, then what is kept.
        assert_eq!(found[0], all[10]);
        assert_eq!(found.last(), all.last());
        assert!(
            found.len() < 600 && found.is_sorted_by_key(|line| all.iter().position(|l| l == line))
        );
    }
}

#[test]
fn nobody_who_looks_holds_up_the_writer() {
    let dir = TempDir::new().unwrap();
    let names_held = files::open(dir.path()).unwrap();
    names_held.lock_shared().unwrap();
    write(&dir, Format::Json, LogBounds { size: Some(500), files: 3 }, &numbered(100));
    assert_eq!(names(&dir), ["log.json"]);
    drop(names_held);
    write(&dir, Format::Json, LogBounds { size: Some(500), files: 3 }, &numbered(100));
    assert_eq!(names(&dir), ["log.json", "log.json.1", "log.json.2"]);
}

#[test]
fn what_was_torn_off_is_taken_away_and_a_writer_goes_on_after_it() {
    for format in BOTH {
        let dir = TempDir::new().unwrap();
        write(&dir, format, UNBOUNDED, &numbered(3));
        let path = chain(&dir, format).newest().to_owned();
        let whole = files::read(&path).unwrap();
        for torn in [&b"{\"log\":\"to"[..], b"\x01\x00\x50to"] {
            let mut file = files::open_with(&path, OpenOptions::new().append(true)).unwrap();
            file.write_all(torn).unwrap();
            // A reader waits for the rest.
            let mut reader = reader(&dir, format, Some(1));
            assert_eq!(texts(&mut reader), ["line 2\n"]);
            write(&dir, format, UNBOUNDED, &["after\n".to_owned()]);
            assert_eq!(texts(&mut reader), ["after\n"], "{format:?}");
            file.set_len(whole.len() as u64).unwrap();
        }
    }
}

#[test]
fn what_nobody_of_ours_wrote_is_passed_over() {
    let dir = TempDir::new().unwrap();
    write(&dir, Format::Json, UNBOUNDED, &["one\n".to_owned()]);
    let path = dir.path().join("log.json");
    let mut file = files::open_with(&path, OpenOptions::new().append(true)).unwrap();
    file.write_all(b"garbage\n\n{\"log\":1}\n\xff\xfe\n").unwrap();
    file.write_all(&vec![b'x'; LONGEST_LINE * 2 + 5]).unwrap();
    file.write_all(b"\n").unwrap();
    write(&dir, Format::Json, UNBOUNDED, &["two\n".to_owned()]);
    assert_eq!(texts(&mut reader(&dir, Format::Json, None)), ["one\n", "two\n"]);
    assert_eq!(texts(&mut reader(&dir, Format::Json, Some(2))), ["one\n", "two\n"]);
    let dir = TempDir::new().unwrap();
    files::write(&dir.path().join("log.local"), vec![b'x'; 200_000]).unwrap();
    write(&dir, Format::Local, UNBOUNDED, &["two\n".to_owned()]);
    assert_eq!(texts(&mut reader(&dir, Format::Local, None)), ["two\n"]);
}

#[test]
fn a_file_that_somebody_emptied_is_read_from_its_beginning() {
    let dir = TempDir::new().unwrap();
    let mut writer = writer(&dir, Format::Json, UNBOUNDED);
    writer.push(false, b"one\ntwo\n", second(1));
    writer.flush();
    let mut reader = reader(&dir, Format::Json, None);
    assert_eq!(texts(&mut reader), ["one\n", "two\n"]);
    files::write(&dir.path().join("log.json"), "").unwrap();
    writer.push(false, b"three\n", second(1));
    writer.flush();
    assert_eq!(texts(&mut reader), ["three\n"]);
}

#[test]
fn a_full_disk_is_survived_and_said() {
    for format in BOTH {
        let dir = TempDir::new().unwrap();
        let mut writer = writer(&dir, format, UNBOUNDED);
        writer.push(false, b"before\n", second(1));
        writer.flush();
        assert_eq!(writer.lost(), None);
        let full =
            files::open_with(Path::new("/dev/full"), OpenOptions::new().write(true)).unwrap();
        let disk: File = writer.exchange(full);
        for lines in [&b"lost\n"[..], b"lost too\nand this\n"] {
            writer.push(false, lines, second(2));
            writer.flush();
        }
        let lost = writer.lost().unwrap();
        assert_eq!(lost, "3 line(s) of its log were lost: No space left on device (os error 28)");
        drop(writer.exchange(disk));
        writer.push(false, b"after\n", second(3));
        writer.finish(second(3));
        let said = "estiba: lines are missing here: No space left on device (os error 28)\n";
        assert_eq!(texts(&mut reader(&dir, format, None)), ["before\n", said, "after\n"]);
        assert!(texts(&mut reader(&dir, format, Some(1))) == ["after\n"]);
    }
}

#[test]
fn what_a_full_disk_cut_off_is_taken_back() {
    for format in BOTH {
        let dir = TempDir::new().unwrap();
        let mut writer = writer(&dir, format, UNBOUNDED);
        writer.push(false, b"before\n", second(1));
        writer.flush();
        let path = chain(&dir, format).newest().to_owned();
        let whole = files::read(&path).unwrap();
        writer.push(false, b"a line that is cut off\n", second(2));
        writer.flush();
        let torn = files::read(&path).unwrap()[whole.len()..].to_vec();
        files::write(&path, &whole).unwrap();
        let mut reader = reader(&dir, format, None);
        writer.tear(&torn[..torn.len() - 3]);
        assert_eq!(texts(&mut reader), ["before\n"]);
        writer.push(false, b"after\n", second(3));
        writer.flush();
        assert_eq!(texts(&mut reader), ["after\n"], "{format:?}");
    }
}
