//! Flags that say what a container shares, and what stands around its program.

use std::{net::IpAddr, path::PathBuf};

use clap::Args;

use super::super::values::{parse_address, parse_label, parse_restart};
use crate::{
    cli::{Surroundings, environment},
    engine::Result,
    model::{Ipc, Isolation, Names, RestartPolicy, Sharing},
};

/// What it shares with the host and others.
#[derive(Debug, Args)]
#[command(next_help_heading = "Namespaces")]
pub(super) struct SharingOptions {
    /// See the processes of the host or of container:NAME
    #[arg(long, value_name = "host|container:NAME", value_parser = parse_pid)]
    pid: Option<Sharing>,
    /// Shared memory and queues: private, shareable, host, none, or those of container:NAME
    #[arg(long, value_name = "MODE", value_parser = parse_ipc)]
    ipc: Option<Ipc>,
    /// Have the host's names
    #[arg(long, value_name = "host", value_parser = parse_uts)]
    uts: Option<bool>,
    /// Which user namespace: only the one of Estiba is there
    #[arg(long, value_name = "host", value_parser = parse_userns)]
    userns: Option<bool>,
    /// See the control groups of the host, or its own only
    #[arg(long, value_name = "host|private", value_parser = parse_cgroupns)]
    cgroupns: Option<bool>,
    /// Lay its control group into this one
    #[arg(long, value_name = "GROUP")]
    cgroup_parent: Option<String>,
}

/// Names and addresses.
#[derive(Debug, Args)]
#[command(next_help_heading = "Names and addresses")]
pub(super) struct NameOptions {
    /// Its domain name (NIS)
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
    /// Add a line to /etc/hosts
    #[arg(long = "add-host", value_name = "NAME:ADDRESS", value_parser = parse_host)]
    extra_hosts: Vec<(String, String)>,
    /// Ask this name server
    #[arg(long, value_name = "ADDRESS", value_parser = parse_server)]
    dns: Vec<String>,
    /// Search names in this domain; `.` for none
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// Set an option of resolv.conf
    #[arg(long = "dns-option", alias = "dns-opt", value_name = "OPTION")]
    dns_options: Vec<String>,
    /// Its address in its network
    #[arg(long = "ip", value_name = "ADDRESS", value_parser = parse_address)]
    address: Option<std::net::Ipv4Addr>,
    /// Its hardware address
    #[arg(long = "mac-address", value_name = "MAC", value_parser = parse_mac)]
    mac: Option<Mac>,
    /// Note that it listens at a port
    #[arg(long = "expose", value_name = "PORT[/PROTOCOL]", value_parser = parse_port)]
    exposed_ports: Vec<String>,
}

/// What stands around its program.
#[derive(Debug, Args)]
#[command(next_help_heading = "Life")]
pub(super) struct LifeOptions {
    /// Let a first process of Estiba's reap its processes and pass signals on
    #[arg(long)]
    init: bool,
    /// The signal that asks it to stop
    #[arg(long, value_name = "SIGNAL", value_parser = super::super::values::parse_signal)]
    pub(super) stop_signal: Option<i32>,
    /// Seconds until it is killed when it was asked to stop; -1 for never
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, value_parser = parse_patience)]
    stop_timeout: Option<u32>,
    /// Start it again when it has ended: no, on-failure or on-failure:MOST, always, unless-stopped
    #[arg(long, value_name = "POLICY", value_parser = parse_restart, default_value_t, hide_default_value = true)]
    pub(super) restart: RestartPolicy,
}

/// A hardware address; a type of its own because clap would read a list as many values.
type Mac = [u8; 6];

/// Flags of notes about a container.
#[derive(Debug, Args)]
#[command(next_help_heading = "Notes")]
pub(super) struct NoteOptions {
    /// Set a label
    #[arg(short, long = "label", value_name = "KEY[=VALUE]", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// Read labels from a file
    #[arg(long = "label-file", value_name = "FILE")]
    label_files: Vec<PathBuf>,
    /// Note something for others
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = parse_annotation)]
    annotations: Vec<(String, String)>,
    /// Write its id into a new file
    #[arg(long, value_name = "FILE")]
    pub(super) cidfile: Option<PathBuf>,
}

impl NoteOptions {
    /// Gives the labels, those of files first.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::engine::ErrorKind::Invalid) when a file cannot be read.
    pub(super) fn labels(&self, surroundings: &Surroundings) -> Result<Vec<(String, String)>> {
        let lines = environment::lines_of_files(&self.label_files, surroundings)?;
        let of_files = lines.into_iter().map(|line| match line.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (line, String::new()),
        });
        Ok(of_files.chain(self.labels.iter().cloned()).collect())
    }
}

