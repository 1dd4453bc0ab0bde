//! The texts of the detail's tabs. Everything that an image or a user chose is made harmless first.

mod health;
mod map;

use ratatui::{
    style::Style,
    text::{Line, Span},
};
use serde::Serialize;

use super::{
    model::{Facts, Key, Tab, letters, rough_age, spaced_size, state_text},
    panes::Tone,
    theme::Theme,
    widgets::text::{pad_left, pad_right, sanitize},
};
use crate::model::{
    Container, Endpoint, Health, Image, ImageReference, Network, NetworkMode, Signature, State,
};

/// Writes what a tab says of a thing.
pub(crate) fn lines(facts: &Facts, theme: &Theme, key: Key, tab: Tab) -> Vec<Line<'static>> {
    let page = Page { facts, theme, lines: Vec::new() };
    let page = match key {
        Key::Container(id) => facts.container(id).map(|it| page.container(it, tab)),
        Key::Image(id) => facts.image(id).map(|it| page.image(it, tab)),
        Key::Network(id) => facts.network(id).map(|it| page.network(it, tab)),
    };
    page.map_or_else(Vec::new, |page| page.lines)
}

/// A text that is being written.
struct Page<'a> {
    facts: &'a Facts,
    theme: &'a Theme,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn container(self, container: &Container, tab: Tab) -> Self {
        match tab {
            Tab::Image => match self.facts.image(container.image) {
                Some(image) => self.image_of(container, image),
                None => self.dim("its image is gone"),
            },
            Tab::Network => self.networks_of(container),
            Tab::Env => self.env(&container.config.env),
            Tab::Health => self.health_of(container),
            _ => self.json(container),
        }
    }

    fn image(self, image: &Image, tab: Tab) -> Self {
        match tab {
            Tab::UsedBy => self.used_by(image),
            Tab::History => self.history(image),
            Tab::Config => self.config(image),
            _ => self.json(image),
        }
    }

    fn network(self, network: &Network, tab: Tab) -> Self {
        match tab {
            Tab::Endpoints => self.endpoints(network),
            Tab::Map => self.map_of(network),
            _ => self.json(network),
        }
    }

    fn image_of(self, container: &Container, image: &Image) -> Self {
        // The same name may be written without its tag.
        let called = container.image_name.parse::<ImageReference>();
        let is_called_so = called.is_ok_and(|name| image.references.contains(&name));
        let page = self.badge_row("image", image).row("id", &image.id.to_string());
        let page = if is_called_so { page } else { page.row("was called", &container.image_name) };
        page.row("size", &spaced_size(image.size()))
            .row("layers", &image.layers.len().to_string())
            .blank()
            .row("runs", &container.config.args.join(" "))
            .row("in", &container.config.workdir)
            .row("as", user(&container.config.user))
    }

    fn networks_of(self, container: &Container) -> Self {
        match &container.config.network {
            NetworkMode::Host => return self.dim("uses the host's own network"),
            NetworkMode::None => return self.dim("has no network but its own loopback"),
            NetworkMode::Container(_) => return self.dim("uses the network of another container"),
            NetworkMode::Bridges(_) => {}
        }
        if container.endpoints.is_empty() {
            let names: Vec<_> = super::model::networks_of(container)
                .filter_map(|id| self.facts.network(id))
                .map(|network| network.name.to_string())
                .collect();
            let words = format!("gets an address when it starts, in {}", names.join(", "));
            return self.dim(&words);
        }
        container.endpoints.iter().fold(self, |page, endpoint| {
            let Endpoint { address, prefix, .. } = endpoint;
            page.row("network", endpoint.network_name.as_str())
                .row("address", &format!("{address}/{prefix}"))
                .row("gateway", &endpoint.gateway.to_string())
                .row("hardware", &endpoint.mac_text())
                .row("interface", &endpoint.interface)
                .blank()
        })
    }

    fn env(self, env: &[String]) -> Self {
        if env.is_empty() {
            return self.dim("the environment is empty");
        }
        let accent = self.theme.accent;
        env.iter().fold(self, |page, variable| {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            page.spans([(format!("{name}="), accent), (value.to_owned(), Style::new())])
        })
    }

    fn used_by(self, image: &Image) -> Self {
        let containers = self.facts.containers_of(image.id);
        if containers.is_empty() {
            return self.dim("no container stands on it; it can be deleted");
        }
        let now = self.facts.now;
        containers.into_iter().fold(self, |page, container| {
            let (glyph, _) = state_text(&container.state, now);
            let tone = match container.state {
                State::Running { health: Some(Health::Unhealthy), .. } => Tone::Bad,
                State::Running { .. } => Tone::Good,
                State::Restarting { .. } => Tone::Warn,
                _ => Tone::Dim,
            };
            let style = page.theme.tone(tone);
            let name = pad_right(container.name.as_str(), 20);
            page.spans([
                (format!("{glyph} "), style),
                (name, Style::new()),
                (format!(" {}", state_words(container, now)), style),
            ])
        })
    }

    fn history(self, image: &Image) -> Self {
        if image.config.history.is_empty() {
            return self.dim("the image does not say how it was built");
        }
        let mut layers = image.layers.iter();
        let (dim, now) = (self.theme.dim, self.facts.now);
        image.config.history.iter().fold(self, |page, step| {
            let size = if step.empty_layer { None } else { layers.next() };
            let size = size.map_or_else(|| "—".to_owned(), |layer| spaced_size(layer.size));
            let age = step
                .created
                .map_or_else(String::new, |then| format!("{} ago", rough_age(now, then)));
            page.spans([
                (pad_left(&size, 7), Style::new()),
                (format!("  {}  ", pad_right(&age, 17)), dim),
                (step.created_by.clone(), Style::new()),
            ])
        })
    }

    fn config(self, image: &Image) -> Self {
        let config = &image.config;
        let platform = format!("{}/{}", config.os, config.architecture);
        let signatures = self.facts.signatures_of(image.id);
        let page = self
            .badge_row("image", image)
            .row("entry point", &config.entrypoint.join(" "))
            .row("command", &config.command.join(" "))
            .row("in", &config.workdir)
            .row("as", user(&config.user))
            .row("ports", &config.exposed_ports.join(" "))
            .row("volumes", &config.volumes.join(" "))
            .row("stop signal", config.stop_signal.as_deref().unwrap_or(""))
            .row("platform", &platform)
            .row("author", config.author.as_deref().unwrap_or(""));
        let page = signatures.iter().fold(page, |page, signature| {
            let Signature { key_name, key, identity, .. } = signature;
            page.row("signed by", &format!("{key_name} ({})", key.short()))
                .row("signed as", identity)
        });
        let page = page.blank();
        let labels = config.labels.iter();
        let page =
            labels.fold(page, |page, (name, value)| page.row("label", &format!("{name}={value}")));
        page.env(&config.env)
    }

    fn endpoints(self, network: &Network) -> Self {
        let page = self
            .row("subnet", &network.subnet.to_string())
            .row("gateway", &network.gateway.to_string())
            .row("bridge", &network.bridge)
            .blank();
        if network.endpoints.is_empty() {
            return page.dim("no container has an address in it; a new one may join it");
        }
        let mut endpoints: Vec<_> = network.endpoints.iter().collect();
        endpoints.sort_by_key(|endpoint| endpoint.address);
        endpoints.into_iter().fold(page, |page, endpoint| {
            let name = pad_right(endpoint.container_name.as_str(), 20);
            let address = pad_right(&endpoint.address.to_string(), 15);
            let rest = format!("{}  {}", endpoint.interface, endpoint.mac_text());
            let dim = page.theme.dim;
            page.spans([(name, Style::new()), (format!(" {address}  "), Style::new()), (rest, dim)])
        })
    }

    fn json<T: Serialize>(self, value: &T) -> Self {
        match serde_json::to_string_pretty(value) {
            Ok(text) => {
                text.lines().fold(self, |page, line| page.spans([(line.to_owned(), Style::new())]))
            }
            Err(error) => self.dim(&error.to_string()),
        }
    }

    /// Adds the badge and the names of an image.
    fn badge_row(self, label: &str, image: &Image) -> Self {
        let number = self.facts.badge(image.id).unwrap_or_default();
        let names: Vec<_> = image.references.iter().map(ToString::to_string).collect();
        let names = if names.is_empty() { "without a name".to_owned() } else { names.join(", ") };
        let (dim, badge) = (self.theme.dim, self.theme.badge(number));
        self.spans([
            (pad_right(label, 13), dim),
            (format!("{} ", letters(number)), badge),
            (names, Style::new()),
        ])
    }

    /// Adds a row with a label; none when there is nothing to say.
    fn row(self, label: &str, value: &str) -> Self {
        if value.is_empty() {
            return self;
        }
        let dim = self.theme.dim;
        self.spans([(pad_right(label, 13), dim), (value.to_owned(), Style::new())])
    }

    fn dim(self, words: &str) -> Self {
        let dim = self.theme.dim;
        self.spans([(words.to_owned(), dim)])
    }

    fn blank(mut self) -> Self {
        self.lines.push(Line::default());
        self
    }

    fn spans<const N: usize>(mut self, spans: [(String, Style); N]) -> Self {
        let spans = spans
            .into_iter()
            .map(|(text, style)| Span::styled(sanitize(&text).into_owned(), style));
        self.lines.push(Line::from(spans.collect::<Vec<_>>()));
        self
    }
}

fn user(user: &str) -> &str {
    if user.is_empty() { "root" } else { user }
}

/// Tells a state in words: `up 3 minutes`, `exited 2 hours ago`.
pub(crate) fn state_words(container: &Container, now: crate::model::Timestamp) -> String {
    match &container.state {
        State::Running { started, paused, health, .. } => {
            let still = if *paused { ", paused" } else { "" };
            let health = health.map_or_else(String::new, |health| match health {
                Health::Starting => ", health being checked".to_owned(),
                known => format!(", {}", known.word()),
            });
            format!("up {}{still}{health}", rough_age(now, *started))
        }
        State::Restarting { finished, exit, restarts, .. } => {
            let ago = rough_age(now, *finished);
            let times =
                if *restarts == 1 { "once".to_owned() } else { format!("{restarts} times") };
            format!("restarted {times}, and again soon; exited {} {ago} ago", exit.code)
        }
        State::Exited { finished, exit, .. } => {
            let why = if exit.oom { ", out of memory" } else { "" };
            let ago = rough_age(now, *finished);
            format!("exited {} {ago} ago{why}", exit.code)
        }
        State::Created | State::Starting => container.state.word().to_owned(),
    }
}
