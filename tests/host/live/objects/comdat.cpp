// Inline functions and variables that each object has (COMDAT); NUMBER tells the objects apart.
struct Counter {
    static int &value() { static int stored = 10; return stored; } // an inline function with a guard-free static
};
template <class T> __attribute__((noinline)) T grow(T by) { return Counter::value() += by; }

#if NUMBER == 1
extern "C" int comdat_other(void);
extern "C" int check_all(void) { return grow(1) == 11 && comdat_other() == 13 && Counter::value() == 13 ? 0 : 1; }
#else
extern "C" int comdat_other(void) { return grow(2); }
#endif
