//! Which key means what: data, laid in layers, over which the user lays their own.
//!
//! A context (a list of containers, a form) names the layers that are asked, the most particular first. In a layer the
//! sequences of keys form a trie, kept flat: no sequence is the beginning of another, so what was typed so far either names
//! one action, begins several, or means nothing. Help and hints are made from the same rows, so a remapped key shows remapped.

mod action;
mod chord;
mod parse;

use std::collections::BTreeMap;

pub(crate) use action::Action;
pub(crate) use chord::Chord;

/// A set of bindings that belongs to one kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// What only containers can do.
    Containers,
    /// The lists.
    List,
    /// The inside of the detail.
    Detail,
    /// The list of an image's layers.
    Layers,
    /// The files of a layer.
    Tree,
    /// The files that a container has changed.
    Changes,
    /// A file that is looked at.
    File,
    /// The list of what is being done.
    Jobs,
    /// A question with offers.
    Ask,
    /// Moving in lists and texts.
    Move,
    /// Everywhere outside dialogs.
    Global,
    /// The delete dialog.
    Delete,
    /// The plan of what is pruned.
    Prune,
    /// A yes-or-no question.
    Confirm,
    /// A form's fields.
    Form,
    /// A text that can be moved in while something is typed.
    Reader,
    /// Where text is typed.
    Input,
}

impl Layer {
    /// Every layer, in the order of the help.
    pub(crate) const ALL: [Self; 17] = [
        Self::Containers,
        Self::List,
        Self::Detail,
        Self::Layers,
        Self::Changes,
        Self::Tree,
        Self::File,
        Self::Move,
        Self::Global,
        Self::Delete,
        Self::Prune,
        Self::Confirm,
        Self::Jobs,
        Self::Ask,
        Self::Form,
        Self::Reader,
        Self::Input,
    ];

    /// Gives the word that the keymap and the help use.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::List => "list",
            Self::Detail => "detail",
            Self::Layers => "layers",
            Self::Tree => "tree",
            Self::Changes => "changes",
            Self::File => "file",
            Self::Jobs => "jobs",
            Self::Ask => "ask",
            Self::Move => "move",
            Self::Global => "global",
            Self::Delete => "delete",
            Self::Prune => "prune",
            Self::Confirm => "confirm",
            Self::Form => "form",
            Self::Reader => "reader",
            Self::Input => "input",
        }
    }
}

/// One sequence of keys and what it means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binding {
    /// The keys, pressed one after the other; none where only the palette leads to it.
    pub(crate) keys: Vec<Chord>,
    /// What they mean.
    pub(crate) action: Action,
    /// What the help says.
    pub(crate) desc: String,
}

impl Binding {
    /// Writes the keys as people read them.
    pub(crate) fn keys_text(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(ToString::to_string).collect();
        keys.join(" ")
    }
}

/// An action with all the keys that a layer gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// The keys as people read them; none where only the palette leads to it.
    pub(crate) keys: Vec<String>,
    /// What they mean.
    pub(crate) action: Action,
    /// What the help says.
    pub(crate) desc: &'a str,
}

/// What the keys typed so far mean.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// This.
    Action(Action),
    /// The beginning of several.
    Pending,
    /// Nothing.
    Nothing,
}

/// The effective bindings.
#[derive(Debug, Clone)]
pub(crate) struct Keymap {
    layers: BTreeMap<Layer, Vec<Binding>>,
}

const DEFAULT: &str = include_str!("../../assets/keymap.toml");

