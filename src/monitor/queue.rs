//! Bytes on their way to a descriptor that takes them when it can.

use std::os::fd::AsFd;

use nix::errno::Errno;

/// How full a queue may be before what fills it is no longer read.
pub(super) const HIGH_WATER: usize = 64 << 10;

/// Bytes that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bytes: Vec<u8>,
    start: usize,
}

/// How a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// What could be written was.
    Open,
    /// Nobody will ever read this; the queue is empty now.
    Broken,
}

impl Queue {
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether there is room for more without growing past what is sensible.
    pub(super) const fn has_room(&self) -> bool {
        self.len() < HIGH_WATER
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.back().extend_from_slice(bytes);
    }

    /// Gives the end of the queue, to append to.
    pub(super) fn back(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.start);
        self.start = 0;
        &mut self.bytes
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Writes as much as `fd` takes at once, in pieces of at most `piece` bytes, at most `rounds` of them.
    pub(super) fn write_to(&mut self, fd: impl AsFd, piece: usize, rounds: usize) -> Flow {
        for _ in 0..rounds {
            let rest = self.bytes.get(self.start..).unwrap_or_default();
            let chunk = rest.get(..piece).unwrap_or(rest);
            if chunk.is_empty() {
                break;
            }
            match nix::unistd::write(&fd, chunk) {
                Ok(written) => self.start += written,
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(_) => {
                    self.clear();
                    return Flow::Broken;
                }
            }
        }
        if self.is_empty() {
            self.clear();
        }
        Flow::Open
    }
}

#[cfg(test)]
mod tests {
    use nix::fcntl::OFlag;

    use super::*;

    #[test]
    fn what_does_not_fit_stays_and_a_closed_end_is_seen() {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).unwrap();
        let mut queue = Queue::default();
        queue.push(&vec![1; 200_000]);
        assert!(!queue.has_room());
        assert_eq!(queue.write_to(&writer, usize::MAX, 8), Flow::Open);
        let left = queue.len();
        assert!(left > 0 && left < 200_000, "{left}");
        let mut buffer = vec![0; 200_000];
        let taken = nix::unistd::read(&reader, &mut buffer).unwrap();
        assert_eq!(queue.write_to(&writer, usize::MAX, 8), Flow::Open);
        assert!(queue.len() <= left.saturating_sub(taken));
        drop(reader);
        queue.push(b"x");
        assert_eq!(queue.write_to(&writer, usize::MAX, 8), Flow::Broken);
        assert!(queue.is_empty());
    }
}
