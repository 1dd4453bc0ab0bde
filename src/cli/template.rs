//! Go templates, as `--format` takes them, with the functions that Docker adds.

use std::sync::Arc;

use gotmpl::{MissingKey, Template, TemplateError, Value, to_value};
use serde::Serialize;
use serde_json::Value as Json;

use crate::engine::{EngineError, ErrorKind, Result};

/// A template that was read once and is filled in for each row.
pub(super) struct Format(Template);

impl Format {
    /// Reads a template.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], with what is wrong where.
    pub(super) fn parse(text: &str) -> Result<Self> {
        // A shell passes `\t` as two characters; Docker reads them as one.
        let text = text.replace("\\t", "\t").replace("\\n", "\n");
        // A method of Docker's rows, which has an argument; rows are plain fields here.
        let text = text.replace(".Label \"", "label .Labels \"");
        with_functions(Template::new("format").missing_key(MissingKey::Error))
            .parse(&text)
            .map(Self)
            .map_err(wrong)
    }

    /// Fills it in.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the template asks for what is not there.
    pub(super) fn fill(&self, row: &impl Serialize) -> Result<String> {
        to_value(row).and_then(|value| self.0.execute_to_string(&value)).map_err(wrong)
    }
}

fn wrong(error: TemplateError) -> EngineError {
    EngineError::new(ErrorKind::Invalid, "the template of --format cannot be filled in")
        .caused_by(error)
}

/// Adds Docker's functions (docs: "Format command and log output").
fn with_functions(template: Template) -> Template {
    let text = |value: Option<&Value>| value.map(ToString::to_string).unwrap_or_default();
    template
        .func("json", |arguments: &[Value]| {
            Ok(Value::from(arguments.first().map_or(Json::Null, to_json).to_string()))
        })
        .func("join", move |arguments: &[Value]| {
            let parts: Vec<String> = match arguments.first() {
                Some(Value::List(items)) => items.iter().map(ToString::to_string).collect(),
                other => vec![text(other)],
            };
            Ok(Value::from(parts.join(&text(arguments.get(1)))))
        })
        .func("label", move |arguments: &[Value]| {
            let (labels, key) = (text(arguments.first()), text(arguments.get(1)));
            let value = labels.split(',').find_map(|label| {
                let (found, value) = label.split_once('=')?;
                (found == key).then(|| value.to_owned())
            });
            // The head of a column has no labels.
            let head = (labels == "LABELS").then_some(key);
            Ok(Value::from(value.or(head).unwrap_or_default()))
        })
        .func("lower", move |arguments: &[Value]| {
            Ok(Value::from(text(arguments.first()).to_lowercase()))
        })
        .func("upper", move |arguments: &[Value]| {
            Ok(Value::from(text(arguments.first()).to_uppercase()))
        })
        .func("title", move |arguments: &[Value]| {
            let text = text(arguments.first());
            let mut letters = text.chars();
            let first = letters.next().map(|letter| letter.to_uppercase().to_string());
            Ok(Value::from(first.unwrap_or_default() + letters.as_str()))
        })
        .func("split", move |arguments: &[Value]| {
            let (whole, by) = (text(arguments.first()), text(arguments.get(1)));
            Ok(Value::List(Arc::from(whole.split(&by).map(Value::from).collect::<Vec<_>>())))
        })
        .func("truncate", move |arguments: &[Value]| {
            let most = arguments
                .get(1)
                .and_then(Value::as_int)
                .and_then(|most| usize::try_from(most).ok());
            Ok(Value::from(
                text(arguments.first()).chars().take(most.unwrap_or(0)).collect::<String>(),
            ))
        })
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(truth) => Json::from(*truth),
        Value::Int(number) => Json::from(*number),
        Value::Uint(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::String(text) => Json::from(text.as_ref()),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(fields) => {
            fields.iter().map(|(key, value)| (key.to_string(), to_json(value))).collect()
        }
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dockers_functions_work() {
        let row = json!({"Names": "web", "Labels": {"a": "1"}, "List": ["x", "y"], "Up": true, "None": null});
        let labelled = json!({"Labels": "a=1,b=2"});
        let label = Format::parse(r#"{{.Label "b"}}{{.Label "x"}}"#).unwrap();
        assert_eq!(label.fill(&labelled).unwrap(), "2");
        for (template, expected) in [
            ("{{.Names}}\\t{{.Up}}", "web\ttrue"),
            (
                "{{json .}}",
                r#"{"Labels":{"a":"1"},"List":["x","y"],"Names":"web","None":null,"Up":true}"#,
            ),
            ("{{json .Labels}}", r#"{"a":"1"}"#),
            (r#"{{join .List ","}}"#, "x,y"),
            ("{{upper .Names}}{{lower \"ABC\"}}", "WEBabc"),
            ("{{title .Names}}", "Web"),
            ("{{truncate .Names 2}}", "we"),
            (r#"{{index (split "a:b" ":") 1}}"#, "b"),
            ("{{range .List}}{{.}} {{end}}", "x y "),
            ("{{range $k, $v := .Labels}}{{$k}}={{$v}}{{end}}", "a=1"),
        ] {
            assert_eq!(
                Format::parse(template).unwrap().fill(&row).unwrap(),
                expected,
                "{template}"
            );
        }
    }

    #[test]
    fn a_broken_template_is_an_error() {
        assert!(Format::parse("{{.Names").is_err());
        let mistyped = Format::parse("{{.Nmaes}}").unwrap().fill(&json!({"Names": "web"}));
        assert!(mistyped.unwrap_err().to_string().contains("Nmaes"));
        assert!(
            Format::parse("{{nosuch .Names}}").is_err() || {
                Format::parse("{{nosuch .Names}}").unwrap().fill(&json!({})).is_err()
            }
        );
    }
}
