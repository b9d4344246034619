//! What the compiler has worked out, read from its object: the bytes of a named datum.
//!
//! Format: System V ABI, chapter 4. The objects are our own compiler's; what is damaged reads as nothing.

fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + size)?;
    Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

fn text(bytes: &[u8], at: usize) -> Option<String> {
    let rest = bytes.get(at..)?;
    let length = rest.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&rest[..length]).into_owned())
}

/// A section by its name.
fn section<'a>(object: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let (table, count, names) = (number(object, 0x28, 8)?, number(object, 0x3c, 2)?, number(object, 0x3e, 2)?);
    let place = |index: usize| Some((number(object, table + index * 64 + 24, 8)?, number(object, table + index * 64 + 32, 8)?));
    let (names_at, names_size) = place(names)?;
    let names = object.get(names_at..names_at + names_size)?;
    (0..count).find_map(|index| {
        let name = text(names, number(object, table + index * 64, 4)?)?;
        let (at, size) = place(index)?;
        (name == wanted).then(|| object.get(at..at + size)).flatten()
    })
}

/// The bytes of .data from the start of a named datum on.
pub fn datum<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (symbols, names) = (section(object, ".symtab")?, section(object, ".strtab")?);
    let symbol = symbols.chunks_exact(24).find(|symbol| number(symbol, 0, 4).and_then(|at| text(names, at)).as_deref() == Some(name))?;
    section(object, ".data")?.get(number(symbol, 8, 8)?..)
}

#[cfg(test)]
mod tests {
    use super::super::compiler::compile;
    use super::*;

    #[test]
    fn data_by_name() {
        let object = compile("", "int a = 1; struct { unsigned x : 3, y : 4; } b = { .y = -1 };", "-nostdlib", true).object.unwrap();
        assert_eq!(datum(&object, "b").unwrap()[0], 0x78);
        assert!(datum(&object, "c").is_none());
    }
}
