//! Links of the host that become the container's (config-linux.md, "Network Devices").

use std::os::fd::{AsFd as _, BorrowedFd};

use oci_spec::runtime::Linux;

use super::RuntimeError;
use crate::sys::{
    SysError,
    netlink::{Link, Socket, namespace},
};

/// The longest name of a link, in bytes (`IFNAMSIZ` without its zero).
const LONGEST_NAME: usize = 15;

/// Stands at the end of a name for the first number that is free.
const ANY_NUMBER: &str = "%d";

/// A link that moves: its name on the host, its name in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    from: String,
    to: String,
}

/// Reads which links move, in the order of their names.
pub(super) fn resolve(linux: Option<&Linux>) -> Result<Vec<Move>, RuntimeError> {
    let devices = linux.and_then(|linux| linux.net_devices().as_ref());
    let mut moves = devices
        .into_iter()
        .flatten()
        .map(|(from, device)| {
            let to = device.name().clone().filter(|name| !name.is_empty());
            Move { from: from.clone(), to: to.unwrap_or_else(|| from.clone()) }
        })
        .collect::<Vec<_>>();
    moves.sort_by(|one, other| one.from.cmp(&other.from));
    for (index, one) in moves.iter().enumerate() {
        let stem = one.to.strip_suffix(ANY_NUMBER).unwrap_or(&one.to);
        if !is_name(&one.from) || !is_name(stem) || one.to.len() > LONGEST_NAME {
            return Err(unfit(format_args!("{:?} as {:?} is no name of a link", one.from, one.to)));
        }
        let is_template = one.to.ends_with(ANY_NUMBER);
        if !is_template && moves.iter().take(index).any(|earlier| earlier.to == one.to) {
            return Err(unfit(format_args!("two of them would be {}", one.to)));
        }
    }
    Ok(moves)
}

/// Tells whether the kernel would take it (`dev_valid_name`), and it is no template.
fn is_name(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || matches!(c, '/' | ':' | '%' | '\0');
    !matches!(text, "" | "." | "..") && text.len() <= LONGEST_NAME && !text.contains(is_odd)
}

/// Moves them from this process's network namespace into another one, up and with their addresses. Either all are there afterwards, or none: what can be known
/// before is looked at before, and what moved already comes back.
pub(super) fn hand_over(moves: &[Move], target: BorrowedFd<'_>) -> Result<(), RuntimeError> {
    if moves.is_empty() {
        return Ok(());
    }
    let home = namespace::current()?;
    let (mut outside, mut inside) = (Socket::route()?, Socket::route_in(target)?);
    let mut links = Vec::new();
    for one in moves {
        let link = outside.link(&one.from)?;
        links.push(link.ok_or_else(|| unfit(format_args!("the host has no link {}", one.from)))?);
        if inside.link(&one.to)?.is_some() {
            let reason = format_args!("the container has a link {} already", one.to);
            return Err(unfit(reason));
        }
    }
    let mut names = Vec::new();
    for (one, link) in moves.iter().zip(&links) {
        let name = free_name(&mut inside, &one.to)?;
        names.push(name.clone());
        if let Err(cause) = hand_over_one(&mut outside, &mut inside, link, &name, target) {
            for (earlier, name) in moves.iter().zip(&names) {
                // The cause is what is told. What cannot be given back goes the way of the namespace.
                let _given_back =
                    give_back(&mut inside, &mut outside, name, &earlier.from, home.as_fd());
            }
            return Err(unfit(cause));
        }
    }
    Ok(())
}

/// Brings a link back that has left.
fn give_back(
    inside: &mut Socket,
    outside: &mut Socket,
    name: &str,
    name_before: &str,
    home: BorrowedFd<'_>,
) -> Result<(), SysError> {
    if outside.link(name_before)?.is_some() {
        return Ok(());
    }
    let link = inside.require_link(name)?;
    hand_over_one(inside, outside, &link, name_before, home)
}

fn hand_over_one(
    from: &mut Socket,
    to: &mut Socket,
    link: &Link,
    name: &str,
    target: BorrowedFd<'_>,
) -> Result<(), SysError> {
    // While it still has them.
    let addresses = from.lasting_addresses(link)?;
    from.move_link(link, name, target)?;
    let moved = to.require_link(name)?;
    for address in addresses {
        to.add_address(&moved, address)?;
    }
    to.bring_up(&moved)
}

/// Gives the name, or the first that is free where it is a template.
fn free_name(inside: &mut Socket, name: &str) -> Result<String, SysError> {
    let Some(stem) = name.strip_suffix(ANY_NUMBER) else { return Ok(name.to_owned()) };
    let mut number = 0_u32;
    loop {
        let candidate = format!("{stem}{number}");
        if inside.link(&candidate)?.is_none() {
            return Ok(candidate);
        }
        number += 1;
    }
}

fn unfit(reason: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::unfit(format_args!("linux.netDevices: {reason}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn moves(devices: Value) -> Result<Vec<Move>, String> {
        let mut linux = json!({});
        linux["netDevices"] = devices;
        resolve(serde_json::from_value(linux).ok().as_ref()).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_those_of_links() {
        let found = moves(json!({"b": {"name": "eth%d"}, "a": {}, "c": {"name": ""}})).unwrap();
        let names: Vec<_> = found.iter().map(|one| (one.from.as_str(), one.to.as_str())).collect();
        assert_eq!(names, [("a", "a"), ("b", "eth%d"), ("c", "c")]);
        for wrong in [
            json!({"": {}}),
            json!({"a/b": {}}),
            json!({"..": {}}),
            json!({"a": {"name": "%d"}}),
            json!({"a": {"name": "e%dth"}}),
            json!({"a": {"name": "e th"}}),
            json!({"a": {"name": "sixteen-letters-"}}),
            json!({"a%d": {}}),
            json!({"a": {"name": "x"}, "b": {"name": "x"}}),
        ] {
            let error = moves(wrong.clone()).unwrap_err();
            assert!(error.contains("linux.netDevices"), "{wrong}: {error}");
        }
        assert_eq!(moves(json!({"a": {"name": "x%d"}, "b": {"name": "x%d"}})).unwrap().len(), 2);
    }
}
