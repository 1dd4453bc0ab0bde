//! Documents of callers: read into the types of the specification, and told what of them those do not take.
//!
//! An unknown property must not be an error (config.md, "Extensibility"), but neither is it passed over in silence. A known one that is newer than the types
//! is refused by name.

use oci_spec::runtime::Capability;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Failure, failure::Log};

/// Properties of the specification that its types leave out, and that this program cannot honour.
const REFUSED: [(&str, &str); 1] = [("freebsd", "this is a runtime for Linux")];

/// The sets of a process's capabilities.
const SETS: [&str; 5] = ["bounding", "effective", "permitted", "inheritable", "ambient"];

/// Words of the specification that its types write in another way.
const MISSPELT: [(&str, &str); 2] = [
    ("SCHED_FLAG_RESET_ON_FORK", "SCHED_RESET_ON_FORK"),
    ("SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_D_L_OVERRUN"),
];

/// Reads a document; `name` is what it is called in messages.
pub(super) fn document<T: DeserializeOwned>(
    bytes: &[u8],
    name: &str,
    log: &Log,
) -> Result<T, Failure> {
    let (value, unknown) = match read(bytes) {
        Ok(both) => both,
        Err(reason) => {
            let failed = |reason| Failure::new(format!("{name}: {reason}"));
            let (amended, left_out) = amended(bytes).ok_or_else(|| failed(reason))?;
            if !left_out.is_empty() {
                let names = left_out.join(", ");
                log.warn(&format!("{name}: unknown capabilities are left out: {names}"));
            }
            read(&amended).map_err(failed)?
        }
    };
    refuse_or_tell(&unknown, name, log)?;
    Ok(value)
}

/// Reads, and lists the properties that went nowhere; a failure names the property.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Vec<String>), String> {
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let value = serde_ignored::deserialize(tracked, |path| unknown.push(plain(&path.to_string())));
    let value = value.and_then(|value| json.end().map(|()| value));
    match value {
        Ok(value) => Ok((value, unknown)),
        Err(error) => Err(match track.path().to_string().as_str() {
            "." => error.to_string(),
            path => format!("{path}: {error}"),
        }),
    }
}

/// Takes out of a path the signs for what may be absent.
fn plain(path: &str) -> String {
    path.split('.').filter(|part| *part != "?").collect::<Vec<_>>().join(".")
}

fn refuse_or_tell(unknown: &[String], name: &str, log: &Log) -> Result<(), Failure> {
    for path in unknown {
        if let Some((field, reason)) = REFUSED.iter().find(|(field, _)| field == path) {
            return Err(Failure::new(format!("{name}: {field}: {reason}")));
        }
        log.warn(&format!("{name}: {path} is unknown, and changes nothing"));
    }
    Ok(())
}

/// Gives a config or a process in words that the types understand, and the unknown capabilities that had to go: what cannot be granted is told and left out
/// (config.md, "capabilities"), also what this program has never heard of. `None` when there is nothing to amend.
fn amended(bytes: &[u8]) -> Option<(Vec<u8>, Vec<String>)> {
    let mut whole: Value = serde_json::from_slice(bytes).ok()?;
    let before = whole.clone();
    let mut left_out = Vec::new();
    for place in ["/process", ""] {
        let Some(process) = whole.pointer_mut(place) else { continue };
        for set in SETS {
            let list = process.pointer_mut(&format!("/capabilities/{set}"));
            let Some(Value::Array(names)) = list else { continue };
            names.retain(|name| {
                let is_known = serde_json::from_value::<Capability>(name.clone()).is_ok();
                let unknown = name.as_str().filter(|_| !is_known);
                left_out.extend(unknown.map(str::to_owned));
                unknown.is_none()
            });
        }
        let flags = process.pointer_mut("/scheduler/flags").and_then(Value::as_array_mut);
        for flag in flags.into_iter().flatten() {
            let found = MISSPELT.iter().find(|(word, _)| flag.as_str() == Some(word));
            if let Some((_, theirs)) = found {
                *flag = (*theirs).into();
            }
        }
    }
    left_out.sort();
    left_out.dedup();
    (whole != before).then(|| (whole.to_string().into_bytes(), left_out))
}

#[cfg(test)]
mod tests {
    use oci_spec::runtime::{Process, Spec};

