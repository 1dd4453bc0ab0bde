//! Images that are made here: `commit` and `import`.

use std::io::{self, IsTerminal as _};

use super::{
    Surroundings,
    arguments::{CommitOptions, ImportOptions},
    output,
    transfer::{Output, Stopping, Transfer},
};
use crate::engine::{CommitRequest, Engine, ImportRequest, Result};

/// Makes an image of what a container has changed, and says its id.
pub(super) fn commit(engine: &Engine, options: CommitOptions) -> Result<u8> {
    let container = engine.container(&options.container)?;
    let request = CommitRequest {
        reference: options.name,
        author: options.author,
        message: options.message,
        changes: options.changes,
        goes_on: !options.pause,
    };
    output::line(engine.commit(container.id, &request)?.to_string());
    Ok(0)
}

/// Makes an image of the files in an archive, and says its id.
pub(super) fn import(
    engine: &Engine,
    surroundings: &Surroundings,
    options: ImportOptions,
) -> Result<u8> {
    let message = match options.message.as_str() {
        // As Docker, which says it when nothing else is said.
        "" if options.source == "-" => "Imported from -".to_owned(),
        "" => format!("Imported from {}", options.source),
        message => message.to_owned(),
    };
    let request = ImportRequest {
        reference: options.name,
        message,
        changes: options.changes,
        platform: options.platform,
    };
    let stopping = Stopping::new();
    let cancel = stopping.cancel();
    let mut archive = if options.source == "-" {
        Box::new(stopping.archive()?)
    } else {
        engine.open_archive(&surroundings.directory, &options.source, cancel)?
    };
    let output = if io::stderr().is_terminal() { Output::Error } else { Output::None };
    let mut transfer = Transfer::new(output, "Imported");
    let id =
        engine.import(&mut archive, &request, cancel, &mut |progress| transfer.tell(&progress))?;
    drop(transfer);
    output::line(id.to_string());
    Ok(0)
}
