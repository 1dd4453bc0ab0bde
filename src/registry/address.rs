//! Addresses: what is below a registry's own, and what is another host's.

/// Makes a whole address: of a path below `/v2/`, of one below the host, or of what is whole already.
pub(super) fn whole(base: &str, target: &str) -> String {
    if target.contains("://") {
        target.to_owned()
    } else if target.starts_with('/') {
        format!("{base}{target}")
    } else {
        format!("{base}/v2/{target}")
    }
}

/// Gives the address that another one sends to: a whole one, or a path on the same host.
pub(super) fn beside(address: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let (scheme, rest) = address.split_once("://").unwrap_or(("https", address));
    let host = rest.split('/').next().unwrap_or(rest);
    format!("{scheme}://{host}/{}", location.trim_start_matches('/'))
}

/// Tells whether an address is one of this very scheme, host and port.
pub(super) fn is_below(address: &str, base: &str) -> bool {
    address.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_the_very_host_only() {
        let base = "https://registry.example:5000";
        for (target, full, is_own) in [
            ("a/blobs/x", "https://registry.example:5000/v2/a/blobs/x", true),
            (
                "/v2/a/uploads/1?_state=x",
                "https://registry.example:5000/v2/a/uploads/1?_state=x",
                true,
            ),
            ("https://registry.example:5000/u", "https://registry.example:5000/u", true),
            ("http://registry.example:5000/u", "http://registry.example:5000/u", false),
            ("https://registry.example:50001/u", "https://registry.example:50001/u", false),
            ("https://registry.example:5000.evil/u", "https://registry.example:5000.evil/u", false),
            ("https://storage.example/u", "https://storage.example/u", false),
        ] {
            assert_eq!(whole(base, target), full);
            assert_eq!(is_below(full, base), is_own, "{full}");
        }
    }

    #[test]
    fn a_path_that_is_sent_to_is_on_the_same_host() {
        for (address, location, full) in [
            ("https://a.example:5/v2/x", "/y?z", "https://a.example:5/y?z"),
            ("https://a.example", "y", "https://a.example/y"),
            ("http://a.example/x", "https://b.example/y", "https://b.example/y"),
        ] {
            assert_eq!(beside(address, location), full);
        }
    }
}
