//! A container's control group in systemd's hands: a transient scope (org.freedesktop.systemd1(5), systemd.scope(5)).
//!
//! systemd makes the group and may change it at any time to what it was told, so it is told the limits too; what it has no word for is written
//! beside it. A scope must have a process when it begins: a child of the caller that does nothing stands in until the container's first
//! process is there.

mod properties;

use std::{fmt::Write as _, path::Path};

use serde::{Deserialize, Serialize};
use zvariant::{OwnedObjectPath, OwnedValue, Value};

use self::properties::of_limits;
use super::RuntimeError;
use crate::sys::{
    bus::{Bus, BusError, Call},
    cgroup::{Cgroup, Reach, Resources},
};

/// A property of a unit.
type Property = (&'static str, Value<'static>);

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const OBJECT: &str = "/org/freedesktop/systemd1";

/// Names a scope, as `linux.cgroupsPath` does for systemd: `SLICE:PREFIX:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    slice: String,
    unit: String,
}

impl Scope {
    /// Reads the path of a spec; without one, or where parts are empty, they are what runc takes: `system.slice` (`user.slice` for a
    /// user), our name, and the container's name.
    ///
    /// # Errors
    /// [`RuntimeError::Spec`] when it has another form, or characters that no unit has.
    pub fn parse(path: &str, id: &str, is_rootless: bool) -> Result<Self, RuntimeError> {
        let wrong = |reason: &str| {
            RuntimeError::unfit(format_args!("linux.cgroupsPath {path:?}: {reason}"))
        };
        let parts: Vec<&str> =
            if path.is_empty() { vec![""; 3] } else { path.split(':').collect() };
        let [slice, prefix, name] = parts.as_slice() else {
            return Err(wrong("it is not SLICE:PREFIX:NAME, which systemd needs"));
        };
        let usual = if is_rootless { "user.slice" } else { "system.slice" };
        let slice = if slice.is_empty() { usual } else { slice };
        let name = if name.is_empty() { id } else { name };
        let unit = match (path.is_empty(), *prefix) {
            // A slice is a unit that is no scope, and holds no process.
            _ if is_slice(name) => return Err(wrong("a slice holds no process")),
            (true, _) => format!("estiba-{name}.scope"),
            (false, "") => format!("{name}.scope"),
            (false, prefix) => format!("{prefix}-{name}.scope"),
        };
        // systemd.unit(5); the longest name is 255 bytes.
        let is_fit = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        if !unit.chars().all(is_fit) || unit.len() > 255 {
            return Err(wrong("it is no name of a unit"));
        }
        if !is_slice(slice) || !slice.chars().all(is_fit) || slice.contains("--") {
            return Err(wrong("its first part is no slice"));
        }
        Ok(Self { slice: slice.to_owned(), unit })
    }

    /// Gives the name of the unit.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Has systemd begin the scope with the process `first` in it, and gives the control group, in which nothing is limited yet but what
    /// systemd was told.
    ///
    /// # Errors
    /// [`RuntimeError::Systemd`] with what it says; what the kernel says.
    pub fn begin(
        &self,
        bus: &mut Bus,
        first: u32,
        resources: &Resources,
    ) -> Result<Cgroup, RuntimeError> {
        self.told(bus.call(&manager("Subscribe"), &()).map(drop))?;
        let rule = "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
        self.told(bus.listen(rule))?;
        let mut properties: Vec<Property> = vec![
            ("Description", format!("container {}", self.unit).into()),
            ("Slice", self.slice.clone().into()),
            ("PIDs", vec![first].into()),
            // What is below it is the container's, and no controller is kept from it.
            ("Delegate", true.into()),
            ("DefaultDependencies", false.into()),
            ("CPUAccounting", true.into()),
            ("MemoryAccounting", true.into()),
            ("TasksAccounting", true.into()),
            ("IOAccounting", true.into()),
        ];
        properties.extend(of_limits(resources));
        let further: Vec<(&str, Vec<Property>)> = Vec::new();
        let body = (self.unit.as_str(), "fail", properties, further);
        let start = manager("StartTransientUnit");
        let answer = match bus.call(&start, &body) {
            // One of that name failed, and is remembered.
            Err(error) if error.is("org.freedesktop.systemd1.UnitExists") => {
                self.forget(bus);
                bus.call(&start, &body)
            }
            other => other,
        };
        let (job,): (OwnedObjectPath,) = self.told(answer)?.read()?;
        self.await_job(bus, &job)?;
        let path = self.control_group(bus)?;
        let group = Cgroup::create_at_top(path.trim_start_matches('/'), Reach::All)?;
        group.ok_or_else(|| self.refused(format!("control group {path} is not to be had")))
    }

