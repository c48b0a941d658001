//! Shapes of the service models as static tables: what validation and request binding walk. Generated crates fill them; code that
//! differs from service to service is not needed for either job.

use std::sync::OnceLock;

use regex::Regex;

/// A shape of a service model.
#[derive(Debug)]
pub struct Schema {
    /// The model's name of it.
    pub name: &'static str,
    /// Values must not be repeated in messages.
    pub sensitive: bool,
    /// Type and constraints.
    pub kind: Kind,
    /// What holds instead outside strict mode: extensions of ours, listed in `service-models/exceptions.toml`.
    pub lenient: Option<&'static Schema>,
}

/// Type and constraints of a shape. An absent bound is the type's own.
#[derive(Debug)]
pub enum Kind {
    /// Named members.
    Structure(&'static [Member]),
    /// Named members of which exactly one is set.
    Union(&'static [Member]),
    /// Items; bounds of their number.
    List {
        /// Shape of an item.
        member: &'static Schema,
        /// Fewest items.
        min: usize,
        /// Most items.
        max: usize,
    },
    /// String keys and values; bounds of the number of entries.
    Map {
        /// Shape of a key.
        key: &'static Schema,
        /// Shape of a value.
        value: &'static Schema,
        /// Fewest entries.
        min: usize,
        /// Most entries.
        max: usize,
    },
    /// Text; bounds in characters.
    String {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// What all of the text must match.
        pattern: Option<Pattern>,
    },
    /// One of these words.
    Enum(&'static [&'static str]),
    /// 32-bit integer.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// 64-bit integer.
    Long {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// 32- or 64-bit floating point.
    Float {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// `true` or `false`.
    Boolean,
    /// A point in time.
    Timestamp(TimeFormat),
    /// Bytes, base64 in JSON; bounds in bytes.
    Blob {
        /// Fewest bytes.
        min: usize,
        /// Most bytes.
        max: usize,
    },
    /// Any JSON.
    Document,
    /// Frames in a body of their own; never part of JSON.
    EventStream,
}

/// A member of a structure or union.
#[derive(Debug)]
pub struct Member {
    /// The model's name of it, which is its JSON key too.
    pub name: &'static str,
    /// Its shape.
    pub schema: &'static Schema,
    /// Requests without it are refused.
    pub required: bool,
    /// Where it travels.
    pub place: Place,
}

/// Where a member travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the JSON body.
    Body,
    /// In the path, under this label.
    Label(&'static str),
    /// In the query, under this key; lists repeat it.
    Query(&'static str),
    /// In this header (lower case).
    Header(&'static str),
    /// It is the body.
    Payload,
    /// It is the HTTP status of the response.
    Status,
}

/// How a point in time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// ISO 8601, as many fraction digits as needed.
    Iso,
    /// ISO 8601 with exactly nine fraction digits, as traces have them.
    IsoNanos,
    /// Seconds since 1970, a JSON number.
    Epoch,
    /// RFC 7231 date, the default of headers.
    Http,
}

/// A pattern: shown as the model has it, matched against the whole value.
#[derive(Debug)]
pub struct Pattern {
    /// The model's text, for messages.
    pub text: &'static str,
    /// What the whole value must match, in the syntax of the `regex` crate.
    pub matches: &'static str,
    /// What the whole value must not match: stands for the model's look-around.
    pub never: Option<&'static str>,
    compiled: OnceLock<Option<(Regex, Option<Regex>)>>,
}

impl Pattern {
    /// A pattern; compiled when it is first needed.
    pub const fn new(text: &'static str, matches: &'static str, never: Option<&'static str>) -> Self {
        Self {
            text,
            matches,
            never,
            compiled: OnceLock::new(),
        }
    }

    /// Whether all of `value` matches. A pattern that does not compile accepts everything; a test of each generated crate keeps that out.
    pub fn accepts(&self, value: &str) -> bool {
        match self.compiled() {
            Some((matches, never)) => matches.is_match(value) && !never.as_ref().is_some_and(|never| never.is_match(value)),
            None => true,
        }
    }

    /// Whether the pattern compiles.
    pub fn is_valid(&self) -> bool {
        self.compiled().is_some()
    }

    fn compiled(&self) -> Option<&(Regex, Option<Regex>)> {
        self.compiled
            .get_or_init(|| {
                let never = match self.never {
                    Some(never) => Some(whole(never)?),
                    None => None,
                };
                Some((whole(self.matches)?, never))
            })
            .as_ref()
    }
}

fn whole(pattern: &str) -> Option<Regex> {
    Regex::new(&format!(r"\A(?:{pattern})\z")).ok()
}

impl Schema {
    /// The members of a structure or union; none of anything else.
    pub fn members(&self) -> &'static [Member] {
        match self.kind {
            Kind::Structure(members) | Kind::Union(members) => members,
            _ => &[],
        }
    }

    /// The schema that holds: the lenient one outside strict mode.
    pub fn in_mode(&'static self, strict: bool) -> &'static Schema {
        match self.lenient {
            Some(lenient) if !strict => lenient,
            _ => self,
        }
    }
}

/// The schema of operations without input or output.
pub static EMPTY: Schema = Schema {
    name: "Empty",
    sensitive: false,
    kind: Kind::Structure(&[]),
    lenient: None,
};
