//! Which ids a user may map: `/etc/subuid` and `/etc/subgid` (subuid(5)), and maps in `/proc` (`user_namespaces(7)`).

/// A run of ids that belong to a user: the first, and how many.
pub(super) type Range = (u32, u32);

/// What `newuidmap` and `newgidmap` are to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    /// Arguments after the process: inside, outside, count; and again.
    pub(super) users: Vec<String>,
    /// The same for groups.
    pub(super) groups: Vec<String>,
}

impl Mapping {
    /// Tells whether both maps have more than the user's own id.
    pub(super) const fn is_worth_it(&self) -> bool {
        self.users.len() > 3 && self.groups.len() > 3
    }
}

/// Reads the ranges of one user, who is written there by name or by number; what cannot be understood is nobody's.
pub(super) fn ranges(text: &str, name: Option<&str>, id: u32) -> Vec<Range> {
    let id = id.to_string();
    let mut found: Vec<Range> = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.trim().split(':').collect();
        let [owner, start, count] = fields[..] else {
            continue;
        };
        if Some(owner) != name && owner != id {
            continue;
        }
        let (Ok(start), Ok(count)) = (start.parse::<u32>(), count.parse::<u32>()) else {
            continue;
        };
        let meets = |(other, length): &Range| {
            u64::from(start) < u64::from(*other) + u64::from(*length)
                && u64::from(*other) < u64::from(start) + u64::from(count)
        };
        // The kernel refuses a map that has an id twice, as it would when the user stands there by name and by number.
        if count > 0 && start.checked_add(count).is_some() && !found.iter().any(meets) {
            found.push((start, count));
        }
    }
    found
}

/// Puts the user's own id at 0 and the ranges behind it.
pub(super) fn arguments(own: u32, ranges: &[Range]) -> Vec<String> {
    let mut inside = 1_u32;
    let mut words = vec!["0".to_owned(), own.to_string(), "1".to_owned()];
    for (start, count) in ranges {
        let Some(next) = inside.checked_add(*count) else {
            break;
        };
        words.extend([inside, *start, *count].map(|number| number.to_string()));
        inside = next;
    }
    words
}

/// Counts the ids of a map as `/proc/PID/uid_map` shows it.
pub(super) fn count(map: &str) -> u32 {
    map.lines()
        .filter_map(|line| line.split_ascii_whitespace().nth(2)?.parse::<u32>().ok())
        .fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_and_by_number() {
        let text =
            "ann:100000:65536\nbob:165536:65536\n1000:300000:10\n# note\nann:x:1\nann:5\nann:7:0\n";
        assert_eq!(ranges(text, Some("ann"), 1000), [(100_000, 65536), (300_000, 10)]);
        assert_eq!(ranges(text, None, 1000), [(300_000, 10)]);
        assert_eq!(ranges(text, Some("eve"), 7), []);
    }

    #[test]
    fn an_id_is_not_mapped_twice() {
        let text = "ann:100000:65536\n1000:100000:65536\nann:165535:2\nann:4294967295:1\n";
        assert_eq!(ranges(text, Some("ann"), 1000), [(100_000, 65536)]);
    }

    #[test]
    fn the_own_id_comes_first() {
        assert_eq!(
            arguments(1000, &[(100_000, 5), (200_000, 7)]).join(" "),
            "0 1000 1 1 100000 5 6 200000 7"
        );
        assert_eq!(arguments(1000, &[]).join(" "), "0 1000 1");
    }

    #[test]
    fn the_ids_of_a_map_are_counted() {
        assert_eq!(count("         0       1000          1\n"), 1);
        assert_eq!(count("0 1000 1\n1 100000 65536\n"), 65537);
        assert_eq!(count("0 0 4294967295\n"), u32::MAX);
        assert_eq!(count(""), 0);
    }
}
