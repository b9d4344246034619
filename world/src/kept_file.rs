//! The Python module `_kept_file`: what keeping a definition (python/kept.py) asks of files, in one call each.
//!
//! Each definition at a prompt is kept, so this is part of its cost: the same in Python, by the functions of `os` and `json`, took as
//! long as compiling and linking a small C function. What is all new, which most definitions are, is kept by `record_new()` alone, without Python.

pub(crate) use _kept_file::module_def;

use rustpython_vm::{PyRef, VirtualMachine, builtins::PyDict};
use rustc_hash::FxHashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Whatever happens meanwhile, the file is the old or the new one. A signal waits until this is done. When its folder changed.
fn write_whole(path: &str, text: &str) -> io::Result<i64> {
    let (folder, name) = path.rsplit_once('/').map_or((".", path), |(folder, name)| (if folder.is_empty() { "/" } else { folder }, name));
    if name.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let temporary = [folder, "/.", name, ".new"].concat();
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    Ok(changed(folder))
}

/// In nanoseconds; 0: it is not there.
fn changed(path: &str) -> i64 {
    fs::metadata(path).map_or(0, |found| found.mtime().wrapping_mul(1_000_000_000).wrapping_add(found.mtime_nsec()))
}

/// A list of strings as JSON, in ASCII.
fn push_list(text: &mut String, words: &[impl AsRef<str>]) {
    text.push('[');
    for (at, word) in words.iter().enumerate() {
        text.push_str(if at > 0 { ", \"" } else { "\"" });
        for letter in word.as_ref().chars() {
            match letter {
                '"' | '\\' => text.extend(['\\', letter]),
                ' '..='~' => text.push(letter),
                _ => text.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
            }
        }
        text.push('"');
    }
    text.push(']');
}

/// A dict of these as JSON, in one line.
fn push_head(text: &mut String, language: &str, order: u64, names: &[impl AsRef<str>], uses: &[impl AsRef<str>]) {
    text.push_str("{\"language\": \"");
    text.push_str(language);
    text.push_str("\", \"order\": ");
    text.push_str(&order.to_string());
    text.push_str(", \"names\": ");
    push_list(text, names);
    text.push_str(", \"uses\": ");
    push_list(text, uses);
    text.push('}');
}

/// Of a language: what its files end with, and what their first line begins with.
struct Style {
    language: String,
    suffix: String,
    mark: String,
}

/// A definition as kept.py's index has it, which takes it from here when it needs it.
struct Entry {
    language: String,
    names: Vec<String>,
    uses: Vec<String>,
    order: u64,
    path: String,
}

/// As much of kept.py's index as tells what is new: the names of all definitions, and the highest order, while the folder's changed() is `stamp`.
struct Front {
    folder: String,
    stamp: i64,
    highest: u64,
    names: FxHashSet<String>,
    added: Vec<Entry>,
}

static STYLES: OnceLock<Vec<Style>> = OnceLock::new();
/// None: kept.py has not looked at its folder, or there are definitions without names.
static FRONT: Mutex<Option<Front>> = Mutex::new(None);

fn front() -> MutexGuard<'static, Option<Front>> {
    FRONT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes ORDER-NAME in the folder, which is made if it is not there: its path, and when the folder changed.
fn write_definition(folder: &str, style: (&str, &str), language: &str, order: u64, names: &[impl AsRef<str>], uses: &[impl AsRef<str>], source: &str)
    -> Result<(String, i64), (io::Error, String)> {
    let (suffix, mark) = style;
    let mut path = format!("{folder}/{order:05}-");
    match names.first() {
        Some(name) => path.extend(name.as_ref().chars().map(|letter| if letter == '/' { '-' } else { letter })),
        None => path.push_str("code"),
    }
    path.push_str(suffix);
    let mut text = String::with_capacity(source.len() + 256);
    text.push_str(mark);
    push_head(&mut text, language, order, names, uses);
    text.push('\n');
    text.push_str(source.trim_end());
    text.push('\n');
    let write = || write_whole(&path, &text);
    let written = write().or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => fs::create_dir_all(folder).and_then(|()| write()),
        _ => Err(error),
    });
    match written {
        Ok(stamp) => Ok((path, stamp)),
        Err(error) => Err((error, path)),
    }
}

