//! The live layer's side in the world: types, calls and names of code that is linked into the running kernel (docs/live.md).
//!
//! | file | what |
//! |---|---|
//! | control.rs | the kernel's operations (live/control.h) |
//! | types.rs, spell.rs, values.rs | the type table; types and values as text |
//! | elf.rs, dwarf.rs, lines.rs | what debug data says: types, signatures, lines |
//! | declare.rs | C declarations for a set of names |
//! | load.rs | linking an object: SSE scan, types, messages |
//! | call.rs, convert.rs, callback.rs | guarded calls from Python, and back |
//! | names.rs, replace.rs, exports.rs | C declarations read; versions of kernel functions; what live code may call here |
//! | native.rs, namespace.rs | the Python modules `_live` and `_livenames` (python/live.py makes them pleasant) |
//! | c/ | the C compiler: cells, the session |
//! | prompt.rs | the Python module `_live_c` (python/c_prompt.py is the prompt) |

pub mod c;
pub mod call;
pub mod callback;
pub mod control;
pub mod convert;
pub mod declare;
pub mod disassemble;
pub mod dwarf;
pub mod elf;
pub mod exports;
pub mod lines;
pub mod load;
pub mod names;
pub mod namespace;
pub mod native;
pub mod prompt;
pub mod replace;
pub mod spell;
pub mod types;
pub mod values;

/// Names that tables have room for from the start. They grow by moving everything, all at the same definition, which would wait for it.
pub const SESSION_ROOM: usize = 1792;
