//! The names under which roles, types, numbers and nearness appear in facts: few enough that each is met often.

use crate::schema::{End, Param, Role, Type};

/// Nearness of the same word. The thesaurus says 1 for that, 0.8 for a synonym, 0.6 for a word that begins with the other; these borders lie
/// between.
pub(crate) const SAME: f64 = 0.99;
/// Nearness of a synonym.
pub(crate) const NEAR: f64 = 0.75;
/// Nearness of a word that begins with the other.
pub(super) const ALIKE: f64 = 0.45;

pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Date => "Date",
        Role::Time => "Time",
        Role::DateTime => "DateTime",
        Role::Length => "Length",
        Role::Money => "Money",
        Role::Percent => "Percent",
        Role::Count => "Count",
        Role::Flag => "Flag",
        Role::Option => "Option",
        Role::Email => "Email",
        Role::Phone => "Phone",
        Role::Url => "Url",
        Role::Id => "Id",
        Role::Person => "Person",
        Role::Place => "Place",
        Role::Text => "Text",
        Role::Query => "Query",
        Role::Thing => "Thing",
        Role::Currency => "Currency",
    }
}

pub(super) fn type_name(ty: Type) -> &'static str {
    match ty {
        Type::Text => "text",
        Type::Number => "number",
        Type::Integer => "integer",
        Type::Boolean => "boolean",
        Type::List => "list",
        Type::Object => "object",
    }
}

pub(super) fn end_name(end: End) -> &'static str {
    match end {
        End::None => "",
        End::From => "From",
        End::To => "To",
    }
}

/// Whether a call without the parameter is refused.
pub(crate) fn need(param: &Param) -> &'static str {
    if param.required { "req" } else { "opt" }
}

/// The name of what holds, nothing for what does not.
pub(crate) fn when(holds: bool, name: &'static str) -> &'static str {
    if holds { name } else { "" }
}

/// How near words are.
pub(super) fn bucket(near: f64) -> &'static str {
    if near >= SAME {
        "=="
    } else if near >= NEAR {
        "~"
    } else if near >= ALIKE {
        "-"
    } else {
        "0"
    }
}

/// How many, exactly for few and roughly for many.
pub(super) fn size(count: usize) -> &'static str {
    match count {
        0 => "0",
        1 => "1",
        2 => "2",
        3 => "3",
        4 => "4",
        5 | 6 => "5",
        7..=9 => "7",
        10..=14 => "10",
        _ => "15",
    }
}
