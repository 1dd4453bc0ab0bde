//! A caller's connection to a monitor.

use std::{io, time::Duration};

use oci_spec::runtime::LinuxResources;

use super::{
    MonitorError, SOCKET, Session, StartFailure,
    channel::{Channel, Received},
    launch::lost,
    protocol::{Joining, Reply, Request},
};
use crate::{
    model::{ContainerId, Endpoint, ExecRequest, Exit, Network},
    store::Layout,
    sys::socket,
};

/// A connection to a monitor.
#[derive(Debug)]
pub struct Client {
    id: ContainerId,
    channel: Channel,
    is_waiting: bool,
    exit: Option<Exit>,
}

impl Client {
    /// Connects to the monitor of a container.
    ///
    /// # Errors
    /// [`MonitorError::Gone`].
    pub fn connect(layout: &Layout, id: ContainerId) -> Result<Self, MonitorError> {
        let stream = socket::connect(&layout.container_run(id), SOCKET)
            .map_err(|error| lost(id, error.source))?;
        Ok(Self { id, channel: Channel::new(stream), is_waiting: false, exit: None })
    }

    /// Sends a signal to the first process.
    ///
    /// # Errors
    /// [`MonitorError::Gone`], [`MonitorError::Start`] with the reason when the kernel refuses it.
    pub fn signal(&mut self, number: i32) -> Result<(), MonitorError> {
        self.ask(&Request::Signal(number))
    }

    /// Waits until the container has ended and its record says so; `None` when `patience` ended first.
    ///
    /// # Errors
    /// [`MonitorError::Gone`], [`MonitorError::Start`] when the container did not even start.
    pub fn wait(&mut self, patience: Option<Duration>) -> Result<Option<Exit>, MonitorError> {
        if let Some(exit) = &self.exit {
            return Ok(Some(exit.clone()));
        }
        if !self.is_waiting {
            self.send(&Request::Wait)?;
            self.is_waiting = true;
        }
        match self.channel.receive_within(patience) {
            Ok(Received::Message(Reply::Exited(exit))) => {
                self.exit = Some(exit.clone());
                Ok(Some(exit))
            }
            Ok(Received::Message(Reply::Failed(failure))) => Err(MonitorError::Start(failure)),
            Ok(Received::Nothing) => Ok(None),
            Ok(Received::Ended) => Err(MonitorError::Gone(self.id)),
            Ok(Received::Message(_)) => Err(self.out_of_order()),
            Err(error) => Err(lost(self.id, error)),
        }
    }

    /// Joins the standard streams.
    ///
    /// # Errors
    /// [`MonitorError::Gone`].
    pub fn attach(self) -> Result<Session, MonitorError> {
        self.join(&Request::Attach)
    }

    /// Runs a further program.
    ///
    /// # Errors
    /// [`MonitorError::Start`].
    pub fn exec(self, request: &ExecRequest) -> Result<Session, MonitorError> {
        self.join(&Request::Exec(request.clone()))
    }

    /// Tells the limits that the container's next runs are to have; none if `None`.
    ///
    /// # Errors
    /// [`MonitorError::Start`] with the reason.
    pub fn limit(&mut self, resources: Option<LinuxResources>) -> Result<(), MonitorError> {
        self.ask(&Request::Limit(Box::new(resources)))
    }

    /// Connects the running container to a network (`all` for the rules).
    ///
    /// # Errors
    /// [`MonitorError::Start`] with the reason.
    pub fn connect_network(
        &mut self,
        endpoint: &Endpoint,
        network: &Network,
        all: &[Network],
    ) -> Result<(), MonitorError> {
        self.ask(&Request::ConnectNetwork(Box::new(Joining {
            endpoint: endpoint.clone(),
            network: network.clone(),
            all: all.to_vec(),
        })))
    }

    /// Takes it out again.
    ///
    /// # Errors
    /// [`MonitorError::Start`] with the reason.
    pub fn disconnect_network(&mut self, endpoint: &Endpoint) -> Result<(), MonitorError> {
        self.ask(&Request::DisconnectNetwork(Box::new(endpoint.clone())))
    }

