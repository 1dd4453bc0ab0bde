//! How much memory a layer takes on its way, whatever its size. Gigabytes are moved: tests/soak/run runs it.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write},
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use crate::{
    registry::server::{Kind, Server, host},
    support::Host,
};

const MIB: u64 = 1024 * 1024;

/// What goes through it is hashed.
struct Hashed<W>(W, Sha256);

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.0.write(bytes)?;
        self.1.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn text_of(hash: Sha256) -> String {
    estiba::model::Digest::from_bytes(hash.finalize().into()).hex()
}

/// Bytes that hardly compress, without end.
struct Noise(u32);

impl io::Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for word in buffer.chunks_mut(4) {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            word.copy_from_slice(&self.0.to_be_bytes()[..word.len()]);
        }
        Ok(buffer.len())
    }
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

/// Writes an archive with one image of one gzip layer with one file of this many bytes.
fn write_archive(path: &Path, size: u64, name: &str) {
    let layer = path.with_extension("layer");
    let sink = Hashed(BufWriter::new(File::create(&layer).unwrap()), Sha256::new());
    let packed = flate2::write::GzEncoder::new(sink, flate2::Compression::fast());
    let mut tar = tar::Builder::new(Hashed(packed, Sha256::new()));
    tar.append_data(&mut header(size), "file", Noise(7).take(size)).unwrap();
    let Hashed(packed, diff) = tar.into_inner().unwrap();
    let Hashed(mut file, blob) = packed.finish().unwrap();
    file.flush().unwrap();
    let (diff, blob) = (text_of(diff), text_of(blob));
    let config = serde_json::json!({
        "architecture": estiba::model::Platform::here().architecture, "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff}")] },
    });
    let manifest = serde_json::json!([{ "Config": "config.json", "RepoTags": [name], "Layers": [format!("{blob}.tar.gz")] }]);
    let mut archive = tar::Builder::new(BufWriter::new(File::create(path).unwrap()));
    for (name, text) in
        [("manifest.json", manifest.to_string()), ("config.json", config.to_string())]
    {
        archive.append_data(&mut header(text.len() as u64), name, text.as_bytes()).unwrap();
    }
    let mut bytes = File::open(&layer).unwrap();
    let length = bytes.seek(SeekFrom::End(0)).unwrap();
    bytes.rewind().unwrap();
    archive.append_data(&mut header(length), format!("{blob}.tar.gz"), bytes).unwrap();
    archive.into_inner().unwrap().flush().unwrap();
    fs::remove_file(&layer).unwrap();
}

/// Waits for a program, and gives the most memory that it had, in bytes (`VmHWM`, proc(5)).
fn peak(mut child: Child, said: &Path) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes: Option<u64> =
            line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        most = most.max(kilobytes.unwrap_or(0) * 1024);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{}", fs::read_to_string(said).unwrap());
            return most;
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Loads, saves, pushes and pulls an image with a layer of this size; gives the peak of each.
fn journey(host: &Host, server: &Server, size: u64) -> Vec<(&'static str, u64)> {
    let (path, copy) = (host.path("big.tar"), host.path("copy.tar"));
    let name = server.name(&format!("big:{size}"));
    write_archive(&path, size, &name);
    let run = |verb: &'static str, arguments: &[&str]| {
        let words = [&[verb][..], arguments].concat();
        let said = host.path("said");
        let errors = File::create(&said).unwrap();
        let child = host.command(&words).stdout(Stdio::null()).stderr(errors).spawn().unwrap();
        (verb, peak(child, &said))
    };
    let mut peaks = vec![run("load", &["-i", path.to_str().unwrap()])];
    fs::remove_file(&path).unwrap();
    peaks.push(run("save", &["-o", copy.to_str().unwrap(), &name]));
    fs::remove_file(&copy).unwrap();
    peaks.push(run("push", &[&name]));
    host.ok(&["rmi", &name]);
    peaks.push(run("pull", &[&name]));
    host.ok(&["rmi", &name]);
    peaks
}

#[test]
#[ignore = "moves two gigabytes five times: tests/soak/run"]
fn memory_is_bounded_whatever_the_size_of_a_layer() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let small = journey(&host, &server, 64 * MIB);
    let big = journey(&host, &server, 2048 * MIB);
    for ((verb, small), (_, big)) in small.iter().zip(&big) {
        println!("{verb}: {small} bytes at most for 64 MiB, {big} for 2 GiB");
        assert!(*small > 0 && *big < 64 * MIB, "{verb}: {big}");
        assert!(*big < small + 16 * MIB, "{verb}: {small} and {big}");
    }
}