/// Puts together what the flags ask for.
pub(super) fn isolation(
    sharing: SharingOptions,
    names: NameOptions,
    life: &LifeOptions,
    notes: NoteOptions,
) -> Isolation {
    Isolation {
        pid: sharing.pid.unwrap_or_default(),
        ipc: sharing.ipc.unwrap_or_default(),
        uts_host: sharing.uts.unwrap_or(false),
        cgroupns_host: sharing.cgroupns.unwrap_or(false),
        cgroup_parent: sharing.cgroup_parent.unwrap_or_default(),
        init: life.init,
        domainname: names.domainname.unwrap_or_default(),
        stop_timeout: life.stop_timeout,
        annotations: notes.annotations.into_iter().collect(),
        exposed_ports: names.exposed_ports,
        names: Names {
            extra_hosts: names.extra_hosts,
            dns: names.dns,
            dns_search: names.dns_search,
            dns_options: names.dns_options,
            address: names.address,
            mac: names.mac,
        },
    }
}

fn parse_pid(text: &str) -> std::result::Result<Sharing, String> {
    match text.split_once(':') {
        None if text.is_empty() => Ok(Sharing::Own),
        None if text == "host" => Ok(Sharing::Host),
        Some(("container", name)) if !name.is_empty() => Ok(Sharing::Container(name.to_owned())),
        _ => Err("invalid PID mode: write host or container:NAME".to_owned()),
    }
}

fn parse_ipc(text: &str) -> std::result::Result<Ipc, String> {
    match (text, text.strip_prefix("container:")) {
        ("" | "private", _) => Ok(Ipc::Private),
        ("shareable", _) => Ok(Ipc::Shareable),
        ("host", _) => Ok(Ipc::Host),
        ("none", _) => Ok(Ipc::None),
        (_, Some(name)) if !name.is_empty() => Ok(Ipc::Container(name.to_owned())),
        _ => {
            Err("invalid IPC mode: write private, shareable, host, none or container:NAME"
                .to_owned())
        }
    }
}

fn parse_uts(text: &str) -> std::result::Result<bool, String> {
    one_of(text, "host").ok_or_else(|| "invalid UTS mode: write host".to_owned())
}

/// Reads Docker's only word. What Podman has besides is refused with what leads to the same: a container's user namespace of its own would need the layers'
/// owners shifted, in the kernel by root of the machine alone (`MOUNT_ATTR_IDMAP`), and then by every verb that looks at files of a running container.
fn parse_userns(text: &str) -> std::result::Result<bool, String> {
    let reason = match text.split(':').next().unwrap_or_default() {
        "keep-id" => {
            "the kernel lets only root of the machine shift the owners of an image's files; run Estiba as yourself with --user 0: what root of the container writes is yours"
        }
        "auto" | "private" => {
            "no container has a user namespace of its own; run Estiba as an ordinary user: all its containers are in one, apart from the machine's users"
        }
        "nomap" => {
            "no container has a user namespace of its own; run Estiba as a user of its own, without a line in /etc/subuid: your id is not in its containers then"
        }
        "container" | "ns" => {
            "there is no other user namespace to join: the containers of an ordinary user are all in one, those of root in the machine's"
        }
        _ => {
            return one_of(text, "host").ok_or_else(|| "invalid USER mode: write host".to_owned());
        }
    };
    Err(format!("mode {text} is not there: {reason}"))
}

fn parse_cgroupns(text: &str) -> std::result::Result<bool, String> {
    match text {
        "private" => Ok(false),
        _ => one_of(text, "host")
            .ok_or_else(|| "invalid CGROUP mode: write host or private".to_owned()),
    }
}

fn one_of(text: &str, word: &str) -> Option<bool> {
    (text.is_empty() || text == word).then_some(text == word)
}

/// Reads `NAME:ADDRESS` or `NAME=ADDRESS` (docker/cli, `ValidateExtraHost`).
fn parse_host(text: &str) -> std::result::Result<(String, String), String> {
    let parts = text.split_once('=').or_else(|| text.split_once(':'));
    let Some((name, address)) = parts.filter(|(name, _)| !name.is_empty()) else {
        return Err(format!("bad format for add-host: \"{text}\""));
    };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    if bare != "host-gateway" && bare.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address in add-host: \"{address}\""));
    }
    Ok((name.to_owned(), bare.to_owned()))
}

fn parse_server(text: &str) -> std::result::Result<String, String> {
    let address: IpAddr = text
        .trim()
        .parse()
        .map_err(|_error| format!("IP address is not correctly formatted: {text}"))?;
    Ok(address.to_string())
}

