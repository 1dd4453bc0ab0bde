//! Under which scopes of a policy an image falls, the most specific first (containers-policy.json(5), §supported transports).

use std::path::Path;

use crate::model::ImageReference;

/// Gives the scopes of a name in a registry: itself, its repository, its namespaces, its host, and the domains above that.
///
/// A name with tag and digest is pulled by its digest, and counts as named by it alone.
pub(super) fn of_reference(reference: &ImageReference) -> Vec<String> {
    let name = format!("{}/{}", reference.registry(), reference.repository());
    let itself = match (reference.digest(), reference.tag()) {
        (Some(digest), _) => format!("{name}@{digest}"),
        (None, tag) => format!("{name}:{}", tag.unwrap_or_default()),
    };
    let mut scopes = vec![itself];
    let mut rest = name.as_str();
    scopes.push(rest.to_owned());
    while let Some((above, _)) = rest.rsplit_once('/') {
        scopes.push(above.to_owned());
        rest = above;
    }
    let mut domain = rest.split(':').next().unwrap_or_default();
    while let Some((_, above)) = domain.split_once('.') {
        scopes.push(format!("*.{above}"));
        domain = above;
    }
    scopes
}

/// Gives the scopes of a file or folder, whose path is absolute and without links: itself and its directories but the root.
pub(super) fn of_path(path: &Path) -> Vec<String> {
    path.ancestors()
        .filter(|above| above.parent().is_some())
        .map(|above| above.display().to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_go_from_the_image_to_the_domain() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (name, expected) in [
            (
                "busybox",
                vec![
                    "docker.io/library/busybox:latest",
                    "docker.io/library/busybox",
                    "docker.io/library",
                    "docker.io",
                    "*.io",
                ],
            ),
            (
                "r.example.com:5000/ns/app:1",
                vec![
                    "r.example.com:5000/ns/app:1",
                    "r.example.com:5000/ns/app",
                    "r.example.com:5000/ns",
                    "r.example.com:5000",
                    "*.example.com",
                    "*.com",
                ],
            ),
            ("localhost/a:b", vec!["localhost/a:b", "localhost/a", "localhost"]),
        ] {
            assert_eq!(of_reference(&name.parse().unwrap()), expected, "{name}");
        }
        let both: ImageReference = format!("localhost/a:b@{digest}").parse().unwrap();
        assert_eq!(
            of_reference(&both)[..2],
            [format!("localhost/a@{digest}"), "localhost/a".to_owned()]
        );
    }

    #[test]
    fn a_path_falls_under_its_directories() {
        assert_eq!(of_path(Path::new("/srv/in/a.tar")), ["/srv/in/a.tar", "/srv/in", "/srv"]);
        assert_eq!(of_path(Path::new("/")), [""; 0]);
    }
}
