//! Reading relocatable ELF objects and archives as far as the world needs it: debug sections with their relocations applied,
//! functions and their code. Every offset in a file is checked; what does not fit is an error or left out.
//!
//! Sections have no addresses yet, so section N lies at `section_base(N)`; an address in the debug data is that base and
//! the offset. The kernel's linker (live/object.c) is what checks objects for loading.

use std::borrow::Cow;

const SHT_SYMTAB: u32 = 2;
const SHT_RELA: u32 = 4;
const SHT_NOBITS: u32 = 8;
const SHF_EXECINSTR: u64 = 4;
const SHF_COMPRESSED: u64 = 0x800;
const ET_REL: u16 = 1;

pub struct Section<'a> {
    pub name: Cow<'a, str>,
    kind: u32,
    flags: u64,
    /// 0 in relocatable objects.
    address: u64,
    offset: usize,
    size: usize,
    link: usize,
    info: usize,
}

pub struct Symbol<'a> {
    pub name: Cow<'a, str>,
    /// Index of its section; 0: undefined; from 0xff00 on special.
    pub section: usize,
    pub value: u64,
    pub size: u64,
    /// STT_...: 1 object, 2 function, 3 section.
    pub kind: u8,
    /// STB_...: 0 local.
    pub binding: u8,
}

pub struct Object<'a> {
    bytes: &'a [u8],
    relocatable: bool,
    pub sections: Vec<Section<'a>>,
    pub symbols: Vec<Symbol<'a>>,
}

/// Where section `index` of a relocatable object is taken to lie.
pub fn section_base(index: usize) -> u64 {
    (index as u64) << 32
}

fn get<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    get(bytes, at).map(u16::from_le_bytes)
}
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    get(bytes, at).map(u32::from_le_bytes)
}
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    get(bytes, at).map(u64::from_le_bytes)
}

fn string_at(bytes: &[u8], at: usize) -> Cow<'_, str> {
    let rest = bytes.get(at..).unwrap_or(&[]);
    let end = rest.iter().position(|&byte| byte == 0).unwrap_or(0);
    text(&rest[..end])
}

/// String::from_utf8_lossy, which takes ten times as long, only where it must.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