/// Keeps a definition whose names are all new. False: kept.py must do it, because one is not, or it does not know its folder as it is now. An
/// error has the path.
pub fn record_new(language: &str, source: &str, names: &[impl AsRef<str>], uses: &[impl AsRef<str>]) -> Result<bool, (io::Error, String)> {
    let style = STYLES.get().and_then(|styles| styles.iter().find(|style| style.language == language));
    let mut front = front();
    let (Some(front), Some(style)) = (front.as_mut(), style) else { return Ok(false) };
    if names.is_empty() || names.iter().any(|name| front.names.contains(name.as_ref())) || changed(&front.folder) != front.stamp {
        return Ok(false);
    }
    let sorted = |words: &[&str]| {
        let mut words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        words.sort_unstable();
        words.dedup();
        words
    };
    let names = sorted(&names.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    let uses = sorted(&uses.iter().map(AsRef::as_ref).filter(|word| !names.iter().any(|name| name == word)).collect::<Vec<_>>());
    let order = front.highest + 1;
    let (path, stamp) = write_definition(&front.folder, (&style.suffix, &style.mark), language, order, &names, &uses, source)?;
    (front.highest, front.stamp) = (order, stamp);
    front.names.extend(names.iter().cloned());
    front.added.push(Entry { language: language.to_owned(), names, uses, order, path });
    Ok(true)
}

/// Of what was typed, by name: kept.py's `sources`.
pub fn sources(vm: &VirtualMachine) -> PyRef<PyDict> {
    static SOURCES: OnceLock<PyRef<PyDict>> = OnceLock::new();
    SOURCES.get_or_init(|| vm.ctx.new_dict()).clone()
}

#[rustpython_vm::pymodule]
mod _kept_file {
    use super::{Entry, Front, Style};
    use crate::live::SESSION_ROOM;
    use rustpython_vm::{
        FromArgs, PyObjectRef, PyRef, PyResult, VirtualMachine,
        builtins::{PyBaseExceptionRef, PyDict},
        convert::{ToPyException, ToPyObject},
    };
    use rustc_hash::FxHashSet;
    use std::io;

    /// Names the file, as those of open() do.
    pub(crate) fn os_error(error: &io::Error, path: &str, vm: &VirtualMachine) -> PyBaseExceptionRef {
        let Some(number) = error.raw_os_error() else { return error.to_pyexception(vm) };
        let text = error.to_string();
        let words = [vm.ctx.new_int(number).into(), vm.ctx.new_str(text.split(" (os error").next().unwrap_or("")).into(), vm.ctx.new_str(path).into()];
        vm.invoke_exception(vm.ctx.exceptions.os_error, words.into()).unwrap_or_else(|_| error.to_pyexception(vm))
    }

    /// write_whole(path, text) -> changed() of its folder: the file is the old or the new one, whatever happens meanwhile.
    /// OSError: it is the old one.
    #[pyfunction]
    fn write_whole(path: String, text: String, vm: &VirtualMachine) -> PyResult<i64> {
        super::write_whole(&path, &text).map_err(|error| os_error(&error, &path, vm))
    }

    /// read(path) -> str: a whole file, its line ends as "\\n". OSError; ValueError: it is no UTF-8.
    #[pyfunction]
    fn read(path: String, vm: &VirtualMachine) -> PyResult<String> {
        let bytes = std::fs::read(&path).map_err(|error| os_error(&error, &path, vm))?;
        let text = String::from_utf8(bytes).map_err(|error| vm.new_value_error(error.to_string()))?;
        Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
    }

    /// changed(path) -> nanoseconds: when a folder (or file) was changed; 0: it is not there.
    #[pyfunction]
    fn changed(path: String) -> i64 {
        super::changed(&path)
    }

    /// head(language, order, names, uses) -> str: a dict of these as JSON, in one line.
    #[pyfunction]
    fn head(language: String, order: u64, names: Vec<String>, uses: Vec<String>) -> String {
        let mut text = String::new();
        super::push_head(&mut text, &language, order, &names, &uses);
        text
    }

    #[derive(FromArgs)]
    struct Kept {
        #[pyarg(positional)]
        folder: String,
        #[pyarg(positional)]
        suffix: String,
        #[pyarg(positional)]
        mark: String,
        #[pyarg(positional)]
        language: String,
        #[pyarg(positional)]
        order: u64,
        #[pyarg(positional)]
        names: Vec<String>,
        #[pyarg(positional)]
        uses: Vec<String>,
        #[pyarg(positional)]
        source: String,
    }

    /// write_definition(folder, suffix, mark, language, order, names, uses, source) -> (path, as write_whole()): ORDER-NAME, with a line of
    /// mark and head(), then the source. The folder is made if it is not there.
    #[pyfunction]
    fn write_definition(kept: Kept, vm: &VirtualMachine) -> PyResult<(String, i64)> {
        let style = (kept.suffix.as_str(), kept.mark.as_str());
        super::write_definition(&kept.folder, style, &kept.language, kept.order, &kept.names, &kept.uses, &kept.source)
            .map_err(|(error, path)| os_error(&error, &path, vm))
    }

    /// sources: name -> what was typed.
    #[pyattr]
    fn sources(vm: &VirtualMachine) -> PyRef<PyDict> {
        super::sources(vm)
    }

    /// languages(names, suffixes, marks): what record_new() writes. Once.
    #[pyfunction]
    fn languages(names: Vec<String>, suffixes: Vec<String>, marks: Vec<String>) {
        let styles = names.into_iter().zip(suffixes).zip(marks).map(|((language, suffix), mark)| Style { language, suffix, mark });
        let _ = super::STYLES.set(styles.collect());
    }

    /// know(folder, stamp, highest, names): the folder was read when changed() was `stamp`; None for `names`: record_new() is not to be used.
    #[pyfunction]
    fn know(folder: String, stamp: i64, highest: u64, names: Option<Vec<String>>) {
        *super::front() = names.map(|given| {
            let mut names = FxHashSet::default();
            names.reserve(given.len().max(SESSION_ROOM));
            names.extend(given);
            Front { folder, stamp, highest, names, added: Vec::new() }
        });
    }

    /// know_more(stamp, highest, names) -> bool: the same, of the same folder, with these names as well. False: nothing is known.
    #[pyfunction]
    fn know_more(stamp: i64, highest: u64, names: Vec<String>) -> bool {
        let mut front = super::front();
        let Some(front) = front.as_mut() else { return false };
        (front.stamp, front.highest) = (stamp, highest.max(front.highest));
        front.names.extend(names);
        true
    }

    /// added() -> (stamp, [(language, names, uses, order, path)]): what record_new() has written since the last call, and when the folder changed.
    #[pyfunction]
    fn added(vm: &VirtualMachine) -> (i64, Vec<PyObjectRef>) {
        let (stamp, found) = super::front().as_mut().map_or((0, Vec::new()), |front| (front.stamp, std::mem::take(&mut front.added)));
        let list = |words: Vec<String>| vm.ctx.new_list(words.into_iter().map(|word| word.to_pyobject(vm)).collect());
        let entry = |one: Entry| vm.new_tuple((one.language, list(one.names), list(one.uses), one.order, one.path)).into();
        (stamp, found.into_iter().map(entry).collect())
    }

    /// record_new(language, source, names, uses) -> bool: keeps a definition whose names are all new. False: record() must look. OSError.
    #[pyfunction]
    fn record_new(language: String, source: String, names: Vec<String>, uses: Vec<String>, vm: &VirtualMachine) -> PyResult<bool> {
        super::record_new(&language, &source, &names, &uses).map_err(|(error, path)| os_error(&error, &path, vm))
    }
}
