//! Bytes of a type as text: what a prompt shows for a value.

use super::control;
use super::types::{Tag, Type, TypeId, TypeTable};

/// How many elements of an array are shown, and how deep structures are.
const MAX_ELEMENTS: u64 = 32;
const MAX_DEPTH: usize = 6;

impl TypeTable {
    /// The value whose bytes these are: "42", "0x2a 'x'", "{x = 1, y = 2}". Bytes that are missing are shown as "?".
    pub fn format_value(&self, id: TypeId, bytes: &[u8]) -> String {
        self.format_at(id, bytes, 0)
    }

    fn format_at(&self, id: TypeId, bytes: &[u8], depth: usize) -> String {
        let stripped = self.strip(id);
        let size = self.size_of(stripped) as usize;
        if bytes.len() < size {
            return "?".to_owned();
        }
        match self.get(stripped) {
            Type::Void => "(void)".to_owned(),
            Type::Bool => if bytes[0] != 0 { "true" } else { "false" }.to_owned(),
            Type::Int { name, size: 1, .. } if name.contains("char") => {
                let number = if name.contains("unsigned") { i32::from(bytes[0]) } else { i32::from(bytes[0] as i8) };
                format!("{number} {}", quote_char(bytes[0]))
            }
            Type::Int { size, signed, .. } => read_int(bytes, *size, *signed).to_string(),
            Type::Float { size: 4, .. } => show_float(&format!("{:?}", f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))),
            Type::Float { size, .. } => read_float(bytes, *size).map_or_else(|| "?".to_owned(), |value| show_float(&format!("{value:?}"))),
            Type::Pointer(to) => {
                let address = read_int(bytes, 8, false);
                match self.get(self.strip(*to)) {
                    _ if address == 0 => "NULL".to_owned(),
                    Type::Int { name, size: 1, .. } if name.contains("char") => {
                        let text = read_text(address as u64).map(|found| format!(" {}", quote(&found)));
                        format!("{address:#x}{}", text.unwrap_or_default())
                    }
                    _ => format!("{address:#x}{}", place_of(address as u64)),
                }
            }
            Type::Array { of, count } => self.format_array(*of, count.unwrap_or(0), bytes, depth),
            Type::Enum(_) => {
                let found = self.enumeration(stripped).expect("an enumeration");
                let value = read_int(bytes, found.size, found.signed);
                found.values.iter().find(|(_, own)| *own == value).map_or_else(|| value.to_string(), |(name, _)| name.to_string())
            }
            Type::Record(_) => self.format_record(stripped, bytes, depth),
            Type::Function { .. } => format!("({})", self.spell(id)),
            Type::Typedef { .. } | Type::Const(_) | Type::Volatile(_) => unreachable!("stripped"),
        }
    }

    fn format_array(&self, of: TypeId, count: u64, bytes: &[u8], depth: usize) -> String {
        let element = self.strip(of);
        if let Type::Int { name, size: 1, .. } = self.get(element)
            && name.contains("char")
        {
            let bytes = &bytes[..count as usize];
            let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
            if !bytes[..end].contains(&0) {
                return quote(&bytes[..end]);
            }
        }
        let size = self.size_of(of) as usize;
        let shown = count.min(MAX_ELEMENTS) as usize;
        let mut words: Vec<String> = (0..shown).map(|at| self.format_at(of, &bytes[at * size..], depth + 1)).collect();
        if count > MAX_ELEMENTS {
            words.push(format!("... {count} in all"));
        }
        format!("{{{}}}", words.join(", "))
    }

    fn format_record(&self, id: TypeId, bytes: &[u8], depth: usize) -> String {
        let record = self.record(id).expect("a record");
        if !record.complete {
            return "{incomplete}".to_owned();
        }
        if depth > MAX_DEPTH {
            return "{...}".to_owned();
        }
        let mut words = Vec::new();
        for field in &record.fields {
            let value = match field.bits {
                Some(_) => self.read_bits(field.ty, field.offset, field.bits.unwrap_or((0, 0)), bytes).map_or("?".to_owned(), |v| v.to_string()),
                None => bytes.get(field.offset as usize..).map_or("?".to_owned(), |rest| self.format_at(field.ty, rest, depth + 1)),
            };
            match &field.name {
                Some(name) => words.push(format!("{name} = {value}")),
                None if record.tag == Tag::Struct => words.push(value.trim_start_matches('{').trim_end_matches('}').to_owned()),
                None => words.push(value),
            }
        }
        format!("{{{}}}", words.join(", "))
    }

    /// A bit-field's value.
    pub fn read_bits(&self, ty: TypeId, offset: u64, (first, width): (u32, u32), bytes: &[u8]) -> Option<i128> {
        let mut raw = 0u128;
        let start = offset as usize + first as usize / 8;
        let shift = first % 8;
        for at in 0..(shift + width).div_ceil(8) as usize {
            raw |= u128::from(*bytes.get(start + at)?) << (at * 8);
        }
        let value = (raw >> shift) & ((1u128 << width) - 1);
        let signed = matches!(self.get(self.strip(ty)), Type::Int { signed: true, .. });
        Some(if signed && width > 0 && value >> (width - 1) & 1 == 1 { value as i128 - (1i128 << width) } else { value as i128 })
    }
}

