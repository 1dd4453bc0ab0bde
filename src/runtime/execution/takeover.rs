//! The last step: the program takes this process over, or a child of it.

use std::os::fd::OwnedFd;

use super::Prepared;
use crate::{
    runtime::{
        InitError, Progress,
        error::Step as _,
        protocol::{Order, Report, expect_order, say},
        search,
    },
    sys::{SysError, channel::Channel, clock, fifo, namespace, reaper},
};

impl Prepared<'_> {
    /// Executes the program; comes back only with the reason why not. `wait` is the point up to which everything can be done before the word to start.
    pub(in crate::runtime) fn take_over(
        self,
        channel: &Channel,
        wait: impl FnOnce() -> Result<(), InitError>,
    ) -> Report {
        let done = self
            .arm(channel, wait)
            .and_then(|()| self.run_hooks())
            .map(|()| Progress { mounted: self.mounted, armed: clock::now() })
            .and_then(|progress| say(channel, &Report::Executing(progress), None))
            // The last thing, so that it need not allow what this process still does.
            .and_then(|()| self.filter_if(self.no_new_privileges, channel));
        match done {
            Err(error) => Report::Failed(error),
            Ok(()) if self.has_reaper => self.execute_in_child(channel),
            Ok(()) => search::execute(&self.arguments, &self.environment, &self.search_path),
        }
    }

    /// Executes the program in a child and stays; comes back only when there is no child.
    fn execute_in_child(&self, channel: &Channel) -> Report {
        // What stays can be found by others in the container (CVE-2019-5736).
        let hidden = namespace::set_inspectable(false)
            .step(|cause| InitError::Attribute { name: "dumpable".to_owned(), cause });
        if let Err(error) = hidden {
            return Report::Failed(error);
        }
        let error = reaper::care_for(|| {
            let report = search::execute(&self.arguments, &self.environment, &self.search_path);
            // If the parent is gone there is nobody to tell.
            drop(say(channel, &report, None));
            report.exit_code()
        });
        Report::Failed(InitError::Streams(SysError::new("clone", "the program", error).into()))
    }

    /// As [`Prepared::take_over`], but everything that can fail is done, and told, before the wait behind a pipe. What fails after it, the program's own standard error hears.
    pub(in crate::runtime) fn take_over_behind(self, channel: &Channel, pipe: &OwnedFd) -> Report {
        if let Err(error) = self.arm(channel, || Ok(())) {
            return Report::Failed(error);
        }
        if let Some(report) = search::find(&self.arguments, &self.search_path) {
            return report;
        }
        // Before the wait: its listener goes to who makes the container, and what fails is told there.
        let passed = self
            .filter_if(self.no_new_privileges, channel)
            .and_then(|()| say(channel, &Report::Waiting, None))
            .and_then(|()| expect_order(channel, &Order::Start))
            .and_then(|()| fifo::wait(pipe).step(InitError::Streams));
        if let Err(error) = passed {
            return Report::Failed(error);
        }
        let report = match self.run_hooks() {
            Err(error) => Report::Failed(error),
            Ok(()) => search::execute(&self.arguments, &self.environment, &self.search_path),
        };
        search::tell_last_words(&report);
        report
    }
}
