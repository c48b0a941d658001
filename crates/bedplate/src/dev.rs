//! `dev`: applies a template, plays an example's first conversation, applies again when a file is saved.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedplate_lambda::HandlerKey;
use bedplate_providers::{Announce, Mode};
use bedplate_store::Page;
use bedplate_template::{Options, Stack};

use crate::apply::{Applied, apply};
use crate::args::{Dev, LogFormat};
use crate::script::Script;
use crate::serve::{House, chain, log};
use crate::watch::Watch;
use crate::{examples, screen};

/// `bedplate dev`.
pub(crate) async fn run(args: Dev) -> Result<(), String> {
    log("warn,lambda=info", args.server.log_format == Some(LogFormat::Json));
    let announce: Announce =
        Arc::new(|model, _| eprintln!("model     {model} is answered by builtin/planner (rule-based, not an LLM): no route names it"));
    let server = &args.server;
    let example = args
        .example
        .as_deref()
        .map(|name| examples::find(name, &server.state))
        .transpose()?;
    let template = match (&example, &args.template) {
        (Some(example), _) => bedplate_template::find(&example.folder),
        (None, Some(given)) if given.is_dir() => {
            Some(bedplate_template::find(given).ok_or_else(|| format!("{}: there is no template.yaml in this folder", given.display()))?)
        }
        (None, Some(given)) => Some(given.clone()),
        (None, None) => bedplate_template::find(Path::new(".")),
    };
    let house = House::open(server, Mode::Dev, announce).await?;
    let options = Options {
        place: house.config.place.clone(),
        ..Options::default()
    };
    let stack = template.as_deref().map(|path| read(path, &options)).transpose()?;
    let applied = match &stack {
        Some(stack) => apply(&house.app, stack, &options.place).await.map_err(|error| chain(&error))?,
        None => Vec::new(),
    };
    let shown = template.as_deref().zip(stack.as_ref());
    print!("{}", screen::opening(&house, server.ephemeral, shown, &applied));
    let told = example.as_ref().filter(|example| example.script.is_none());
    let lines = told.map(|example| examples::conversation(&example.folder)).unwrap_or_default();
    let first = first_conversation(&house, &applied).await;
    let script = example.as_ref().and_then(|example| Some(example.folder.join(example.script?)));
    let play = Play {
        url: house.url.clone(),
        key: house.key.clone(),
        agent: first.filter(|_| !args.no_play && !lines.is_empty()),
        alias: applied.iter().find(|one| one.kind == "alias").map(|one| one.id.clone()),
        lines,
    };
    let script = script.filter(|_| !args.no_play).map(|path| Script {
        path,
        url: house.url.clone(),
        key: house.key.clone(),
        region: house.config.place.region.to_string(),
        // A file says that it was played: it books courts and returns shirts, which is worth seeing once.
        played: (!server.ephemeral).then(|| {
            server
                .state
                .join("examples")
                .join(format!("{}.played", args.example.as_deref().unwrap_or_default()))
        }),
    });
    let reload = Reload {
        app: house.app.clone(),
        config: house.config.clone(),
        template,
        options,
        stack,
    };
    house
        .serve(async move {
            let script = async {
                if let Some(script) = script {
                    script.run().await;
                }
            };
            tokio::join!(play.run(), script, reload.run());
        })
        .await
}

/// The template's first agent, when nobody has spoken to it yet: an example books only once.
async fn first_conversation(house: &House, applied: &[Applied]) -> Option<String> {
    let agent = applied.iter().find(|one| one.kind == "agent")?;
    let place = &house.config.place;
    let prefix = format!(
        "{}/",
        bedplate_catalog::key(&[bedplate_agent::KIND, &place.account, &place.region, &agent.id])
    );
    let heads = house
        .app
        .engine
        .heads(
            &prefix,
            Page {
                limit: 1,
                ..Page::default()
            },
        )
        .await
        .ok()?;
    heads.is_empty().then(|| agent.id.clone())
}

struct Play {
    url: String,
    /// What the conversation is signed with, where requests must be signed.
    key: Option<HandlerKey>,
    agent: Option<String>,
    alias: Option<String>,
    lines: Vec<String>,
}

impl Play {
    async fn run(self) {
        let Some(agent) = self.agent else { return };
        println!();
        let mut terminal = bedplate_cli::Terminal::system();
        if let Some(key) = self.key {
            let of_key = [
                ("AWS_ACCESS_KEY_ID", key.access_key),
                ("AWS_SECRET_ACCESS_KEY", key.secret),
                ("AWS_SESSION_TOKEN", key.session_token),
            ];
            terminal.variables.extend(of_key.map(|(name, value)| (name.to_owned(), value)));
        }
        if let Err(failure) = bedplate_cli::play(&self.url, &agent, self.alias.as_deref(), &self.lines, &mut terminal).await {
            eprintln!("bedplate: the first conversation could not be played:");
            terminal.tell_failure(&failure);
        }
    }
}

struct Reload {
    app: crate::app::App,
    config: crate::config::Config,
    template: Option<PathBuf>,
    options: Options,
    stack: Option<Stack>,
}

impl Reload {
    async fn run(self) {
        let (template, stack) = (self.template, self.stack);
        let folders = self.config.function_folders();
        if stack.is_none() && folders.is_empty() {
            return;
        }
        let mut watch = match Watch::new() {
            Ok(watch) => watch,
            Err(error) => {
                eprintln!("bedplate: files are not watched: {error}");
                return;
            }
        };
        let wanted = |stack: Option<&Stack>| {
            let of_template = stack.map(|stack| stack.files_to_watch.clone()).unwrap_or_default();
            [of_template, folders.clone()].concat()
        };
        watch.set(&wanted(stack.as_ref()));
        loop {
            watch.changed().await;
            if !folders.is_empty()
                && let Err(error) = self.app.map_functions(&self.config).await
            {
                eprintln!("{}\nthe version before goes on serving", chain(&error));
            }
            let Some(template) = template.as_ref().filter(|_| stack.is_some()) else {
                continue;
            };
            match read(template, &self.options) {
                Err(mistakes) => eprintln!("{mistakes}\nthe version before goes on serving"),
                Ok(stack) => {
                    watch.set(&wanted(Some(&stack)));
                    match apply(&self.app, &stack, &self.options.place).await {
                        Ok(applied) => eprintln!("{}", screen::again(&applied)),
                        Err(error) => eprintln!("{}: {}\nthe version before goes on serving", template.display(), chain(&error)),
                    }
                }
            }
        }
    }
}

fn read(path: &Path, options: &Options) -> Result<Stack, String> {
    bedplate_template::read(path, options).map_err(|diagnostics| screen::mistakes(&diagnostics))
}
