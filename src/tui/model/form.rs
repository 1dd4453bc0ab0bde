//! Forms: their fields, what is wrong with them while they are typed, and the request and the command line that they mean.

use std::path::Path;

use tui_input::Input;

use crate::{
    model::{
        ContainerName, CreateContainer, CreateNetwork, Isolation, Mount, MountKind, NetworkRequest,
        Resources, RestartPolicy, flags,
    },
    tui::{msg::Task, words},
};

/// A form.
#[derive(Debug)]
pub(crate) struct Form {
    /// What it makes.
    pub(crate) kind: FormKind,
    /// Its fields.
    pub(crate) fields: Vec<Field>,
    /// The field that is typed in.
    pub(crate) at: usize,
    /// Why it was not done.
    pub(crate) trouble: Option<String>,
    /// The job that is doing it.
    pub(crate) job: Option<u64>,
}

/// What a form makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FormKind {
    /// A container from this image.
    Container(String),
    /// A network.
    Network,
}

/// What a field says of what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its name.
    Name,
    /// The program and its arguments.
    Command,
    /// The networks that it joins.
    Network,
    /// Variables of its environment.
    Env,
    /// Directories of the host.
    Mounts,
    /// The most memory.
    Memory,
    /// The most processors.
    Cpus,
    /// As whom it runs.
    User,
    /// Where it starts.
    Workdir,
    /// When it is started again.
    Restart,
    /// Whether it has a terminal.
    Terminal,
    /// Whether its root refuses writes.
    ReadOnly,
    /// Whether it is removed at its end.
    AutoRemove,
    /// Whether a first process of Estiba's reaps orphans.
    Init,
    /// The addresses of a network.
    Subnet,
}

/// A field of a form.
#[derive(Debug)]
pub(crate) struct Field {
    /// What it says.
    pub(crate) part: Part,
    /// What it means when left empty, or what it may hold.
    pub(crate) hint: String,
    /// What is typed.
    pub(crate) input: Input,
    /// Whether it is on, if it is a switch.
    pub(crate) is_on: Option<bool>,
}

impl Part {
    /// Gives the word before it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::Command => "Command",
            Self::Network => "Network",
            Self::Env => "Env",
            Self::Mounts => "Mounts",
            Self::Memory => "Memory",
            Self::Cpus => "CPUs",
            Self::User => "User",
            Self::Workdir => "Workdir",
            Self::Restart => "Restart",
            Self::Terminal => "terminal",
            Self::ReadOnly => "read-only",
            Self::AutoRemove => "remove at its end",
            Self::Init => "init",
            Self::Subnet => "Subnet",
        }
    }

    /// Gives the flag of the command line.
    const fn flag(self) -> &'static str {
        match self {
            Self::Name => "--name",
            Self::Network => "--network",
            Self::Env => "-e",
            Self::Mounts => "-v",
            Self::Memory => "-m",
            Self::Cpus => "--cpus",
            Self::User => "-u",
            Self::Workdir => "-w",
            Self::Restart => "--restart",
            Self::Terminal => "-it",
            Self::ReadOnly => "--read-only",
            Self::AutoRemove => "--rm",
            Self::Init => "--init",
            Self::Subnet => "--subnet",
            Self::Command => "",
        }
    }
}

impl Field {
    fn text(part: Part, hint: impl Into<String>) -> Self {
        Self { part, hint: hint.into(), input: Input::default(), is_on: None }
    }

    fn switch(part: Part, is_on: bool) -> Self {
        Self { part, hint: String::new(), input: Input::default(), is_on: Some(is_on) }
    }
}

impl Form {
    /// Makes the form for a network.
    pub(crate) fn network() -> Self {
        let fields = vec![
            Field::text(Part::Name, "letters, digits, '_', '.' and '-'"),
            Field::text(Part::Subnet, "a free one is chosen"),
        ];
        Self { kind: FormKind::Network, fields, at: 0, trouble: None, job: None }
    }

