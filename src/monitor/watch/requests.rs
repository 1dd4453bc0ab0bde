//! What clients ask of a watch.

use std::os::unix::net::UnixListener;

use super::{ClientId, Demand, Round, Watch};
use crate::{
    monitor::{
        StartFailure,
        connection::{Connection, Interest},
        protocol::{Reply, Request},
    },
    sys::{poll::PollFlags, socket},
};

impl Watch {
    /// Tells whether a client's requests can be dealt with now: not while the program does not take what the client sent before.
    pub(super) fn is_heard(&self, id: ClientId, client: &Connection) -> bool {
        client.is_listened_to()
            && match client.interest {
                Interest::Container => {
                    self.main.as_ref().map_or(&self.early, |program| &program.streams).has_room()
                }
                Interest::Exec => {
                    self.execs.get(&id).is_none_or(|program| program.streams.has_room())
                }
                Interest::Answers | Interest::End => client.has_room(),
            }
    }

    pub(super) fn accept(&mut self) {
        let accepted = self.listener.as_ref().map(UnixListener::accept);
        let Some(Ok((stream, _address))) = accepted else {
            return;
        };
        // The directory keeps others out already; this is the second lock (CVE-2020-15257).
        let own = nix::unistd::geteuid().as_raw();
        let is_ours = socket::peer_uid(&stream).is_ok_and(|uid| uid == own || uid == 0);
        if is_ours && stream.set_nonblocking(true).is_ok() {
            self.clients.insert(self.next_client, Connection::new(stream));
            self.next_client += 1;
        }
    }

    pub(super) fn hear(&mut self, id: ClientId, flags: PollFlags, round: &mut Round) {
        let Some(mut client) = self.clients.remove(&id) else {
            return;
        };
        if self.is_heard(id, &client) {
            for request in client.read(&mut self.buffer) {
                self.obey(id, &mut client, request, round);
            }
        } else if flags.intersects(PollFlags::HUP | PollFlags::ERR) {
            client.leave();
        }
        self.clients.insert(id, client);
    }

    /// Does what is asked, or makes it a demand.
    fn obey(&mut self, id: ClientId, client: &mut Connection, request: Request, round: &mut Round) {
        let streams = match client.interest {
            Interest::Exec => self.execs.get_mut(&id).map(|program| &mut program.streams),
            _ => Some(self.main.as_mut().map_or(&mut self.early, |main| &mut main.streams)),
        };
        match request {
            Request::Attach => {
                client.interest = Interest::Container;
                client.reply(&Reply::Joined { terminal: self.has_terminal });
            }
            Request::Wait => client.interest = Interest::End,
            Request::Signal(number) => self.signal(id, client, number, round),
            Request::Resize(size) => {
                if client.interest == Interest::Container {
                    self.size = Some(size);
                }
                if let Some(streams) = streams {
                    streams.resize(size);
                }
            }
            Request::Stdin(bytes) => {
                if let Some(streams) = streams {
                    streams.feed(&bytes);
                    streams.pump();
                }
            }
            Request::CloseStdin => {
                if let Some(streams) = streams {
                    streams.close_input();
                    streams.pump();
                }
            }
            Request::Exec(_)
            | Request::Limit(_)
            | Request::ConnectNetwork(_)
            | Request::DisconnectNetwork(_) => {
                if self.main.is_none() && !self.is_resting {
                    client.fail(&not_started());
                    return;
                }
                if matches!(request, Request::Exec(_)) {
                    client.interest = Interest::Exec;
                }
                round.demands.push(Demand { client: id, request });
            }
        }
    }

    fn signal(&self, id: ClientId, client: &mut Connection, number: i32, round: &mut Round) {
        let Some(main) = &self.main else {
            if self.is_resting {
                round.demands.push(Demand { client: id, request: Request::Signal(number) });
            } else {
                client.fail(&not_started());
            }
            return;
        };
        round.signals.push(number);
        // One that has ended, but not yet been taken leave of, needs none.
        match main.exit().map_or_else(|| main.signal(number), |_ended| Ok(())) {
            Ok(()) => client.reply(&Reply::Done),
            Err(error) => client.fail(&StartFailure::new(&error)),
        }
    }
}

fn not_started() -> StartFailure {
    StartFailure::new("the container has not started yet")
}
