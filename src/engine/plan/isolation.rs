//! What of sharing contradicts itself, in Docker's words (moby, `validateNetMode`).

use std::path::Path;

use super::{Result, invalid};
use crate::{
    model::{CreateContainer, NetworkMode},
    runtime,
};

/// Refuses contradictions.
pub(super) fn check(request: &CreateContainer, network: &NetworkMode) -> Result<()> {
    let isolation = &request.isolation;
    let names = &isolation.names;
    if !isolation.cgroup_parent.is_empty() {
        runtime::cgroup_name(Path::new(&isolation.cgroup_parent)).map_err(|_not_below| {
            invalid(format!(
                "cgroup parent '{}' is no path below the top of the control groups",
                isolation.cgroup_parent
            ))
        })?;
    }
    if isolation.uts_host && request.hostname.is_some() {
        return Err(invalid("conflicting options: hostname and the UTS mode"));
    }
    if isolation.uts_host && !isolation.domainname.is_empty() {
        return Err(invalid("conflicting options: domainname and the UTS mode"));
    }
    if matches!(network, NetworkMode::Container(_)) {
        let asked = [
            ("hostname", request.hostname.is_some()),
            (
                "dns",
                !names.dns.is_empty()
                    || !names.dns_search.is_empty()
                    || !names.dns_options.is_empty(),
            ),
            ("custom host-to-IP mapping", !names.extra_hosts.is_empty()),
            ("port exposing", !isolation.exposed_ports.is_empty()),
        ];
        if let Some((what, _)) = asked.iter().find(|(_, is_asked)| *is_asked) {
            return Err(invalid(format!("conflicting options: {what} and the network mode")));
        }
    }
    if !matches!(network, NetworkMode::Bridges(_)) {
        if names.mac.is_some() {
            return Err(invalid("conflicting options: mac-address and the network mode"));
        }
        if names.address.is_some() {
            return Err(invalid("conflicting options: ip and the network mode"));
        }
    }
    Ok(())
}
