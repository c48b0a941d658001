//! Which tool yields what another one needs: a slot's id from the check of availability, a customer's id from the search.

use crate::recall::alike;
use crate::schema::{Role, ToolFacts, Type};
use bedplate_language::thesaurus::thesaurus;

/// Tools that may yield parameter `p` of `tool`, the likeliest first.
pub(crate) fn producers(tools: &[ToolFacts], tool: usize, p: usize) -> Vec<usize> {
    let known = thesaurus();
    let target = &tools[tool];
    let param = &target.params[p];
    let chained = param.role == Role::Id
        || matches!(param.role, Role::Thing)
            && param.words.len() > 1
            && param
                .words
                .last()
                .is_some_and(|word| matches!(word.as_str(), "id" | "slot" | "key" | "account"));
    if !chained || param.ty == Type::List || param.ty == Type::Object {
        return Vec::new();
    }
    let bare = param.nouns().is_empty();
    let nouns: Vec<&str> = if bare { target.nouns() } else { param.nouns() };
    let mut out: Vec<(f64, usize)> = Vec::new();
    for (index, source) in tools.iter().enumerate() {
        let needs_it = source.params.iter().any(|other| {
            other.required
                && matches!(other.role, Role::Id | Role::Thing)
                && !nouns.is_empty()
                && other.nouns().iter().any(|noun| nouns.contains(noun))
        }) || source
            .params
            .iter()
            .any(|other| other.required && (alike(param, target, other, source)));
        if index == tool || source.asks || !source.reads || needs_it {
            continue;
        }
        let near = |words: &[String], noun: &str| words.iter().map(|word| known.similarity(word, noun)).fold(0.0, f64::max);
        let mut score: f64 = 0.0;
        for noun in &nouns {
            score += 2.0 * near(&source.words, noun) + near(&source.about, noun);
        }
        score /= nouns.len().max(1) as f64;
        let description = source.description.to_lowercase();
        let label = param.label();
        if description.contains(&label) || description.contains(&param.name.to_lowercase()) {
            score += 2.0;
        }
        let creates = target.verbs.iter().any(|verb| known.has_class(verb, "create"));
        // an availability check yields what can be booked
        let offers = source
            .words
            .iter()
            .chain(&source.about)
            .any(|word| matches!(word.as_str(), "available" | "availabl" | "free" | "open"));
        if offers && creates {
            score += 1.0;
        }
        // what is about to be made does not come from the list of what has been made
        let made = target.nouns().iter().any(|noun| source.words.iter().any(|word| word == noun))
            && !bare
            && !nouns.iter().any(|noun| target.nouns().contains(noun));
        if creates && made && !offers {
            score -= 1.5;
        }
        if source
            .verbs
            .iter()
            .any(|verb| known.verb_similarity(verb, "find") >= 0.8 || known.verb_similarity(verb, "show") >= 0.8)
        {
            score += 0.4;
        }
        // what changes or ends something is found in a list of the same things
        let shared = target.nouns().iter().map(|noun| near(&source.words, noun)).fold(0.0, f64::max);
        if score < 1.3 && !creates && shared >= 0.8 {
            score = 1.3 + 0.01 * score.max(0.0);
        }
        if score >= 1.3 {
            out.push((score, index));
        }
    }
    out.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    out.into_iter().map(|(_, index)| index).take(3).collect()
}
