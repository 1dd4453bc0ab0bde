//! Images that are made here: `commit` and `import`.

use std::io;

use super::{
    Surroundings,
    arguments::{CommitOptions, ImportOptions},
    output,
    transfer::Stopping,
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
    let mut ignored = |_progress| {};
    let id = if options.source == "-" {
        engine.import(&mut io::stdin(), &request, &mut ignored)?
    } else {
        let stopping = Stopping::new();
        let mut archive =
            engine.open_archive(&surroundings.directory, &options.source, stopping.cancel())?;
        engine.import(&mut archive, &request, &mut ignored)?
    };
    output::line(id.to_string());
    Ok(0)
}