    /// Makes the form for a container of an image that runs `command`, where these networks are.
    pub(crate) fn container(image: String, command: &str, networks: &[String]) -> Self {
        let fields = vec![
            Field::text(Part::Name, "one is made up"),
            Field::text(Part::Command, command),
            Field::text(Part::Network, networks.join(", ")),
            Field::text(Part::Env, "KEY=value, blanks between"),
            Field::text(Part::Mounts, "/on/host:/inside[:ro], blanks between"),
            Field::text(Part::Memory, "no limit; like 512m or 2g"),
            Field::text(Part::Cpus, "no limit; like 0.5 or 2"),
            Field::text(Part::User, "the image's; name or number, :group if wanted"),
            Field::text(Part::Workdir, "the image's"),
            Field::text(Part::Restart, "no; always, unless-stopped or on-failure[:times]"),
            // Someone who makes a container by hand may want to attach to it.
            Field::switch(Part::Terminal, true),
            Field::switch(Part::ReadOnly, false),
            Field::switch(Part::AutoRemove, false),
            Field::switch(Part::Init, false),
        ];
        Self { kind: FormKind::Container(image), fields, at: 0, trouble: None, job: None }
    }

    /// Says for each field what is wrong with what is typed so far.
    pub(crate) fn troubles(&self) -> Vec<Option<String>> {
        self.fields.iter().map(|field| check(field).err()).collect()
    }

    /// Gives the task that it means, and what to call that.
    ///
    /// # Errors
    /// What is wrong first.
    pub(crate) fn task(&self) -> Result<(Task, String), String> {
        self.fields.iter().try_for_each(check)?;
        match &self.kind {
            FormKind::Container(image) => {
                let request = self.container_request(image)?;
                Ok((Task::Run(Box::new(request)), format!("run {image}")))
            }
            FormKind::Network => {
                let name = self.value(Part::Name);
                let name: ContainerName = match name {
                    "" => return Err("a network needs a name".to_owned()),
                    text => text.parse().map_err(|error| format!("{error}"))?,
                };
                let subnet = match self.value(Part::Subnet) {
                    "" => None,
                    text => Some(parse_subnet(text)?),
                };
                let words = format!("create {name}");
                Ok((Task::CreateNetwork(CreateNetwork { name, subnet, gateway: None }), words))
            }
        }
    }

    fn container_request(&self, image: &str) -> Result<CreateContainer, String> {
        let words = |part| words::split(self.value(part));
        let given = |part| Some(self.value(part)).filter(|text| !text.is_empty());
        let mounts = words(Part::Mounts)?;
        let mounts: Result<Vec<Mount>, String> = mounts.iter().map(|text| mount(text)).collect();
        let name = given(Part::Name).map(|text| text.parse().map_err(|error| format!("{error}")));
        // None at all means without limit.
        let limit =
            |number: Result<u64, String>| number.map(|number| (number > 0).then_some(number));
        let memory = given(Part::Memory).map_or(Ok(None), |text| limit(flags::parse_memory(text)));
        let cpus = given(Part::Cpus).map_or(Ok(None), |text| limit(flags::parse_cpus(text)));
        let restart = given(Part::Restart)
            .map(|text| text.parse::<RestartPolicy>().map_err(|error| error.to_string()));
        let has_terminal = self.is_on(Part::Terminal);
        Ok(CreateContainer {
            name: name.transpose()?,
            image: image.to_owned(),
            command: words(Part::Command)?,
            network: network(self.value(Part::Network)),
            env: words(Part::Env)?,
            mounts: mounts?,
            resources: Resources { memory: memory?, nano_cpus: cpus?, ..Resources::default() },
            user: given(Part::User).map(str::to_owned),
            workdir: given(Part::Workdir).map(str::to_owned),
            restart: restart.transpose()?.unwrap_or_default(),
            tty: has_terminal,
            open_stdin: has_terminal,
            read_only: self.is_on(Part::ReadOnly),
            auto_remove: self.is_on(Part::AutoRemove),
            isolation: Isolation { init: self.is_on(Part::Init), ..Isolation::default() },
            ..CreateContainer::default()
        })
    }

