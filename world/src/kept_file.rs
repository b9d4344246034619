//! The Python module `_kept_file`: what keeping a definition (python/kept.py) asks of files, in one call each.
//!
//! Each definition at a prompt is kept, so this is part of its cost: the same in Python, by the functions of `os` and `json`, took as
//! long as compiling and linking a small C function.

pub(crate) use _kept_file::module_def;

use rustpython_vm::builtins::PyStrRef;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whatever happens meanwhile, the file is the old or the new one. A signal waits until this is done. When its folder changed.
fn write_whole(path: &Path, text: &str) -> io::Result<i64> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let temporary = path.with_file_name(format!(".{}.new", name.to_string_lossy()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(changed(folder))
}

/// In nanoseconds; 0: it is not there.
fn changed(path: &Path) -> i64 {
    fs::metadata(path).map_or(0, |found| found.mtime().wrapping_mul(1_000_000_000).wrapping_add(found.mtime_nsec()))
}

/// A list of strings as JSON, in ASCII.
fn push_list(text: &mut String, words: &[PyStrRef]) {
    text.push('[');
    for (at, word) in words.iter().enumerate() {
        text.push_str(if at > 0 { ", \"" } else { "\"" });
        for letter in word.to_string_lossy().chars() {
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
fn head(language: &PyStrRef, order: u64, names: &[PyStrRef], uses: &[PyStrRef]) -> String {
    let mut text = format!("{{\"language\": \"{}\", \"order\": {order}, \"names\": ", language.to_string_lossy());
    push_list(&mut text, names);
    text.push_str(", \"uses\": ");
    push_list(&mut text, uses);
    text + "}"
}

#[rustpython_vm::pymodule]
mod _kept_file {
    use rustpython_vm::{FromArgs, PyResult, VirtualMachine, builtins::{PyBaseExceptionRef, PyStrRef}, convert::ToPyException};
    use std::io;
    use std::path::Path;

    /// Names the file, as those of open() do.
    fn os_error(error: &io::Error, path: &str, vm: &VirtualMachine) -> PyBaseExceptionRef {
        let Some(number) = error.raw_os_error() else { return error.to_pyexception(vm) };
        let text = error.to_string();
        let words = [vm.ctx.new_int(number).into(), vm.ctx.new_str(text.split(" (os error").next().unwrap_or("")).into(), vm.ctx.new_str(path).into()];
        vm.invoke_exception(vm.ctx.exceptions.os_error, words.into()).unwrap_or_else(|_| error.to_pyexception(vm))
    }

    /// write_whole(path, text) -> changed() of its folder: the file is the old or the new one, whatever happens meanwhile.
    /// OSError: it is the old one.
    #[pyfunction]
    fn write_whole(path: String, text: String, vm: &VirtualMachine) -> PyResult<i64> {
        super::write_whole(Path::new(&path), &text).map_err(|error| os_error(&error, &path, vm))
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
        super::changed(Path::new(&path))
    }

    /// head(language, order, names, uses) -> str: a dict of these as JSON, in one line.
    #[pyfunction]
    fn head(language: PyStrRef, order: u64, names: Vec<PyStrRef>, uses: Vec<PyStrRef>) -> String {
        super::head(&language, order, &names, &uses)
    }

    #[derive(FromArgs)]
    struct Kept {
        #[pyarg(positional)]
        folder: PyStrRef,
        #[pyarg(positional)]
        suffix: PyStrRef,
        #[pyarg(positional)]
        mark: PyStrRef,
        #[pyarg(positional)]
        language: PyStrRef,
        #[pyarg(positional)]
        order: u64,
        #[pyarg(positional)]
        names: Vec<PyStrRef>,
        #[pyarg(positional)]
        uses: Vec<PyStrRef>,
        #[pyarg(positional)]
        source: PyStrRef,
    }

    /// write_definition(folder, suffix, mark, language, order, names, uses, source) -> (path, as write_whole()): ORDER-NAME, with a line of
    /// mark and head(), then the source. The folder is made if it is not there.
    #[pyfunction]
    fn write_definition(kept: Kept, vm: &VirtualMachine) -> PyResult<(String, i64)> {
        let folder = kept.folder.to_string_lossy();
        let name = kept.names.first().map_or("code".into(), |name| name.to_string_lossy().replace('/', "-"));
        let path = format!("{folder}/{:05}-{name}{}", kept.order, kept.suffix.to_string_lossy());
        let mut text = kept.mark.to_string_lossy().into_owned();
        text += &super::head(&kept.language, kept.order, &kept.names, &kept.uses);
        text.push('\n');
        text += kept.source.to_string_lossy().trim_end();
        text.push('\n');
        let write = || super::write_whole(Path::new(&path), &text);
        let written = write().or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => std::fs::create_dir_all(&*folder).and_then(|()| write()),
            _ => Err(error),
        });
        Ok((path.clone(), written.map_err(|error| os_error(&error, &path, vm))?))
    }
}
