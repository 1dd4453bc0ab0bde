//! The loop of a monitor: programs' streams, clients and the log, without a word about containers.
//!
//! Nothing here blocks but the one wait for all descriptors. Output goes into the log and to every client that is joined to it; while one of them has more
//! than [`HIGH_WATER`](super::queue::HIGH_WATER) waiting, the program's output is not read, so that a program waits for its slowest reader as with a pipe, and
//! memory is bounded. Input is read from clients only while the program takes it.

mod probe;
mod requests;

use std::{
    collections::BTreeMap,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixListener,
    },
    time::Duration,
};

use probe::Probe;

use super::{
    connection::{Connection, Interest},
    log::Writer,
    protocol::{LARGEST_CHUNK, Reply, Request},
    streams::{Program, Streams},
};
use crate::{
    model::{Exit, Timestamp},
    sys::{
        Result,
        poll::{self, PollFd, PollFlags},
        tty::WindowSize,
    },
};

/// So many clients are served at once; more wait until one leaves.
const MOST_CLIENTS: usize = 64;

/// Names a client for as long as it is connected.
pub(super) type ClientId = u64;

/// What a client asks for that needs to know about containers.
#[derive(Debug)]
pub(super) struct Demand {
    pub(super) client: ClientId,
    pub(super) request: Request,
}

/// Everything that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    listener: Option<UnixListener>,
    clients: BTreeMap<ClientId, Connection>,
    next_client: ClientId,
    /// The container's first process, once it is there.
    main: Option<Program>,
    /// What clients said to it before.
    early: Streams,
    size: Option<WindowSize>,
    has_terminal: bool,
    execs: BTreeMap<ClientId, Program>,
    /// A program that was executed for nobody but the monitor.
    probe: Option<Probe>,
    /// Whether the container is between two runs.
    is_resting: bool,
    log: Option<Writer>,
    buffer: Vec<u8>,
}

/// Where something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Listener,
    Client(ClientId),
    Input(Whose),
    Output(Whose, bool),
    End(Whose),
    Extra(usize),
}

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Main,
    Exec(ClientId),
    Probe,
}

/// What came of one round.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) demands: Vec<Demand>,
    /// Signals that clients had sent to the container's first process.
    pub(super) signals: Vec<i32>,
    /// Which of the extra descriptors are ready, by their place in the list.
    pub(super) extra: Vec<usize>,
}

impl Watch {
    pub(super) fn new(listener: UnixListener, has_terminal: bool) -> Self {
        Self {
            listener: Some(listener),
            clients: BTreeMap::new(),
            next_client: 0,
            main: None,
            early: Streams::default(),
            size: None,
            has_terminal,
            execs: BTreeMap::new(),
            probe: None,
            is_resting: false,
            log: None,
            buffer: vec![0; LARGEST_CHUNK],
        }
    }

    /// Takes the container's first process into care.
    pub(super) fn begin(&mut self, mut program: Program, log: Option<Writer>) {
        program.streams.inherit(&mut self.early);
        if let Some(size) = self.size {
            program.streams.resize(size);
        }
        self.main = Some(program);
        self.log = log;
        self.is_resting = false;
    }

    /// Tells those who wait or were joined that this run is over, and hears clients on until the next one begins.
    pub(super) fn rest(&mut self, last: &Reply) {
        self.main = None;
        self.probe = None;
        self.log = None;
        self.is_resting = true;
        // Those who merely ask something may have asked what was not read yet.
        self.dismiss(last, false);
        self.settle();
    }

    /// Takes a program executed for a client into care.
    pub(super) fn begin_exec(
        &mut self,
        client: ClientId,
        mut program: Program,
        has_terminal: bool,
    ) {
        match self.clients.get_mut(&client) {
            Some(client) => client.reply(&Reply::Joined { terminal: has_terminal }),
            None => program.streams.close_input(),
        }
        program.streams.pump();
        self.execs.insert(client, program);
    }

    /// Gives the container's first process.
    pub(super) const fn main(&self) -> Option<&Program> {
        self.main.as_ref()
    }

