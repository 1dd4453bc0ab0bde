//! `events`: what happens, in Docker's words.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    arguments::EventOptions,
    filter::{Filters, fits_name},
    output,
    plain::plain,
    template::Format,
};
use crate::{
    engine::{Engine, Result},
    model::{Event, Occurrence, Subject},
};

/// How long it is waited for the bell before it is seen whether anybody still listens.
const PATIENCE: Duration = Duration::from_millis(500);

const FILTERS: [&str; 6] = ["type", "event", "container", "image", "network", "label"];

/// An event in the form of Docker's API.
#[derive(Serialize)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "Actor")]
    actor: Actor,
    scope: &'static str,
    time: i64,
    #[serde(rename = "timeNano")]
    time_nano: i64,
}

#[derive(Serialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes")]
    attributes: BTreeMap<String, String>,
}

/// Prints what has happened since a moment, and what happens until another, or for ever.
pub(super) fn run(engine: &Engine, options: &EventOptions) -> Result<u8> {
    let filters = Filters::parse(&options.filters, &FILTERS)?;
    let format = match options.format.as_deref() {
        None => None,
        Some("json") => Some(Format::parse("{{json .}}")?),
        Some(template) => Some(Format::parse(template)?),
    };
    let now = Timestamp::now();
    let [since, until] =
        [options.since, options.until].map(|moment| moment.map(|moment| moment.seen_from(now)));
    let mut watch = engine.watch()?;
    let mut sequence = match since {
        Some(_) => 0,
        None => engine.overview()?.sequence,
    };
    loop {
        for event in engine.events_since(sequence)? {
            sequence = event.sequence;
            let is_meant = since.is_none_or(|since| event.time >= since)
                && until.is_none_or(|until| event.time <= until)
                && fits(&event, &filters);
            if is_meant {
                tell(&event, format.as_ref())?;
            }
        }
        let left = until.map(|until| until.duration_since(Timestamp::now()));
        if left.is_some_and(|left| !left.is_positive()) || !output::is_heard() {
            return Ok(0);
        }
        let left = left.and_then(|left| Duration::try_from(left).ok());
        watch.wait(left.map_or(PATIENCE, |left| left.min(PATIENCE)))?;
    }
}

fn fits(event: &Event, filters: &Filters) -> bool {
    let name = event.attributes.get("name").map_or("", String::as_str);
    let is_it = |subject: Subject, wanted: &str| {
        event.subject == subject
            && (fits_name(name, &format!("^{wanted}$")) || event.id.starts_with(wanted))
    };
    filters.any("type", |kind| event.subject.to_string() == kind)
        && filters.any("event", |word| event.occurrence.to_string() == word)
        && filters.any("container", |wanted| is_it(Subject::Container, wanted))
        && filters.any("network", |wanted| is_it(Subject::Network, wanted))
        && filters.any("image", |wanted| {
            event.attributes.get("image").is_some_and(|image| image == wanted)
                || is_it(Subject::Image, wanted)
        })
        && filters.labels(&event.attributes)
}

fn tell(event: &Event, format: Option<&Format>) -> Result<()> {
    let told = told(event);
    if let Some(format) = format {
        output::line(format.fill(&told)?);
        return Ok(());
    }
    let Told { kind, action, actor, .. } = told;
    let pairs = actor.attributes.iter().map(|(key, value)| format!("{key}={value}"));
    let particulars = pairs.collect::<Vec<_>>().join(", ");
    let time = event.time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ");
    let line = format!("{time} {kind} {action} {} ({particulars})", actor.id);
    output::line(plain(&line));
    Ok(())
}

fn told(event: &Event) -> Told {
    let mut attributes = event.attributes.clone();
    let command = attributes.remove("command");
    let action = match (event.occurrence, command) {
        (Occurrence::ExecStart, Some(command)) => format!("exec_start: {command}"),
        (occurrence, _) => occurrence.to_string(),
    };
    let id = match event.subject {
        Subject::Image => format!("sha256:{}", event.id.trim_start_matches("sha256:")),
        Subject::Container | Subject::Network => event.id.clone(),
    };
    let is_of_network = event.subject == Subject::Network;
    Told {
        // Fields from the time before there was a type.
        status: (!is_of_network).then(|| action.clone()),
        from: attributes.get("image").filter(|_| event.subject == Subject::Container).cloned(),
        id: (!is_of_network).then(|| id.clone()),
        kind: event.subject.to_string(),
        action,
        actor: Actor { id, attributes },
        scope: "local",
        time: event.time.as_second(),
        time_nano: i64::try_from(event.time.as_nanosecond()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(occurrence: Occurrence, attributes: &[(&str, &str)]) -> Event {
        let pairs = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Event {
            sequence: 1,
            time: Timestamp::from_second(7).unwrap(),
            subject: Subject::Container,
            id: "ab12".into(),
            occurrence,
            attributes: pairs.collect(),
        }
    }

    #[test]
    fn events_have_dockers_form() {
        let event =
            event(Occurrence::ExecStart, &[("command", "sh -c x"), ("image", "i"), ("name", "n")]);
        let json = serde_json::to_value(told(&event)).unwrap();
        assert_eq!(json["Action"], "exec_start: sh -c x");
        assert_eq!(json["Actor"]["Attributes"], serde_json::json!({"image": "i", "name": "n"}));
        assert_eq!((&json["from"], &json["time"]), (&"i".into(), &7.into()));
    }

    #[test]
    fn filters_choose_as_dockers_do() {
        let event = event(Occurrence::Die, &[("image", "i"), ("name", "web")]);
        for (filter, is_meant) in [
            ("event=die", true),
            ("event=start", false),
            ("container=web", true),
            ("container=ab", true),
            ("container=we", false),
            ("image=i", true),
            ("type=network", false),
            ("network=web", false),
            ("label=x", false),
        ] {
            let filters = Filters::parse(&[filter.to_owned()], &FILTERS).unwrap();
            assert_eq!(fits(&event, &filters), is_meant, "{filter}");
        }
        assert!(Filters::parse(&["x=y".to_owned()], &FILTERS).is_err());
    }
}
