//! The line at the bottom: at most eight hints for the selection, from the keymap. Above it, short messages.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    widgets::{Clear, Widget},
};

use super::{
    dialogs::wrapped,
    header::counted,
    paint::{dialog, put, put_all, row},
};
use crate::tui::{
    enabled::{enabled, label},
    hits::{Hits, Zone},
    keymap::{Action, Layer},
    layout::Areas,
    model::{Depth, Model, Overlay, Pane, Tab},
    update::{is_in_files, layers},
    widgets::text::{pad_right, sanitize, width},
};

/// The most hints there are.
const HINTS: usize = 8;

/// Texts, each in its style.
type Pieces = Vec<(String, Style)>;

/// How many lines a message may take.
const HIGHEST: usize = 6;

/// One hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hint {
    /// What it does.
    pub(crate) action: Action,
    /// The key, in words.
    pub(crate) key: String,
    /// What it does, in words.
    pub(crate) label: &'static str,
    /// Why it cannot do that now.
    pub(crate) reason: Option<String>,
}

/// Gives the actions that are worth a hint where the user is, the most wanted first.
const fn wanted(model: &Model) -> &'static [Action] {
    use Action as A;
    match (model.detail.depth, model.focus) {
        (Depth::Files, _) => {
            &[A::Open, A::Out, A::Filter, A::Sort, A::Waste, A::Extract, A::Palette, A::Help]
        }
        (Depth::Tab, Pane::Images) => {
            &[A::In, A::Out, A::NextTab, A::Stacked, A::Waste, A::Compare, A::Palette, A::Help]
        }
        (Depth::Tab, _) => {
            &[A::Out, A::NextTab, A::Filter, A::NextMatch, A::Zoom, A::Palette, A::Help]
        }
        (Depth::Outside, Pane::Containers) => &[
            A::StartStop,
            A::Restart,
            A::Shell,
            A::Zoom,
            A::Delete,
            A::UsedBy,
            A::Palette,
            A::Help,
        ],
        (Depth::Outside, Pane::Images) => {
            &[A::New, A::Zoom, A::UsedBy, A::Delete, A::Pull, A::Filter, A::Palette, A::Help]
        }
        (Depth::Outside, Pane::Networks) => {
            &[A::New, A::UsedBy, A::Delete, A::Inspect, A::Filter, A::Palette, A::Help]
        }
    }
}

/// Gives the hints.
pub(crate) fn hints(model: &Model) -> Vec<Hint> {
    let layers = layers(model);
    let actions: &[Action] = if model.prompt.is_some() {
        &[Action::Confirm, Action::Cancel]
    } else {
        match model.overlays.last() {
            Some(Overlay::Form(_)) => &[Action::NextField, Action::Confirm, Action::Cancel],
            Some(Overlay::Ask(_)) => &[Action::Complete, Action::Confirm, Action::Cancel],
            Some(Overlay::Prune(plan)) if plan.scope.has_images() => {
                &[Action::Confirm, Action::WithNames, Action::Cancel]
            }
            Some(Overlay::Prune(_) | Overlay::Palette(_)) => &[Action::Confirm, Action::Cancel],
            Some(Overlay::Jobs(_)) => &[Action::CancelJob, Action::Cancel],
            Some(Overlay::File) => &[Action::Filter, Action::NextMatch, Action::Cancel],
            None if is_in_files(model) && model.focus == Pane::Containers => &[
                Action::Open,
                Action::Out,
                Action::Reset,
                Action::Commit,
                Action::Filter,
                Action::Sort,
                Action::Extract,
                Action::Help,
            ],
            Some(_) => &[Action::Cancel],
            None if model.loaded && model.facts.overview.images.is_empty() => {
                &[Action::Pull, Action::Palette, Action::Help, Action::Leave]
            }
            None => wanted(model),
        }
    };
    actions
        .iter()
        .filter(|action| match action {
            Action::In => model.tab() == Some(Tab::Layers),
            Action::NextMatch => !model.detail.search.is_empty(),
            _ => true,
        })
        .map(|action| Hint {
            action: *action,
            key: model.keymap.key_of(layers, *action),
            label: label(model, *action),
            reason: enabled(model, *action).err(),
        })
        .filter(|hint| !hint.key.is_empty())
        .filter(|hint| hint.reason.is_none() || model.selected().is_some())
        .take(HINTS)
        .collect()
}

