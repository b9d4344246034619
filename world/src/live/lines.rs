//! Files and lines: of kernel addresses, and of places in live objects (DWARF, or the stabs that tcc writes).

use super::dwarf::{Debug, KERNEL, Slice};
use super::types::TypeTable;
use rustc_hash::FxHashMap;
use gimli::{Dwarf, LineProgramHeader, Unit};

/// A file of a unit's line table.
pub(super) fn file_name(dwarf: &Dwarf<Slice>, unit: &Unit<Slice>, header: &LineProgramHeader<Slice>, index: u64) -> Option<String> {
    let file = header.file(index)?;
    let name = dwarf.attr_string(unit, file.path_name()).ok()?.to_string_lossy().into_owned();
    let directory = file.directory(header).and_then(|value| dwarf.attr_string(unit, value).ok());
    let directory = directory.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let compiled_in = unit.comp_dir.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    if name.starts_with('/') || directory.is_empty() || directory == "." || directory == compiled_in {
        return Some(name);
    }
    let directory = directory.strip_prefix(&format!("{compiled_in}/")).unwrap_or(&directory);
    Some(format!("{}/{name}", directory.trim_start_matches("./")))
}

impl Debug {
    /// File and line of an address in this debug data.
    pub(super) fn line(&self, address: u64) -> Option<(String, u32)> {
        self.units.iter().find_map(|unit| {
            let mut ranges = self.dwarf.unit_ranges(unit).ok()?;
            while let Some(range) = ranges.next().ok()? {
                if range.begin <= address && address < range.end {
                    return self.line_in_unit(unit, address);
                }
            }
            None
        })
    }

    fn line_in_unit(&self, unit: &Unit<Slice>, address: u64) -> Option<(String, u32)> {
        let mut rows = unit.line_program.clone()?.rows();
        let mut last: Option<(u64, u64, u64)> = None; // address, file, line
        while let Ok(Some((header, row))) = rows.next_row() {
            if let Some((start, file, line)) = last
                && start <= address
                && address < row.address()
            {
                return Some((file_name(&self.dwarf, unit, header, file)?, line as u32));
            }
            last = (!row.end_sequence()).then(|| (row.address(), row.file_index(), row.line().map_or(0, |line| line.get())));
        }
        None
    }
}

impl TypeTable {
    /// File and line of a kernel address.
    pub fn kernel_line(&mut self, address: u64) -> Option<(String, u32)> {
        self.need_kernel();
        self.debugs(KERNEL).first()?.line(address)
    }

    /// File and line of a place in a function of a live module.
    pub fn live_line(&mut self, module: u64, function: &str, offset: u64) -> Option<(String, u32)> {
        let dwarf = self.debugs(module).iter().find_map(|debug| debug.line(debug.addresses.get(function)? + offset));
        dwarf.or_else(|| self.stabs.get_mut(&module)?.iter_mut().find_map(|stabs| stabs.line(function, offset)))
    }
}

/// Of each function: offset, file, line; in order.
type Lines = FxHashMap<String, Vec<(u64, String, u32)>>;

/// Lines of one object that tcc compiled, read when they are asked for.
pub struct Stabs {
    entries: Vec<u8>,
    strings: Vec<u8>,
    lines: Option<Lines>,
}

impl Stabs {
    /// From the sections .stab and .stabstr, relocations applied or not: lines are relative to their function.
    pub fn new(entries: &[u8], strings: &[u8]) -> Self {
        Self { entries: entries.to_vec(), strings: strings.to_vec(), lines: None }
    }

    fn parse(entries: &[u8], strings: &[u8]) -> Lines {
        let text = |at: u32| {
            let rest = strings.get(at as usize..).unwrap_or(&[]);
            String::from_utf8_lossy(rest.split(|&byte| byte == 0).next().unwrap_or(&[])).into_owned()
        };
        let mut found = Lines::default();
        let (mut file, mut function) = (String::new(), None::<String>);
        for entry in entries.chunks_exact(12) {
            let number = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
            let (name, kind, line, value) = (text(number(0)), entry[4], u16::from_le_bytes([entry[6], entry[7]]), number(8));
            match kind {
                0x64 | 0x84 if !name.is_empty() && !name.ends_with('/') => file = name, // N_SO, N_SOL
                0x24 => function = name.split(':').next().filter(|name| !name.is_empty()).map(str::to_owned), // N_FUN
                0x44 => {
                    if let Some(function) = &function {
                        found.entry(function.clone()).or_default().push((u64::from(value), file.clone(), u32::from(line)));
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn line(&mut self, function: &str, offset: u64) -> Option<(String, u32)> {
        let rows = self.lines.get_or_insert_with(|| Self::parse(&self.entries, &self.strings)).get(function)?;
        let (_, file, line) = rows.iter().rev().find(|(start, ..)| *start <= offset)?;
        Some((file.clone(), *line))
    }
}