    /// Tells it changed limits.
    ///
    /// # Errors
    /// As [`Scope::begin`].
    pub fn update(&self, bus: &mut Bus, resources: &Resources) -> Result<(), RuntimeError> {
        let properties = of_limits(resources);
        if properties.is_empty() {
            return Ok(());
        }
        let body = (self.unit.as_str(), true, properties);
        self.told(bus.call(&manager("SetUnitProperties"), &body).map(drop))
    }

    /// Has systemd end it and forget it; that it is gone already is no failure.
    ///
    /// # Errors
    /// As [`Scope::begin`].
    pub fn end(&self, bus: &mut Bus) -> Result<(), RuntimeError> {
        self.told(bus.call(&manager("Subscribe"), &()).map(drop))?;
        let rule = "type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
        self.told(bus.listen(rule))?;
        match bus.call(&manager("StopUnit"), &(self.unit.as_str(), "replace")) {
            Err(error) if error.is("org.freedesktop.systemd1.NoSuchUnit") => return Ok(()),
            other => {
                let (job,): (OwnedObjectPath,) = self.told(other)?.read()?;
                self.await_job(bus, &job)?;
            }
        }
        self.forget(bus);
        Ok(())
    }

    fn forget(&self, bus: &mut Bus) {
        // One that did not fail is not remembered, which is the answer then.
        drop(bus.call(&manager("ResetFailedUnit"), &(self.unit.as_str(),)));
    }

    fn await_job(&self, bus: &mut Bus, job: &OwnedObjectPath) -> Result<(), RuntimeError> {
        let ended = |(_, removed, _, result): (u32, OwnedObjectPath, String, String)| {
            (removed == *job).then_some(result)
        };
        match bus.await_signal("JobRemoved", ended)?.as_str() {
            "done" | "skipped" => Ok(()),
            other => Err(self.refused(format!("its job ended: {other}"))),
        }
    }

    /// Asks where the group is, which depends on where systemd itself begins.
    fn control_group(&self, bus: &mut Bus) -> Result<String, RuntimeError> {
        let path = format!("{OBJECT}/unit/{}", escaped(&self.unit));
        let get = Call {
            destination: SYSTEMD,
            path: &path,
            interface: "org.freedesktop.DBus.Properties",
            member: "Get",
        };
        let answer = bus.call(&get, &("org.freedesktop.systemd1.Scope", "ControlGroup"));
        let (value,): (OwnedValue,) = self.told(answer)?.read()?;
        let path = String::try_from(value).unwrap_or_default();
        if path.trim_matches('/').is_empty() {
            return Err(self.refused("it has no control group".to_owned()));
        }
        Ok(path)
    }

    fn told<T>(&self, answer: Result<T, BusError>) -> Result<T, RuntimeError> {
        answer.map_err(|error| self.refused(error.to_string()))
    }

    fn refused(&self, reason: String) -> RuntimeError {
        RuntimeError::Systemd { unit: self.unit.clone(), reason }
    }
}

/// Connects to the bus where systemd is.
///
/// # Errors
/// [`RuntimeError::Spec`] that says what to do instead when there is none.
pub fn connect(bus: &Path) -> Result<Bus, RuntimeError> {
    Bus::connect(bus).map_err(|error| {
        RuntimeError::unfit(format_args!(
            "control groups by systemd are not to be had here: no systemd answers ({error}); use cgroupfs (--cgroup-manager cgroupfs)"
        ))
    })
}

/// Tells whether a unit groups others; systemd.slice(5).
fn is_slice(unit: &str) -> bool {
    unit.strip_suffix(".slice").is_some_and(|name| !name.is_empty())
}

const fn manager(member: &'static str) -> Call<'static> {
    Call { destination: SYSTEMD, path: OBJECT, interface: MANAGER, member }
}

/// Writes a name as a part of an object's path (`sd_bus_path_encode(3)`).
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for (at, byte) in name.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && at > 0) {
            escaped.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _infallible = write!(escaped, "_{byte:02x}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