    use super::*;

    fn read_spec(text: &str) -> Result<Spec, String> {
        document(text.as_bytes(), "it", &Log::default()).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn what_went_nowhere_is_listed() {
        let text = r#"{"ociVersion": "1.0.0", "new": {"a": 1}, "linux": {"resources": {"pids": {"limit": 1, "x": 2}}}}"#;
        let (_, unknown) = read::<Spec>(text.as_bytes()).unwrap();
        assert_eq!(unknown, ["new", "linux.resources.pids.x"]);
        assert!(read_spec(text).is_ok());
    }

    #[test]
    fn failures_name_the_property() {
        for (text, words) in [
            (r#"{"freebsd": {}}"#, "freebsd: this is a runtime for Linux"),
            (r#"{"linux": {"namespaces": [{"type": "moon"}]}}"#, "linux.namespaces[0].type"),
            (r#"{"linux": {"resources": {"cpu": {"shares": -1}}}}"#, "linux.resources.cpu.shares"),
            (r#"{"hostname": 3}"#, "hostname"),
            ("{} x", "trailing"),
            ("", "EOF"),
        ] {
            let error = read_spec(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    /// The words of `specs-go/config.go` (1.3.0).
    #[test]
    fn every_word_of_the_specification_is_understood() {
        let with = |place: &str, word: &str| {
            let text = match place {
                "flag" => format!(
                    r#""process": {{"cwd": "/", "user": {{}}, "scheduler": {{"policy": "SCHED_OTHER", "flags": ["{word}"]}}}}"#
                ),
                "policy" => format!(
                    r#""process": {{"cwd": "/", "user": {{}}, "scheduler": {{"policy": "{word}"}}}}"#
                ),
                "class" => format!(
                    r#""process": {{"cwd": "/", "user": {{}}, "ioPriority": {{"class": "{word}", "priority": 1}}}}"#
                ),
                "limit" => format!(
                    r#""process": {{"cwd": "/", "user": {{}}, "rlimits": [{{"type": "{word}", "soft": 1, "hard": 1}}]}}"#
                ),
                _ => format!(
                    r#""linux": {{"seccomp": {{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["{word}"]}}}}"#
                ),
            };
            read_spec(&format!(r#"{{"ociVersion": "1.3.0", {text}}}"#))
        };
        for (place, front, words) in [
            (
                "flag",
                "SCHED_FLAG_",
                "RESET_ON_FORK RECLAIM DL_OVERRUN KEEP_POLICY KEEP_PARAMS UTIL_CLAMP_MIN UTIL_CLAMP_MAX",
            ),
            ("policy", "SCHED_", "OTHER FIFO RR BATCH ISO IDLE DEADLINE"),
            ("class", "IOPRIO_CLASS_", "RT BE IDLE"),
            (
                "limit",
                "RLIMIT_",
                "AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING STACK",
            ),
            (
                "arch",
                "SCMP_ARCH_",
                "X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB",
            ),
        ] {
            for word in words.split(' ') {
                let read = with(place, &format!("{front}{word}"));
                assert!(read.is_ok(), "{front}{word}: {read:?}");
            }
            assert!(with(place, "MOON").is_err());
        }
    }

    #[test]
    fn unknown_capabilities_are_left_out_wherever_they_stand() {
        let process = r#"{"cwd": "/", "user": {}, "capabilities": {"bounding": ["CAP_KILL", "CAP_MOON"], "ambient": ["CAP_SUN"]}}"#;
        let read: Process = document(process.as_bytes(), "it", &Log::default()).unwrap();
        let sets = read.capabilities().clone().unwrap();
        assert_eq!(sets.bounding().as_ref().unwrap().len(), 1);
        assert!(sets.ambient().as_ref().unwrap().is_empty());
        let whole = format!(r#"{{"ociVersion": "1.0.0", "process": {process}}}"#);
        assert!(read_spec(&whole).is_ok());
        let (_, left_out) = amended(whole.as_bytes()).unwrap();
        assert_eq!(left_out, ["CAP_MOON", "CAP_SUN"]);
        // Anything else that is wrong is still wrong.
        assert!(read_spec(&whole.replace("\"cwd\": \"/\"", "\"cwd\": 3")).is_err());
    }
}
