//! Where libtcc.a is (Debian's package libtcc-dev): live/c/compiler.rs links it into the one static binary.

fn main() {
    println!("cargo:rustc-link-search=native=/usr/lib/x86_64-linux-gnu");
    println!("cargo:rerun-if-changed=build.rs");
}
