//! Linking an object or archive into the running kernel: what the world adds to the kernel's linker.
//!
//! `load()` scans the functions for SSE, which the kernel must know (live/control.h), hands the object over, and feeds its debug
//! data to the type table when it is in. Errors carry the kernel's message, which lists everything that is missing.

use super::control::{self, Text};
use super::elf::{self, Object};
use super::lines::Stabs;
use super::types::{Language, table};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use iced_x86::{CpuidFeature, Decoder, DecoderOptions, Instruction, OpKind};

/// How an object is loaded; `Default` publishes its symbols.
#[derive(Default)]
pub struct Options {
    /// control::LOAD_...
    pub flags: u32,
    /// For replacements: the kernel's source file whose statics are meant, and the one function that is wanted.
    pub bind_file: String,
    pub only: String,
    /// An archive that is searched for what the object leaves undefined.
    pub archive: Vec<u8>,
}

/// Modules that were loaded and not unloaded: id, name, language, bytes of the object.
static MODULES: Mutex<BTreeMap<u64, (String, Language, usize)>> = Mutex::new(BTreeMap::new());

fn known_modules() -> MutexGuard<'static, BTreeMap<u64, (String, Language, usize)>> {
    MODULES.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn modules() -> Vec<(u64, String, Language, usize)> {
    known_modules().iter().map(|(id, (name, language, size))| (*id, name.clone(), *language, *size)).collect()
}

pub struct Loaded {
    pub module: u64,
    /// Names that were defined, replaced ones marked, a line each.
    pub message: String,
    pub only_address: u64,
    /// Does it use anything outside of itself?
    pub calls: bool,
}

/// Why it was not loaded.
pub struct Refused {
    pub errno: i32,
    pub message: String,
}

impl Language {
    /// Its number in live/control.h.
    pub fn number(self) -> u32 {
        match self {
            Self::C => control::LANGUAGE_C,
            Self::Zig => control::LANGUAGE_ZIG,
            Self::Rust => control::LANGUAGE_RUST,
            Self::Python => control::LANGUAGE_PYTHON,
            Self::Other | Self::Assembly => control::LANGUAGE_OTHER,
        }
    }
}

/// Links `bytes` (an object or archive) as the module `name`.
pub fn load(bytes: &[u8], name: &str, language: Language, options: &Options) -> Result<Loaded, Refused> {
    super::exports::register();
    let is_archive = elf::is_archive(bytes);
    let mut objects = if is_archive { elf::members(bytes) } else { vec![(String::new(), bytes)] };
    objects.extend(elf::members(&options.archive));
    let (mut sse, mut all) = (Vec::new(), Vec::new());
    for (member, object) in &objects {
        let parsed = Object::parse(object).map_err(|why| refused(name, member, &why))?;
        for (symbol, code) in parsed.functions() {
            if uses_sse(code) {
                sse.extend_from_slice(symbol.name.as_bytes());
                sse.push(0);
            }
        }
        all.push((parsed, *object));
    }
    let mut loaded = control::with_message(|message| link(bytes, name, language, options, &sse, message))?;
    loaded.calls = all.iter().any(|(parsed, _)| parsed.symbols.iter().any(|one| one.section == 0 && !one.name.is_empty()));
    known_modules().insert(loaded.module, (name.to_owned(), language, bytes.len()));
    if options.flags & control::LOAD_HIDDEN == 0 {
        for (at, (parsed, object)) in all.iter().enumerate() {
            if (at == 0 && !is_archive) || is_taken(parsed, loaded.module) {
                remember(&mut table(), loaded.module, parsed, object);
            }
        }
    }
    Ok(loaded)
}

/// The kernel's part; `message` is room for what it says.
fn link(bytes: &[u8], name: &str, language: Language, options: &Options, sse: &[u8], message: &mut [u8]) -> Result<Loaded, Refused> {
    let mut request = control::LoadRequest {
        object: Text::of(bytes),
        name: Text::of(name.as_bytes()),
        sse: Text::of(sse),
        bind_file: Text::of(options.bind_file.as_bytes()),
        only: Text::of(options.only.as_bytes()),
        message: Text::out(message),
        flags: options.flags,
        language: language.number(),
        archive: Text::of(&options.archive),
        ..Default::default()
    };
    if let Err(error) = control::operate(control::LOAD, &mut request) {
        let text = control::text(message);
        let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
        let message = match errno {
            libc::ENOSYS if text.is_empty() => "only the kernel of Polyglot OS links objects".to_owned(),
            _ if text.is_empty() => format!("{name}: {error}"),
            _ => text,
        };
        return Err(Refused { errno, message });
    }
    Ok(Loaded { module: request.module, message: control::text(message), only_address: request.only_address, calls: false })
}

