//! What the compiler has at a checkpoint, and how it is put back.
//!
//! That is a third of a megabyte, of which a source changes a tenth; to copy all of it before each source took longer than
//! the copying, because it drove everything else out of the processor's caches. So there are four kinds of memory:
//!
//!   always  static variables and the stack: 5 KB
//!   values  libtcc's stack of values, 16 KB, where nothing is read that the same source has not written
//!   names   libtcc's table of identifiers by their hashes, 128 KB: those that came since the checkpoint are taken out of it
//!   heap    pages that were written since (watch.rs)
//!
//! Everything is put back where another checkpoint's source ran before, the compiler has failed, or writes cannot be watched.

use super::watch;
use std::ffi::c_int;
use std::io;
use std::ops::Range;
use std::ptr::{addr_of, addr_of_mut, null_mut};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// State is copied in pieces of this size. Larger ones would be moved by `rep movsb`, which emulators do byte by byte.
pub const PIECE: usize = 2048;
/// Memory that holds this in a whole piece has never been written: it need not be kept.
pub const UNTOUCHED: u8 = 0xa5;
/// Identifiers' numbers begin here; lower ones are single characters and operators.
const FIRST_NAME: c_int = 256;
const BUCKETS: usize = 16384;
/// Values are 64 bytes; of the stack of them the first one is there before a source begins (rules.mk knows the size, too).
const VALUES_SIZE: usize = 257 * 64;
const VALUES_BEFORE: usize = 2 * 64;

#[derive(Clone, Copy)]
#[repr(C, packed(4))]
struct Link(*mut Name);

/// The beginning of an identifier in libtcc (struct TokenSym of its tcc.h); its own allocator gives multiples of 4.
#[repr(C, packed(4))]
struct Name {
    /// The next one of the same hash; new ones come last.
    next: Link,
    meanings: [usize; 4],
    number: c_int,
    length: c_int,
}

unsafe extern "C" {
    static mut __start_tcc_data: u8;
    static mut __stop_tcc_data: u8;
    static mut __start_tcc_bss: u8;
    static mut __stop_tcc_bss: u8;
    static mut hash_ident: [Link; BUCKETS];
    static mut _vstack: [u8; VALUES_SIZE];
    static mut table_ident: *mut *mut Name;
    static mut tok_ident: c_int;
}

/// Pieces of memory as they were: (address, bytes).
type Pieces = Vec<(usize, Box<[u8]>)>;

pub struct Kept {
    number: u64,
    always: Pieces,
    names: Pieces,
    values: Pieces,
    heap: Pieces,
    /// Whole pages of the heap that are watched.
    watched: Range<usize>,
    /// The number of the first identifier that is a source's; 0: the table of names is not as we know it.
    first_name: c_int,
}

/// Whose memory it is, apart from what its last source has written; 0: nobody's.
static CURRENT: AtomicU64 = AtomicU64::new(0);
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// What the compiler has is not what its last source made of a checkpoint. Err: it cannot be made writable.
pub fn release() -> io::Result<()> {
    CURRENT.store(0, Relaxed);
    watch::end()
}

/// The compiler has failed: nothing is certain.
pub fn distrust() {
    CURRENT.store(0, Relaxed);
}

impl Kept {
    /// Static variables, and nothing else.
    pub fn initial() -> Self {
        let statics = [data(), bss()].into_iter().flat_map(|range| pieces(range, None)).collect();
        Self { number: 0, always: statics, names: Pieces::new(), values: Pieces::new(), heap: Pieces::new(), watched: 0..0, first_name: 0 }
    }

    /// Now, after release(). `heap` as far as it is in use.
    pub fn take(heap: Range<usize>, stack: Range<usize>) -> Self {
        let (table, values) = (table(), values());
        let statics = without(bss(), &table).into_iter().flat_map(|range| without(range, &values));
        let ranges = [data(), stack].into_iter().chain(statics);
        Self {
            number: NUMBER.fetch_add(1, Relaxed),
            always: ranges.flat_map(|range| pieces(range, None)).collect(),
            names: pieces(table, None),
            values: pieces(values, None),
            watched: heap.start..heap.end / watch::PAGE * watch::PAGE,
            heap: pieces(heap, Some(UNTOUCHED)),
            // SAFETY: the compiler has stopped.
            first_name: unsafe { if is_known_table() { tok_ident } else { 0 } },
        }
    }

