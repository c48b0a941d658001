//! `cargo xtask dist`: the archive of a release, made and looked at: binary, manual, completions, unit, licences, checksums.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::licences::PLATFORM;
use crate::{Outcome, licences, read, root, steps, write};

/// Bytes of the binary at most: what a container should be, tens of megabytes.
const BINARY_BYTES_MAX: u64 = 60 * 1024 * 1024;
/// Where the oldest glibc is named that the binary runs with.
const INSTALL: &str = "docs/guides/install.md";
/// Shells that completions are written for, and the names that those look for.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/bedplate"),
    ("zsh", "share/zsh/site-functions/_bedplate"),
    ("fish", "share/fish/vendor_completions.d/bedplate.fish"),
];
/// Files of the repository, and where they go.
const FILES: [(&str, &str); 3] = [
    ("packaging/bedplate.service", "lib/systemd/system/bedplate.service"),
    ("LICENSE", "share/doc/bedplate/LICENSE"),
    ("CHANGELOG.md", "share/doc/bedplate/CHANGELOG.md"),
];
/// Checksums of everything else in the archive.
const SUMS: &str = "SHA256SUMS";

/// The verb; `--binary FILE` packs that one instead of building one.
pub(crate) fn run(args: &[String]) -> Outcome {
    let binary = match args {
        [] => {
            steps::release()?;
            steps::target().join("release/bedplate")
        }
        [flag, file] if flag == "--binary" => PathBuf::from(file),
        _ => return Err("usage: cargo xtask dist [--binary FILE]".to_owned()),
    };
    let archive = make(&binary)?;
    prove(&archive)?;
    println!("{}", archive.display());
    Ok(())
}

/// The archive of the binary that was built last: a step of `cargo xtask test`.
pub(crate) fn step() -> Outcome {
    run(&[
        "--binary".to_owned(),
        steps::target().join("release/bedplate").display().to_string(),
    ])
}

fn make(binary: &Path) -> Result<PathBuf, String> {
    let bytes = fs::read(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    if bytes.len() as u64 > BINARY_BYTES_MAX {
        return Err(format!("the binary has {} bytes, more than {BINARY_BYTES_MAX}", bytes.len()));
    }
    check_floor(&bytes)?;
    let name = format!("bedplate-{}-{PLATFORM}", env!("CARGO_PKG_VERSION"));
    let dist = steps::target().join("dist");
    let folder = dist.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let place = |path: &str| -> Result<PathBuf, String> {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&folder)).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    };
    let program = place("bin/bedplate")?;
    fs::copy(binary, &program).map_err(|error| format!("{}: {error}", program.display()))?;
    for (from, to) in FILES {
        write(&place(to)?, &read(&root().join(from))?)?;
    }
    write(&place("share/doc/bedplate/THIRD-PARTY.txt")?, &licences::notice()?)?;
    let manual = place("share/man/man1/bedplate.1")?;
    output(Command::new(&program).arg("man").arg(manual.parent().unwrap_or(&folder)))?;
    for (shell, path) in COMPLETIONS {
        write(&place(path)?, &output(Command::new(&program).args(["completions", shell]))?)?;
    }
    let mut sums = String::new();
    for path in files(&folder, Path::new(""))? {
        let bytes = fs::read(folder.join(&path)).map_err(|error| format!("{}: {error}", path.display()))?;
        sums.push_str(&format!("{}  {}\n", hex(&bytes), path.display()));
    }
    write(&place(SUMS)?, &sums)?;
    let archive = dist.join(format!("{name}.tar.gz"));
    // The same input, the same bytes.
    let plain = [
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mtime=@0",
        "--mode=u+rw,go+r,go-w",
    ];
    output(
        Command::new("tar")
            .args(plain)
            .arg("-C")
            .arg(&dist)
            .arg("-czf")
            .arg(&archive)
            .arg(&name),
    )?;
    let bytes = fs::read(&archive).map_err(|error| format!("{}: {error}", archive.display()))?;
    write(&dist.join(SUMS), &format!("{}  {name}.tar.gz\n", hex(&bytes)))?;
    Ok(archive)
}