    /// Writes the command that does the same, as far as what is typed can be read.
    pub(crate) fn command_line(&self) -> String {
        let (mut words, last) = match &self.kind {
            FormKind::Container(image) => (vec!["estiba", "run", "-d"], image.as_str()),
            FormKind::Network => (vec!["estiba", "network", "create"], self.value(Part::Name)),
        };
        let is_network = self.kind == FormKind::Network;
        let split: Vec<(Part, Vec<String>)> = self.fields.iter().map(words_of).collect();
        for (field, (part, values)) in self.fields.iter().zip(&split) {
            match part {
                Part::Command => {}
                Part::Name if is_network => {}
                _ if field.is_on == Some(true) => words.push(part.flag()),
                _ => words.extend(values.iter().flat_map(|value| [part.flag(), value.as_str()])),
            }
        }
        words.extend(Some(last).filter(|last| !last.is_empty()));
        let command = split.iter().find(|(part, _)| *part == Part::Command);
        words.extend(command.into_iter().flat_map(|(_, words)| words.iter().map(String::as_str)));
        flags::shell_line(words)
    }

    /// Turns the switch under the cursor.
    pub(crate) fn toggle(&mut self) {
        if let Some(is_on) = self.fields.get_mut(self.at).and_then(|field| field.is_on.as_mut()) {
            *is_on ^= true;
        }
    }

    fn value(&self, part: Part) -> &str {
        let field = self.fields.iter().find(|field| field.part == part);
        field.map_or("", |field| field.input.value().trim())
    }

    fn is_on(&self, part: Part) -> bool {
        self.fields.iter().any(|field| field.part == part && field.is_on == Some(true))
    }
}

/// Gives the values of a field: several where it may hold several.
fn words_of(field: &Field) -> (Part, Vec<String>) {
    let text = field.input.value().trim();
    let one = || Some(text.to_owned()).filter(|text| !text.is_empty()).into_iter().collect();
    let values = match field.part {
        Part::Command | Part::Env | Part::Mounts => {
            words::split(text).unwrap_or_else(|_open| one())
        }
        Part::Network => names(text).map(str::to_owned).collect(),
        _ => one(),
    };
    (field.part, values)
}

/// Says what is wrong with what is typed.
fn check(field: &Field) -> Result<(), String> {
    let text = field.input.value().trim();
    if text.is_empty() {
        return Ok(());
    }
    let each = |check: fn(&str) -> Result<(), String>| {
        words::split(text)?.iter().try_for_each(|word| check(word))
    };
    match field.part {
        Part::Name => text.parse::<ContainerName>().map(drop).map_err(|error| format!("{error}")),
        Part::Command => words::split(text).map(drop),
        Part::Env => each(variable),
        Part::Mounts => each(|word| mount(word).map(drop)),
        Part::Memory => flags::parse_memory(text).map(drop),
        Part::Cpus => flags::parse_cpus(text).map(drop),
        Part::Workdir if !Path::new(text).is_absolute() => {
            Err(format!("'{text}' is not a whole path: write one from / on"))
        }
        Part::Restart => text.parse::<RestartPolicy>().map(drop).map_err(|e| e.to_string()),
        Part::Subnet => parse_subnet(text).map(drop),
        _ => Ok(()),
    }
}

fn variable(text: &str) -> Result<(), String> {
    match text.split_once('=') {
        Some((key, _)) if !key.is_empty() => Ok(()),
        _ => Err(format!("'{text}' is not a variable: write KEY=value")),
    }
}

/// Reads a mount as `-v` does; a relative source would be relative to nothing that the screen shows.
fn mount(text: &str) -> Result<Mount, String> {
    let mount = flags::parse_volume(text)?.0;
    match &mount.kind {
        MountKind::Bind { source, .. } if !source.is_absolute() => {
            Err(format!("'{}' is not a whole path: write one from / on", source.display()))
        }
        _ => Ok(mount),
    }
}

fn parse_subnet(text: &str) -> Result<ipnet::Ipv4Net, String> {
    text.parse().map_err(|_error: ipnet::AddrParseError| {
        format!("'{text}' is not a subnet: write one like 10.9.0.0/24")
    })
}

