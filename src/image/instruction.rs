//! The instructions of Dockerfiles that change an image's config and nothing else, as `commit --change` takes them
//! (docs.docker.com/reference/dockerfile). Pure.

use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::ImageError;

/// The instructions that are known.
const KNOWN: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// An instruction that changes an image's config, like `ENV A=b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    word: String,
    rest: String,
}

/// The part of an image's config that says what a container runs.
pub(super) type Config = Map<String, Value>;

impl FromStr for Instruction {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (word, rest) = (word.to_ascii_uppercase(), rest.trim());
        let wrong = |reason: String| ImageError::Instruction { text: text.to_owned(), reason };
        if !KNOWN.contains(&word.as_str()) {
            return Err(wrong(format!("instructions are {}", KNOWN.join(", "))));
        }
        if rest.is_empty() {
            return Err(wrong(format!("{word} needs something after it")));
        }
        Ok(Self { word, rest: rest.to_owned() })
    }
}

impl Instruction {
    /// Changes a config; `before` are the words of the instructions that came before it.
    ///
    /// # Errors
    /// [`ImageError::Instruction`].
    pub(super) fn apply(&self, config: &mut Config, before: &[Self]) -> Result<(), ImageError> {
        self.change(config, before).map_err(|reason| ImageError::Instruction {
            text: format!("{} {}", self.word, self.rest),
            reason,
        })
    }

    fn change(&self, config: &mut Config, before: &[Self]) -> Result<(), String> {
        let known = environment(config);
        match self.word.as_str() {
            "CMD" => set(config, "Cmd", command(&self.rest)),
            "ENTRYPOINT" => {
                set(config, "Entrypoint", command(&self.rest));
                // The arguments were those of another program.
                if !before.iter().any(|other| other.word == "CMD") {
                    config.remove("Cmd");
                }
            }
            "ENV" => {
                for (key, value) in pairs(&self.rest, &known)? {
                    add_variable(config, &key, &value);
                }
            }
            "LABEL" => {
                for (key, value) in pairs(&self.rest, &known)? {
                    add(config, "Labels", key, value);
                }
            }
            "EXPOSE" => {
                for word in words(&self.rest, &known)? {
                    for port in ports(&word)? {
                        add(config, "ExposedPorts", port, json!({}));
                    }
                }
            }
            "VOLUME" => {
                let paths = match list(&self.rest) {
                    Some(paths) => paths,
                    None => words(&self.rest, &known)?,
                };
                for path in paths.into_iter().filter(|path| !path.is_empty()) {
                    add(config, "Volumes", path, json!({}));
                }
            }
            "USER" => set(config, "User", one(&self.rest, &known)?),
            "STOPSIGNAL" => set(config, "StopSignal", one(&self.rest, &known)?),
            "WORKDIR" => {
                let path = one(&self.rest, &known)?;
                let below = config.get("WorkingDir").and_then(Value::as_str).unwrap_or_default();
                set(config, "WorkingDir", directory(below, &path));
            }
            "ONBUILD" => {
                let hook = self.rest.parse::<Trigger>()?;
                let hooks = config.entry("OnBuild").or_insert_with(|| json!([]));
                if !hooks.is_array() {
                    *hooks = json!([]);
                }
                if let Some(hooks) = hooks.as_array_mut() {
                    hooks.push(hook.0.into());
                }
            }
            _ => set(config, "Healthcheck", health(&self.rest)?),
        }
        Ok(())
    }
}

/// What is done when somebody builds on the image.
struct Trigger(String);

impl FromStr for Trigger {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "ONBUILD" | "FROM" | "MAINTAINER" => Err(format!("{word} may not stand after ONBUILD")),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

fn set(config: &mut Config, key: &str, value: impl Into<Value>) {
    config.insert(key.to_owned(), value.into());
}

/// Adds to a set or a map of the config, made where there is none or `null`.
fn add(config: &mut Config, key: &str, name: String, value: impl Into<Value>) {
    let mut object = match config.remove(key) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    object.insert(name, value.into());
    set(config, key, object);
}

/// Gives the variables of a config.
fn environment(config: &Config) -> Vec<(String, String)> {
    let entries = config.get("Env").and_then(Value::as_array).into_iter().flatten();
    entries
        .filter_map(|entry| entry.as_str()?.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn add_variable(config: &mut Config, key: &str, value: &str) {
    let mut variables = environment(config);
    match variables.iter_mut().find(|(known, _)| known == key) {
        Some((_, known)) => value.clone_into(known),
        None => variables.push((key.to_owned(), value.to_owned())),
    }
    let entries = variables.into_iter().map(|(key, value)| format!("{key}={value}"));
    set(config, "Env", entries.collect::<Vec<_>>());
}

/// Reads a JSON list of texts.
fn list(text: &str) -> Option<Vec<String>> {
    if text.starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

/// Reads a program with its arguments: a JSON list, else a line for a shell.
fn command(text: &str) -> Vec<String> {
    list(text).unwrap_or_else(|| ["/bin/sh", "-c", text].map(str::to_owned).to_vec())
}

/// Reads `KEY=value KEY="va lue"`, or `KEY value to the end`.
fn pairs(text: &str, known: &[(String, String)]) -> Result<Vec<(String, String)>, String> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let (key, value) = text
            .split_once(char::is_whitespace)
            .ok_or_else(|| format!("'{text}' has no value: write KEY=value"))?;
        return Ok(vec![(key.to_owned(), expand(value.trim(), known)?)]);
    }
    let pair = |word: String| match word.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("'{word}' is no pair: write KEY=value")),
    };
    words(text, known)?.into_iter().map(pair).collect()
}

