//! The detail side: its frame, its tabs, and what the shown tab says.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    widgets::{Block, Borders, Widget},
};

use super::{layers as layer_view, paint::put, stats};
use crate::{
    model::State,
    tui::{
        hits::{Hits, Zone},
        keymap::Action,
        model::{Depth, Model, Tab},
        update::{base_layers, layers},
        widgets::text::{sanitize, width},
    },
};

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &mut Model, hits: &mut Hits) {
    if area.width < 3 || area.height < 3 {
        return;
    }
    let theme = &model.theme;
    let has_focus = model.detail.depth != Depth::Outside;
    let style = if has_focus { theme.focus } else { theme.frame };
    let block = Block::new().borders(Borders::ALL).border_set(theme.border()).border_style(style);
    let inside = block.inner(area);
    block.render(area, buffer);
    let Some((key, tab)) = model.selected().zip(model.tab()) else {
        return draw_welcome(buffer, inside, model);
    };
    let title = format!(" {} ", sanitize(&model.name_of(key)));
    let room = area.width.saturating_sub(4);
    let x = area.x + 1 + put(buffer, (area.x + 1, area.y), room, &title, theme.accent);
    draw_search(buffer, Rect::new(x, area.y, area.right().saturating_sub(x + 1), 1), model);
    hits.note(area, Zone::Detail);
    draw_tabs(buffer, Rect { height: 1, ..inside }, (model, hits), tab);
    let content = Rect {
        x: inside.x + 1,
        y: inside.y + 1,
        width: inside.width.saturating_sub(1),
        height: inside.height - 1,
    };
    if !content.is_empty() {
        draw_tab(buffer, content, (model, hits), tab);
    }
}

fn draw_tab(buffer: &mut Buffer, area: Rect, (model, hits): (&mut Model, &mut Hits), tab: Tab) {
    match tab {
        Tab::Logs => {
            if let Some(words) = log_notice(model) {
                put(buffer, (area.x, area.y), area.width, &words, model.theme.dim);
            } else {
                let bottom = model.keymap.key_of(layers(model), Action::Bottom);
                model.panels.logs.render(area, buffer, &model.theme, &bottom);
            }
        }
        Tab::Stats => stats::draw(buffer, area, model),
        Tab::Layers => layer_view::draw(buffer, area, model, hits),
        Tab::Changes => layer_view::draw_changes(buffer, area, model, hits),
        _ => model.panels.text.render(area, buffer, &model.theme),
    }
}

/// Says why there is no log to see.
fn log_notice(model: &Model) -> Option<String> {
    if let Some(trouble) = &model.detail.trouble {
        return Some(sanitize(trouble).into_owned());
    }
    let container = model.selected_container()?;
    let words = match (&container.state, model.detail.waiting) {
        _ if model.detail.has_lines => return None,
        (State::Created, _) => "it has not been started yet",
        (_, true) => "reading …",
        (State::Exited { .. }, false) => "it has written nothing",
        (State::Starting | State::Running { .. } | State::Restarting { .. }, false) => {
            "it has written nothing yet"
        }
    };
    Some(words.to_owned())
}

fn draw_tabs(buffer: &mut Buffer, area: Rect, (model, hits): (&Model, &mut Hits), shown: Tab) {
    let theme = &model.theme;
    let tabs = Tab::of(model.focus);
    let titles: usize = tabs.iter().map(|tab| width(tab.title())).sum();
    // Where there is little room, neighbours share the blank between them; where that is not enough, the one that is shown comes first.
    let is_close = titles + 2 * tabs.len() > usize::from(area.width);
    let (mut x, mut was_shown) = (area.x, false);
    let start = if titles + tabs.len() + 1 > usize::from(area.width) {
        tabs.iter().position(|tab| *tab == shown).unwrap_or(0)
    } else {
        0
    };
    for (place, tab) in tabs.iter().enumerate().cycle().skip(start).take(tabs.len()) {
        let room = area.right().saturating_sub(x);
        if room == 0 {
            break;
        }
        let (before, after, style) = match (*tab == shown, is_close) {
            (true, _) => ("[", "]", theme.accent),
            (false, true) if was_shown => ("", "", theme.dim),
            (false, true) => (" ", "", theme.dim),
            (false, false) => (" ", " ", theme.dim),
        };
        was_shown = *tab == shown;
        let text = format!("{before}{}{after}", tab.title());
        let taken = put(buffer, (x, area.y), room, &text, style);
        hits.note(Rect::new(x, area.y, taken, 1), Zone::Tab(place));
        x += taken;
    }
}

fn draw_search(buffer: &mut Buffer, area: Rect, model: &Model) {
    let is_typing = model.prompt.as_ref().is_some_and(|prompt| prompt.pane.is_none());
    if is_typing || !model.detail.search.is_empty() {
        let cursor = if is_typing { "▌" } else { "" };
        let text = format!("/{}{cursor} ", sanitize(&model.detail.search));
        let taken = put(buffer, (area.x, area.y), area.width, &text, model.theme.matched);
        let is_lost = match model.tab() {
            Some(Tab::Logs) => model.panels.logs.is_lost(),
            // The tree says itself that nothing matches.
            Some(Tab::Layers | Tab::Changes | Tab::Stats) => false,
            _ => model.panels.text.is_lost(),
        };
        if is_lost {
            let room = area.width - taken;
            put(buffer, (area.x + taken, area.y), room, "no match ", model.theme.warn);
        }
    }
}

/// Says what there is to do when nothing can be selected.
fn draw_welcome(buffer: &mut Buffer, area: Rect, model: &Model) {
    if !model.loaded {
        return;
    }
    // Whatever lies over it, these are the keys that lead on from here.
    let keys = |action| model.keymap.key_of(base_layers(model), action);
    let lines = [
        format!("{}  shows all keys", keys(Action::Help)),
        format!("{}  quits; containers keep running", keys(Action::Leave)),
    ];
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        let room = area.width.saturating_sub(1);
        put(buffer, (area.x + 1, y), room, &line, model.theme.dim);
    }
}
