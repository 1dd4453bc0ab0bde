//! A visit to a container's terminal: opened while the screen still stands, driven when the terminal is lent.

use std::{io, os::fd::AsFd};

use crate::{
    engine::{Engine, ErrorKind, Session, SessionEnd},
    model::ExecRequest,
    tui::msg::{Failure, Guest},
};

/// Opens the session. Blocks until the program has begun.
///
/// # Errors
/// Why there is none.
pub(in crate::tui) fn open(engine: &Engine, guest: &Guest) -> Result<Session, Failure> {
    match guest {
        Guest::Attach(id, _) => engine.attach(*id).map_err(Failure::from),
        Guest::Shell(id, name) => {
            let request = ExecRequest {
                args: vec!["/bin/sh".to_owned()],
                tty: true,
                open_stdin: true,
                ..ExecRequest::default()
            };
            let session = engine.exec(*id, &request);
            session.map_err(|error| match error.kind() {
                ErrorKind::NoProgram => Failure {
                    message: format!("{name} has no /bin/sh"),
                    hint: Some(format!("run another program: estiba exec -it {name} …")),
                    grave: false,
                },
                _ => Failure::from(error),
            })
        }
    }
}

/// Says what the user is looking at now, and how to come back.
pub(in crate::tui) fn greeting(guest: &Guest) -> String {
    match guest {
        Guest::Shell(_, name) => format!("a shell in {name}; 'exit' comes back to estiba"),
        Guest::Attach(_, name) => {
            format!("attached to {name}; ctrl-p ctrl-q comes back to estiba, {name} runs on")
        }
    }
}

/// Copies between the terminal and the container until its program ends or the user detaches; tells how that ended.
///
/// # Errors
/// Why it broke off.
pub(in crate::tui) fn drive(session: Session, guest: &Guest) -> Result<String, Failure> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let end = session.drive(Some(stdin.as_fd()), stdout.as_fd(), stderr.as_fd());
    let (Guest::Shell(_, name) | Guest::Attach(_, name)) = guest;
    Ok(match (end.map_err(Failure::from)?, guest) {
        (SessionEnd::Detached, _) => format!("left {name}; it runs on"),
        (SessionEnd::Exited(exit), Guest::Shell(..)) => {
            format!("the shell in {name} ended with {}", exit.code)
        }
        (SessionEnd::Exited(exit), Guest::Attach(..)) => {
            format!("{name} ended with {}", exit.code)
        }
    })
}
