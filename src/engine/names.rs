//! Names for containers that were given none: an adjective of the harbour and something that is stowed.

use super::{EngineError, ErrorKind, Result};

const ADJECTIVES: [&str; 32] = [
    "amber", "brisk", "calm", "coastal", "copper", "dapper", "eager", "fair", "gentle", "hardy",
    "iron", "jolly", "keen", "lively", "mellow", "nimble", "oaken", "patient", "quick", "ready",
    "salty", "snug", "steady", "stout", "sturdy", "sunny", "swift", "tidal", "trim", "vivid",
    "windy", "young",
];
const NOUNS: [&str; 32] = [
    "anchor",
    "ballast",
    "barge",
    "beacon",
    "bollard",
    "bosun",
    "brig",
    "buoy",
    "capstan",
    "cargo",
    "cleat",
    "crane",
    "davit",
    "deck",
    "dock",
    "ferry",
    "galley",
    "hatch",
    "helm",
    "hull",
    "keel",
    "mast",
    "mooring",
    "pier",
    "porter",
    "quay",
    "rudder",
    "sail",
    "schooner",
    "stevedore",
    "tender",
    "tug",
];

/// Gives random bytes of the system.
///
/// # Errors
/// [`ErrorKind::Kernel`] when the system has none.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        EngineError::new(ErrorKind::Kernel, "no random bytes can be had").caused_by(error)
    })?;
    Ok(bytes)
}

/// Makes up a name from three random bytes, with a number from the second try on.
pub(super) fn make_up([adjective, noun, number]: [u8; 3], attempt: usize) -> String {
    let pick = |list: &[&'static str; 32], byte: u8| list[usize::from(byte) % list.len()];
    let name = format!("{}-{}", pick(&ADJECTIVES, adjective), pick(&NOUNS, noun));
    if attempt == 0 { name } else { format!("{name}-{number}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ContainerName;

    #[test]
    fn every_made_up_name_is_a_name() {
        for byte in 0..=255_u8 {
            for attempt in 0..2 {
                let name = make_up([byte, byte.wrapping_mul(7), byte], attempt);
                assert!(name.parse::<ContainerName>().is_ok(), "{name}");
            }
        }
    }
}
