//! What a container uses: figures, limits, and charts of processor and memory.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    symbols::bar::{NINE_LEVELS, Set},
    widgets::{Sparkline, SparklineBar, Widget},
};

use super::paint::{put, put_all};
use crate::{
    model::{Container, Rates, Sample, State, Statistics, units},
    tui::{
        model::Model,
        panes::percent,
        theme::Theme,
        widgets::text::{pad_right, sanitize, width},
    },
};

/// The rows of a chart at most.
const TALLEST: u16 = 8;
/// Bars of ASCII only: what is half a row or more is drawn, and less as a dot.
const ASCII_BARS: Set<'static> = Set {
    full: "#",
    seven_eighths: "#",
    three_quarters: "#",
    five_eighths: "#",
    half: "=",
    three_eighths: "-",
    one_quarter: "-",
    one_eighth: ".",
    empty: " ",
};

/// A line of figures: its name, what it says, and what stands at the right.
struct Figure {
    name: &'static str,
    words: String,
    aside: String,
    tone: Style,
}

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model) {
    let Some(container) = model.selected_container() else { return };
    let theme = &model.theme;
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    let Some((before, last)) = model.panels.history.newest() else {
        return put_notice(buffer, area, model, container);
    };
    let rates = Rates::between(before, last).unwrap_or_default();
    let columns = usize::from(area.width);
    let cpu = model.panels.history.series(columns, |_, rates| rates.cpu);
    let memory = model.panels.history.series(columns, |sample, _| bytes(sample));
    let figures = figures(container, &last.statistics, &rates, theme);
    let rest = u16::try_from(figures.len() + 2).unwrap_or(u16::MAX);
    // On a small screen the last figures give way to charts of one row.
    let tall = (area.height.saturating_sub(rest) / 2).clamp(1, TALLEST);
    let span = span(model, area.width);
    let mut y = area.y;
    let quota = quota(container);
    for (figure, series, most) in [
        (cpu_figure(quota, &rates, theme, &cpu), &cpu, quota),
        (memory_figure(&last.statistics, theme, &memory), &memory, limit(&last.statistics)),
    ] {
        y += put_figure(buffer, Rect { y, ..area }, area.bottom(), (&figure, theme));
        let rows = tall.min(area.bottom().saturating_sub(y));
        put_chart(buffer, Rect { y, height: rows, ..area }, (series, most), theme);
        y += rows;
    }
    for figure in figures {
        y += put_figure(buffer, Rect { y, ..area }, area.bottom(), (&figure, theme));
    }
    if y < area.bottom() {
        put(buffer, (area.x, y), area.width, &span, theme.dim);
    }
}

fn put_notice(buffer: &mut Buffer, area: Rect, model: &Model, container: &Container) {
    let words = match (&model.detail.trouble, &container.state) {
        (Some(trouble), _) => sanitize(trouble).into_owned(),
        (None, State::Running { .. } | State::Starting) if model.detail.waiting => {
            "reading …".to_owned()
        }
        (None, State::Running { .. } | State::Starting) => "the first samples come …".to_owned(),
        (None, State::Created | State::Exited { .. } | State::Restarting { .. }) => {
            "it does not run".to_owned()
        }
    };
    put(buffer, (area.x, area.y), area.width, &words, model.theme.dim);
}

/// Draws a line of figures, if there is a row for it; gives how many rows it took.
fn put_figure(
    buffer: &mut Buffer,
    row: Rect,
    bottom: u16,
    (figure, theme): (&Figure, &Theme),
) -> u16 {
    if row.y >= bottom {
        return 0;
    }
    let row = Rect { height: 1, ..row };
    let pieces = [(pad_right(figure.name, 10), theme.accent), (figure.words.clone(), figure.tone)];
    let taken = put_all(buffer, row, &pieces);
    let short = figure.aside.trim_start_matches("total ");
    for aside in [figure.aside.as_str(), short] {
        let columns = u16::try_from(width(aside)).unwrap_or(u16::MAX);
        if taken.saturating_add(columns) + 1 < row.width {
            put(buffer, (row.right() - columns, row.y), columns, aside, theme.dim);
            break;
        }
    }
    1
}

/// Draws bars up to `most`, or to the highest where there is no limit.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a thousand is left"
)]
fn put_chart(
    buffer: &mut Buffer,
    area: Rect,
    (series, most): (&[Option<f64>], Option<f64>),
    theme: &Theme,
) {
    if area.is_empty() {
        return;
    }
    let top = most.unwrap_or_else(|| peak(series)).max(f64::MIN_POSITIVE);
    // What is more than nothing has an eighth of a row.
    let least = 1000_u64.div_ceil(8 * u64::from(area.height));
    let bar = |value: &Option<f64>| {
        let share = value.map(|value| match (value / top * 1000.0).clamp(0.0, 1000.0) as u64 {
            _ if value <= 0.0 => 0,
            share => share.max(least),
        });
        SparklineBar::from(share)
    };
    Sparkline::default()
        .data(series.iter().map(bar))
        .max(1000)
        .bar_set(if theme.ascii { ASCII_BARS } else { NINE_LEVELS })
        .absent_value_symbol(" ")
        .style(theme.good)
        .render(area, buffer);
}