/// Unpacks it and uses it as somebody would who downloaded it.
fn prove(archive: &Path) -> Outcome {
    let dist = archive.parent().unwrap_or(Path::new("."));
    let place = dist.join("proof");
    if place.exists() {
        fs::remove_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    }
    fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    output(
        Command::new("sha256sum")
            .args(["--check", "--quiet", "--strict", SUMS])
            .current_dir(dist),
    )?;
    output(
        Command::new("tar")
            .arg("-xzf")
            .arg(archive)
            .arg("-C")
            .arg(&place)
            .arg("--strip-components=1"),
    )?;
    output(
        Command::new("sha256sum")
            .args(["--check", "--quiet", "--strict", SUMS])
            .current_dir(&place),
    )?;
    let said = output(Command::new(place.join("bin/bedplate")).arg("--version"))?;
    if said.trim() != concat!("bedplate ", env!("CARGO_PKG_VERSION")) {
        return Err(format!("the packed binary says {said:?}"));
    }
    let summed: BTreeSet<PathBuf> = read(&place.join(SUMS))?
        .lines()
        .filter_map(|line| Some(PathBuf::from(line.split_once("  ")?.1)))
        .collect();
    let mut packed: BTreeSet<PathBuf> = files(&place, Path::new(""))?.into_iter().collect();
    packed.remove(Path::new(SUMS));
    if summed != packed {
        return Err(format!("{SUMS} does not name what is packed"));
    }
    for verb in ["serve", "backup", "restore", "session-list"] {
        let page = read(&place.join(format!("share/man/man1/bedplate-{verb}.1")))?;
        if !page.contains(".SH SYNOPSIS") {
            return Err(format!("the manual page of {verb} is none"));
        }
    }
    for (shell, path) in COMPLETIONS {
        if !read(&place.join(path))?.contains("restore") {
            return Err(format!("the completions for {shell} do not know every verb"));
        }
    }
    fs::remove_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))
}

/// The binary asks for the glibc that the documentation names, and for no newer one.
fn check_floor(binary: &[u8]) -> Outcome {
    let text = read(&root().join(INSTALL))?;
    let (major, minor) = floor(binary).ok_or("the binary names no version of glibc")?;
    let named = text.split("glibc ").skip(1).find_map(|rest| version(rest.as_bytes()));
    match named {
        Some(named) if named >= (major, minor) => Ok(()),
        Some((one, other)) => Err(format!(
            "the binary needs glibc {major}.{minor}, {INSTALL} says {one}.{other}: build on an older system, or change the page"
        )),
        None => Err(format!("{INSTALL} names no glibc")),
    }
}

/// The newest version of glibc's symbols that a binary asks for: their names stand in its table of strings as `GLIBC_2.34`.
fn floor(binary: &[u8]) -> Option<(u32, u32)> {
    const MARK: &[u8] = b"GLIBC_";
    let starts = binary.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    starts.filter_map(|(at, _)| version(&binary[at + MARK.len()..])).max()
}

/// `2.34` at the beginning of some bytes.
fn version(bytes: &[u8]) -> Option<(u32, u32)> {
    let end = bytes.iter().position(|byte| !(byte.is_ascii_digit() || *byte == b'.'))?;
    let mut parts = std::str::from_utf8(&bytes[..end]).ok()?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The files below a folder, in order, relative to it.
fn files(folder: &Path, below: &Path) -> Result<Vec<PathBuf>, String> {
    let at = folder.join(below);
    let failed = |error: std::io::Error| format!("{}: {error}", at.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(&at).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = below.join(entry.file_name());
        match entry.file_type().map_err(failed)?.is_dir() {
            true => found.extend(files(folder, &path)?),
            false => found.push(path),
        }
    }
    found.sort();
    Ok(found)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a command prints; its failure is ours.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .output()
        .map_err(|error| format!("`{name}` could not be started: {error}"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(format!("`{name}`: {}: {}", done.status, said.trim()));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_glibc_counts() {
        assert_eq!(floor(b"\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE\0"), Some((2, 34)));
        assert_eq!(floor(b"GLIBC_"), None);
    }

    #[test]
    fn this_program_asks_for_no_newer_one_than_is_documented() {
        let program = fs::read(std::env::current_exe().unwrap()).unwrap();
        check_floor(&program).unwrap();
    }
}