fn parse_mac(text: &str) -> std::result::Result<Mac, String> {
    let parts: Vec<Option<u8>> = text
        .split([':', '-'])
        .map(|part| if part.len() == 2 { u8::from_str_radix(part, 16).ok() } else { None })
        .collect();
    let bytes: Option<Vec<u8>> = parts.into_iter().collect();
    // The lowest bit of the first byte means many receivers, which no interface can be.
    bytes
        .and_then(|bytes| Mac::try_from(bytes).ok())
        .filter(|mac| mac[0] & 1 == 0)
        .ok_or_else(|| format!("{text} is not a valid mac address"))
}

/// Reads seconds; -1 is longer than any machine runs.
fn parse_patience(text: &str) -> std::result::Result<u32, String> {
    match text {
        "-1" => Ok(u32::MAX),
        _ => text.parse().map_err(|_not_a_number| format!("'{text}' is no number of seconds")),
    }
}

/// Reads `80`, `80/udp`, `80-90/tcp`; gives it with its protocol.
fn parse_port(text: &str) -> std::result::Result<String, String> {
    let wrong = || format!("invalid range format for --expose: {text}");
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    match (number(first), number(last)) {
        (Some(first), Some(last))
            if first <= last && ["tcp", "udp", "sctp"].contains(&protocol) =>
        {
            Ok(format!("{ports}/{protocol}"))
        }
        _ => Err(wrong()),
    }
}

fn parse_annotation(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("'{text}' is not KEY=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_docker_reads_them() {
        assert_eq!(parse_pid("host"), Ok(Sharing::Host));
        assert_eq!(parse_pid("container:a"), Ok(Sharing::Container("a".into())));
        assert_eq!((parse_ipc("none"), parse_ipc("")), (Ok(Ipc::None), Ok(Ipc::Private)));
        assert_eq!(parse_ipc("shareable"), Ok(Ipc::Shareable));
        assert_eq!(parse_ipc("container:a"), Ok(Ipc::Container("a".into())));
        assert_eq!((parse_uts("host"), parse_cgroupns("private")), (Ok(true), Ok(false)));
        for bad in ["x", "container:", "hosts"] {
            assert!(parse_pid(bad).is_err() && parse_uts(bad).is_err(), "{bad}");
            assert!(parse_ipc(bad).is_err() && parse_cgroupns(bad).is_err(), "{bad}");
            assert!(parse_userns(bad).is_err(), "{bad}");
        }
        assert_eq!((parse_userns("host"), parse_userns("")), (Ok(true), Ok(false)));
        for (word, next) in [
            ("auto", "run Estiba as an ordinary user"),
            ("auto:size=1000", "run Estiba as an ordinary user"),
            ("private", "run Estiba as an ordinary user"),
            ("keep-id", "--user 0"),
            ("keep-id:uid=200", "--user 0"),
            ("nomap", "a user of its own"),
            ("container:a", "no other user namespace"),
            ("ns:/proc/1/ns/user", "no other user namespace"),
        ] {
            let refusal = parse_userns(word).unwrap_err();
            assert!(refusal.contains(next) && refusal.contains(word), "{word}: {refusal}");
        }
    }

    #[test]
    fn names_and_addresses_are_read_as_docker_reads_them() {
        let pair = |name: &str, address: &str| Ok((name.to_owned(), address.to_owned()));
        for (text, expected) in [
            ("db:192.0.2.1", pair("db", "192.0.2.1")),
            ("db=192.0.2.1", pair("db", "192.0.2.1")),
            ("db:[2001:db8::1]", pair("db", "2001:db8::1")),
            ("db:2001:db8::1", pair("db", "2001:db8::1")),
            ("me:host-gateway", pair("me", "host-gateway")),
        ] {
            assert_eq!(parse_host(text), expected, "{text}");
        }
        for bad in ["", "db", ":192.0.2.1", "db:", "db:x"] {
            assert!(parse_host(bad).is_err() && parse_server(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_mac("02:42:0a:d2:00:02"), Ok([2, 0x42, 0x0a, 0xd2, 0, 2]));
        for bad in ["", "02:42", "02:42:0a:d2:00:0g", "03:42:0a:d2:00:02", "2:42:0a:d2:00:02"] {
            assert!(parse_mac(bad).is_err(), "{bad}");
        }
        assert_eq!((parse_patience("3"), parse_patience("-1")), (Ok(3), Ok(u32::MAX)));
        assert!(parse_patience("-2").is_err() && parse_patience("x").is_err());
        for (text, port) in [("80", "80/tcp"), ("53/udp", "53/udp"), ("80-90", "80-90/tcp")] {
            assert_eq!(parse_port(text), Ok(port.to_owned()));
        }
        for bad in ["", "0", "x", "90-80", "80/x", "99999"] {
            assert!(parse_port(bad).is_err(), "{bad}");
        }
    }
}
