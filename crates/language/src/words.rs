//! Closed word classes of English.

/// Words that carry no content of their own.
pub fn is_stop(word: &str) -> bool {
    STOP.contains(&word)
}

/// Prepositions that mark the role of what follows.
pub fn is_preposition(word: &str) -> bool {
    PREPOSITIONS.contains(&word)
}

/// Articles, possessives, demonstratives: skipped before a noun.
pub fn is_determiner(word: &str) -> bool {
    DETERMINERS.contains(&word)
}

/// Words before the verb of a polite request.
pub fn is_filler(word: &str) -> bool {
    FILLERS.contains(&word)
}

/// Words that turn a statement around.
pub fn is_negation(word: &str) -> bool {
    matches!(
        word,
        "not" | "no" | "never" | "without" | "none" | "neither" | "nor" | "except" | "excluding"
    ) || word.ends_with("n't")
        || word.ends_with("n’t")
}

/// Words that stand for something said before.
pub fn is_pronoun(word: &str) -> bool {
    matches!(
        word,
        "it" | "that"
            | "this"
            | "them"
            | "those"
            | "these"
            | "one"
            | "ones"
            | "same"
            | "he"
            | "she"
            | "him"
            | "her"
            | "they"
            | "there"
            | "its"
            | "their"
    )
}

/// Words that begin a question.
pub fn is_question_word(word: &str) -> bool {
    matches!(
        word,
        "what"
            | "what's"
            | "whats"
            | "which"
            | "where"
            | "where's"
            | "when"
            | "when's"
            | "who"
            | "who's"
            | "whose"
            | "how"
            | "how's"
            | "why"
            | "what’s"
            | "where’s"
            | "when’s"
            | "who’s"
            | "how’s"
    )
}

/// Auxiliary verbs that begin a yes/no question.
pub fn is_auxiliary(word: &str) -> bool {
    matches!(
        word,
        "is" | "are"
            | "was"
            | "were"
            | "do"
            | "does"
            | "did"
            | "has"
            | "have"
            | "am"
            | "isn't"
            | "aren't"
            | "hasn't"
            | "haven't"
            | "didn't"
            | "doesn't"
            | "don't"
            | "any"
    )
}

/// Auxiliaries that begin a request.
pub fn is_modal(word: &str) -> bool {
    matches!(
        word,
        "can" | "could" | "would" | "will" | "may" | "might" | "should" | "shall" | "must"
    )
}

/// Whether a lower-case word does not look like English: `jpark`, `mail-relay`, `db01`. Such words are somebody's or something's own name.
pub fn is_coined(word: &str) -> bool {
    let letters = word
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
    if !letters || word.len() < 3 || is_stop(word) || is_filler(word) || is_preposition(word) {
        return false;
    }
    let known = |part: &str| crate::thesaurus::thesaurus().knows(&crate::stem::stem(part)) || is_stop(part);
    if word.contains('-') {
        return !known(word) && !NOT_COINED.contains(&word) && word.split('-').filter(|part| !part.is_empty()).count() > 1;
    }
    if word.contains(['_', '.']) || word.contains(|c: char| c.is_ascii_digit()) {
        return true;
    }
    let vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let lead: String = word.chars().take_while(|c| !vowel(*c)).collect();
    const ONSETS: &str = " b bl br c ch chl chr cl cr d dr dw f fl fr g gh gl gn gr h j k kh kl kn kr l m n p ph phl phr pl pr ps q r rh s sc sch scl scr sh shr sk sl sm sn sp sph spl spr squ sq st str sw t th thr thw tr tw v w wh wr x z ";
    !lead.is_empty() && !known(word) && !ONSETS.contains(&format!(" {lead} "))
}

/// Compounds that people write with a hyphen.
const NOT_COINED: &[&str] = &[
    "long-term",
    "short-term",
    "full-time",
    "part-time",
    "first-class",
    "second-hand",
    "well-known",
    "up-to-date",
    "day-to-day",
    "one-off",
    "one-way",
    "so-called",
    "last-minute",
    "high-end",
    "low-cost",
    "on-site",
    "in-house",
    "off-site",
    "non-smoking",
    "sugar-free",
    "gluten-free",
    "lactose-free",
    "dairy-free",
    "step-free",
    "follow-up",
    "drop-off",
    "pick-up",
    "sign-up",
    "log-in",
    "set-up",
    "make-up",
    "mix-up",
    "check-up",
    "wake-up",
    "build-up",
    "back-up",
    "left-hand",
    "right-hand",
    "e-mail",
    "e-mails",
    "re-send",
    "co-worker",
    "mother-in-law",
    "father-in-law",
    "half-price",
    "half-day",
    "two-hour",
    "one-hour",
    "all-day",
    "semi-annual",
];

const PREPOSITIONS: &[&str] = &[
    "in",
    "at",
    "on",
    "to",
    "from",
    "for",
    "with",
    "by",
    "of",
    "about",
    "under",
    "near",
    "into",
    "between",
    "until",
    "till",
    "through",
    "since",
    "after",
    "before",
    "around",
    "regarding",
    "concerning",
    "via",
    "per",
    "over",
    "above",
    "below",
    "towards",
    "toward",
    "within",
    "inside",
    "onto",
    "off",
    "as",
    "without",
    "starting",
    "leaving",
    "departing",
    "arriving",
    "ending",
    "returning",
    "using",
    "against",
    "behind",
    "than",
    "called",
    "named",
    "titled",
    "beginning",
    "reaching",
    "heading",
    "going",
    "during",
    "because",
    "out",
    "up",
    "via",
];

