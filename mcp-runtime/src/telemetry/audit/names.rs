//! The names of a log's files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::folder;

/// So many digits at the least has the number in the name of a file that was set aside.
const DIGITS: usize = 12;

/// The file of the operator's commands beside a server's.
pub fn of_operator(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match path.extension() {
        Some(extension) => path.with_file_name(format!("{stem}.operator.{}", extension.to_string_lossy())),
        None => path.with_file_name(format!("{stem}.operator")),
    }
}

/// The name that a full file gets: the number of its last line, and of the attempt if others have the name.
pub(super) fn aside_name(path: &Path, seq: u64, attempt: u32) -> String {
    let part = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let stem = part(path.file_stem()).unwrap_or_default();
    let extension = part(path.extension()).map_or_else(String::new, |extension| format!(".{extension}"));
    let again = if attempt == 0 { String::new() } else { format!("-{attempt}") };
    format!("{stem}.{seq:0DIGITS$}{again}{extension}")
}

/// The log that a file belongs to by its name: `audit.jsonl` for `audit.000000004711.jsonl` and for itself.
pub(super) fn log_of(path: &Path) -> String {
    split(&path.file_name().unwrap_or_default().to_string_lossy()).0
}

/// The log in a name, and the number and the attempt of a file that was set aside.
fn split(name: &str) -> (String, Option<(u64, u32)>) {
    let mut parts: Vec<&str> = name.split('.').collect();
    // Before the extension, or at the end where there is none.
    for place in [parts.len().saturating_sub(2), parts.len() - 1] {
        if let Some(number) = parts.get(place).filter(|_| place > 0).and_then(|part| number(part)) {
            parts.remove(place);
            return (parts.join("."), Some(number));
        }
    }
    (name.to_owned(), None)
}

fn number(part: &str) -> Option<(u64, u32)> {
    let (seq, attempt) = part.split_once('-').unwrap_or((part, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if seq.len() < DIGITS || !digits(seq) || !digits(attempt) {
        return None;
    }
    Some((seq.parse().ok()?, attempt.parse().ok()?))
}

/// The files of a log that were set aside beside it, newest first.
pub(super) fn set_aside(path: &Path) -> io::Result<Vec<PathBuf>> {
    let log = log_of(path);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let (of, number) = split(&name.to_string_lossy());
        // What a link leads to is not beside it.
        if let Some(number) = number.filter(|_| of == log && path.file_name() != Some(&name))
            && entry.file_type()?.is_file()
        {
            found.push((number, path.with_file_name(name)));
        }
    }
    found.sort_by(|(a, _), (b, _)| b.cmp(a));
    Ok(found.into_iter().map(|(_, file)| file).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_set_aside_names_its_log() {
        for (path, attempt) in [("a/audit.jsonl", 0), ("audit.jsonl", 3), ("audit", 0), ("audit.operator.jsonl", 0)] {
            let path = Path::new(path);
            let aside = path.with_file_name(aside_name(path, 4711, attempt));
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!((log_of(&aside), log_of(path)), (name.to_owned(), name.to_owned()), "{aside:?}");
        }
        for other in ["audit.1.jsonl", "audit.00000000000x.jsonl", "000000000001", "audit.000000000001-.jsonl"] {
            assert_eq!(log_of(Path::new(other)), other);
        }
        assert_eq!(of_operator(Path::new("a/audit.jsonl")), Path::new("a/audit.operator.jsonl"));
    }
}
