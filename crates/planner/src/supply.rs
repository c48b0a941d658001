//! Which tool yields what another one needs: a slot's id from the check of availability, a customer's id from the search; and what both of them
//! take from one sentence.

use crate::recall::alike;
use crate::schema::{Param, Role, ToolFacts, Type};
use bedplate_language::thesaurus::thesaurus;
use serde_json::Value;

/// Last words of parameters that say what to look for, not which one: `group_name`.
const SOUGHT: &[&str] = &[
    "name", "title", "query", "term", "terms", "text", "keyword", "keywords", "words", "label", "surname", "nickname", "phrase", "like",
    "contains",
];

/// Tools that may yield parameter `p` of `tool`, the likeliest first.
pub(crate) fn producers(tools: &[ToolFacts], tool: usize, p: usize) -> Vec<usize> {
    sources(tools, tool, p).0
}

/// The same, and whether they only search, naming nothing like the parameter, and so have to be told for what.
pub(crate) fn sources(tools: &[ToolFacts], tool: usize, p: usize) -> (Vec<usize>, bool) {
    if !chained(&tools[tool].params[p]) {
        return (Vec::new(), false);
    }
    let out = naming(tools, tool, p);
    if out.is_empty() {
        (searches(tools, tool, p), true)
    } else {
        (out, false)
    }
}

/// Whether a parameter is one that tools yield.
fn chained(param: &Param) -> bool {
    let key = |word: &String| matches!(word.as_str(), "id" | "slot" | "key" | "account");
    let called = matches!(param.role, Role::Thing) && param.words.len() > 1 && param.words.last().is_some_and(key);
    (param.role == Role::Id || called) && !matches!(param.ty, Type::List | Type::Object)
}

/// Tools that name what parameter `p` of `tool` is.
fn naming(tools: &[ToolFacts], tool: usize, p: usize) -> Vec<usize> {
    let known = thesaurus();
    let target = &tools[tool];
    let param = &target.params[p];
    let bare = param.nouns().is_empty();
    let nouns: Vec<&str> = if bare { target.nouns() } else { param.nouns() };
    let mut out: Vec<(f64, usize)> = Vec::new();
    for (index, source) in tools.iter().enumerate() {
        if index == tool || source.asks || !source.reads || needs(target, param, source) {
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

/// Whether `source` itself has to be told what it should yield for `param`.
fn needs(target: &ToolFacts, param: &Param, source: &ToolFacts) -> bool {
    let nouns: Vec<&str> = if param.nouns().is_empty() { target.nouns() } else { param.nouns() };
    source.params.iter().filter(|other| other.required).any(|other| {
        let same_noun = matches!(other.role, Role::Id | Role::Thing)
            && !other.plain.last().is_some_and(|last| SOUGHT.contains(&last.as_str()))
            && other.nouns().iter().any(|noun| nouns.contains(noun));
        same_noun || alike(param, target, other, source)
    })
}

/// Tools that look for something in words and do not name what parameter `p` of `tool` is: a catalogue is searched for an article number. The one
/// that shares most words with the tool, or the only one there is.
fn searches(tools: &[ToolFacts], tool: usize, p: usize) -> Vec<usize> {
    let known = thesaurus();
    let target = &tools[tool];
    let param = &target.params[p];
    let seeks = |source: &ToolFacts| {
        let verb = |verb: &String| ["find", "show"].iter().any(|wanted| known.verb_similarity(verb, wanted) >= 0.8);
        source.reads
            && !source.asks
            && source.verbs.iter().any(verb)
            && source
                .params
                .iter()
                .any(|other| !matches!(other.role, Role::Id | Role::Flag | Role::Count))
    };
    let found: Vec<usize> = (0..tools.len())
        .filter(|index| *index != tool && seeks(&tools[*index]) && !needs(target, param, &tools[*index]))
        .collect();
    let words = || {
        target
            .nouns()
            .into_iter()
            .chain(param.words.iter().chain(&param.about).map(String::as_str))
    };
    let shared = |source: &ToolFacts| {
        let near = |word: &str| {
            source
                .words
                .iter()
                .chain(&source.about)
                .any(|own| known.similarity(own, word) >= 0.8)
        };
        words().filter(|word| near(word)).count()
    };
    match found[..] {
        [only] => vec![only],
        _ => found
            .into_iter()
            .map(|index| (shared(&tools[index]), index))
            .filter(|(shared, _)| *shared > 0)
            .max_by_key(|(shared, index)| (*shared, usize::MAX - index))
            .map(|(_, index)| index)
            .into_iter()
            .collect(),
    }
}

/// A tool and the one that is asked first as one: what both take from a sentence, the words of neither taken twice. The parameters of `tool` come
/// first, without `p`, which `source` yields.
pub(crate) fn pair(tool: &ToolFacts, source: &ToolFacts, p: usize) -> ToolFacts {
    let mut out = tool.clone();
    out.params.remove(p);
    out.params.extend(source.params.iter().cloned());
    out.words
        .extend(source.words.iter().filter(|word| !tool.words.contains(word)).cloned());
    out.about
        .extend(source.about.iter().filter(|word| !tool.about.contains(word)).cloned());
    out
}

/// The parameter that `tool` cannot do without, that is not among `values`, and that another tool yields: its number, and that tool.
pub(crate) fn wanting(tools: &[ToolFacts], tool: usize, values: &[Option<Value>]) -> Option<(usize, usize)> {
    let params = tools[tool].params.iter().zip(values).enumerate();
    let mut missing = params.filter(|(_, (param, value))| param.required && value.is_none());
    missing.find_map(|(p, _)| producers(tools, tool, p).first().map(|source| (p, *source)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::producers;
    use bedplate_converse::Tool;

    #[test]
    fn a_search_yields_what_it_is_not_told() {
        let tool = |name: &str, about: &str, required: &[&str]| Tool {
            name: name.into(),
            description: about.into(),
            schema: json!({
                "type": "object",
                "properties": required.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect::<serde_json::Map<_, _>>(),
                "required": required,
            }),
            ..Tool::default()
        };
        let tools = crate::schema::tools(&[
            tool("find_group", "Look up a group.", &["group_name"]),
            tool("book_room", "Book a room for a group.", &["group_id", "day"]),
            tool("group_members", "Show the members of a group.", &["group_id"]),
            tool("add_to_cart", "Put an article into the cart.", &["sku"]),
        ]);
        // the name is what it looks for, the id is what it would need
        assert_eq!(producers(&tools, 1, 0), [0]);
        assert_eq!(producers(&tools, 2, 0), [0]);
        // nothing else searches
        assert_eq!(producers(&tools, 3, 0), [0]);
    }
}