impl Keymap {
    /// Reads the embedded keymap and lays the user's over it; what is wrong with the latter is told in words.
    pub(crate) fn new(user: Option<&str>) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let mut layers = parse::read(DEFAULT, "the built-in keymap", &mut problems);
        if let Some(text) = user {
            let own = parse::read(text, "keymap.toml", &mut problems);
            parse::lay_over(&mut layers, own, &mut problems);
        }
        (Self { layers }, problems)
    }

    /// Finds what `typed` means where these layers are asked, the first one first.
    pub(crate) fn find(&self, layers: &[Layer], typed: &[Chord]) -> Found {
        for binding in layers.iter().flat_map(|layer| self.bindings(*layer)) {
            if binding.keys == typed {
                return Found::Action(binding.action);
            }
            if binding.keys.starts_with(typed) {
                return Found::Pending;
            }
        }
        Found::Nothing
    }

    /// Gives the bindings that go on from `typed`.
    pub(crate) fn continuations(&self, layers: &[Layer], typed: &[Chord]) -> Vec<&Binding> {
        layers
            .iter()
            .flat_map(|layer| self.bindings(*layer))
            .filter(|binding| binding.keys.len() > typed.len() && binding.keys.starts_with(typed))
            .collect()
    }

    /// Gives a layer's bindings, in the order of the file.
    pub(crate) fn bindings(&self, layer: Layer) -> &[Binding] {
        self.layers.get(&layer).map_or(&[], Vec::as_slice)
    }

    /// Gives a layer's actions with all their keys, in the order of the file, as help, palette and README list them.
    pub(crate) fn rows(&self, layer: Layer) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        for binding in self.bindings(layer) {
            let keys = (!binding.keys.is_empty()).then(|| binding.keys_text());
            match rows.last_mut() {
                Some(row) if row.desc == binding.desc => row.keys.extend(keys),
                _ => rows.push(Row {
                    keys: keys.into_iter().collect(),
                    action: binding.action,
                    desc: &binding.desc,
                }),
            }
        }
        rows
    }

    /// Gives all keys of an action where these layers are asked, in words: without those that mean something else there.
    pub(crate) fn keys_of(&self, layers: &[Layer], action: Action) -> Vec<String> {
        let bindings = layers.iter().flat_map(|layer| self.bindings(*layer));
        bindings
            .filter(|one| one.action == action && !one.keys.is_empty())
            .filter(|one| self.find(layers, &one.keys) == Found::Action(action))
            .map(Binding::keys_text)
            .collect()
    }

    /// Gives the first key of an action where these layers are asked, in words; empty if it has none.
    pub(crate) fn key_of(&self, layers: &[Layer], action: Action) -> String {
        layers
            .iter()
            .flat_map(|layer| self.bindings(*layer))
            .find(|binding| binding.action == action)
            .map_or_else(String::new, Binding::keys_text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chords(text: &str) -> Vec<Chord> {
        text.split(' ').filter_map(Chord::parse).collect()
    }

    #[test]
    fn the_default_has_no_problem_and_leads_to_every_action() {
        let (keymap, problems) = Keymap::new(None);
        assert_eq!(problems, Vec::<String>::new());
        for action in Action::ALL {
            let bound =
                Layer::ALL.iter().any(|layer| !keymap.key_of(&[*layer], *action).is_empty());
            // What has no key is found in the palette, which lists what holds everywhere.
            let global = keymap.rows(Layer::Global);
            let is_listed = global.iter().any(|row| row.action == *action);
            assert!(bound || is_listed, "nothing leads to {}", action.word());
        }
    }

    #[test]
    fn what_has_no_key_clashes_with_nothing_and_a_user_may_take_keys_away() {
        let (keymap, problems) = Keymap::new(Some(
            r#"global = [{ on = [], run = "quit", desc = "Quit" }, { on = [], run = "jobs", desc = "Jobs" }]"#,
        ));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(keymap.key_of(&[Layer::Global], Action::Quit), "");
        assert_eq!(keymap.find(&[Layer::Global], &chords("ctrl-c")), Found::Nothing);
        let rows = keymap.rows(Layer::Global);
        let jobs = rows.iter().find(|row| row.action == Action::Jobs).unwrap();
        assert_eq!((jobs.keys.len(), jobs.desc), (0, "Jobs"));
    }

    #[test]
    fn every_description_reads_like_a_sentence() {
        let (keymap, _) = Keymap::new(None);
        for binding in Layer::ALL.iter().flat_map(|layer| keymap.bindings(*layer)) {
            let desc = &binding.desc;
            assert!(desc.starts_with(char::is_uppercase), "{desc}");
            assert!(desc.len() <= 60 && !desc.ends_with('.'), "{desc}");
        }
    }

    #[test]
    fn a_user_moves_an_action_to_another_key() {
        let (keymap, problems) = Keymap::new(Some(
            r#"containers = [{ on = "x", run = "start_stop", desc = "Start or stop" }]"#,
        ));
        assert_eq!(problems, Vec::<String>::new());
        let layers = [Layer::Containers, Layer::Global];
        assert_eq!(keymap.key_of(&layers, Action::StartStop), "x");
        assert_eq!(keymap.find(&layers, &chords("s")), Found::Nothing);
    }

    #[test]
    fn a_clash_names_both_actions() {
        let (keymap, problems) = Keymap::new(Some(
            r#"containers = [{ on = "s", run = "restart", desc = "Restart it" }]"#,
        ));
        assert_eq!(
            problems,
            ["keymap.toml: 's' in 'containers' now means 'restart' and no longer 'start_stop'"]
        );
        let found = keymap.find(&[Layer::Containers], &chords("s"));
        assert_eq!(found, Found::Action(Action::Restart));
        let (_, problems) = Keymap::new(Some(
            r#"move = [
                { on = "x", run = "top", desc = "Go up" },
                { on = "x y", run = "bottom", desc = "Go down" },
            ]"#,
        ));
        assert_eq!(problems, ["keymap.toml: 'x y' in 'move' is meant for both 'top' and 'bottom'"]);
    }

    #[test]
    fn a_sequence_waits_for_its_end() {
        let (keymap, problems) = Keymap::new(Some(
            r#"move = [{ on = "g g", run = "top", desc = "Go to the first line" }]"#,
        ));
        assert_eq!(problems, Vec::<String>::new());
        let layers = [Layer::Move];
        assert_eq!(keymap.find(&layers, &chords("g")), Found::Pending);
        assert_eq!(keymap.continuations(&layers, &chords("g")).len(), 1);
        let found = keymap.find(&layers, &chords("g g"));
        assert_eq!(found, Found::Action(Action::Top));
    }

    #[test]
    fn what_is_wrong_is_told_and_the_rest_holds() {
        for (text, problem) in [
            (
                "[[nowhere]]\non='x'\nrun='top'\ndesc='Go'",
                "keymap.toml: there is no layer 'nowhere'",
            ),
            ("[[move]]\non='x'\nrun='fly'\ndesc='Go'", "keymap.toml: there is no action 'fly'"),
            ("[[move]]\non='hyper-x'\nrun='top'\ndesc='Go'", "keymap.toml: 'hyper-x' is not a key"),
        ] {
            let (keymap, problems) = Keymap::new(Some(text));
            assert_eq!(problems, [problem]);
            assert_eq!(keymap.key_of(&[Layer::Move], Action::Bottom), "G");
        }
        assert_eq!(Keymap::new(Some("not toml")).1.len(), 1);
    }
}