/// Reads which networks are wanted, with commas or blanks between.
fn network(text: &str) -> Option<NetworkRequest> {
    flags::network_request(names(text).map(str::to_owned).collect())
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: &[(Part, &str)]) -> Form {
        let mut form = Form::container("debian:12".to_owned(), "sh", &[]);
        for field in &mut form.fields {
            match values.iter().find(|(part, _)| *part == field.part) {
                Some((_, value)) if field.is_on.is_some() => field.is_on = Some(*value == "on"),
                Some((_, value)) => field.input = Input::new((*value).to_owned()),
                None => {}
            }
        }
        form
    }

    #[test]
    fn every_field_is_in_the_request_and_in_the_command_line() {
        let form = filled(&[
            (Part::Name, "web"),
            (Part::Command, "sh -c 'echo $HOME; sleep 9'"),
            (Part::Network, "back, front"),
            (Part::Env, "A=1 'B=two words'"),
            (Part::Mounts, "/srv:/srv:ro"),
            (Part::Memory, "64m"),
            (Part::Cpus, "1.5"),
            (Part::User, "1000:1000"),
            (Part::Workdir, "/srv"),
            (Part::Restart, "on-failure:3"),
            (Part::Terminal, "off"),
            (Part::ReadOnly, "on"),
            (Part::AutoRemove, "on"),
            (Part::Init, "on"),
        ]);
        assert_eq!(
            form.command_line(),
            "estiba run -d --name web --network back --network front -e A=1 -e 'B=two words' \
             -v /srv:/srv:ro -m 64m --cpus 1.5 -u 1000:1000 -w /srv --restart on-failure:3 --read-only --rm --init \
             debian:12 sh -c 'echo $HOME; sleep 9'"
        );
        let request = form.container_request("debian:12").unwrap();
        let networks = vec!["back".to_owned(), "front".to_owned()];
        let source = "/srv".into();
        let kind =
            MountKind::Bind { source, create: true, propagation: String::new(), is_flat: false };
        let expected = CreateContainer {
            name: Some("web".parse().unwrap()),
            image: "debian:12".to_owned(),
            command: ["sh", "-c", "echo $HOME; sleep 9"].map(str::to_owned).to_vec(),
            network: Some(NetworkRequest::Named(networks)),
            env: vec!["A=1".to_owned(), "B=two words".to_owned()],
            mounts: vec![Mount { kind, target: "/srv".to_owned(), read_only: true }],
            resources: Resources {
                memory: Some(64 << 20),
                nano_cpus: Some(1_500_000_000),
                ..Resources::default()
            },
            user: Some("1000:1000".to_owned()),
            workdir: Some("/srv".to_owned()),
            restart: RestartPolicy::OnFailure { most: 3 },
            read_only: true,
            auto_remove: true,
            isolation: Isolation { init: true, ..Isolation::default() },
            ..CreateContainer::default()
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn what_is_wrong_is_said_of_its_field() {
        for (part, wrong, word) in [
            (Part::Name, "x/y", "name"),
            (Part::Command, "sh -c 'x", "closing"),
            (Part::Env, "A=1 B", "'B'"),
            (Part::Mounts, "/x", "HOST:INSIDE"),
            (Part::Mounts, "./x:/y", "whole path"),
            (Part::Memory, "lots", "size"),
            (Part::Cpus, "-1", "processors"),
            (Part::Workdir, "srv", "whole path"),
            (Part::Restart, "sometimes", "policy"),
        ] {
            let form = filled(&[(part, wrong)]);
            let troubles = form.troubles();
            let place = form.fields.iter().position(|field| field.part == part).unwrap();
            let told = troubles[place].as_deref().unwrap();
            assert!(told.contains(word), "{told}");
            assert_eq!(troubles.iter().flatten().count(), 1);
            assert_eq!(form.task().unwrap_err(), told);
            // What cannot be read is still in the line, and is quoted.
            assert!(form.command_line().contains(wrong.split(' ').next().unwrap()));
        }
    }

    #[test]
    fn an_empty_form_asks_for_what_the_image_says() {
        let form = filled(&[]);
        assert_eq!(form.command_line(), "estiba run -d -it debian:12");
        let request = form.container_request("debian:12").unwrap();
        let expected = CreateContainer {
            image: "debian:12".to_owned(),
            tty: true,
            open_stdin: true,
            ..CreateContainer::default()
        };
        assert_eq!(request, expected);
        assert_eq!(Form::network().command_line(), "estiba network create");
    }
}