/// Gives the highest value.
fn peak(series: &[Option<f64>]) -> f64 {
    series.iter().flatten().copied().fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn bytes(sample: &Sample) -> f64 {
    sample.statistics.usage.memory as f64
}

/// Gives the per cent of one processor that it may use.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn quota(container: &Container) -> Option<f64> {
    let resources = &container.config.resources;
    let by_cpus = resources.nano_cpus.map(|cpus| cpus as f64 / 1e7);
    let quota = resources.cpu_quota.filter(|quota| *quota > 0).map(|quota| quota as f64);
    let period = resources.cpu_period.unwrap_or(100_000).max(1) as f64;
    by_cpus.or_else(|| Some(quota? / period * 100.0))
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn limit(last: &Statistics) -> Option<f64> {
    last.usage.memory_limit.map(|limit| limit as f64)
}

fn cpu_figure(quota: Option<f64>, rates: &Rates, theme: &Theme, series: &[Option<f64>]) -> Figure {
    let limit =
        quota.map_or_else(|| "no limit".to_owned(), |quota| format!("of {}", percent(quota)));
    Figure {
        name: "CPU",
        words: format!("{:>6}  {limit}", percent(rates.cpu)),
        aside: format!("peak {:>6}", percent(peak(series))),
        tone: theme.text,
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "three digits are shown"
)]
fn memory_figure(last: &Statistics, theme: &Theme, series: &[Option<f64>]) -> Figure {
    let used = last.usage.memory;
    let limit = last.usage.memory_limit.map_or_else(
        || "no limit".to_owned(),
        |limit| {
            let share = used as f64 / limit.max(1) as f64 * 100.0;
            format!("of {}  {}", units::binary_size(limit), percent(share))
        },
    );
    Figure {
        name: "Memory",
        words: format!("{:>7}  {limit}", units::binary_size(used)),
        aside: format!("peak {:>7}", units::binary_size(peak(series) as u64)),
        tone: theme.text,
    }
}

/// Writes all but processor and memory.
fn figures(container: &Container, last: &Statistics, rates: &Rates, theme: &Theme) -> Vec<Figure> {
    let figure = |name, words| Figure { name, words, aside: String::new(), tone: theme.text };
    let flow = |name, rates, totals: Option<(u64, u64)>, otherwise: &str| Figure {
        aside: totals.map_or_else(String::new, |(one, two)| {
            format!("total {} / {}", units::size(one), units::size(two))
        }),
        ..figure(name, totals.map_or_else(|| otherwise.to_owned(), |_| rates_of(rates)))
    };
    let mut figures = Vec::new();
    if let Some(throttled) = rates.throttled {
        let waited = last.throttling.time.as_secs_f64();
        figures.push(Figure {
            name: "Throttled",
            words: format!("{} of periods", percent(throttled)),
            aside: format!("total {waited:.1}s"),
            tone: if throttled >= 1.0 { theme.warn } else { theme.text },
        });
    }
    let (net, disk) = (last.received.zip(last.sent), last.read.zip(last.written));
    let processes = match container.config.resources.pids {
        Some(most) if most > 0 => format!("{} of {most}", last.usage.pids),
        _ => last.usage.pids.to_string(),
    };
    figures.extend([
        flow("Network", [("in", rates.received), ("out", rates.sent)], net, "not its own"),
        flow("Disk", [("read", rates.read), ("write", rates.written)], disk, "not counted here"),
        figure("Processes", processes),
    ]);
    if let Some([cpu, memory, io]) = rates.pressure {
        let [cpu, memory, io] = [cpu, memory, io].map(percent);
        figures.push(figure("Pressure", format!("cpu {cpu}  memory {memory}  disk {io}")));
    }
    figures
}

/// Writes two rates.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "three digits are shown"
)]
fn rates_of(rates: [(&str, Option<f64>); 2]) -> String {
    let rate = |(word, rate): (&str, Option<f64>)| {
        format!("{word} {:>6}/s", units::size(rate.unwrap_or(0.0) as u64))
    };
    rates.map(rate).join("  ")
}

/// Says what the charts show, and how to see more or less.
fn span(model: &Model, columns: u16) -> String {
    use crate::tui::{keymap::Action, update::layers};
    let history = &model.panels.history;
    let key = model.keymap.key_of(layers(model), Action::Span);
    let shown = history.step(usize::from(columns)) * u64::from(columns);
    let shown = match (history.is_long, shown) {
        (true, _) => "the last hour".to_owned(),
        (false, seconds) if seconds < 120 => format!("the last {seconds} seconds"),
        (false, seconds) => format!("the last {} minutes", seconds / 60),
    };
    if key.is_empty() {
        return shown;
    }
    let other = if history.is_long { "a second a column" } else { "the hour" };
    format!("{shown}; {key} shows {other}")
}