    /// Says what of the container's output is not in its log.
    pub(super) fn lost_lines(&self) -> Option<String> {
        self.log.as_ref()?.lost()
    }

    /// Lists the children whose end is waited for here.
    pub(super) fn children(&self) -> Vec<i32> {
        self.programs().map(|(_, program)| program.pid()).collect()
    }

    /// Tells how the container ended, once it and all programs in it have.
    pub(super) fn end(&self) -> Option<&Exit> {
        let is_probed = self.probe.as_ref().is_some_and(|probe| probe.program.exit().is_none());
        self.main.as_ref()?.exit().filter(|_| self.execs.is_empty() && !is_probed)
    }

    /// Answers a demand.
    pub(super) fn reply(&mut self, client: ClientId, reply: &Reply) {
        match self.clients.get_mut(&client) {
            // A client whose program was not executed has nothing left to ask.
            Some(client) if client.interest == Interest::Exec => client.close_with(reply),
            Some(client) => client.reply(reply),
            None => {}
        }
    }

    /// Waits until something happens, at most so long, and deals with it. `extra` is waited for, too.
    pub(super) fn round(
        &mut self,
        extra: &[BorrowedFd<'_>],
        patience: Option<Duration>,
    ) -> Result<Round> {
        let mut round = Round::default();
        for (place, flags) in self.wait(extra, patience)? {
            match place {
                Place::Listener => self.accept(),
                Place::Client(client) => self.hear(client, flags, &mut round),
                Place::Input(whose) => {
                    if let Some(program) = self.program(whose) {
                        program.streams.pump();
                    }
                }
                Place::Output(whose, is_stderr) => self.carry(whose, is_stderr),
                Place::End(whose) => self.take_end(whose),
                Place::Extra(number) => round.extra.push(number),
            }
        }
        self.settle();
        Ok(round)
    }

    /// Waits, and lists what happened where; ends of programs come after their output.
    fn wait(
        &self,
        extra: &[BorrowedFd<'_>],
        patience: Option<Duration>,
    ) -> Result<Vec<(Place, PollFlags)>> {
        let mut places = Vec::new();
        let mut fds = Vec::new();
        let mut add = |place, fd, flags| {
            places.push(place);
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        };
        if let Some(listener) = self.listener.as_ref().filter(|_| self.clients.len() < MOST_CLIENTS)
        {
            add(Place::Listener, listener.as_fd(), PollFlags::IN);
        }
        for (client, connection) in &self.clients {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, self.is_heard(*client, connection));
            flags.set(PollFlags::OUT, connection.has_output());
            add(Place::Client(*client), connection.fd(), flags);
        }
        for (whose, program) in self.programs() {
            if let Some(input) = program.streams.wants_write() {
                add(Place::Input(whose), input, PollFlags::OUT);
            }
            for is_stderr in [false, true] {
                if let Some(output) = program.streams.output(is_stderr)
                    && self.has_room(whose)
                {
                    add(Place::Output(whose, is_stderr), output, PollFlags::IN);
                }
            }
            if program.exit().is_none() {
                add(Place::End(whose), program.pidfd(), PollFlags::IN);
            }
        }
        for (number, fd) in extra.iter().enumerate() {
            add(Place::Extra(number), *fd, PollFlags::IN);
        }
        poll::wait(&mut fds, patience)?;
        let flags = fds.iter().map(PollFd::revents);
        let happened = places.into_iter().zip(flags);
        Ok(happened.filter(|(_, flags)| !flags.is_empty()).collect())
    }

    fn programs(&self) -> impl Iterator<Item = (Whose, &Program)> {
        // Programs that were executed come first: init ends only after they are reaped (pid_namespaces(7)).
        let execs = self.execs.iter().map(|(client, program)| (Whose::Exec(*client), program));
        let probe = self.probe.iter().map(|probe| (Whose::Probe, &probe.program));
        execs.chain(probe).chain(self.main.iter().map(|program| (Whose::Main, program)))
    }

    fn program(&mut self, whose: Whose) -> Option<&mut Program> {
        match whose {
            Whose::Main => self.main.as_mut(),
            Whose::Exec(client) => self.execs.get_mut(&client),
            Whose::Probe => self.probe.as_mut().map(|probe| &mut probe.program),
        }
    }

    /// Tells whether every client that a program's output goes to can take more.
    fn has_room(&self, whose: Whose) -> bool {
        self.clients
            .iter()
            .filter(|(id, client)| is_shown_to(whose, **id, client.interest))
            .all(|(_, client)| client.has_room())
    }

    /// Carries what a program wrote to the log and to clients.
    fn carry(&mut self, whose: Whose, is_stderr: bool) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if let Some(program) = self.program(whose)
            && let Some(bytes) = program.streams.read(is_stderr, &mut buffer)
        {
            self.show(whose, is_stderr, bytes);
        }
        self.buffer = buffer;
    }

