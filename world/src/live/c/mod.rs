//! C at the prompt: from what is typed to objects for the live linker.
//!
//!     lex.rs       tokens
//!     parse.rs     items of a cell; is it complete?
//!     compiler.rs  libtcc
//!     checkpoint.rs  its state behind the #include lines, kept and put back
//!     session.rs   what was defined, and the declarations of it that a cell needs
//!     cell.rs      a cell -> objects, types, errors with their columns
//!     shape.rs     how the compiler lays out structures
//!     object.rs    data of an object
//!
//! Nothing here knows Python or the kernel: `rustc --test` builds this file alone (tests/host/test_live_c.py).

pub mod cell;
pub mod checkpoint;
pub mod compiler;
pub mod lex;
pub mod object;
pub mod parse;
pub mod session;
pub mod shape;

#[cfg(test)]
mod tests;