    /// Asks for something that is done or not; an end that is told meanwhile is kept for [`Client::wait`].
    fn ask(&mut self, request: &Request) -> Result<(), MonitorError> {
        self.send(request)?;
        loop {
            match self.receive()? {
                Reply::Done => return Ok(()),
                Reply::Failed(failure) => return Err(MonitorError::Start(failure)),
                Reply::Exited(exit) => self.exit = Some(exit),
                Reply::Joined { .. } | Reply::Stdout(_) | Reply::Stderr(_) => {
                    return Err(self.out_of_order());
                }
            }
        }
    }

    fn join(mut self, request: &Request) -> Result<Session, MonitorError> {
        self.send(request)?;
        match self.receive()? {
            Reply::Joined { terminal } => Ok(Session::new(self.id, self.channel, terminal)),
            Reply::Failed(failure) => Err(MonitorError::Start(failure)),
            _ => Err(self.out_of_order()),
        }
    }

    fn send(&mut self, request: &Request) -> Result<(), MonitorError> {
        self.channel.send(request).map_err(|error| lost(self.id, error))
    }

    fn receive(&mut self) -> Result<Reply, MonitorError> {
        match self.channel.receive() {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(MonitorError::Gone(self.id)),
            Err(error) => Err(lost(self.id, error)),
        }
    }

    fn out_of_order(&self) -> MonitorError {
        let error = io::Error::new(io::ErrorKind::InvalidData, "its answer makes no sense now");
        lost(self.id, error)
    }
}

impl StartFailure {
    /// Words a failure that is not the program's fault.
    pub(super) fn new(message: &(impl ToString + ?Sized)) -> Self {
        Self { message: message.to_string(), exit_code: 125 }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (Client, Channel) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let client = Client {
            id: ContainerId::from_bytes([7; 32]),
            channel: Channel::new(ours),
            is_waiting: false,
            exit: None,
        };
        (client, Channel::new(theirs))
    }

    fn exit(code: i32) -> Exit {
        Exit { code, ..Exit::default() }
    }

    #[test]
    fn waiting_has_patience_and_signals_go_between() {
        let (mut client, mut monitor) = pair();
        assert_eq!(client.wait(Some(Duration::ZERO)).unwrap(), None);
        assert_eq!(client.wait(Some(Duration::from_millis(1))).unwrap(), None);
        assert_eq!(monitor.receive().unwrap(), Some(Request::Wait));
        // The container ends before it is asked to: the end is told first, and is not lost.
        monitor.send(&Reply::Exited(exit(3))).unwrap();
        monitor.send(&Reply::Done).unwrap();
        client.signal(9).unwrap();
        assert_eq!(monitor.receive().unwrap(), Some(Request::Signal(9)));
        assert_eq!(client.wait(None).unwrap(), Some(exit(3)));
        assert_eq!(client.wait(None).unwrap(), Some(exit(3)));
    }

    #[test]
    fn a_monitor_that_dies_is_gone() {
        let (mut client, monitor) = pair();
        drop(monitor);
        assert!(matches!(client.wait(None), Err(MonitorError::Gone(_))));
        assert!(matches!(client.signal(9), Err(MonitorError::Gone(_))));
        assert!(matches!(client.attach(), Err(MonitorError::Gone(_))));
    }

    #[test]
    fn a_refusal_is_told_in_its_words() {
        let (client, mut monitor) = pair();
        let failure =
            StartFailure { message: "cannot execute 'x': not found".to_owned(), exit_code: 127 };
        monitor.send(&Reply::Failed(failure.clone())).unwrap();
        match client.exec(&ExecRequest::default()) {
            Err(MonitorError::Start(told)) => assert_eq!(told, failure),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_out_of_order_is_refused() {
        let (client, mut monitor) = pair();
        monitor.send(&Reply::Done).unwrap();
        assert!(matches!(client.attach(), Err(MonitorError::Kernel(_))));
    }
}