fn refused(name: &str, member: &str, why: &str) -> Refused {
    let place = if member.is_empty() { name.to_owned() } else { format!("{name}({member})") };
    Refused { errno: libc::ENOEXEC, message: format!("{place}: {why}") }
}

/// Was this member of an archive linked? What it defines is the module's then; debug data of the others would only give their types to
/// names that others have.
fn is_taken(parsed: &Object<'_>, module: u64) -> bool {
    let defined = parsed.symbols.iter().filter(|symbol| symbol.binding != 0 && symbol.section != 0 && !symbol.name.is_empty());
    defined.into_iter().any(|symbol| control::lookup(&symbol.name).is_ok_and(|found| found.module == module))
}

/// Types and lines of a loaded object. One without debug data has none.
fn remember(table: &mut super::types::TypeTable, module: u64, parsed: &Object<'_>, object: &[u8]) {
    if parsed.sections.iter().any(|section| section.name == ".debug_info") {
        let _ = table.add_dwarf(module, object); // damaged debug data costs its names their types
    }
    let section = |name: &str| parsed.sections.iter().find(|section| section.name == name).map_or(&[][..], |section| parsed.data(section));
    let entries = section(".stab");
    if !entries.is_empty() {
        table.stabs.entry(module).or_default().push(Stabs::new(entries, section(".stabstr")));
    }
}

/// Who uses what a module defines: "name is used by ...", a line each; "": nobody, or there is no such module.
pub fn users(module: u64) -> String {
    let mut message = vec![0u8; 16 << 10];
    let mut request = control::UnloadRequest { module, force: control::UNLOAD_ASK, message: Text::out(&mut message), ..Default::default() };
    let told = control::operate(control::UNLOAD, &mut request).is_ok();
    if told { control::text(&message) } else { String::new() }
}

/// Unloads a module. Refused: who uses it.
pub fn unload(module: u64, force: bool) -> Result<(), Refused> {
    control::with_message(|message| {
        let mut request = control::UnloadRequest { module, force: u32::from(force), message: Text::out(message), ..Default::default() };
        control::operate(control::UNLOAD, &mut request).map_err(|error| {
            let text = control::text(message);
            Refused {
                errno: error.raw_os_error().unwrap_or(libc::EINVAL),
                message: if text.is_empty() { error.to_string() } else { text },
            }
        })
    })?;
    known_modules().remove(&module);
    let mut table = table();
    table.remove_dwarf(module);
    table.stabs.remove(&module);
    Ok(())
}

/// Does the code touch registers of SSE, AVX, MMX or the x87, whose contents belong to ring-3 programs?
pub fn uses_sse(code: &[u8]) -> bool {
    // Their instructions begin with one of these bytes, perhaps behind prefixes (Intel's manual, volume 2, appendix A; XOP: AMD's, volume 4). Most small
    // functions have none.
    if !code.iter().any(|byte| matches!(byte, 0x0f | 0x62 | 0x8f | 0x9b | 0xc4 | 0xc5 | 0xd8..=0xdf)) {
        return false;
    }
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        let vector = (0..instruction.op_count()).any(|at| {
            instruction.op_kind(at) == OpKind::Register && {
                let register = instruction.op_register(at);
                register.is_vector_register() || register.is_mm() || register.is_st() || register.is_k()
            }
        });
        let features = instruction.cpuid_features();
        if vector || features.iter().any(|feature| matches!(feature, CpuidFeature::FPU | CpuidFeature::MMX | CpuidFeature::SSE) && !is_harmless(&instruction)) {
            return true;
        }
    }
    false
}

/// Instructions that SSE brought and that touch no such register: fences, prefetches.
fn is_harmless(instruction: &Instruction) -> bool {
    use iced_x86::Mnemonic;
    matches!(
        instruction.mnemonic(),
        Mnemonic::Sfence | Mnemonic::Prefetcht0 | Mnemonic::Prefetcht1 | Mnemonic::Prefetcht2 | Mnemonic::Prefetchnta
    )
}
