//! Where libtcc.a is, as rules.mk has prepared it: live/c/compiler.rs links it into the one static binary.

fn main() {
    let folder = std::env::var("POLYGLOT_LIBTCC").expect("POLYGLOT_LIBTCC names the folder of the prepared libtcc.a: build with make world");
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:rerun-if-env-changed=POLYGLOT_LIBTCC");
    println!("cargo:rerun-if-changed={folder}/libtcc.a");
    println!("cargo:rerun-if-changed=build.rs");
}
