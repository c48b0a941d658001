//! Prices: a dated file of our own, and what the configuration says instead.

use bedplate_base::Timestamp;
use serde::Deserialize;

use crate::Tokens;

/// The provider of what is built in; it costs nothing.
pub const BUILTIN: &str = "builtin";
/// Prices that a configuration may hold. Ours.
const PRICES_MAX: usize = 1_000;
const FILE: &str = include_str!("prices.toml");

/// All prices.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    /// The configuration's.
    own: Vec<Price>,
    file: Vec<Price>,
    date: String,
    transitions_million: f64,
}

/// US dollars for a million tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    provider: String,
    models: Vec<String>,
    /// `2026-11-21`.
    from: String,
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
    /// Read from the provider's cache.
    pub cache_read: f64,
    /// Written to the provider's cache.
    pub cache_write: f64,
    /// Where it stands.
    pub source: String,
}

/// `[[price]]`: what models cost, in US dollars for a million tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// The provider's name as under `[providers.NAME]`; `"*"` for all.
    pub provider: String,
    /// The model as its provider names it, or several; `*` stands for anything.
    pub model: Models,
    /// The day from which it holds: `"2026-11-21"`. From ever by default.
    #[serde(default)]
    pub from: Option<String>,
    /// A million tokens that are read.
    pub input: f64,
    /// A million tokens that are written.
    pub output: f64,
    /// A million tokens that are read from the provider's cache; as `input` by default.
    #[serde(default)]
    pub cache_read: Option<f64>,
    /// A million tokens that are written to the provider's cache; as `input` by default.
    #[serde(default)]
    pub cache_write: Option<f64>,
    /// Where it stands, for people.
    #[serde(default)]
    pub source: Option<String>,
}

/// One model or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Models {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct File {
    date: String,
    price: Vec<PriceConfig>,
    transitions: Transitions,
}

#[derive(Deserialize)]
struct Transitions {
    million: f64,
}

impl Default for Prices {
    /// Those of the file.
    fn default() -> Self {
        Self::new(&[]).expect("invariant: the file of prices is read by a test")
    }
}

impl Prices {
    /// Those of the file, and before them those of a configuration.
    ///
    /// # Errors
    /// The number of the entry that does not hold (from 0), and why.
    pub fn new(configured: &[PriceConfig]) -> Result<Self, (usize, String)> {
        let file: File = toml::from_str(FILE).expect("invariant: the file of prices is read by a test");
        if configured.len() > PRICES_MAX {
            return Err((PRICES_MAX, format!("there are more than {PRICES_MAX} prices")));
        }
        let mut own = Vec::new();
        for (number, price) in configured.iter().enumerate() {
            own.push(Price::new(price).map_err(|problem| (number, problem))?);
        }
        let file_prices = file.price.iter().map(Price::new).collect::<Result<_, _>>();
        Ok(Self {
            own,
            file: file_prices.expect("invariant: the file of prices is read by a test"),
            date: file.date,
            transitions_million: file.transitions.million,
        })
    }

    /// The day on which the file was written.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// US dollars for a million state transitions of Step Functions.
    pub fn transitions_million(&self) -> f64 {
        self.transitions_million
    }

    /// The price of a model on a day: of the configuration's that fit the newest, else of the file's. A file without one has no opinion.
    pub fn find(&self, provider: &str, model: &str, day: &str) -> Option<Price> {
        let fits = |price: &&Price| {
            (price.provider == "*" || price.provider == provider)
                && price.from.as_str() <= day
                && price.models.iter().any(|pattern| matches(pattern, model))
        };
        let newest = |of: &'_ [Price]| of.iter().filter(fits).max_by(|a, b| a.from.cmp(&b.from)).cloned();
        newest(&self.own).or_else(|| newest(&self.file))
    }

    /// What calls of a model cost on a day, in US dollars; none when the price is not known.
    pub fn cost(&self, provider: &str, model: &str, day: &str, tokens: &Tokens) -> Option<f64> {
        if provider == BUILTIN {
            return Some(0.0);
        }
        Some(self.find(provider, model, day)?.of(tokens))
    }
}

