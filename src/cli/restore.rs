//! `system restore` and `system unit`: what ought to run is started when the machine comes up.

use std::path::Path;

use super::{failure, output};
use crate::engine::{self, Engine, Privilege, Result};

/// Starts what ought to run; ends with 1 when one of them did not start.
pub(super) fn run(engine: &Engine) -> Result<u8> {
    let mut code = 0;
    for restored in engine.restore()? {
        match restored.failure {
            None => output::line(restored.container.name.to_string()),
            Some(error) => {
                code = 1;
                failure::report(&error, false);
            }
        }
    }
    Ok(code)
}

/// Prints a unit that does so.
pub(super) fn unit(engine: &Engine) -> Result<u8> {
    output::text(&unit_text(&engine::program_file()?, engine));
    Ok(0)
}

fn unit_text(program: &Path, engine: &Engine) -> String {
    let config = engine.config();
    Unit {
        program,
        root: &config.data_root,
        runroot: &config.run_root,
        is_root: config.privilege == Privilege::Rootful,
    }
    .text()
}

/// What a unit says.
struct Unit<'a> {
    program: &'a Path,
    root: &'a Path,
    runroot: &'a Path,
    is_root: bool,
}

impl Unit<'_> {
    /// Writes it down (`systemd.unit(5)`, `systemd.service(5)`). The monitors stay behind in its control group, so it counts as active after its one
    /// command has ended; when it is stopped each of them hears SIGTERM, and asks its container to stop.
    fn text(&self) -> String {
        let (place, enable, wanted_by) = if self.is_root {
            (
                "/etc/systemd/system/estiba-restore.service",
                "systemctl daemon-reload && systemctl enable estiba-restore",
                "multi-user.target",
            )
        } else {
            (
                "~/.config/systemd/user/estiba-restore.service",
                "systemctl --user daemon-reload && systemctl --user enable estiba-restore && loginctl enable-linger",
                "default.target",
            )
        };
        // A user's manager knows no targets of the system.
        let after = if self.is_root {
            "Wants=network-online.target\nAfter=network-online.target nss-lookup.target nftables.service firewalld.service\n"
        } else {
            ""
        };
        format!(
            "# Starts the containers of Estiba that ought to run when the machine comes up.
# Put it into {place}, then:
#   {enable}
[Unit]
Description=Containers of Estiba that ought to run
{after}RequiresMountsFor={root} {runroot}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={command} system restore
# Control groups for limits may be made below it.
Delegate=yes
# What is stopped with it is given time to stop by itself.
KillMode=control-group
TimeoutStartSec=infinity
TimeoutStopSec=90

[Install]
WantedBy={wanted_by}
",
            command = format!(
                "{} --root {} --runroot {}",
                quoted(self.program),
                quoted(self.root),
                quoted(self.runroot)
            )
            .replace('$', "$$"),
            root = quoted(self.root),
            runroot = quoted(self.runroot),
        )
    }
}

/// Writes a path so that systemd reads it as one word, and finds no specifier in it (`systemd.syntax(7)`).
fn quoted(path: &Path) -> String {
    let text = path.display().to_string().replace('%', "%%");
    let is_plain =
        text.bytes().all(|c| c.is_ascii_graphic() && !matches!(c, b'"' | b'\'' | b'\\' | b';'));
    if is_plain {
        return text;
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(is_root: bool) -> String {
        let [program, root, runroot] =
            ["/usr/bin/estiba", "/var/lib/estiba", "/run/estiba"].map(Path::new);
        Unit { program, root, runroot, is_root }.text()
    }

    #[test]
    fn a_unit_calls_restore_where_it_belongs() {
        for (is_root, target) in [(true, "multi-user.target"), (false, "default.target")] {
            let text = unit(is_root);
            let line = "ExecStart=/usr/bin/estiba --root /var/lib/estiba --runroot /run/estiba system restore\n";
            assert!(text.contains(line), "{text}");
            assert!(text.ends_with(&format!("WantedBy={target}\n")), "{text}");
            assert_eq!(text.contains("network-online"), is_root, "{text}");
            assert!(text.contains("RemainAfterExit=yes"), "its end would be the monitors' end");
        }
    }

    #[test]
    fn paths_are_one_word_each() {
        for (path, text) in [
            ("/usr/bin/estiba", "/usr/bin/estiba"),
            ("/a b", "\"/a b\""),
            ("/100%/$x", "/100%%/$x"),
            ("/a\"b\\", "\"/a\\\"b\\\\\""),
        ] {
            assert_eq!(quoted(Path::new(path)), text);
        }
    }
}