impl<'a> Object<'a> {
    /// Err: it is no 64-bit ELF object of this machine, or damaged.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
            return Err("it is no 64-bit ELF object".to_owned());
        }
        if u16_at(bytes, 18) != Some(62) {
            return Err("it is for another machine than x86-64".to_owned());
        }
        Self::parse_sections(bytes).ok_or_else(|| "it is damaged: a header points outside of the file".to_owned())
    }

    fn parse_sections(bytes: &'a [u8]) -> Option<Self> {
        let table = usize::try_from(u64_at(bytes, 40)?).ok()?;
        let (mut count, mut names) = (usize::from(u16_at(bytes, 60)?), usize::from(u16_at(bytes, 62)?));
        if count == 0 && table != 0 {
            count = usize::try_from(u64_at(bytes, table.checked_add(32)?)?).ok()?; // more than 0xff00 sections
        }
        if names == 0xffff {
            names = u32_at(bytes, table.checked_add(40)?)? as usize;
        }
        let header = |index: usize| table.checked_add(index.checked_mul(64)?);
        let span = |at: usize| {
            let (offset, size) = (usize::try_from(u64_at(bytes, at + 24)?).ok()?, usize::try_from(u64_at(bytes, at + 32)?).ok()?);
            bytes.get(offset..offset.checked_add(size)?)
        };
        let strings = if names < count { header(names).and_then(span).unwrap_or(&[]) } else { &[] };
        let mut sections = Vec::with_capacity(count.min(64));
        for index in 0..count {
            let at = header(index)?;
            let section = Section {
                name: string_at(strings, u32_at(bytes, at)? as usize),
                kind: u32_at(bytes, at + 4)?,
                flags: u64_at(bytes, at + 8)?,
                address: u64_at(bytes, at + 16)?,
                offset: usize::try_from(u64_at(bytes, at + 24)?).ok()?,
                size: usize::try_from(u64_at(bytes, at + 32)?).ok()?,
                link: u32_at(bytes, at + 40)? as usize,
                info: u32_at(bytes, at + 44)? as usize,
            };
            if section.kind != SHT_NOBITS && bytes.get(section.offset..section.offset.checked_add(section.size)?).is_none() {
                return None;
            }
            sections.push(section);
        }
        let mut object = Self { bytes, relocatable: u16_at(bytes, 16)? == ET_REL, sections, symbols: Vec::new() };
        object.symbols = object.read_symbols();
        Some(object)
    }

    fn read_symbols(&self) -> Vec<Symbol<'a>> {
        let Some(table) = self.sections.iter().find(|section| section.kind == SHT_SYMTAB) else { return Vec::new() };
        let strings = self.sections.get(table.link).map_or(&[][..], |section| self.data(section));
        self.data(table)
            .chunks_exact(24)
            .map(|entry| Symbol {
                name: string_at(strings, u32_at(entry, 0).unwrap_or(0) as usize),
                section: usize::from(u16_at(entry, 6).unwrap_or(0)),
                value: u64_at(entry, 8).unwrap_or(0),
                size: u64_at(entry, 16).unwrap_or(0),
                kind: entry[4] & 15,
                binding: entry[4] >> 4,
            })
            .collect()
    }

    /// A section's bytes; none for .bss.
    pub fn data(&self, section: &Section<'_>) -> &'a [u8] {
        if section.kind == SHT_NOBITS { &[] } else { &self.bytes[section.offset..section.offset + section.size] }
    }

    /// A section's bytes with its relocations applied; empty if there is none of this name.
    pub fn relocated(&self, name: &str) -> Vec<u8> {
        let Some(index) = self.sections.iter().position(|section| section.name == name) else { return Vec::new() };
        if self.sections[index].flags & SHF_COMPRESSED != 0 {
            return Vec::new(); // no compiler of ours does so unasked
        }
        let mut data = self.data(&self.sections[index]).to_vec();
        for section in &self.sections {
            if self.relocatable && section.kind == SHT_RELA && section.info == index {
                for entry in self.data(section).chunks_exact(24) {
                    self.relocate(&mut data, entry);
                }
            }
        }
        data
    }

    /// Applies one RELA entry of a debug section; kinds that debug data has not are left alone.
    fn relocate(&self, data: &mut [u8], entry: &[u8]) -> Option<()> {
        let (offset, info, addend) = (u64_at(entry, 0)? as usize, u64_at(entry, 8)?, u64_at(entry, 16)?);
        let symbol = self.symbols.get((info >> 32) as usize)?;
        let base = match self.sections.get(symbol.section) {
            Some(section) if section.flags & 2 != 0 => section_base(symbol.section), // SHF_ALLOC
            _ => 0,
        };
        let value = base.wrapping_add(symbol.value).wrapping_add(addend);
        match info as u32 {
            1 => data.get_mut(offset..offset.checked_add(8)?)?.copy_from_slice(&value.to_le_bytes()), // R_X86_64_64
            10 | 11 => data.get_mut(offset..offset.checked_add(4)?)?.copy_from_slice(&(value as u32).to_le_bytes()), // 32, 32S
            _ => {}
        }
        Some(())
    }

    /// Functions with their code: what has no size reaches to the next one or the section's end.
    pub fn functions(&self) -> Vec<(&Symbol<'a>, &'a [u8])> {
        let mut found = Vec::new();
        for symbol in &self.symbols {
            let Some(section) = self.sections.get(symbol.section) else { continue };
            let is_code = section.flags & SHF_EXECINSTR != 0 && symbol.section != 0;
            if !is_code || !(symbol.kind == 2 || (symbol.kind == 0 && symbol.binding != 0)) || symbol.name.is_empty() {
                continue;
            }
            let start = symbol.value.saturating_sub(section.address) as usize;
            let mut end = start.saturating_add(symbol.size as usize);
            if symbol.size == 0 {
                let next = self.symbols.iter().filter(|other| other.section == symbol.section && other.value > symbol.value);
                end = next.map(|other| (other.value - section.address) as usize).min().unwrap_or(section.size);
            }
            if let Some(code) = self.data(section).get(start..end.min(section.size)) {
                found.push((symbol, code));
            }
        }
        found
    }

    /// The address in debug data of a symbol's definition.
    pub fn debug_address(&self, name: &str) -> Option<u64> {
        let symbol = self.symbols.iter().find(|symbol| symbol.name == name && symbol.section != 0 && symbol.section < 0xff00)?;
        Some(if self.relocatable { section_base(symbol.section) } else { 0 } + symbol.value)
    }
}

pub fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"!<arch>\n")
}

/// Members of an archive that are ELF objects, with their names.
pub fn members(bytes: &[u8]) -> Vec<(String, &[u8])> {
    let (mut at, mut found, mut long_names) = (8, Vec::new(), &[][..]);
    while let Some(header) = bytes.get(at..at + 60) {
        let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&header[range]).trim().to_owned();
        let Ok(size) = text(48..58).parse::<usize>() else { break };
        let Some(data) = bytes.get(at + 60..(at + 60).saturating_add(size)) else { break };
        let name = text(0..16);
        if name == "//" {
            long_names = data;
        } else if data.starts_with(b"\x7fELF") {
            let long = name.strip_prefix('/').and_then(|number| number.parse::<usize>().ok());
            let name = match long {
                Some(start) => {
                    let rest = long_names.get(start..).unwrap_or(&[]);
                    let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                    String::from_utf8_lossy(&rest[..end]).into_owned()
                }
                None => name,
            };
            found.push((name.trim_end_matches('/').to_owned(), data));
        }
        at += 60 + size + size % 2;
    }
    found
}
