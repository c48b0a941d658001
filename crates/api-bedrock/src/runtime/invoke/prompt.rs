//! Conversations that were written into one text by a model's template, taken apart again, so that any provider can continue them.

use bedplate_converse::{Block, Message, Role};

use super::anthropic::push;

/// A prompt, taken apart.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Prompt {
    /// The system prompt; empty for none.
    pub(crate) system: String,
    /// Alternate roles.
    pub(crate) messages: Vec<Message>,
}

/// The templates, told apart by their marks: Llama 3's headers, `[INST]`, DeepSeek's and ChatML's tags, `Human:`/`User:` lines. A text without any
/// is one message of the user.
pub(crate) fn read(text: &str) -> Prompt {
    if text.contains("<|start_header_id|>") {
        return headers(text);
    }
    if text.contains("[INST]") {
        return instructions(text);
    }
    if text.contains("<|im_start|>") {
        return chat_ml(text);
    }
    if text.contains("<｜User｜>") {
        let text = text.trim_start().trim_start_matches("<｜begin▁of▁sentence｜>");
        return turns(text, "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>");
    }
    for (user, assistant) in [("\n\nHuman:", "\n\nAssistant:"), ("\nUser:", "\nBot:")] {
        // The first mark may stand at the very beginning.
        let whole = format!("{}{text}", &user[..user.len() - user.trim_start().len()]);
        if whole.contains(user) {
            return turns(&whole, user, assistant, "");
        }
    }
    let mut prompt = Prompt::default();
    prompt.say("user", text);
    prompt
}

impl Prompt {
    fn say(&mut self, role: &str, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let role = match role.trim() {
            "system" => {
                if !self.system.is_empty() {
                    self.system.push('\n');
                }
                self.system.push_str(text);
                return;
            }
            "assistant" | "ai" | "model" => Role::Assistant,
            _ => Role::User,
        };
        let next = Message {
            role,
            content: vec![Block::Text(text.to_owned())],
        };
        push(&mut self.messages, next);
    }
}

/// `<|start_header_id|>user<|end_header_id|>\n\n…<|eot_id|>`.
fn headers(text: &str) -> Prompt {
    let mut prompt = Prompt::default();
    for piece in text.split("<|start_header_id|>").skip(1) {
        let (role, said) = piece.split_once("<|end_header_id|>").unwrap_or(("user", piece));
        let said = ["<|eot_id|>", "<|end_of_text|>", "<|eom_id|>"]
            .iter()
            .filter_map(|end| said.find(end))
            .min()
            .map_or(said, |at| &said[..at]);
        prompt.say(role, said);
    }
    prompt
}

/// `<s>[INST] <<SYS>>…<</SYS>> … [/INST] …</s>`.
fn instructions(text: &str) -> Prompt {
    let mut prompt = Prompt::default();
    let mut pieces = text.split("[INST]");
    let before = pieces.next().unwrap_or_default();
    prompt.say("user", before.trim().trim_start_matches("<s>"));
    for piece in pieces {
        let (asked, said) = piece.split_once("[/INST]").unwrap_or((piece, ""));
        let asked = match asked.split_once("<<SYS>>").and_then(|(_, rest)| rest.split_once("<</SYS>>")) {
            Some((system, rest)) => {
                prompt.say("system", system);
                rest
            }
            None => asked,
        };
        prompt.say("user", asked);
        prompt.say("assistant", said.trim().trim_end_matches("<s>").trim_end().trim_end_matches("</s>"));
    }
    prompt
}

/// `<|im_start|>user\n…<|im_end|>`.
fn chat_ml(text: &str) -> Prompt {
    let mut prompt = Prompt::default();
    for piece in text.split("<|im_start|>").skip(1) {
        let (role, said) = piece.split_once('\n').unwrap_or((piece, ""));
        prompt.say(role, said.split("<|im_end|>").next().unwrap_or_default());
    }
    prompt
}

/// What stands before the first mark is the system prompt.
fn turns(text: &str, user: &str, assistant: &str, end: &str) -> Prompt {
    let mut prompt = Prompt::default();
    let (system, rest) = text.split_once(user).unwrap_or((text, ""));
    prompt.say("system", system);
    for piece in rest.split(user) {
        let mut said = piece.split(assistant);
        prompt.say("user", said.next().unwrap_or_default());
        for answer in said {
            let answer = answer.trim();
            prompt.say("assistant", if end.is_empty() { answer } else { answer.trim_end_matches(end) });
        }
    }
    prompt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_taken_apart() {
        let cases: [(&str, &str, &[&str]); 9] = [
            ("Just a text", "", &["u:Just a text"]),
            (
                "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi\
                 <|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
                "Be brief.",
                &["u:Hi"],
            ),
            (
                "<|start_header_id|>user<|end_header_id|>\nA<|eot_id|><|start_header_id|>assistant<|end_header_id|>\nB<|eot_id|>\
                 <|start_header_id|>user<|end_header_id|>\nC<|eot_id|>",
                "",
                &["u:A", "a:B", "u:C"],
            ),
            ("<s>[INST] Hi [/INST]", "", &["u:Hi"]),
            (
                "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nA [/INST] B </s><s>[INST] C [/INST]",
                "Be brief.",
                &["u:A", "a:B", "u:C"],
            ),
            ("\n\nHuman: A\n\nAssistant: B\n\nHuman: C\n\nAssistant:", "", &["u:A", "a:B", "u:C"]),
            ("Be brief.\n\nHuman: A\n\nAssistant:", "Be brief.", &["u:A"]),
            ("User: A\nBot: ", "", &["u:A"]),
            ("<｜begin▁of▁sentence｜>Be brief.<｜User｜>A<｜Assistant｜>", "Be brief.", &["u:A"]),
        ];
        for (text, system, messages) in cases {
            let prompt = read(text);
            assert_eq!(prompt.system, system, "{text}");
            let said: Vec<String> = prompt
                .messages
                .iter()
                .map(|message| format!("{}:{}", if message.role == Role::User { "u" } else { "a" }, message.text()))
                .collect();
            assert_eq!(said, messages, "{text}");
        }
    }
}
