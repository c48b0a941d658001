//! Plays a conversation: what `dev` shows of an example, through the same door and printer as `chat`.

use crate::args::{Color, Format};
use crate::client::Client;
use crate::directory;
use crate::failure::Failure;
use crate::locate::locate;
use crate::printer::Printer;
use crate::question::Answers;
use crate::terminal::Terminal;
use crate::turn::{Talk, new_session};

/// Says `lines` to an agent in one new session of the server at `url` and shows what happens. Tells the session's id. The agent is
/// named by name or id, the alias too; without one the newest is taken.
///
/// # Errors
/// The server refuses or a turn fails; what was shown until then stays. A confirmation is asked for only when a person is there.
pub async fn play(url: &str, agent: &str, alias: Option<&str>, lines: &[String], terminal: &mut Terminal) -> Result<String, Failure> {
    let client = Client::new(locate(Some(url), None, &terminal.folder)?);
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
    for line in lines {
        let said = talk.printer.said(line);
        terminal.print(&said)?;
        talk.turn(line, terminal).await?;
    }
    Ok(talk.session)
}