    fn show(&mut self, whose: Whose, is_stderr: bool, bytes: &[u8]) {
        if whose == Whose::Main
            && let Some(log) = &mut self.log
        {
            log.push(is_stderr, bytes, Timestamp::now());
        }
        if let Some(probe) = self.probe.as_mut().filter(|_| whose == Whose::Probe) {
            probe.keep(bytes);
        }
        for (id, client) in &mut self.clients {
            if is_shown_to(whose, *id, client.interest) {
                client.show(is_stderr, bytes);
            }
        }
    }

    /// Takes a program's end: what it left in its streams, and for an executed one the word to its client.
    fn take_end(&mut self, whose: Whose) {
        let Some(program) = self.program(whose) else {
            return;
        };
        program.reap();
        let Some(exit) = program.exit().cloned() else {
            return;
        };
        let mut streams = std::mem::take(&mut program.streams);
        let mut buffer = std::mem::take(&mut self.buffer);
        streams.drain(&mut buffer, |is_stderr, bytes| {
            self.show(whose, is_stderr, bytes);
        });
        self.buffer = buffer;
        match whose {
            Whose::Exec(client) => {
                self.execs.remove(&client);
                if let Some(client) = self.clients.get_mut(&client) {
                    client.close_with(&Reply::Exited(exit));
                }
            }
            // It stays until it is taken.
            Whose::Probe => {}
            Whose::Main => {
                if let Some(log) = &mut self.log {
                    log.finish(Timestamp::now());
                }
                if let Some(program) = self.program(whose) {
                    program.streams = streams;
                }
            }
        }
    }

    /// Ends a round: one write of the log, what clients take, and who left.
    fn settle(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
        for client in self.clients.values_mut() {
            client.flush();
        }
        let over = self.clients.iter().filter(|(_, client)| client.is_over());
        for id in over.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.clients.remove(&id);
            // A program that was executed for a client that left goes on without input.
            if let Some(program) = self.execs.get_mut(&id) {
                program.streams.close_input();
                program.streams.pump();
            }
        }
    }

    /// Says a last word to those who are there; to those who merely ask something, if they are to leave as well.
    fn dismiss(&mut self, last: &Reply, with_askers: bool) {
        for client in self.clients.values_mut() {
            match client.interest {
                Interest::Container | Interest::End => client.close_with(last),
                Interest::Answers if !with_askers => {}
                // It has been told all it asked for, or its program's end.
                Interest::Answers | Interest::Exec => client.close(),
            }
        }
    }

    /// Hears no new clients, tells those who wait for the container `last`, and returns when all have read it or left.
    pub(super) fn part(&mut self, last: &Reply) {
        self.listener = None;
        self.log = None;
        self.dismiss(last, true);
        self.settle();
        while !self.clients.is_empty() && self.round(&[], None).is_ok() {}
    }
}

/// Tells whether a program's output goes to a client.
fn is_shown_to(whose: Whose, id: ClientId, interest: Interest) -> bool {
    match whose {
        Whose::Main => interest == Interest::Container,
        Whose::Exec(client) => client == id,
        Whose::Probe => false,
    }
}

#[cfg(test)]
mod tests;
