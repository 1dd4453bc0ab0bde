//! The delete dialog: what goes, what stays, what is in the way, and the ways out.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{Shown, Text, offer, plain, show};
use crate::{
    model::{Container, ContainerId, Image, ImageId, NetworkId},
    tui::{
        keymap::{Action, Layer},
        model::{DeleteDialog, Key, Model, letters, spaced_size, state_text},
        panes::Tone,
        tabs::state_words,
        update::{deletable, running_target},
        view::header::counted,
        widgets::text::{pad_right, sanitize},
    },
};

/// The most things that it lists.
const LISTED: usize = 10;

/// Draws it.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    (model, hits): Shown<'_>,
    dialog: &DeleteDialog,
) {
    let title = match dialog.targets.as_slice() {
        [key] => {
            let kind = match key {
                Key::Container(_) => "container",
                Key::Image(_) => "image",
                Key::Network(_) => "network",
            };
            format!("Delete {kind} {}", sanitize(&model.name_of(*key)))
        }
        several => format!("Delete {} marked", several.len()),
    };
    let lines = match dialog.targets.as_slice() {
        [Key::Container(id)] => container_lines(model, dialog, *id),
        [Key::Image(id)] => image_lines(model, *id),
        [Key::Network(id)] => network_lines(model, *id),
        _ => several_lines(model, dialog),
    };
    show(buffer, area, (model, hits), (&title, &lines));
}

fn gone(model: &Model) -> Vec<Text> {
    vec![plain(model, "It is gone already."), offer(model, Layer::Delete, Action::Cancel, "close")]
}

/// Writes a container with its state.
fn container_line(model: &Model, container: &Container) -> Text {
    let theme = &model.theme;
    let (glyph, _) = state_text(&container.state, model.facts.now);
    let tone = if container.state.is_live() { Tone::Good } else { Tone::Dim };
    vec![
        (format!("  {glyph} "), theme.tone(tone)),
        (pad_right(container.name.as_str(), 16), theme.text),
        (format!(" {}", state_words(container, model.facts.now)), theme.dim),
    ]
}

/// Writes so many of the things that a list is not longer than a dialog.
fn listed<T>(model: &Model, items: &[T], line: impl Fn(&T) -> Text) -> Vec<Text> {
    let mut lines: Vec<Text> = items.iter().take(LISTED).map(line).collect();
    if items.len() > LISTED {
        let rest = items.len() - LISTED;
        lines.push(vec![(format!("  and {rest} more"), model.theme.dim)]);
    }
    lines
}

fn container_lines(model: &Model, dialog: &DeleteDialog, id: ContainerId) -> Vec<Text> {
    let Some(container) = model.facts.container(id) else {
        return gone(model);
    };
    let image = sanitize(&container.image_name).into_owned();
    let badge = model.facts.badge(container.image).map_or_else(String::new, letters);
    let mut lines = vec![
        container_line(model, container),
        Text::new(),
        plain(model, "Goes:  the container, its log and every file it changed."),
        plain(model, format!("Stays: the image {badge} {image}, networks, mounted folders.")),
        Text::new(),
    ];
    if running_target(model, dialog).is_some() {
        let words =
            format!("It is running, and will be killed. Type {} to delete it:", container.name);
        lines.push(vec![(words, model.theme.warn)]);
        lines.push(vec![
            ("> ".to_owned(), model.theme.accent),
            (format!("{}▌", sanitize(dialog.typed.value())), model.theme.text),
        ]);
        lines.push(offer(model, Layer::Input, Action::Cancel, "close and change nothing"));
    } else {
        lines.push(offer(model, Layer::Delete, Action::Confirm, "delete it"));
        lines.push(offer(model, Layer::Delete, Action::Cancel, "close and change nothing"));
    }
    lines
}

fn image_lines(model: &Model, id: ImageId) -> Vec<Text> {
    let Some(image) = model.facts.image(id) else {
        return gone(model);
    };
    let users = model.facts.containers_of(id);
    let mut lines = if users.is_empty() {
        free_image_lines(model, image)
    } else {
        used_image_lines(model, image, &users)
    };
    lines.push(offer(model, Layer::Delete, Action::Cancel, "close and change nothing"));
    lines
}

/// Offers to take only the name away, if there is one.
fn untag_offer(model: &Model, image: &Image) -> Option<Text> {
    let name = image.references.first()?.to_string();
    let words = format!("remove only the name {} (keeps the data)", sanitize(&name));
    Some(offer(model, Layer::Delete, Action::Untag, &words))
}