fn one(text: &str, known: &[(String, String)]) -> Result<String, String> {
    match <[String; 1]>::try_from(words(text, known)?) {
        Ok([word]) => Ok(word),
        Err(words) => Err(format!("one word is wanted, not {}", words.len())),
    }
}

/// Reads `80`, `53/udp` or `8000-8010/tcp`.
fn ports(text: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("'{text}' is no port: write 80, 53/udp or 8000-8010");
    let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (Some(first), Some(last)) = (number(first), number(last)) else { return Err(wrong()) };
    if first > last || !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(wrong());
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

/// Joins a directory to the one before it, and makes it plain.
fn directory(below: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{below}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Reads `NONE`, or `[--interval=30s …] CMD …`; spans are kept in nanoseconds, as Docker does.
fn health(text: &str) -> Result<Value, String> {
    let mut check = Map::new();
    let mut rest = text;
    while let Some(flag) = rest.strip_prefix("--") {
        let (flag, after) = flag.split_once(char::is_whitespace).unwrap_or((flag, ""));
        rest = after.trim_start();
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        let key = match name {
            "interval" => "Interval",
            "timeout" => "Timeout",
            "start-period" => "StartPeriod",
            "start-interval" => "StartInterval",
            "retries" => {
                let retries: u32 =
                    value.parse().map_err(|_error| format!("--retries={value} is no number"))?;
                check.insert("Retries".to_owned(), retries.into());
                continue;
            }
            _ => return Err(format!("--{name} is not known")),
        };
        let span: jiff::SignedDuration =
            value.parse().map_err(|_error| format!("--{name}={value} is no span, like 30s"))?;
        if span.is_negative() {
            return Err(format!("--{name} is below 0"));
        }
        // More is read back by nobody.
        let nanoseconds = i64::try_from(span.as_nanos())
            .map_err(|_error| format!("--{name} is more than 292 years"))?;
        check.insert(key.to_owned(), nanoseconds.into());
    }
    let (word, line) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let program = match (word.to_ascii_uppercase().as_str(), line.trim()) {
        ("NONE", "") => json!(["NONE"]),
        ("CMD", line) if !line.is_empty() => match list(line) {
            Some(words) => json!([vec!["CMD".to_owned()], words].concat()),
            None => json!(["CMD-SHELL", line]),
        },
        _ => return Err("write NONE, or CMD and a program".to_owned()),
    };
    check.insert("Test".to_owned(), program);
    Ok(check.into())
}

/// Takes a text apart at spaces that are not quoted, and fills in variables.
fn words(text: &str, known: &[(String, String)]) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (next, after) = word(rest, known, true)?;
        words.push(next);
        rest = after.trim_start();
    }
    Ok(words)
}

/// Fills in variables, and takes quotes away.
fn expand(text: &str, known: &[(String, String)]) -> Result<String, String> {
    word(text, known, false).map(|(word, _)| word)
}

/// Reads one word, to its end or that of the text; gives what comes after it.
fn word<'a>(
    text: &'a str,
    known: &[(String, String)],
    ends_at_space: bool,
) -> Result<(String, &'a str), String> {
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match (character, quote) {
            (' ' | '\t' | '\n', None) if ends_at_space => {
                return Ok((word, text.get(place..).unwrap_or_default()));
            }
            ('\'' | '"', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            ('\\', None | Some('"')) => match characters.next() {
                Some((_, next)) => {
                    if quote.is_some() && !matches!(next, '"' | '\\' | '$') {
                        word.push('\\');
                    }
                    word.push(next);
                }
                None => word.push('\\'),
            },
            ('$', None | Some('"')) => {
                let (value, after) = variable(characters.as_str(), known)?;
                word.push_str(&value);
                let skipped = characters.as_str().len() - after.len();
                let target = characters.offset() + skipped;
                while characters.offset() < target {
                    characters.next();
                }
            }
            _ => word.push(character),
        }
    }
    match quote {
        Some(open) => Err(format!("the quote {open} is never closed")),
        None => Ok((word, "")),
    }
}

