//! Plays a conversation: what `dev` shows of an example, through the same door and printer as `chat`.
//!
//! A conversation is lines. Each is said as one turn, but one in brackets answers what the agent asks its client for in the turn
//! above it: `[approve]`, `[deny]`, `[result: TEXT]`. Without such a line the person at the terminal is asked.

use crate::args::{Color, Format};
use crate::client::Client;
use crate::directory;
use crate::failure::Failure;
use crate::locate::locate;
use crate::printer::Printer;
use crate::question::Answers;
use crate::signer::Signer;
use crate::terminal::Terminal;
use crate::turn::{Talk, new_session};

/// What is said in one turn, and the answers that come with it.
#[derive(Debug)]
struct Said<'a> {
    text: &'a str,
    /// The lines in brackets, as they stand.
    brackets: Vec<&'a str>,
    answers: Answers,
}

/// Says `lines` to an agent in one new session of the server at `url` and shows what happens. Tells the session's id. The agent is
/// named by name or id, the alias too; without one the newest is taken.
///
/// # Errors
/// A line in brackets cannot be read: then nothing is said. The server refuses or a turn fails: what was shown until then stays. What
/// no line in brackets answers is asked only when a person is there.
pub async fn play(url: &str, agent: &str, alias: Option<&str>, lines: &[String], terminal: &mut Terminal) -> Result<String, Failure> {
    let conversation = read(lines)?;
    let client = Client::new(locate(Some(url), None, &terminal.folder)?, Signer::of(terminal));
    let region = terminal.region().map(str::to_owned);
    let to = directory::find(&client, agent, alias, region.as_deref()).await?;
    let printer = Printer::new(terminal.width, terminal.colors(Color::Auto));
    let mut talk = Talk {
        client: &client,
        to,
        session: new_session(),
        answers: Answers::default(),
        output: Format::Text,
        printer,
    };
    for said in conversation {
        for line in std::iter::once(said.text).chain(said.brackets) {
            let line = talk.printer.said(line);
            terminal.print(&line)?;
        }
        talk.answers = said.answers;
        talk.turn(said.text, terminal).await?;
    }
    Ok(talk.session)
}

/// The turns of a conversation.
fn read(lines: &[String]) -> Result<Vec<Said<'_>>, Failure> {
    let mut turns: Vec<Said<'_>> = Vec::new();
    for line in lines {
        let Some(inside) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
            turns.push(Said {
                text: line,
                brackets: Vec::new(),
                answers: Answers::default(),
            });
            continue;
        };
        let wrong = |reason: &str| Failure::new(format!("{line}: {reason}")).hint("write [approve], [deny] or [result: TEXT] below a turn");
        let Some(turn) = turns.last_mut() else {
            return Err(wrong("there is no turn above it that it could answer"));
        };
        let answers = &mut turn.answers;
        let twice = match inside.split_once(':') {
            None if inside == "approve" => answers.approve.replace(true).is_some(),
            None if inside == "deny" => answers.approve.replace(false).is_some(),
            Some(("result", text)) => answers.result.replace(text.trim().to_owned()).is_some(),
            _ => return Err(wrong("this is not an answer")),
        };
        if twice {
            return Err(wrong("the turn has such an answer already"));
        }
        turn.brackets.push(line);
    }
    Ok(turns)
}

#[cfg(test)]
mod tests {
    use super::read;

    /// What is said, the confirmation and the result.
    type Turn = (String, Option<bool>, Option<String>);

    fn check(lines: &[&str]) -> Result<Vec<Turn>, String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let turns = read(&lines).map_err(|failure| failure.message)?;
        Ok(turns
            .into_iter()
            .map(|said| (said.text.to_owned(), said.answers.approve, said.answers.result))
            .collect())
    }

    #[test]
    fn brackets_answer_the_turn_above() {
        let turns = check(&["one", "two", "[approve]", "[result: it is: open]", "three [sic]", "[deny]", "[four"]);
        assert_eq!(
            turns,
            Ok(vec![
                ("one".into(), None, None),
                ("two".into(), Some(true), Some("it is: open".into())),
                ("three [sic]".into(), Some(false), None),
                ("[four".into(), None, None),
            ])
        );
    }

    #[test]
    fn slips_are_named_before_anything_is_said() {
        for (lines, reason) in [
            (vec!["[approve]", "one"], "[approve]: there is no turn"),
            (vec!["one", "[aprove]"], "[aprove]: this is not an answer"),
            (vec!["one", "[approve: yes]"], "[approve: yes]: this is not"),
            (vec!["one", "[result]"], "[result]: this is not"),
            (vec!["one", "[approve]", "[deny]"], "[deny]: the turn has"),
        ] {
            let said = check(&lines).expect_err("must be refused");
            assert!(said.starts_with(reason), "{said}");
        }
    }
}
