//! Functions of the world's libraries that live code may call from threads of the world: mathematics, the clock, characters, files.
//!
//! Registered with their types before the first object is linked or called. What the kernel's own library for live code has (malloc,
//! printf, qsort, string functions) is not here.

use super::callback::export_code;
use super::names;
use super::types::table;
use std::sync::Once;

macro_rules! exports {
    ($($declaration:literal $name:ident;)*) => {
        mod symbols {
            #[allow(clashing_extern_declarations)] // only their addresses are wanted
            unsafe extern "C" { $(pub fn $name();)* }
        }
        /// (name, declaration, address).
        fn all() -> Vec<(&'static str, &'static str, u64)> {
            vec![$((stringify!($name), $declaration, symbols::$name as *const () as u64),)*]
        }
    };
}

exports! {
    "double sin(double)" sin;
    "double cos(double)" cos;
    "double tan(double)" tan;
    "double asin(double)" asin;
    "double acos(double)" acos;
    "double atan(double)" atan;
    "double atan2(double y, double x)" atan2;
    "double sinh(double)" sinh;
    "double cosh(double)" cosh;
    "double tanh(double)" tanh;
    "double exp(double)" exp;
    "double log(double)" log;
    "double log2(double)" log2;
    "double log10(double)" log10;
    "double pow(double x, double y)" pow;
    "double sqrt(double)" sqrt;
    "double cbrt(double)" cbrt;
    "double floor(double)" floor;
    "double ceil(double)" ceil;
    "double round(double)" round;
    "double trunc(double)" trunc;
    "double fmod(double x, double y)" fmod;
    "double fabs(double)" fabs;
    "double hypot(double x, double y)" hypot;
    "float sinf(float)" sinf;
    "float cosf(float)" cosf;
    "float sqrtf(float)" sqrtf;
    "float powf(float x, float y)" powf;
    "double strtod(const char *text, char **end)" strtod;
    "double atof(const char *text)" atof;
    "long time(long *result)" time;
    "long clock(void)" clock;
    "int *__errno_location(void)" __errno_location;
    "char *strerror(int error)" strerror;
    "const unsigned short **__ctype_b_loc(void)" __ctype_b_loc;
    "const int **__ctype_tolower_loc(void)" __ctype_tolower_loc;
    "const int **__ctype_toupper_loc(void)" __ctype_toupper_loc;
    "int isalpha(int)" isalpha;
    "int isdigit(int)" isdigit;
    "int isalnum(int)" isalnum;
    "int isspace(int)" isspace;
    "int isupper(int)" isupper;
    "int islower(int)" islower;
    "int isxdigit(int)" isxdigit;
    "int ispunct(int)" ispunct;
    "int isprint(int)" isprint;
    "int getpid(void)" getpid;
    "char *getenv(const char *name)" getenv;
    "int open(const char *path, int flags, ...)" open;
    "int close(int fd)" close;
    "long read(int fd, void *buffer, unsigned long size)" read;
    "long write(int fd, const void *buffer, unsigned long size)" write;
    "long lseek(int fd, long offset, int whence)" lseek;
    "int unlink(const char *path)" unlink;
    "unsigned int sleep(unsigned int seconds)" sleep;
    "int usleep(unsigned int microseconds)" usleep;
}

/// Registers them once; where the kernel is not ours nothing happens.
pub fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (name, declaration, address) in all() {
            if export_code(name, address).is_ok() {
                let _ = names::define_c(&mut table(), &format!("{declaration};"), 0);
            }
        }
    });
}
