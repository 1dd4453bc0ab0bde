//! From a system call profile in Docker's form to one of the runtime specification: what depends on capabilities, architecture and kernel is decided.

use oci_spec::runtime::LinuxSeccomp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::engine::{EngineError, ErrorKind, Result};

/// The parts of a profile that the specification has not (moby/profiles, `seccomp.Seccomp`); the rest goes on as it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    default_errno_ret: Option<u32>,
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default)]
    arch_map: Vec<Architecture>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    syscalls: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Architecture {
    architecture: String,
    #[serde(default)]
    sub_architectures: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    name: Option<String>,
    #[serde(default)]
    names: Vec<String>,
    action: String,
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<Value>>,
    #[serde(default)]
    includes: Filter,
    #[serde(default)]
    excludes: Filter,
}

/// When a rule counts.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    caps: Vec<String>,
    arches: Vec<String>,
    min_kernel: Option<String>,
}

/// The names of this architecture: Go's, and the one of libseccomp.
const NAMES: [&str; 2] = if cfg!(target_arch = "x86_64") {
    ["amd64", "SCMP_ARCH_X86_64"]
} else {
    ["arm64", "SCMP_ARCH_AARCH64"]
};

/// Reads a profile for a container with these capabilities.
pub(in crate::engine) fn read(text: &str, capabilities: &[String]) -> Result<LinuxSeccomp> {
    let wrong = |error: serde_json::Error| {
        EngineError::new(ErrorKind::Invalid, "the seccomp profile cannot be read").caused_by(error)
    };
    let profile: Profile = serde_json::from_str(text).map_err(wrong)?;
    let mut architectures = profile.architectures;
    let own = profile.arch_map.into_iter().find(|one| NAMES.contains(&one.architecture.as_str()));
    architectures.extend(
        own.into_iter()
            .flat_map(|one| std::iter::once(one.architecture).chain(one.sub_architectures)),
    );
    let kernel = nix::sys::utsname::uname().ok();
    let kernel = kernel.as_ref().and_then(|names| names.release().to_str()).unwrap_or_default();
    let rules = profile.syscalls.into_iter().filter(|rule| rule.counts(capabilities, kernel));
    let mut spec = json!({
        "defaultAction": profile.default_action,
        "architectures": architectures,
        "flags": profile.flags,
        "syscalls": rules.map(Rule::into_spec).collect::<Vec<_>>(),
    });
    if let (Some(fields), Some(number)) = (spec.as_object_mut(), profile.default_errno_ret) {
        fields.insert("defaultErrnoRet".to_owned(), number.into());
    }
    serde_json::from_value(spec).map_err(wrong)
}

impl Rule {
    fn counts(&self, capabilities: &[String], kernel: &str) -> bool {
        let has = |cap: &String| capabilities.contains(cap);
        let is_here = |arches: &[String]| arches.iter().any(|one| NAMES.contains(&one.as_str()));
        let is_new = |least: &Option<String>| {
            least.as_deref().map(|least| version(kernel) >= version(least))
        };
        let (includes, excludes) = (&self.includes, &self.excludes);
        includes.caps.iter().all(has)
            && (includes.arches.is_empty() || is_here(&includes.arches))
            && is_new(&includes.min_kernel).unwrap_or(true)
            && !excludes.caps.iter().any(has)
            && !is_here(&excludes.arches)
            && !is_new(&excludes.min_kernel).unwrap_or(false)
    }

    fn into_spec(self) -> Value {
        let names: Vec<String> = self.name.into_iter().chain(self.names).collect();
        let mut rule = Map::new();
        rule.insert("names".to_owned(), names.into());
        rule.insert("action".to_owned(), self.action.into());
        if let Some(number) = self.errno_ret {
            rule.insert("errnoRet".to_owned(), number.into());
        }
        if let Some(args) = self.args.filter(|args| !args.is_empty()) {
            rule.insert("args".to_owned(), args.into());
        }
        Value::Object(rule)
    }
}

/// Reads the first two numbers of a kernel's version.
fn version(text: &str) -> (u32, u32) {
    let mut numbers =
        text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_count_by_capability_architecture_and_kernel() {
        let profile = json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 1,
            "archMap": [{"architecture": NAMES[1], "subArchitectures": ["SCMP_ARCH_X86"]}],
            "syscalls": [
                {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
                {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
                {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
                {"names": ["sync"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}},
                {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
                {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "400.8"}},
                {"name": "chmod", "action": "SCMP_ACT_ERRNO", "errnoRet": 38,
                    "args": [{"index": 0, "value": 7, "op": "SCMP_CMP_EQ"}]},
            ],
        })
        .to_string();
        let names = |capabilities: &[String]| {
            let spec = read(&profile, capabilities).unwrap();
            let rules = spec.syscalls().clone().unwrap_or_default();
            rules.iter().flat_map(|rule| rule.names().clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&[]), "read clone ptrace chmod");
        assert_eq!(names(&["CAP_SYS_ADMIN".to_owned()]), "read mount ptrace chmod");
        assert_eq!(read(&profile, &[]).unwrap().architectures().as_ref().unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        for bad in ["", "{}", "[]", r#"{"defaultAction": "SCMP_ACT_FLY"}"#] {
            assert!(read(bad, &[]).unwrap_err().to_string().contains("seccomp profile"), "{bad}");
        }
    }
}