    /// At the end of a source, before anything of the heap is given back.
    pub fn forget_source(&self) {
        if self.first_name != 0 && CURRENT.load(Relaxed) == self.number {
            // SAFETY: the compiler has ended, and not failed.
            unsafe { forget_names(self.first_name) };
        }
    }

    /// Err: nothing can be compiled.
    pub fn put_back(&self) -> io::Result<()> {
        let can_watch = self.number != 0 && watch::is_handled();
        if can_watch && CURRENT.load(Relaxed) == self.number {
            if self.first_name == 0 {
                copy(self.names.iter());
            }
            copy(self.always.iter());
            copy(self.heap.iter().filter(|(at, _)| watch::is_written(*at)));
            #[cfg(test)]
            self.check();
            return Ok(());
        }
        release()?;
        copy(self.always.iter().chain(&self.names).chain(&self.values).chain(&self.heap));
        if can_watch && watch::begin(self.watched.start, self.watched.end).is_ok() {
            CURRENT.store(self.number, Relaxed);
        }
        Ok(())
    }

    /// What was not copied is as it was, too.
    #[cfg(test)]
    fn check(&self) {
        for (at, bytes) in self.always.iter().chain(&self.names).chain(&self.heap) {
            // SAFETY: it was copied from there.
            assert!(unsafe { std::slice::from_raw_parts(*at as *const u8, bytes.len()) } == &bytes[..], "{at:#x} was not put back");
        }
    }
}

fn data() -> Range<usize> {
    addr_of!(__start_tcc_data) as usize..addr_of!(__stop_tcc_data) as usize
}

fn bss() -> Range<usize> {
    addr_of!(__start_tcc_bss) as usize..addr_of!(__stop_tcc_bss) as usize
}

fn table() -> Range<usize> {
    let start = addr_of!(hash_ident) as usize;
    start..start + BUCKETS * size_of::<usize>()
}

fn values() -> Range<usize> {
    let start = addr_of!(_vstack) as usize;
    start + VALUES_BEFORE..start + VALUES_SIZE
}

/// A range without what of it is in another one.
fn without(range: Range<usize>, other: &Range<usize>) -> [Range<usize>; 2] {
    [range.start..other.start.clamp(range.start, range.end), other.end.clamp(range.start, range.end)..range.end]
}

/// Copies of what is in a range, without pieces that hold `except` only.
fn pieces(range: Range<usize>, except: Option<u8>) -> Pieces {
    let mut found = Pieces::new();
    for at in range.clone().step_by(PIECE) {
        // SAFETY: the ranges are the compiler's, accessible, and nobody runs in them.
        let bytes = unsafe { std::slice::from_raw_parts(at as *const u8, PIECE.min(range.end - at)) };
        if !except.is_some_and(|except| is_all(bytes, except)) {
            found.push((at, bytes.into()));
        }
    }
    found
}

fn is_all(bytes: &[u8], value: u8) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().all(|word| *word == [value; 8]) && rest.iter().all(|byte| *byte == value)
}

fn copy<'a>(pieces: impl Iterator<Item = &'a (usize, Box<[u8]>)>) {
    for (at, bytes) in pieces {
        // SAFETY: it was copied from there, and is writable: it is not watched, or was written.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), *at as *mut u8, bytes.len()) };
    }
}

// --- the table of names: that of tok_alloc() and tok_alloc_new() of libtcc's tccpp.c ---

/// SAFETY: an identifier of the compiler.
unsafe fn bucket_of(name: *const Name) -> *mut Link {
    unsafe {
        let text = std::slice::from_raw_parts(name.add(1).cast::<u8>(), (*name).length as usize);
        let hash = text.iter().fold(1u32, |hash, byte| hash.wrapping_add(hash << 5).wrapping_add(hash >> 27).wrapping_add(u32::from(*byte)));
        addr_of_mut!(hash_ident).cast::<Link>().add(hash as usize % BUCKETS)
    }
}

