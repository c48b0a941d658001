//! Manual pages, written from the definitions of the command line, so that they cannot say anything else.

use std::path::Path;

use clap::Command;

/// Writes `bedplate.1` and a page for each verb to `folder`.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn write(folder: &Path, mut command: Command) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    // Hidden verbs are hidden from a list that should be short. A manual is long anyway.
    command = shown(command.disable_help_subcommand(true));
    clap_mangen::generate_to(command, folder).map_err(failed)
}

fn shown(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |verb| shown(verb.hide(false)))
    })
}
