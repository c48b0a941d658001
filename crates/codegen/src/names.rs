//! Rust's names for the models' names.

/// `agentARN` → `agent_arn`, `s3BucketName` → `s3_bucket_name`, `KMSKeyArn` → `kms_key_arn`.
pub(crate) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (index, &char) in chars.iter().enumerate() {
        if !char.is_ascii_alphanumeric() {
            if !out.ends_with('_') {
                out.push('_');
            }
            continue;
        }
        if char.is_ascii_uppercase() && index > 0 {
            let before = chars[index - 1];
            let lower_follows = chars.get(index + 1).is_some_and(char::is_ascii_lowercase);
            if before.is_ascii_lowercase() || before.is_ascii_digit() || (before.is_ascii_uppercase() && lower_follows) {
                out.push('_');
            }
        }
        out.push(char.to_ascii_lowercase());
    }
    out
}

/// A field's identifier.
pub(crate) fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "enum" | "match" | "loop" | "in" | "for" | "if" | "else" | "ref" | "mod" | "use" | "fn" | "where" | "static" | "const"
        | "move" | "return" | "struct" | "trait" | "async" | "await" | "override" | "final" | "abstract" | "do" | "try" | "yield" => {
            format!("r#{name}")
        }
        _ => name,
    }
}

/// A table's identifier.
pub(crate) fn table(name: &str) -> String {
    snake(name).to_uppercase()
}

/// A type's identifier.
pub(crate) fn type_name(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// An enum variant's identifier: `NOT_PREPARED` → `NotPrepared`, `python3.12` → `Python312`, `AMAZON.UserInput` → `AmazonUserInput`.
pub(crate) fn variant(word: &str) -> String {
    let mut out = String::new();
    for part in word
        .split(|char: char| !char.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
    {
        let shouted = !part.chars().any(|char| char.is_ascii_lowercase());
        let rest = part[1..].to_owned();
        out.push_str(&part[..1].to_uppercase());
        out.push_str(&if shouted { rest.to_lowercase() } else { rest });
    }
    match out.chars().next() {
        None => "Empty".to_owned(),
        Some(_) if out == "Self" => "Itself".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("V{out}"),
        Some(_) => out,
    }
}

/// A Rust string literal.
pub(crate) fn quoted(text: &str) -> String {
    format!("{text:?}")
}
