//! Machine code as text, with the names of what it refers to.

use super::control;
use crate::natives;
use iced_x86::{Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, SymbolResolver, SymbolResult};

struct Names;

impl SymbolResolver for Names {
    fn symbol(&mut self, _: &Instruction, _: u32, _: Option<u32>, address: u64, size: u32) -> Option<SymbolResult<'_>> {
        if size < 4 || address < 0xffff_8000_0000_0000 {
            return None;
        }
        let (name, offset) = name_of(address)?;
        Some(SymbolResult::with_string(address - offset, name))
    }
}

/// Name and offset of an address in the namespace.
pub fn name_of(address: u64) -> Option<(String, u64)> {
    if let Ok(info) = control::symbol_at(address) {
        let start = if address >= info.target && info.target != 0 && address - info.target <= info.size.max(16) { info.target } else { info.address };
        return Some((info.name(), address.wrapping_sub(start)));
    }
    natives::symbol(address as usize).map(|(name, offset)| (name.to_owned(), offset as u64))
}

/// (address, bytes in hex, text) of each instruction of the code that lies at `address`.
pub fn disassemble(code: &[u8], address: u64) -> Vec<(u64, String, String)> {
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::with_options(Some(Box::new(Names)), None);
    formatter.options_mut().set_hex_prefix("0x");
    formatter.options_mut().set_hex_suffix("");
    formatter.options_mut().set_uppercase_hex(false);
    formatter.options_mut().set_rip_relative_addresses(false);
    let mut lines = Vec::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let start = (instruction.ip() - address) as usize;
        let bytes: String = code[start..start + instruction.len()].iter().map(|byte| format!("{byte:02x}")).collect();
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        lines.push((instruction.ip(), bytes, text));
    }
    lines
}
