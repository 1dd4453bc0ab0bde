//! What a registry wants to see before it answers: `WWW-Authenticate` (RFC 9110 §11.6.1), taken apart.

/// A challenge that Estiba can meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with each request (RFC 7617).
    Basic,
    /// A token from somewhere else (distribution, spec/auth/token.md).
    Bearer {
        /// Who gives it.
        realm: String,
        /// For whom it is.
        service: Option<String>,
        /// What it has to allow.
        scope: Option<String>,
    },
}

/// Reads a header's value and gives the best challenge in it: a token before a password.
pub(super) fn parse(header: &str) -> Option<Challenge> {
    let mut best = None;
    let mut rest = header;
    while let Some((scheme, parameters, after)) = next(rest) {
        rest = after;
        let find = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("bearer") {
            if let Some(realm) = find("realm") {
                let (service, scope) = (find("service"), find("scope"));
                return Some(Challenge::Bearer { realm, service, scope });
            }
        } else if scheme.eq_ignore_ascii_case("basic") {
            best = Some(Challenge::Basic);
        }
    }
    best
}

type Parameters = Vec<(String, String)>;

/// Takes one challenge off: its scheme, its parameters, and what comes after.
fn next(text: &str) -> Option<(&str, Parameters, &str)> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let (scheme, mut rest) = token(text)?;
    let mut parameters = Vec::new();
    loop {
        let ahead = rest.trim_start_matches([' ', '\t', ',']);
        // A word without `=` is the next challenge's scheme.
        let Some((key, after)) = token(ahead) else { break };
        let Some(after) = after.trim_start().strip_prefix('=') else { break };
        let (value, after) = value(after.trim_start())?;
        parameters.push((key.to_owned(), value));
        rest = after;
    }
    Some((scheme, parameters, rest))
}

/// Takes a token off (RFC 9110 §5.6.2).
fn token(text: &str) -> Option<(&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    if end == 0 { None } else { text.split_at_checked(end) }
}

/// Takes a value off: a token, or a quoted text (RFC 9110 §5.6.4).
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end)?;
        return Some((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(place + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
                scope: scope.map(str::to_owned),
            })
        };
        for (header, challenge) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/x:pull,push""#,
                bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:library/x:pull,push"),
                ),
            ),
            (r#"basic realm="Registry Realm""#, Some(Challenge::Basic)),
            (r#"Basic realm="x", bearer realm=https://a/t"#, bearer("https://a/t", None, None)),
            (r#"Negotiate, Basic realm="a \"b\"""#, Some(Challenge::Basic)),
            (r#"BEARER Realm = "https://a/t" , Scope="""#, bearer("https://a/t", None, Some(""))),
            ("Basic", Some(Challenge::Basic)),
            ("Bearer service=x", None),
            ("Negotiate abc==", None),
            (r#"Bearer realm="unfinished"#, None),
            ("", None),
        ] {
            assert_eq!(parse(header), challenge, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_to_its_end(header in "\\PC{0,60}") {
            let _read = parse(&header);
        }
    }
}
