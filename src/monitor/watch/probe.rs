//! A program that is executed for nobody but the monitor, and what it writes.

use super::Watch;
use crate::{model::Exit, monitor::streams::Program};

/// A program whose output is kept for whoever had it executed.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) program: Program,
    output: Vec<u8>,
    /// So many bytes of output are kept.
    most: usize,
}

impl Probe {
    /// Keeps what the program wrote, and one byte more than is wanted: that tells that there was more.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        let room = (self.most + 1).saturating_sub(self.output.len());
        self.output.extend(bytes.iter().take(room));
    }
}

impl Watch {
    /// Takes a program into care whose output is kept, at most so many bytes of it.
    pub(in crate::monitor) fn begin_probe(&mut self, program: Program, most: usize) {
        self.probe = Some(Probe { program, output: Vec::new(), most });
    }

    /// Makes it end, and what it has started with it, unless that has left its session.
    pub(in crate::monitor) fn end_probe(&self) {
        if let Some(probe) = self.probe.as_ref().filter(|probe| probe.program.exit().is_none()) {
            probe.program.kill_session();
        }
    }

    /// Gives how it ended and what it wrote, once it has, and whether that was more than is kept.
    pub(in crate::monitor) fn take_probe(&mut self) -> Option<(Exit, Vec<u8>, bool)> {
        let ended = self.probe.take_if(|probe| probe.program.exit().is_some())?;
        let exit = ended.program.exit().cloned()?;
        let mut output = ended.output;
        let is_cut = output.len() > ended.most;
        output.truncate(ended.most);
        Some((exit, output, is_cut))
    }
}
