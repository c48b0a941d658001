//! What may be the value of a parameter: every stretch of the text that could be, whatever speaks for or against it.

mod flags;
mod lists;
mod mentions;
mod options;
mod phrases;
mod times;

use jiff::civil::DateTime;
use serde_json::Value;

use crate::schema::{Param, Role, ToolFacts, Type};
use bedplate_language::entities::{Entity, Utterance, What};
use bedplate_language::when::When;

use flags::flags;
use lists::lists;
use mentions::mentions;
pub(crate) use options::option_at;
use options::options;
use phrases::phrases;

/// What a candidate was read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Null,
    Date,
    DateTime,
    Time,
    Range,
    Part,
    Length,
    Number,
    Money,
    Percent,
    Ordinal,
    Email,
    Phone,
    Url,
    Id,
    Quoted,
    Proper,
    Option,
    True,
    False,
    Phrase,
    List,
    /// A day and a time that were said apart.
    Joined,
    /// The end of what begins at a time and lasts.
    Ends,
}

impl Kind {
    /// How facts name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Date => "date",
            Kind::DateTime => "datetime",
            Kind::Time => "time",
            Kind::Range => "range",
            Kind::Part => "part",
            Kind::Length => "length",
            Kind::Number => "number",
            Kind::Money => "money",
            Kind::Percent => "percent",
            Kind::Ordinal => "ordinal",
            Kind::Email => "email",
            Kind::Phone => "phone",
            Kind::Url => "url",
            Kind::Id => "id",
            Kind::Quoted => "quoted",
            Kind::Proper => "proper",
            Kind::Option => "option",
            Kind::True => "true",
            Kind::False => "false",
            Kind::Phrase => "phrase",
            Kind::List => "list",
            Kind::Joined => "joined",
            Kind::Ends => "ends",
        }
    }

    /// What a mention is read as.
    pub(crate) fn of(what: &What) -> Self {
        match what {
            What::When(When::Date(_)) => Kind::Date,
            What::When(When::Time(_)) => Kind::Time,
            What::When(When::DateTime(_)) => Kind::DateTime,
            What::When(When::Range(..)) => Kind::Range,
            What::When(When::Part(..)) => Kind::Part,
            What::When(When::Length(..)) => Kind::Length,
            What::Number(_) => Kind::Number,
            What::Money(..) => Kind::Money,
            What::Percent(_) => Kind::Percent,
            What::Ordinal(_) => Kind::Ordinal,
            What::Email(_) => Kind::Email,
            What::Phone(_) => Kind::Phone,
            What::Url(_) => Kind::Url,
            What::Id(_) => Kind::Id,
            What::Quoted(_) => Kind::Quoted,
            What::Proper(_) => Kind::Proper,
        }
    }
}

/// One stretch of the text, tokens `from..to`, with the value it would give.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: Kind,
    /// How it was read, where there are several ways.
    pub(crate) how: &'static str,
    /// None for "not said".
    pub(crate) value: Option<Value>,
}

impl Candidate {
    /// Tokens `from..to`, read as `kind`.
    fn new((from, to): (usize, usize), kind: Kind, how: &'static str, value: Value) -> Self {
        Self {
            from,
            to,
            kind,
            how,
            value: Some(value),
        }
    }

    /// "Not said".
    pub(crate) fn absent() -> Self {
        Self {
            from: 0,
            to: 0,
            kind: Kind::Null,
            how: "",
            value: None,
        }
    }
}

/// What is read: the clause of a wish, and the parts around it that have no wish of their own.
pub(crate) struct Scene<'a> {
    pub(crate) u: &'a Utterance,
    pub(crate) spans: &'a [(usize, usize)],
    pub(crate) verb_at: &'a [usize],
    pub(crate) tool: &'a ToolFacts,
    pub(crate) blocked: &'a [bool],
    pub(crate) now: DateTime,
}

impl Scene<'_> {
    /// The span that a token is in.
    pub(crate) fn region(&self, at: usize) -> Option<(usize, usize)> {
        self.spans.iter().copied().find(|(from, to)| (*from..*to).contains(&at))
    }

    /// Whether no token of `from..to` is spoken for.
    fn open(&self, from: usize, to: usize) -> bool {
        (from..to).all(|at| !self.blocked[at])
    }

    /// The tokens that may be read one by one.
    fn open_tokens(&self) -> impl Iterator<Item = usize> {
        (0..self.u.tokens.len()).filter(|at| self.region(*at).is_some() && self.open(*at, at + 1))
    }

    /// The mentions in the spans.
    pub(crate) fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.u
            .entities
            .iter()
            .filter(|entity| self.region(entity.from).is_some() && self.open(entity.from, entity.to))
    }

    /// The mention that a token belongs to.
    pub(crate) fn entity_at(&self, at: usize) -> Option<&Entity> {
        self.u.entities.iter().find(|entity| entity.from <= at && at < entity.to)
    }
}

/// All that may be the value of parameter `p`; "not said" is the first.
pub(crate) fn candidates(scene: &Scene, p: usize) -> Vec<Candidate> {
    let param = &scene.tool.params[p];
    let mut out = named(scene, p);
    if param.ty == Type::List && is_loose(param) {
        lists(scene, param, &mut out);
    }
    let closed = !param.options.is_empty() && !param.open;
    let phrased = param.textual()
        && !matches!(param.ty, Type::Object | Type::List)
        && !matches!(
            param.role,
            Role::Flag | Role::Date | Role::Time | Role::DateTime | Role::Email | Role::Phone | Role::Url
        );
    if !closed && phrased {
        phrases(scene, param, &mut out);
    }
    out
}

/// The same without loose words, which fit everywhere.
pub(crate) fn named(scene: &Scene, p: usize) -> Vec<Candidate> {
    let param = &scene.tool.params[p];
    let mut out = vec![Candidate::absent()];
    match (param.ty, param.role) {
        (Type::Object, _) => {}
        (_, Role::Flag) => flags(scene, param, &mut out),
        (Type::List, _) if is_loose(param) => {}
        (Type::List, _) => lists(scene, param, &mut out),
        _ => {
            if !param.options.is_empty() {
                options(scene, param, &mut out);
            }
            if param.options.is_empty() || param.open {
                mentions(scene, param, &mut out);
            }
        }
    }
    out
}

/// Whether any words may be its value.
fn is_loose(param: &Param) -> bool {
    matches!(param.role, Role::Text | Role::Thing | Role::Query)
}
