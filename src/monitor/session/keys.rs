//! The keys that leave a program alone: ctrl-p ctrl-q.

const FIRST: u8 = 0x10;
const SECOND: u8 = 0x11;

/// Looks for the detach keys in what is typed.
#[derive(Debug, Default)]
pub(super) struct DetachKeys {
    is_half_typed: bool,
}

impl DetachKeys {
    /// Appends to `out` what goes to the program; a first key is held back until the next one is known. Tells whether the user detached.
    pub(super) fn pass(&mut self, typed: &[u8], out: &mut Vec<u8>) -> bool {
        for byte in typed {
            match (std::mem::take(&mut self.is_half_typed), *byte) {
                (true, SECOND) => return true,
                (true, FIRST) => {
                    out.push(FIRST);
                    self.is_half_typed = true;
                }
                (false, FIRST) => self.is_half_typed = true,
                (true, other) => out.extend_from_slice(&[FIRST, other]),
                (false, other) => out.push(other),
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_both_keys_in_a_row_detach() {
        for (typed, passed, detached) in [
            (&["abc"][..], "abc", false),
            (&["a\x10\x11b"], "a", true),
            (&["a\x10", "\x11"], "a", true),
            (&["\x10x\x11"], "\x10x\x11", false),
            (&["\x10\x10\x11"], "\x10", true),
            (&["\x11\x10"], "\x11", false),
            (&["\x10", "", "z"], "\x10z", false),
        ] {
            let mut keys = DetachKeys::default();
            let mut out = Vec::new();
            let ended = typed.iter().any(|part| keys.pass(part.as_bytes(), &mut out));
            assert_eq!((out.as_slice(), ended), (passed.as_bytes(), detached), "{typed:?}");
        }
    }
}
