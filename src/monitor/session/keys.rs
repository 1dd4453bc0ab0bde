//! The keys that leave a program alone: ctrl-p ctrl-q, unless others were chosen.

const USUAL: [u8; 2] = [0x10, 0x11];

/// Looks for the detach keys in what is typed.
#[derive(Debug)]
pub(super) struct DetachKeys {
    keys: Vec<u8>,
    /// How many of them were typed in a row.
    typed: usize,
}

impl DetachKeys {
    /// Looks for these, or for the usual ones.
    pub(super) fn new(keys: Option<Vec<u8>>) -> Self {
        Self {
            keys: keys.filter(|keys| !keys.is_empty()).unwrap_or_else(|| USUAL.to_vec()),
            typed: 0,
        }
    }

    /// Appends to `out` what goes to the program; keys that may be the first of the sequence are held back until the next one is known. Tells whether the user
    /// detached.
    pub(super) fn pass(&mut self, typed: &[u8], out: &mut Vec<u8>) -> bool {
        for byte in typed {
            if self.keys.get(self.typed) != Some(byte) {
                out.extend(self.keys.iter().take(self.typed));
                self.typed = 0;
                if self.keys.first() != Some(byte) {
                    out.push(*byte);
                    continue;
                }
            }
            self.typed += 1;
            if self.typed == self.keys.len() {
                return true;
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
            let mut keys = DetachKeys::new(None);
            let mut out = Vec::new();
            let ended = typed.iter().any(|part| keys.pass(part.as_bytes(), &mut out));
            assert_eq!((out.as_slice(), ended), (passed.as_bytes(), detached), "{typed:?}");
        }
    }

    #[test]
    fn other_keys_can_be_chosen() {
        let mut keys = DetachKeys::new(Some(b"ab".to_vec()));
        let mut out = Vec::new();
        assert!(!keys.pass(b"\x10\x11aac", &mut out));
        assert_eq!(out, b"\x10\x11aac");
        assert!(keys.pass(b"ab", &mut out));
    }
}
