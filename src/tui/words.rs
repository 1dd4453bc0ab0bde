//! Splits a command line into words, as a shell would without expanding anything (POSIX sh §2.2, quoting).

/// Splits at blanks outside quotes; a backslash takes the next character as it is.
///
/// # Errors
/// Says which quote is not closed.
pub(crate) fn split(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut quote = None;
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match (character, quote) {
            ('\'' | '"', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (closing, Some(open)) if closing == open => quote = None,
            ('\\', None | Some('"')) => match rest.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err("the command ends in a lone backslash".to_owned()),
            },
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    if let Some(open) = quote {
        return Err(format!("the command has no closing {open}"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_split_as_a_shell_does() {
        for (line, words) in [
            ("", vec![]),
            ("  sh  ", vec!["sh"]),
            ("sh -c 'echo hi; sleep 9'", vec!["sh", "-c", "echo hi; sleep 9"]),
            (r#"a "b \" c" d\ e"#, vec!["a", "b \" c", "d e"]),
            ("a '' b", vec!["a", "", "b"]),
            ("a'b'c", vec!["abc"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        for open in ["'a", "\"a", "a\\"] {
            assert!(split(open).is_err(), "{open}");
        }
    }
}