/// Draws the hints; those that find no place are left out, but not the last, which is the help, and before it the palette.
pub(super) fn draw(buffer: &mut Buffer, areas: &Areas, model: &Model, hits: &mut Hits) {
    let (area, theme) = (areas.footer, &model.theme);
    if area.is_empty() {
        return;
    }
    let mut shown: Vec<(Option<Action>, Pieces)> =
        hints(model).iter().map(|hint| (Some(hint.action), pieces(hint, model))).collect();
    if areas.is_small {
        let words = " too small for all panes: 60×16 is needed ".to_owned();
        shown.insert(0, (None, vec![(words, theme.warn)]));
    }
    let total = |shown: &[(Option<Action>, Pieces)]| -> usize {
        shown.iter().flat_map(|(_, pieces)| pieces).map(|(text, _)| width(text)).sum()
    };
    while total(&shown) > usize::from(area.width) && shown.len() > 1 {
        shown.remove(least_wanted(&shown));
    }
    draw_unread(buffer, area, (model, hits), total(&shown));
    let mut x = area.x;
    for (action, pieces) in shown {
        let room = Rect { x, width: area.right().saturating_sub(x), ..area };
        let taken = put_all(buffer, room, &pieces);
        if let Some(action) = action {
            hits.note(Rect { width: taken, ..room }, Zone::Does(action));
        }
        x += taken;
    }
}

/// Gives which hint goes first where there is no room: the last one that is neither the help nor the palette; then the palette, then
/// the help. What is no hint stays.
fn least_wanted(shown: &[(Option<Action>, Pieces)]) -> usize {
    let last = shown.len().saturating_sub(1);
    let others = shown.get(..last).unwrap_or_default();
    let is_plain = |action: Option<Action>| action.is_some_and(|it| it != Action::Palette);
    let plain = others.iter().rposition(|(action, _)| is_plain(*action));
    plain.or_else(|| others.iter().rposition(|(action, _)| action.is_some())).unwrap_or(last)
}

/// Says at the right how many messages were not read again yet, where the hints leave room.
fn draw_unread(buffer: &mut Buffer, area: Rect, (model, hits): (&Model, &mut Hits), taken: usize) {
    let unread = model.toasts.unread;
    let key = model.keymap.key_of(&[Layer::Global], Action::Messages);
    if unread == 0 || key.is_empty() || !model.overlays.is_empty() {
        return;
    }
    let words = format!(" {key} ● {} ", counted(unread, "message"));
    let columns = u16::try_from(width(&words)).unwrap_or(u16::MAX);
    if taken + usize::from(columns) <= usize::from(area.width) {
        let place = Rect { x: area.right() - columns, width: columns, ..area };
        put(buffer, (place.x, place.y), columns, &words, model.theme.dim);
        hits.note(place, Zone::Does(Action::Messages));
    }
}

fn pieces(hint: &Hint, model: &Model) -> Pieces {
    let theme = &model.theme;
    match &hint.reason {
        None => vec![
            (format!(" {}", hint.key), theme.accent),
            (format!(" {} ", hint.label), theme.text),
        ],
        Some(reason) => {
            let words = format!(" {} {} ({reason}) ", hint.key, hint.label);
            vec![(words, theme.dim)]
        }
    }
}

/// Draws the newest messages above the footer, at the right; a long one takes several lines.
pub(super) fn draw_toasts(buffer: &mut Buffer, area: Rect, model: &Model) {
    let mut free = area.bottom();
    for toast in model.toasts.standing.iter().rev().take(3) {
        let mut lines = wrapped(&sanitize(&toast.text), usize::from(area.width.saturating_sub(2)));
        lines.truncate(HIGHEST);
        let widest = lines.iter().map(|line| width(line)).max().unwrap_or(0);
        let columns = u16::try_from(widest + 2).unwrap_or(area.width).min(area.width);
        let style = model.theme.tone(toast.tone).patch(model.theme.cursor);
        for line in lines.iter().rev() {
            if free == area.y {
                return;
            }
            free -= 1;
            let place = Rect::new(area.right() - columns, free, columns, 1);
            Clear.render(place, buffer);
            let text = format!(" {} ", pad_right(line, widest));
            put(buffer, (place.x, place.y), columns, &text, style);
        }
    }
}

/// Draws which keys can follow those that were typed.
pub(super) fn draw_continuations(buffer: &mut Buffer, area: Rect, model: &Model) {
    if model.typed.is_empty() {
        return;
    }
    let next = model.keymap.continuations(layers(model), &model.typed);
    let lines: Vec<String> = next
        .iter()
        .map(|binding| format!("{:<10} {}", binding.keys_text(), binding.desc))
        .collect();
    let columns = lines.iter().map(|line| width(line)).max().unwrap_or(0) + 2;
    let size = (
        u16::try_from(columns).unwrap_or(u16::MAX - 2),
        u16::try_from(lines.len()).unwrap_or(u16::MAX - 2),
    );
    let inside = dialog(buffer, area, size, "and then", &model.theme);
    for (y, line) in (0..inside.height).zip(&lines) {
        let place = row(inside, y);
        put(buffer, (place.x, place.y), place.width, line, model.theme.text);
    }
}
