//! Reads a keymap file and lays one over another.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Action, Binding, Chord, Layer};

type Layers = BTreeMap<Layer, Vec<Binding>>;

/// One row of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    on: Keys,
    run: String,
    desc: String,
}

/// One sequence, or several that mean the same.
#[derive(Deserialize)]
#[serde(untagged)]
enum Keys {
    One(String),
    Several(Vec<String>),
}

/// Reads a file; rows that make no sense are left out and told.
pub(super) fn read(text: &str, file: &str, problems: &mut Vec<String>) -> Layers {
    let rows: BTreeMap<String, Vec<Row>> = match toml::from_str(text) {
        Ok(rows) => rows,
        Err(error) => {
            let words = error.to_string();
            let line = words.lines().next().unwrap_or_default();
            problems.push(format!("{file}: {line}: {}", error.message()));
            return Layers::new();
        }
    };
    let mut layers = Layers::new();
    for (word, rows) in rows {
        let Some(layer) = Layer::ALL.into_iter().find(|layer| layer.word() == word) else {
            problems.push(format!("{file}: there is no layer '{word}'"));
            continue;
        };
        let bindings: &mut Vec<Binding> = layers.entry(layer).or_default();
        for row in rows {
            match bindings_of(&row) {
                Ok(new) => add(bindings, new, (file, layer), problems),
                Err(problem) => problems.push(format!("{file}: {problem}")),
            }
        }
    }
    layers
}

/// Reads one row.
fn bindings_of(row: &Row) -> Result<Vec<Binding>, String> {
    let action =
        Action::parse(&row.run).ok_or_else(|| format!("there is no action '{}'", row.run))?;
    let sequences = match &row.on {
        Keys::One(one) => std::slice::from_ref(one),
        Keys::Several(several) => several.as_slice(),
    };
    let binding = |sequence: &String| {
        let keys: Option<Vec<_>> = sequence.split_whitespace().map(Chord::parse).collect();
        keys.filter(|keys| !keys.is_empty())
            .map(|keys| Binding { keys, action, desc: row.desc.clone() })
            .ok_or_else(|| format!("'{sequence}' is not a key"))
    };
    if sequences.is_empty() {
        return Ok(vec![Binding { keys: Vec::new(), action, desc: row.desc.clone() }]);
    }
    sequences.iter().map(binding).collect()
}

/// Adds bindings unless they clash with one of the same file.
fn add(
    bindings: &mut Vec<Binding>,
    new: Vec<Binding>,
    (file, layer): (&str, Layer),
    problems: &mut Vec<String>,
) {
    for binding in new {
        match bindings.iter().find(|old| clash(old, &binding)) {
            Some(old) => problems.push(format!(
                "{file}: '{}' in '{}' is meant for both '{}' and '{}'",
                binding.keys_text(),
                layer.word(),
                old.action.word(),
                binding.action.word()
            )),
            None => bindings.push(binding),
        }
    }
}

/// Lays the user's bindings over the built-in ones: an action keeps only the keys that the user gave it.
pub(super) fn lay_over(layers: &mut Layers, own: Layers, problems: &mut Vec<String>) {
    for (layer, own) in own {
        let bindings = layers.entry(layer).or_default();
        bindings.retain(|old| own.iter().all(|new| new.action != old.action));
        for new in own {
            let lost: Vec<_> = bindings
                .extract_if(.., |old| clash(old, &new) && old.action != new.action)
                .collect();
            for old in lost {
                problems.push(format!(
                    "keymap.toml: '{}' in '{}' now means '{}' and no longer '{}'",
                    old.keys_text(),
                    layer.word(),
                    new.action.word(),
                    old.action.word()
                ));
            }
            bindings.push(new);
        }
    }
}

/// Tells whether one sequence is, or begins, the other; no keys are no sequence.
fn clash(one: &Binding, other: &Binding) -> bool {
    if one.keys.is_empty() || other.keys.is_empty() {
        return false;
    }
    one.keys.starts_with(&other.keys) || other.keys.starts_with(&one.keys)
}
