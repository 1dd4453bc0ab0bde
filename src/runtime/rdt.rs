//! Which class of service a spec wants its container in (config-linux.md, section `IntelRdt`).

use std::path::Path;

use oci_spec::runtime::{LinuxIntelRdt, Spec};

use super::RuntimeError;
use crate::sys::resctrl::{self, Class};

/// Makes or finds the class of a container's processes, for the caller to hand to [`create`](super::create) and [`exec`](super::exec()), and to remove at the end.
/// `None` when the spec wants none.
///
/// # Errors
/// [`RuntimeError::Spec`] with the field: it contradicts itself, or this machine does not have it, or the class is another than the spec says.
pub fn class_of_service(spec: &Spec, id: &str) -> Result<Option<Class>, RuntimeError> {
    let asked = spec.linux().as_ref().and_then(|linux| linux.intel_rdt().as_ref());
    let Some(asked) = asked else { return Ok(None) };
    let reason = "resctrl is not mounted (on /sys/fs/resctrl), or this machine has none";
    let root = resctrl::mount_point()?.ok_or_else(|| unfit(reason))?;
    below(&root, asked, id).map(Some)
}

/// Gives the class of a running container other shares; what is not mentioned stays.
///
/// # Errors
/// As [`class_of_service`]; when the container has none.
pub fn change_class(class: Option<&Class>, asked: &LinuxIntelRdt) -> Result<(), RuntimeError> {
    let lines = lines(asked)?;
    let class = class.ok_or_else(|| unfit("the container has no class of service of its own"))?;
    // Only for the reason that it gives: without it the class would not be there.
    let root = resctrl::mount_point()?.unwrap_or_default();
    class.set(&root, &lines).map_err(unfit)
}

fn below(root: &Path, asked: &LinuxIntelRdt, id: &str) -> Result<Class, RuntimeError> {
    let lines = lines(asked)?;
    let name = asked.clos_id().as_deref().filter(|name| !name.is_empty());
    if name.is_some_and(|name| matches!(name, "." | "..") || (name != "/" && name.contains('/'))) {
        return Err(unfit("closID is no name of a class"));
    }
    let mut class = match name {
        Some(name) if lines.is_empty() => Class::find(root, name).ok_or_else(|| {
            unfit(format_args!(
                "closID {name}: there is no such class, and nothing says what to make"
            ))
        })?,
        _ => Class::make(root, name.unwrap_or(id)).map_err(unfit)?,
    };
    let is_new = class.is_ours();
    let done = fill(&mut class, root, asked, (id, &lines));
    if let Err(cause) = done {
        // The cause is what is told.
        let _gone = class.remove();
        return Err(cause);
    }
    if name.is_some() && is_new {
        // One with a name may be for others too, and stays.
        class.disown();
    }
    Ok(class)
}

fn fill(
    class: &mut Class,
    root: &Path,
    asked: &LinuxIntelRdt,
    (id, lines): (&str, &[String]),
) -> Result<(), RuntimeError> {
    let has_name = asked.clos_id().as_ref().is_some_and(|name| !name.is_empty());
    if lines.is_empty() {
        // Nothing is written then, and nothing compared.
    } else if !has_name || class.is_ours() {
        class.set(root, lines).map_err(unfit)?;
    } else if !class.has(lines).map_err(unfit)? {
        return Err(unfit("the class of closID is there and has another schemata"));
    }
    // Versions before 1.3 had two words for it.
    let is_counted = [asked.enable_monitoring(), asked.enable_cmt(), asked.enable_mbm()];
    if is_counted.into_iter().flatten().any(|is_asked| *is_asked) {
        class.monitor(root, id).map_err(unfit)?;
    }
    Ok(())
}