fn free_image_lines(model: &Model, image: &Image) -> Vec<Text> {
    let sharing = model.facts.sharing(image.id);
    let mut lines = Vec::new();
    if image.references.len() > 1 {
        let names: Vec<_> = image.references.iter().map(ToString::to_string).collect();
        let words = format!("Goes with all its names: {}", sanitize(&names.join(", ")));
        lines.push(plain(model, words));
    }
    lines.push(plain(model, format!("Frees {}.", spaced_size(sharing.unique))));
    if sharing.layers > 0 {
        let with: Vec<_> = sharing.with.iter().map(|number| letters(*number)).collect();
        let shared = counted(sharing.layers, "layer");
        let words = format!("Stays: {shared} shared with {}.", with.join(" "));
        lines.push(plain(model, words));
    }
    lines.push(Text::new());
    lines.push(offer(model, Layer::Delete, Action::Confirm, "delete it"));
    lines.extend(untag_offer(model, image));
    lines
}

fn used_image_lines(model: &Model, image: &Image, users: &[&Container]) -> Vec<Text> {
    let count = users.len();
    let stand = if count == 1 { "stands" } else { "stand" };
    let containers = counted(count, "container");
    let words = format!("Cannot be deleted: {containers} {stand} on it.");
    let mut lines = vec![vec![(words, model.theme.bad)]];
    lines.extend(listed(model, users, |container| container_line(model, container)));
    lines.push(Text::new());
    lines.extend(untag_offer(model, image));
    let these = match count {
        1 => "it".to_owned(),
        many => format!("these {many}"),
    };
    let unique = spaced_size(model.facts.sharing(image.id).unique);
    let words = format!("stop and remove {these}, then the image: {unique}");
    lines.push(offer(model, Layer::Delete, Action::RemoveAll, &words));
    let words = "go to the first container";
    lines.push(offer(model, Layer::Delete, Action::GoFirst, words));
    lines
}

fn network_lines(model: &Model, id: NetworkId) -> Vec<Text> {
    let Some(network) = model.facts.network(id) else {
        return gone(model);
    };
    let mut lines = Vec::new();
    if network.is_default() {
        let words = "Cannot be deleted: it is the network that is always there.";
        lines.push(vec![(words.to_owned(), model.theme.bad)]);
    } else if network.endpoints.is_empty() {
        lines.push(plain(
            model,
            format!("Frees {} and the bridge {}.", network.subnet, network.bridge),
        ));
        lines.push(Text::new());
        lines.push(offer(model, Layer::Delete, Action::Confirm, "delete it"));
    } else {
        let count = network.endpoints.len();
        let have = if count == 1 { "has" } else { "have" };
        let containers = counted(count, "container");
        let words = format!("Cannot be deleted: {containers} {have} an address in it.");
        lines.push(vec![(words, model.theme.bad)]);
        lines.extend(listed(model, &network.endpoints, |endpoint| {
            let name = pad_right(endpoint.container_name.as_str(), 16);
            vec![
                (format!("  {name} "), model.theme.text),
                (endpoint.address.to_string(), model.theme.dim),
            ]
        }));
        lines.push(Text::new());
        lines.push(offer(model, Layer::Delete, Action::GoFirst, "go to the first container"));
    }
    lines.push(offer(model, Layer::Delete, Action::Cancel, "close and change nothing"));
    lines
}

fn several_lines(model: &Model, dialog: &DeleteDialog) -> Vec<Text> {
    let (going, staying) = deletable(model, dialog);
    let name = |key: &Key| sanitize(&model.name_of(*key)).into_owned();
    let mut lines = vec![plain(model, format!("Goes ({}):", going.len()))];
    lines.extend(listed(model, &going, |key| plain(model, format!("  {}", name(key)))));
    if !staying.is_empty() {
        let words = format!("Stays, because it runs or is used ({}):", staying.len());
        lines.push(vec![(words, model.theme.warn)]);
        lines.extend(listed(model, &staying, |key| plain(model, format!("  {}", name(key)))));
    }
    lines.push(Text::new());
    if !going.is_empty() {
        let words = match going.len() {
            1 => "delete it".to_owned(),
            many => format!("delete these {many}"),
        };
        lines.push(offer(model, Layer::Delete, Action::Confirm, &words));
    }
    lines.push(offer(model, Layer::Delete, Action::Cancel, "close and change nothing"));
    lines
}