/// Is each identifier found where we would look for it, by its number?
///
/// SAFETY: the compiler has stopped, not failed.
unsafe fn is_known_table() -> bool {
    unsafe {
        (FIRST_NAME..tok_ident).all(|number| {
            let name = *table_ident.add((number - FIRST_NAME) as usize);
            let mut at = (*bucket_of(name)).0;
            while !at.is_null() && at != name {
                at = (*at).next.0;
            }
            at == name && (*name).number == number
        })
    }
}

/// Takes the identifiers from this number on out of their chains, of which they are the ends.
///
/// SAFETY: is_known_table() was true at the checkpoint, and the compiler has not failed since.
unsafe fn forget_names(first: c_int) {
    unsafe {
        for number in first..tok_ident {
            let mut place = bucket_of(*table_ident.add((number - FIRST_NAME) as usize));
            while !(*place).0.is_null() && (*(*place).0).number < first {
                place = &raw mut (*(*place).0).next;
            }
            if !(*place).0.is_null() {
                (*place).0 = null_mut();
            }
        }
    }
}

/// In tests put_back() checks itself whatever is compiled; here is what changes much.
#[cfg(test)]
mod tests {
    use super::super::super::compiler::compile;
    use super::watch::{set_handler, testing};
    use super::*;

    /// Sources of all sorts, by a number: new names, names that libtcc has, macros, structures, mistakes.
    fn source(number: usize) -> String {
        let name = ["twice", "int_", "memcpy", "__va_start", "alloca", "x", "defined", "__LINE__x"][number % 8];
        match number % 7 {
            0 => format!("int {name}{number}(int a) {{ return a + {number}; }}"),
            1 => format!("#undef __STDC__\n#define {name}_{number}(a) ((a) + 1)\n#define __x86_64__ {number}\nint v{number} = {name}_{number}(1);"),
            2 => format!("struct {name} {{ int a, b{number}; }} s{number}; enum {{ E{number} = 3 }}; typedef struct {name} {name}_t;"),
            3 => format!("int f(int n) {{ {name}: if (n > {number}) goto {name}; switch (n) {{ case 1: return gone{number}; }} return 0; }}"),
            4 => format!("int {name}{number}[] = {{ {} }}; char *s{number} = \"{}\";", "1, ".repeat(number), "text ".repeat(number)),
            5 => format!("#if 1\nint {name}(int a{number}"),
            _ => (0..number).map(|at| format!("static int {name}_{number}_{at};\nint *p_{number}_{at} = &{name}_{number}_{at};\n")).collect(),
        }
    }

    #[test]
    fn a_source_leaves_nothing_behind_and_faults_end() {
        let small = |head: &str| compile(head, "int f(int a) { return a + 1; }", "-nostdlib -g", true).object.unwrap();
        let first = small("");
        // Other tests compile, too: until this one is alone, or for long.
        let ends = (0..100).any(|_| {
            let before = testing::FAULTS.load(Relaxed);
            for number in 0..100 {
                compile("", &source(number), "-nostdlib -g", true);
                assert_eq!(small(""), first, "after {}", source(number));
            }
            testing::FAULTS.load(Relaxed) == before
        });
        assert!(ends && testing::FAULTS.load(Relaxed) > 0);
        let other = small("#define A 1\n");
        for number in 0..50 {
            compile("#define A 1\n", &source(number), "-nostdlib -g", true);
            assert_eq!((small(""), small("#define A 1\n")), (first.clone(), other.clone()));
        }
    }

    #[test]
    fn without_a_handler_everything_is_copied() {
        let compiles = || assert!(compile("", "int f(int a) { return a + 1; }", "-nostdlib", true).object.is_some());
        compiles();
        set_handler(0);
        (0..20).for_each(|number| drop(compile("", &source(number), "-nostdlib", true)));
        compiles();
        testing::install();
    }
}