/// Gives the lines of the schemata in the order in which they count.
fn lines(asked: &LinuxIntelRdt) -> Result<Vec<String>, RuntimeError> {
    let (cache, memory) = (asked.l3_cache_schema().iter(), asked.mem_bw_schema().iter());
    if let Some(wrong) = memory.clone().find(|line| !line.is_empty() && !line.starts_with("MB:")) {
        return Err(unfit(format_args!("memBwSchema {wrong:?} does not start with MB:")));
    }
    let all = cache.chain(memory).chain(asked.schemata().iter().flatten());
    let lines: Vec<String> = all.filter(|line| !line.is_empty()).cloned().collect();
    match lines.iter().find(|line| line.contains('\n')) {
        Some(line) => Err(unfit(format_args!("{line:?} is more than one line"))),
        None => Ok(lines),
    }
}

fn unfit(reason: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::unfit(format_args!("linux.intelRdt: {reason}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::sys::files;

    fn made(root: &Path, asked: Value) -> Result<Class, String> {
        let asked = serde_json::from_value(asked).unwrap();
        below(root, &asked, "me").map_err(|error| error.to_string())
    }

    /// On a plain directory: no machine of ours has the file system.
    #[test]
    fn classes_are_made_found_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let text = |path: &str| files::read_text(&root.join(path)).unwrap();

        let asked = json!({"schemata": ["L2:0=f"], "l3CacheSchema": "L3:0=7", "memBwSchema": "MB:0=20", "enableMonitoring": true});
        let own = made(root, asked).unwrap();
        assert_eq!(text("me/schemata"), "L3:0=7\nMB:0=20\nL2:0=f\n");
        own.join().unwrap();
        assert_eq!((text("me/tasks"), text("me/mon_groups/me/tasks")), ("0".into(), "0".into()));
        assert!(own.is_ours());

        let named = made(root, json!({"closID": "gold", "l3CacheSchema": "L3:0=7f0"})).unwrap();
        assert_eq!(text("gold/schemata"), "L3:0=7f0\n");
        named.remove().unwrap();
        let again = made(root, json!({"closID": "gold", "l3CacheSchema": "L3:0=07f0"})).unwrap();
        assert_eq!(again, named);
        assert_eq!(made(root, json!({"closID": "gold"})).unwrap(), named);
        let other = made(root, json!({"closID": "gold", "l3CacheSchema": "L3:0=1"})).unwrap_err();
        assert!(other.contains("another schemata"), "{other}");
        made(root, json!({"closID": "/"})).unwrap().join().unwrap();
        assert_eq!(text("tasks"), "0");
    }

    #[test]
    fn a_class_is_changed_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let class = made(folder.path(), json!({"l3CacheSchema": "L3:0=7"})).unwrap();
        let change = |class, asked: Value| {
            change_class(class, &serde_json::from_value(asked).unwrap())
                .map_err(|error| error.to_string())
        };
        let asked = json!({"l3CacheSchema": "L3:0=3", "memBwSchema": "MB:0=50"});
        change(Some(&class), asked.clone()).unwrap();
        let now = files::read_text(&folder.path().join("me/schemata")).unwrap();
        assert_eq!(now, "L3:0=3\nMB:0=50\n");
        assert!(change(None, asked).unwrap_err().contains("no class of service"));
        let wrong = change(Some(&class), json!({"memBwSchema": "L3:0=3"})).unwrap_err();
        assert!(wrong.contains("does not start with MB:"), "{wrong}");
    }

    #[test]
    fn what_contradicts_itself_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for (asked, word) in [
            (json!({"closID": "none"}), "no such class"),
            (json!({"closID": "../x"}), "no name"),
            (json!({"closID": ".."}), "no name"),
            (json!({"memBwSchema": "L3:0=1"}), "memBwSchema"),
            (json!({"schemata": ["L3:0=1\nMB:0=1"]}), "more than one line"),
        ] {
            let error = made(folder.path(), asked.clone()).unwrap_err();
            assert!(error.contains("linux.intelRdt") && error.contains(word), "{asked}: {error}");
        }
        assert!(files::list(folder.path()).unwrap().is_empty());
    }
}