/// Reads what comes after `$`: a name, or in braces a name with `:-default` or `:+instead`; gives its value and what comes after it.
fn variable<'a>(text: &'a str, known: &[(String, String)]) -> Result<(String, &'a str), String> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let value =
        |name: &str| known.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let Some(inside) = text.strip_prefix('{') else {
        let end = text.find(|character| !is_name(character)).unwrap_or(text.len());
        let (name, after) = text.split_at(end);
        let found = if name.is_empty() { Some("$".to_owned()) } else { value(name) };
        return Ok((found.unwrap_or_default(), after));
    };
    let (inside, after) = inside.split_once('}').ok_or("the brace after $ is never closed")?;
    let end = inside.find(|character| !is_name(character)).unwrap_or(inside.len());
    let (name, modifier) = inside.split_at(end);
    let found = value(name).filter(|value| !value.is_empty());
    let result = match (modifier.get(..2), modifier) {
        _ if name.is_empty() => return Err("a variable without a name".to_owned()),
        (_, "") => found.unwrap_or_default(),
        (Some(":-"), _) => {
            found.unwrap_or_else(|| modifier.get(2..).unwrap_or_default().to_owned())
        }
        (Some(":+"), _) => {
            found.map(|_| modifier.get(2..).unwrap_or_default().to_owned()).unwrap_or_default()
        }
        _ => return Err(format!("${{{inside}}} is not understood")),
    };
    Ok((result, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(base: &Value, instructions: &[&str]) -> Result<Value, ImageError> {
        let mut config = base.as_object().unwrap().clone();
        let instructions: Vec<Instruction> =
            instructions.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        for (place, instruction) in instructions.iter().enumerate() {
            instruction.apply(&mut config, &instructions[..place])?;
        }
        Ok(config.into())
    }

    #[test]
    fn each_instruction_changes_what_docker_changes() {
        let base = json!({ "Env": ["PATH=/bin", "A=1"], "Cmd": ["sh"], "WorkingDir": "/srv", "Labels": null });
        for (instructions, key, expected) in [
            (&["CMD [\"a\", \"b c\"]"][..], "Cmd", json!(["a", "b c"])),
            (&["cmd echo $HOME"], "Cmd", json!(["/bin/sh", "-c", "echo $HOME"])),
            (&["ENTRYPOINT [\"/x\"]"], "Entrypoint", json!(["/x"])),
            (&["ENTRYPOINT [\"/x\"]"], "Cmd", Value::Null),
            (&["CMD [\"y\"]", "ENTRYPOINT [\"/x\"]"], "Cmd", json!(["y"])),
            (&["ENV A=2 B=\"x y\" C='$A'"], "Env", json!(["PATH=/bin", "A=2", "B=x y", "C=$A"])),
            (&["ENV PATH=$PATH:/opt"], "Env", json!(["PATH=/bin:/opt", "A=1"])),
            (&["ENV D all the rest"], "Env", json!(["PATH=/bin", "A=1", "D=all the rest"])),
            (&["ENV E=${A}${Z:-z}${A:+y}\\ $"], "Env", json!(["PATH=/bin", "A=1", "E=1zy $"])),
            (&["LABEL a=b \"c d\"=e"], "Labels", json!({ "a": "b", "c d": "e" })),
            (
                &["EXPOSE 80 53/udp 8000-8001"],
                "ExposedPorts",
                json!({ "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {} }),
            ),
            (&["VOLUME /a /b"], "Volumes", json!({ "/a": {}, "/b": {} })),
            (&["VOLUME [\"/a b\"]"], "Volumes", json!({ "/a b": {} })),
            (&["USER me:us"], "User", json!("me:us")),
            (&["WORKDIR app/../web"], "WorkingDir", json!("/srv/web")),
            (&["WORKDIR /$A"], "WorkingDir", json!("/1")),
            (&["STOPSIGNAL SIGINT"], "StopSignal", json!("SIGINT")),
            (&["ONBUILD RUN make", "ONBUILD ENV A=b"], "OnBuild", json!(["RUN make", "ENV A=b"])),
            (&["HEALTHCHECK NONE"], "Healthcheck", json!({ "Test": ["NONE"] })),
            (
                &["HEALTHCHECK --interval=5s --retries=3 CMD curl x"],
                "Healthcheck",
                json!({ "Interval": 5_000_000_000_u64, "Retries": 3, "Test": ["CMD-SHELL", "curl x"] }),
            ),
            (&["HEALTHCHECK CMD [\"a\"]"], "Healthcheck", json!({ "Test": ["CMD", "a"] })),
        ] {
            let config = changed(&base, instructions).unwrap();
            assert_eq!(config.get(key).unwrap_or(&Value::Null), &expected, "{instructions:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_text() {
        for text in [
            "",
            "RUN make",
            "FROM x",
            "ENV",
            "ENV A",
            "ENV =b",
            "ENV A=\"b",
            "ENV A=${B",
            "LABEL a=b =c",
            "EXPOSE 0",
            "EXPOSE 80/icmp",
            "EXPOSE 9-8",
            "EXPOSE x",
            "USER a b",
            "ONBUILD FROM x",
            "HEALTHCHECK CMD",
            "HEALTHCHECK --often CMD x",
            "HEALTHCHECK --interval=x CMD y",
            "HEALTHCHECK --interval=-1s CMD y",
            "HEALTHCHECK --interval=3000000h CMD y",
            "WORKDIR",
        ] {
            let error = changed(&json!({}), &[text]).unwrap_err().to_string();
            assert!(error.starts_with("invalid change '"), "{text}: {error}");
        }
    }
}