/// A little-endian integer of up to 16 bytes; `bytes` has at least `size`.
pub fn read_int(bytes: &[u8], size: u32, signed: bool) -> i128 {
    let mut raw = [0u8; 16];
    let size = (size as usize).min(16);
    raw[..size].copy_from_slice(&bytes[..size]);
    if signed && size > 0 && bytes[size - 1] >= 0x80 {
        raw[size..].fill(0xff);
    }
    i128::from_le_bytes(raw)
}

/// A float of 4, 8 or 16 (x87) bytes.
pub fn read_float(bytes: &[u8], size: u32) -> Option<f64> {
    match size {
        4 => Some(f64::from(f32::from_le_bytes(bytes[..4].try_into().ok()?))),
        8 => Some(f64::from_le_bytes(bytes[..8].try_into().ok()?)),
        16 => {
            let fraction = u64::from_le_bytes(bytes[..8].try_into().ok()?);
            let high = u16::from_le_bytes(bytes[8..10].try_into().ok()?);
            let sign = if high & 0x8000 != 0 { -1.0 } else { 1.0 };
            let exponent = i32::from(high & 0x7fff);
            Some(match exponent {
                0x7fff if fraction << 1 == 0 => sign * f64::INFINITY,
                0x7fff => f64::NAN,
                _ => sign * fraction as f64 * 2f64.powi(exponent - 16383 - 63),
            })
        }
        _ => None,
    }
}

/// Rust's shortest text that reads as the same number, as C writes it.
fn show_float(text: &str) -> String {
    text.replace("NaN", "nan")
}

/// " <name+0x10>" of a symbol at an address; "": there is none, or no kernel that knows.
pub fn place_of(address: u64) -> String {
    let Ok(found) = control::symbol_at(address) else { return String::new() };
    if found.name().starts_with("L.") {
        return String::new(); // the compiler's label of a text
    }
    match address.wrapping_sub(found.address) {
        0 => format!(" <{}>", found.name()),
        offset => format!(" <{}+{offset:#x}>", found.name()),
    }
}

/// Text at an address, up to its NUL or 200 bytes; None: nothing is mapped there.
fn read_text(address: u64) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    while found.len() < 200 {
        // Never beyond a page that is known to be there.
        let at = address + found.len() as u64;
        let size = (4096 - at % 4096).min(64) as usize;
        let mut part = vec![0u8; size];
        if control::peek(at, &mut part).is_err() {
            return (!found.is_empty()).then_some(found);
        }
        match part.iter().position(|byte| *byte == 0) {
            Some(end) => {
                found.extend(&part[..end]);
                return Some(found);
            }
            None => found.extend(part),
        }
    }
    found.extend(b"...");
    Some(found)
}

fn quote_char(byte: u8) -> String {
    format!("'{}'", escape(byte, b'\''))
}

/// Bytes as a C string literal.
pub fn quote(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_ascii() => {
            let shown = |c: char| if c.is_ascii() || c.is_control() { escape_all(c) } else { c.to_string() };
            format!("\"{}\"", text.chars().map(shown).collect::<String>())
        }
        _ => format!("\"{}\"", bytes.iter().map(|&byte| escape(byte, b'"')).collect::<String>()),
    }
}

fn escape_all(c: char) -> String {
    let mut bytes = [0; 4];
    c.encode_utf8(&mut bytes).bytes().map(|byte| escape(byte, b'"')).collect()
}

fn escape(byte: u8, quote: u8) -> String {
    match byte {
        b'\n' => "\\n".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\r' => "\\r".to_owned(),
        0 => "\\0".to_owned(),
        b'\\' => "\\\\".to_owned(),
        _ if byte == quote => format!("\\{}", byte as char),
        0x20..=0x7e => (byte as char).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}
