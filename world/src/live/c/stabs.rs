//! Line numbers of tcc's objects (-g writes stabs): which line of a cell an offset into a function belongs to. And the
//! contents of a named datum, for what the compiler has worked out.
//!
//! Formats: "The stabs debug format" (N_FUN 0x24, N_SLINE 0x44, N_SOL 0x84), System V ABI, chapter 4.

/// Lines of one function: (offset from its start, line) in rising order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    pub function: String,
    pub file: String,
    pub rows: Vec<(u32, u32)>,
}

impl Lines {
    pub fn line_at(&self, offset: u32) -> Option<u32> {
        self.rows.iter().take_while(|row| row.0 <= offset).last().map(|row| row.1)
    }
}

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

/// The lines of all functions; empty where there are none.
pub fn lines(object: &[u8]) -> Vec<Lines> {
    let (Some(stabs), Some(strings)) = (section(object, ".stab"), section(object, ".stabstr")) else {
        return Vec::new();
    };
    let (mut found, mut file) = (Vec::<Lines>::new(), String::new());
    for stab in stabs.chunks_exact(12) {
        let name = number(stab, 0, 4).and_then(|at| text(strings, at)).unwrap_or_default();
        match stab[4] {
            0x64 | 0x84 if !name.ends_with('/') => file = name,
            0x24 if !name.is_empty() => {
                let function = name.split(':').next().unwrap_or_default().to_owned();
                found.push(Lines { function, file: file.clone(), rows: Vec::new() });
            }
            0x44 => {
                if let (Some(lines), Some(offset), Some(line)) = (found.last_mut(), number(stab, 8, 4), number(stab, 6, 2)) {
                    lines.rows.push((offset as u32, line as u32));
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::compiler::compile;
    use super::*;

    #[test]
    fn lines_of_functions() {
        let source = "#line 3 \"c:7\"\nint f(int a)\n{\n if (a)\n  return 1;\n return 2;\n}\nint g(void) { return 3; }";
        let found = lines(&compile(source, "-nostdlib -g", true).object.unwrap());
        let names: Vec<_> = found.iter().map(|lines| (lines.function.as_str(), lines.file.as_str())).collect();
        assert_eq!(names, [("f", "c:7"), ("g", "c:7")]);
        assert_eq!(found[0].line_at(0), Some(4));
        assert_eq!(found[0].line_at(found[0].rows.last().unwrap().0), Some(7));
        assert!(lines(b"no object").is_empty());
    }

    #[test]
    fn data_by_name() {
        let object = compile("int a = 1; struct { unsigned x : 3, y : 4; } b = { .y = -1 };", "-nostdlib", true).object.unwrap();
        assert_eq!(datum(&object, "b").unwrap()[0], 0x78);
        assert!(datum(&object, "c").is_none());
    }
}