const DETERMINERS: &[&str] = &[
    "a", "an", "the", "my", "our", "your", "his", "her", "their", "its", "this", "that", "these", "those", "some", "any", "all", "new",
    "another", "every", "each", "current", "existing",
];

const FILLERS: &[&str] = &[
    "oops",
    "better",
    "wait",
    "whoops",
    "oh",
    "ah",
    "hmm",
    "hm",
    "phew",
    "wow",
    "ugh",
    "argh",
    "yay",
    "aha",
    "er",
    "erm",
    "nope",
    "nah",
    "yup",
    "sorry",
    "brilliant",
    "lovely",
    "please",
    "pls",
    "kindly",
    "hey",
    "hi",
    "hello",
    "ok",
    "okay",
    "so",
    "well",
    "um",
    "uh",
    "just",
    "also",
    "then",
    "now",
    "you",
    "i",
    "we",
    "me",
    "us",
    "to",
    "want",
    "need",
    "like",
    "would",
    "could",
    "can",
    "will",
    "i'd",
    "i’d",
    "i'll",
    "i’ll",
    "we'd",
    "i'm",
    "i’m",
    "let's",
    "let’s",
    "let",
    "help",
    "try",
    "trying",
    "go",
    "ahead",
    "and",
    "love",
    "able",
    "wish",
    "hoping",
    "looking",
    "quickly",
    "possible",
    "wanna",
    "gonna",
    "gotta",
    "must",
    "should",
    "shall",
    "may",
    "might",
    "have",
    "wondering",
    "if",
    "great",
    "thanks",
    "thank",
    "good",
    "morning",
    "afternoon",
    "evening",
    "dear",
    "agent",
    "assistant",
    "yes",
    "sure",
    "first",
    "finally",
    "actually",
    "really",
    "maybe",
    "perhaps",
    "instead",
    "but",
    "there",
    "mind",
    "be",
    "it",
    "is",
    "got",
    "yeah",
    "yep",
    "alright",
    "right",
    "afterwards",
    "next",
    "again",
];

const STOP: &[&str] = &[
    "a",
    "an",
    "the",
    "my",
    "our",
    "your",
    "his",
    "her",
    "their",
    "its",
    "this",
    "that",
    "these",
    "those",
    "some",
    "any",
    "all",
    "i",
    "you",
    "he",
    "she",
    "it",
    "we",
    "they",
    "me",
    "him",
    "them",
    "us",
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "being",
    "am",
    "do",
    "does",
    "did",
    "has",
    "have",
    "had",
    "having",
    "can",
    "could",
    "would",
    "will",
    "shall",
    "should",
    "may",
    "might",
    "must",
    "please",
    "pls",
    "kindly",
    "and",
    "or",
    "but",
    "if",
    "then",
    "so",
    "than",
    "too",
    "very",
    "just",
    "also",
    "to",
    "from",
    "in",
    "on",
    "at",
    "for",
    "with",
    "by",
    "of",
    "about",
    "into",
    "under",
    "near",
    "over",
    "between",
    "until",
    "till",
    "through",
    "since",
    "after",
    "before",
    "as",
    "up",
    "out",
    "off",
    "there",
    "here",
    "what",
    "which",
    "who",
    "whom",
    "whose",
    "where",
    "when",
    "why",
    "how",
    "what's",
    "where's",
    "who's",
    "how's",
    "when's",
    "not",
    "no",
    "yes",
    "don't",
    "doesn't",
    "didn't",
    "isn't",
    "aren't",
    "i'd",
    "i'm",
    "i'll",
    "i've",
    "we'd",
    "we're",
    "let's",
    "it's",
    "that's",
    "there's",
    "want",
    "need",
    "like",
    "wish",
    "hi",
    "hello",
    "hey",
    "thanks",
    "thank",
    "ok",
    "okay",
    "now",
    "currently",
    "right",
    "new",
    "another",
    "much",
    "many",
    "let",
    "know",
    "tell",
    "give",
    "help",
    "us",
    "s",
    "t",
    "am",
    "pm",
    "s",
    "one",
    "ones",
    "ago",
    "per",
    "via",
    "again",
    "still",
    "already",
    "yet",
    "ever",
    "any",
    "anything",
    "something",
    "get",
    "got",
    "go",
    "going",
    "wanna",
    "gonna",
    "same",
    "i’d",
    "i’m",
    "it’s",
    "that’s",
    "what’s",
    "current",
    "actually",
    "instead",
    "rather",
    "sorry",
    "other",
    "more",
    "most",
    "each",
    "every",
    "such",
    "only",
    "own",
    "regarding",
    "because",
    "while",
    "during",
    "both",
    "few",
    "make",
    "sure",
    "possible",
    "able",
    "love",
    "would've",
    "cannot",
    "can't",
    "won't",
];