impl Price {
    fn new(config: &PriceConfig) -> Result<Self, String> {
        let from = config.from.clone().unwrap_or_default();
        if !from.is_empty() && Timestamp::parse_iso(&format!("{from}T00:00:00Z")).is_none() {
            return Err(format!("from: {from:?} is not a day: write one such as \"2026-11-21\""));
        }
        let cache_read = config.cache_read.unwrap_or(config.input);
        let cache_write = config.cache_write.unwrap_or(config.input);
        for (name, dollars) in [
            ("input", config.input),
            ("output", config.output),
            ("cache_read", cache_read),
            ("cache_write", cache_write),
        ] {
            if !(0.0..=1e6).contains(&dollars) {
                return Err(format!(
                    "{name}: {dollars} is not a price: write US dollars for a million tokens, such as 3.0"
                ));
            }
        }
        Ok(Self {
            provider: config.provider.clone(),
            models: match &config.model {
                Models::One(model) => vec![model.clone()],
                Models::Several(models) => models.clone(),
            },
            from,
            input: config.input,
            output: config.output,
            cache_read,
            cache_write,
            source: config.source.clone().unwrap_or_default(),
        })
    }

    /// What these tokens cost, in US dollars.
    pub fn of(&self, tokens: &Tokens) -> f64 {
        let part = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        part(tokens.input, self.input)
            + part(tokens.output, self.output)
            + part(tokens.cache_read, self.cache_read)
            + part(tokens.cache_write, self.cache_write)
    }
}

/// Whether `text` fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(text: &str) -> Result<Prices, (usize, String)> {
        #[derive(Deserialize)]
        struct Given {
            price: Vec<PriceConfig>,
        }
        Prices::new(&toml::from_str::<Given>(text).expect("TOML").price)
    }

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
            ("ab*ba", "aba", false),
            ("*anthropic.claude-3-haiku-*", "us.anthropic.claude-3-haiku-20240307-v1:0", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_file_is_read_and_every_price_has_a_day_and_a_source() {
        let prices = Prices::new(&[]).expect("holds");
        assert!(
            prices
                .file
                .iter()
                .all(|price| price.from.len() == 10 && price.source.starts_with("https://"))
        );
        let tokens = Tokens {
            calls: 5,
            input: 10_000,
            output: 2_500,
            ..Tokens::default()
        };
        let dollars = prices
            .cost("anthropic", "claude-sonnet-4-5-20250929", "2026-11-21", &tokens)
            .expect("known");
        assert!((dollars - 0.0675).abs() < 1e-9, "{dollars}");
        assert_eq!(
            prices.cost("anthropic", "claude-sonnet-4-5-20250929", "2020-01-01", &tokens),
            None,
            "before it was sold"
        );
        assert_eq!(prices.cost("ollama", "claude-sonnet-4-5-20250929", "2026-11-21", &tokens), None);
        assert_eq!(prices.cost("anthropic", "claude-next", "2026-11-21", &tokens), None, "never zero");
        assert_eq!(prices.cost(BUILTIN, "builtin/planner", "2026-11-21", &tokens), Some(0.0));
    }

    #[test]
    fn the_configuration_comes_first() {
        let text = r#"
            [[price]]
            provider = "openai"
            model = "gpt-4.1"
            from = "2026-02-01"
            input = 1.0
            output = 2.0
            [[price]]
            provider = "*"
            model = ["local", "gpt-4.1"]
            input = 4.0
            output = 4.0
            cache_read = 0.0
        "#;
        let prices = prices(text).expect("holds");
        let million = Tokens {
            input: 1_000_000,
            cache_read: 1_000_000,
            ..Tokens::default()
        };
        assert_eq!(prices.cost("openai", "gpt-4.1", "2026-11-21", &million), Some(2.0));
        assert_eq!(prices.cost("openai", "gpt-4.1", "2026-01-31", &million), Some(4.0));
        assert_eq!(prices.cost("anywhere", "local", "2026-11-21", &million), Some(4.0));
    }

    #[test]
    fn mistakes_are_told() {
        let entry = |more: &str| format!("[[price]]\nprovider = \"a\"\nmodel = \"b\"\noutput = 1.0\n{more}");
        for (more, told) in [
            ("input = -1.0", "input"),
            ("input = nan", "input"),
            ("input = 1.0\nfrom = \"yesterday\"", "yesterday"),
        ] {
            assert!(prices(&entry(more)).expect_err("refused").1.contains(told), "{more}");
        }
    }
}
