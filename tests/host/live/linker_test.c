/* The live linker on real objects of every compiler: linked, run, looked at.
 * Links: tests/host/shim/shim.c live/object.c live/archive.c live/message.c live/names.c live/select.c live/bind.c live/layout.c live/relocate.c live/load.c live/module.c live/unload.c live/namespace.c live/stub.c live/suggest.c live/kernel_symbols.c live/list.c kernel/elf.c lib/sort.c lib/tree.c lib/bitmap.c lib/printf.c lib/strlcpy.c
 * Flags: -D_GNU_SOURCE -no-pie -fno-pie -pthread */
#include <tests/host/live/host.h>

/* What objects refer to: the kernel's, as it were. */
int host_value = 1234;
int host_add(int a, int b);
int host_add(int a, int b) { return a + b; }
int host_kernel_function(int x);
int host_kernel_function(int x) { return x; }

#define ZIG_CC HOST_ZIG " cc -target x86_64-freestanding -fno-sanitize=all"
#define ALL_C "tests/host/live/objects/all.c"

struct compiler {
    const char *name, *command, *source;
};

static const struct compiler compilers[] = {
    { "gcc_kernel_O0", "gcc -c -O0 -fno-pic -fcf-protection -mcmodel=kernel", ALL_C },
    { "gcc_kernel_O2", "gcc -c -O2 -g -fno-pic -mcmodel=kernel -fcommon", ALL_C },
    { "gcc_pic", "gcc -c -O2 -fPIC", ALL_C },
    { "gcc_pic_noplt", "gcc -c -O2 -fPIC -fno-plt -fno-asynchronous-unwind-tables", ALL_C },
    { "gcc_large", "gcc -c -O1 -fno-pic -mcmodel=large", ALL_C },
    { "gcc_large_pic", "gcc -c -O2 -fPIC -mcmodel=large", ALL_C },
    { "gcc_sections", "gcc -c -O2 -fno-pic -mcmodel=kernel -ffunction-sections -fdata-sections", ALL_C },
    { "gcc_default", "gcc -c -O2 -fno-pic", ALL_C }, /* R_X86_64_32 fits below 2 GiB, as here */
    { "clang_O0", ZIG_CC " -c -O0 -fno-pic -mcmodel=kernel", ALL_C },
    { "clang_O2", ZIG_CC " -c -O2 -g -fno-pic -mcmodel=kernel -fpatchable-function-entry=5", ALL_C },
    { "clang_pic", ZIG_CC " -c -O2 -fPIC", ALL_C },
    { "clang_sections", ZIG_CC " -c -Os -fno-pic -mcmodel=kernel -ffunction-sections -fdata-sections", ALL_C },
    { "tcc", "tcc -c", ALL_C },
    { "tcc_g", "tcc -c -g -mno-sse -DNO_DOUBLE", "tests/host/live/objects/integers.c" },
    { "zig", HOST_ZIG " build-obj -fno-llvm -target x86_64-freestanding -mcmodel=kernel", "tests/host/live/objects/all.zig" },
    { "zig_llvm", HOST_ZIG " build-obj -fllvm -OReleaseSafe -target x86_64-freestanding -mcmodel=kernel -fno-unwind-tables",
      "tests/host/live/objects/all.zig" },
    { "rustc", "rustc --edition 2024 --emit=obj -C panic=abort -C opt-level=2 -C relocation-model=static -C code-model=kernel",
      "tests/host/live/objects/all.rs" },
    { "rustc_pic", "rustc --edition 2024 --emit=obj -C panic=abort -g -C overflow-checks=off -C debug-assertions=off", "tests/host/live/objects/all.rs" },
};

/* zig wants -femit-bin=; everybody else -o. */
static char *compile(const struct compiler *compiler, size_t *size)
{
    if (strstr(compiler->command, "build-obj") == NULL)
        return host_object(compiler->name, compiler->command, compiler->source, size);
    char command[1024], path[256];
    snprintf(path, sizeof(path), HOST_BUILD "/%s.o", compiler->name);
    snprintf(command, sizeof(command), "%s %s -femit-bin=%s", compiler->command, compiler->source, path);
    host_run(command);
    return host_read(path, size);
}

static void check_compiler(const struct compiler *compiler)
{
    size_t size, before = host_pages_used();
    char *object = compile(compiler, &size);
    uint64_t id;
    int exits = host_exits;
    int error = host_load(object, size, 0, &id);
    if (error != 0)
        printf("%s: %d\n%s", compiler->name, error, host_text);
    CHECK_EQUAL(error, 0);
    free(object); /* nothing of it is needed any more */
    if (error != 0)
        return;
    int result = host_call("check_all");
    if (result != 0)
        printf("%s: check_all() is %d\n", compiler->name, result);
    CHECK_EQUAL(result, 0);
    uint64_t offset, stub = host_address("check_all");
    const char *name = live_symbol_find(stub, &offset);
    CHECK(name != NULL && strcmp(name, "check_all") == 0);
    CHECK_EQUAL(host_unload(id, false), 0);
    CHECK_EQUAL(host_address("check_all"), 0);
    if (compiler->source == (const char *)ALL_C && strstr(compiler->name, "tcc") == NULL)
        CHECK_EQUAL(host_exits, exits + 1);
    CHECK(host_pages_used() <= before + 4); /* a block of stubs may stay */
}

TEST(objects_of_every_compiler_run)
{
    host_start();
    for (size_t i = 0; i < sizeof(compilers) / sizeof(compilers[0]); i++)
        check_compiler(&compilers[i]);
    CHECK(live_module_next(NULL) == NULL);
}

/* --- small objects ------------------------------------------------------------------------------------ */

/* C source, one line or more. */
static int load_text(const char *text, const char *compiler, uint32_t flags, uint64_t *id)
{
    static int number;
    char path[200], name[60];
    host_start();
    snprintf(name, sizeof(name), "text%d_%d", (int)getpid(), number++);
    snprintf(path, sizeof(path), HOST_BUILD "/%s.c", name);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    size_t size;
    char *object = host_object(name, compiler, path, &size);
    int error = host_load(object, size, flags, id);
    free(object);
    unlink(path);
    return error;
}

#define GCC "gcc -w -c -O1 -fno-pic -mcmodel=kernel"
#define CHECK_SAYS(wanted)                                                   \
    do {                                                                     \
        if (strstr(host_text, wanted) == NULL)                               \
            printf("the message is:\n%s", host_text);                       \
        CHECK(strstr(host_text, wanted) != NULL);                            \
    } while (0)

TEST(redefinition_changes_callers_and_keeps_state)
{
    uint64_t first, user, second;
    CHECK_EQUAL(load_text("int value = 1; int f(void) { return value; }", GCC, 0, &first), 0);
    CHECK_EQUAL(load_text("int f(void); int g(void) { return f() + 100; } int (*p)(void) = f;", GCC, 0, &user), 0);
    uint64_t f = host_address("f"), value = host_address("value");
    CHECK_EQUAL(host_call("g"), 101);
    CHECK_EQUAL(load_text("extern int value; int f(void) { return value * 10; }", GCC, 0, &second), 0);
    CHECK_STRING(host_text, "f replaced\n");
    CHECK_EQUAL(host_address("f"), f);
    CHECK_EQUAL(host_call("g"), 110);
    CHECK_EQUAL((*(int (**)(void))host_address("p"))(), 10);
    struct live_symbol_info info;
    CHECK_EQUAL(live_lookup("f", &info), 0);
    CHECK_EQUAL(info.generation, 2);
    CHECK_EQUAL(info.module, second);
    CHECK_EQUAL(info.users, 1);
    /* The variable keeps first alive. */
    CHECK(live_module_is_referenced(first));
    CHECK_EQUAL(live_module_free(first), -EBUSY);
    CHECK_EQUAL(host_unload(first, false), -EBUSY);
    CHECK_SAYS("value is used by test");
    uint64_t third;
    CHECK_EQUAL(load_text("int value = 5;", GCC, 0, &third), 0);
    CHECK_EQUAL(host_address("value"), value);
    CHECK_EQUAL(host_call("g"), 150);
    CHECK_EQUAL(host_unload(third, false), -EBUSY); /* second uses the variable */
    CHECK_EQUAL(host_unload(user, false), 0);
    CHECK_EQUAL(host_unload(second, false), 0);
    CHECK_EQUAL(host_unload(third, false), 0);
    CHECK_EQUAL(host_unload(first, false), 0);
    CHECK(live_module_next(NULL) == NULL);
}

TEST(variables_change_their_size_only_without_users)
{
    uint64_t a, b, c;
    CHECK_EQUAL(load_text("int v = 1;", GCC, 0, &a), 0);
    CHECK_EQUAL(load_text("long v = 2;", GCC, 0, &b), 0); /* nobody uses it */
    CHECK_EQUAL(*(long *)host_address("v"), 2);
    CHECK_EQUAL(load_text("extern long v; long get(void) { return v; }", GCC, 0, &c), 0);
    uint64_t other;
    CHECK_EQUAL(load_text("char v = 3;", GCC, 0, &other), -EBUSY);
    CHECK_SAYS("v has 8 bytes and cannot become one of 1 bytes while it is used:\n  test (module ");
    CHECK_EQUAL(load_text("char v = 3;", GCC, LIVE_LOAD_FORCE, &other), 0);
    CHECK_EQUAL(*(char *)host_address("v"), 3);
    CHECK_EQUAL(host_call("get"), 2);
    CHECK_EQUAL(host_unload(c, false), 0);
    CHECK_EQUAL(host_unload(other, false), 0);
    CHECK_EQUAL(live_module_free(a), 0); /* wholly replaced; without a reclaimer it stays until told */
    CHECK_EQUAL(live_module_free(b), 0);
}

TEST(constants_are_redefined_in_place)
{
    uint64_t a, b, c;
    CHECK_EQUAL(load_text("const int limit = 10;", GCC, 0, &a), 0);
    CHECK_EQUAL(load_text("extern const int limit; int get(void) { return limit; }", GCC, 0, &b), 0);
    CHECK_EQUAL(load_text("const int limit = 20;", GCC, 0, &c), 0);
    CHECK_EQUAL(host_call("get"), 20);
    uint64_t other; /* writable now: the storage is not */
    CHECK_EQUAL(load_text("int limit = 30;", GCC, 0, &other), -EBUSY);
    CHECK_EQUAL(host_unload(b, false), 0);
    CHECK_EQUAL(host_unload(c, false), 0);
    CHECK_EQUAL(host_unload(a, false), 0);
}

TEST(a_name_changes_its_kind)
{
    uint64_t a, b, c;
    CHECK_EQUAL(load_text("int thing(void) { return 1; }", GCC, 0, &a), 0);
    CHECK_EQUAL(load_text("int thing = 4;", GCC, 0, &b), 0);
    CHECK_EQUAL(*(int *)host_address("thing"), 4);
    CHECK_EQUAL(load_text("extern int thing; int *where(void) { return &thing; }", GCC, 0, &c), 0);
    uint64_t other;
    CHECK_EQUAL(load_text("int thing(void) { return 2; }", GCC, 0, &other), -EBUSY);
    CHECK_SAYS("thing is a variable and cannot become a function");
    CHECK_EQUAL(*(int *)host_address("thing"), 4);
    CHECK_EQUAL(host_unload(c, false), 0);
    CHECK_EQUAL(host_unload(b, false), 0);
    CHECK_EQUAL(host_unload(a, false), 0);
}

TEST(what_is_undefined_is_told_at_once_and_leaves_nothing)
{
    uint64_t id;
    host_start();
    size_t pages = host_pages_used();
    CHECK_EQUAL(load_text("int host_ad(int, int); int nothing_like_it(void); int fresh; extern int host_valeu;"
                          "int f(void) { return host_ad(1, 2) + nothing_like_it() + host_valeu + fresh; }", GCC, 0, &id), -ENOENT);
    CHECK_SAYS("host_ad is not defined; there is host_add\n");
    CHECK_SAYS("nothing_like_it is not defined\n");
    CHECK_SAYS("host_valeu is not defined; there is host_value\n");
    CHECK_EQUAL(host_address("fresh"), 0);
    CHECK(live_symbol_by_name("fresh", LIVE_ORIGIN_LIVE) == NULL);
    CHECK(live_module_next(NULL) == NULL);
    CHECK(host_pages_used() <= pages + 4);
}

TEST(what_only_exception_tables_name_is_not_missed)
{
    uint64_t id;
    CHECK_EQUAL(load_text("void rust_eh_personality(void); void (*DW_ref)(void) = rust_eh_personality; int f(void) { return DW_ref == 0; }", GCC, 0, &id), 0);
    CHECK_EQUAL(host_call("f"), 1);
    CHECK_EQUAL(host_unload(id, false), 0);
}

TEST(refusals_say_why)
{
    uint64_t id;
    CHECK_EQUAL(load_text("__thread int t; int f(void) { return t; }", GCC, 0, &id), -ENOEXEC);
    CHECK_SAYS("t is thread-local; live code has no thread-local storage: use an ordinary variable");
    CHECK_EQUAL(load_text("extern __thread int t; int f(void) { return t; }", GCC, 0, &id), -ENOEXEC);
    CHECK_SAYS("thread-local");
    CHECK_EQUAL(load_text("int host_kernel_function(int x) { return 7; }", GCC, 0, &id), -EBUSY);
    CHECK_SAYS("host_kernel_function is the kernel's own: polyglot.replace(\"host_kernel_function\", ...)");
    CHECK_EQUAL(load_text("static int f1(void) { return 1; } int g(void) __attribute__((ifunc(\"r\"))); void *r(void) { return f1; }",
                          "gcc -w -c", 0, &id), -ENOEXEC);
    CHECK_SAYS("ifunc");
    CHECK_EQUAL(host_load("not an object", 13, 0, &id), -ENOEXEC);
    CHECK_SAYS("no ELF object");
    size_t size;
    char *program = host_read("/proc/self/exe", &size);
    CHECK_EQUAL(host_load(program, size, 0, &id), -ENOEXEC);
    CHECK_SAYS("a relocatable object");
    free(program);
}

TEST(the_default_code_model_is_refused_where_it_does_not_fit)
{
    uint64_t id;
    host_start();
    host_is_high = true; /* nothing is written there, so no names may be published */
    CHECK_EQUAL(load_text("int a[4]; int *f(int i) { return a; }", "gcc -w -c -O2 -fno-pic", LIVE_LOAD_HIDDEN, &id), -ENOEXEC);
    CHECK_SAYS("build with -mcmodel=kernel");
    CHECK_EQUAL(load_text("int a[4]; int *f(int i) { return &a[i]; }", GCC, LIVE_LOAD_HIDDEN, &id), 0);
    CHECK_EQUAL(host_unload(id, false), 0);
    /* Below 2 GiB from up there is out of reach for a relative call, too. */
    CHECK_EQUAL(load_text("int host_add(int, int); int f(int i) { return host_add(i, 1) + 1; }", GCC, LIVE_LOAD_HIDDEN, &id), 0);
    CHECK_EQUAL(host_unload(id, false), 0);
    host_is_high = false;
}

TEST(weak_definitions_give_way)
{
    uint64_t a, b, c;
    CHECK_EQUAL(load_text("__attribute__((weak)) int host_kernel_function(int x) { return 7; }"
                          "int host_kernel_function(int); int f(void) { return host_kernel_function(3); }", GCC, 0, &a), 0);
    CHECK_EQUAL(host_call("f"), 3);
    CHECK_EQUAL(load_text("int w(void) { return 1; }", GCC, 0, &b), 0);
    CHECK_EQUAL(load_text("__attribute__((weak)) int w(void) { return 2; } int call(void) { return w(); }", GCC, 0, &c), 0);
    CHECK_EQUAL(host_call("w"), 1);
    CHECK_EQUAL(host_call("call"), 1);
    CHECK_EQUAL(host_unload(c, false), 0);
    CHECK_EQUAL(host_unload(b, false), 0);
    CHECK_EQUAL(host_unload(a, false), 0);
}

TEST(a_missing_page_undoes_everything)
{
    uint64_t a;
    CHECK_EQUAL(load_text("int v = 1; int f(void) { return 1; }", GCC, 0, &a), 0);
    size_t size;
    char *object = host_object("again", GCC, "tests/host/live/objects/again.c", &size);
    int failures = 0, error = -ENOMEM;
    uint64_t id = 0;
    for (long after = 0; error == -ENOMEM; after++) {
        shim_fail_after = after;
        error = host_load(object, size, 0, &id);
        shim_fail_after = -1;
        if (error == 0)
            break;
        CHECK_EQUAL(error, -ENOMEM);
        failures++;
        CHECK_EQUAL(host_call("f"), 1);
        CHECK_EQUAL(*(int *)host_address("v"), 1);
        CHECK_EQUAL(host_address("h"), 0);
    }
    CHECK(failures > 5);
    CHECK_EQUAL(host_call("f"), 2);
    CHECK_EQUAL(host_unload(id, false), 0);
    for (long after = 0; after < 12; after++) {
        host_fail_after = after;
        error = host_load(object, size, 0, &id);
        host_fail_after = -1;
        if (error == 0)
            CHECK_EQUAL(host_unload(id, true), 0);
    }
    free(object);
    CHECK_EQUAL(host_unload(a, true), 0);
    CHECK(live_module_next(NULL) == NULL);
}

TEST(an_init_function_that_faults_undoes_everything)
{
    uint64_t a, b;
    CHECK_EQUAL(load_text("int v = 1; int f(void) { return v; }", GCC, 0, &a), 0);
    host_faults = 1;
    CHECK_EQUAL(load_text("int v = 2; int f(void) { return 77; } int n; __attribute__((constructor)) static void i(void) { n = 1; }",
                          GCC, 0, &b), -EFAULT);
    host_faults = 0;
    CHECK_EQUAL(host_call("f"), 1);
    CHECK_EQUAL(*(int *)host_address("v"), 1);
    CHECK_EQUAL(host_address("n"), 0);
    CHECK_EQUAL(host_unload(a, false), 0);
    CHECK(live_module_next(NULL) == NULL);
}

TEST(a_call_of_what_was_unloaded_is_told)
{
    uint64_t a, b;
    CHECK_EQUAL(load_text("int gone(void) { return 1; }", GCC, 0, &a), 0);
    CHECK_EQUAL(load_text("int gone(void); int call(void) { return gone() + 5; }", GCC, 0, &b), 0);
    CHECK_EQUAL(host_unload(a, false), -EBUSY);
    CHECK_EQUAL(host_unload(a, true), 0);
    CHECK_EQUAL(host_call("call"), 5);
    CHECK_STRING(host_text, "gone is not defined any more");
    CHECK_EQUAL(load_text("int gone(void) { return 9; }", GCC, 0, &a), 0);
    CHECK_EQUAL(host_call("call"), 14);
    CHECK_EQUAL(host_unload(b, false), 0);
    CHECK_EQUAL(host_unload(a, false), 0);
}

/* --- replacements: bind_file and only ------------------------------------------------------------------ */

static volatile int bound_count = 5, bound_zero;
int bound_global = 7;
static __attribute__((noinline, used)) int bound_step(int by) { return by + 1; }
int bound_other(int x);
int bound_function(int x);
__attribute__((noinline)) int bound_other(int x) { return bound_step(x) + 500; }
__attribute__((noinline)) int bound_function(int x)
{
    bound_zero++;
    bound_count += x;
    return bound_step(bound_count) + bound_other(0);
}

static void check_bound(const char *name, const char *compiler)
{
    size_t size;
    uint64_t id;
    host_start();
    char *object = host_object(name, compiler, "tests/host/live/objects/bound.c", &size);
    struct live_load load = { .object = (uint8_t *)object, .object_size = size, .flags = LIVE_LOAD_HIDDEN,
                              .bind_file = "tests/host/live/linker_test.c", .only = "linker_test.c:bound_function" };
    int error = host_load_with(&load, &id);
    if (error != 0)
        printf("%s: %s", name, host_text);
    CHECK_EQUAL(error, 0);
    free(object);
    if (error != 0)
        return;
    int (*function)(int) = (int (*)(int))load.only_address;
    bound_count = 5;
    bound_zero = 0;
    bound_global = 7;
    CHECK_EQUAL(function(1), 6 + 1 + 3 + 2); /* the running bound_step() and bound_count, its own helper and `calls` */
    CHECK_EQUAL(bound_count, 6);
    CHECK_EQUAL(bound_zero, 2);
    CHECK_EQUAL(bound_global, 8);
    CHECK_EQUAL(function(2), 21);
    CHECK_EQUAL(function(3), 502); /* the running bound_other() */
    CHECK_EQUAL(function(4), 'e'); /* its own constants */
    CHECK_EQUAL(function(5), 55);
    bound_count = 5;
    if (strstr(compiler, "-O") == NULL) /* optimisers make a loop of it, unless functions are interposable as the kernel's are */
        CHECK_EQUAL(function(-1), 7 + 501); /* the one that runs */
    CHECK_EQUAL(host_address("bound_function"), 0);
    CHECK_EQUAL(host_unload(id, false), 0);
}

TEST(a_new_version_shares_the_state_of_the_file_that_runs)
{
    check_bound("bound_tcc", "tcc -c");
    check_bound("bound_gcc", "gcc -w -c -O1 -fno-pic -mcmodel=kernel -fno-inline -ffunction-sections -fdata-sections");
    check_bound("bound_gcc_pic", "gcc -w -c -O2 -fPIC -fno-inline -fno-ipa-cp -fno-ipa-sra -ffunction-sections -fdata-sections");
    check_bound("bound_clang", ZIG_CC " -w -c -O1 -fno-pic -mcmodel=kernel -fno-inline -ffunction-sections -fdata-sections");
}

TEST(statics_that_cannot_be_told_apart_are_refused)
{
    uint64_t id;
    host_start();
    size_t size;
    char *object = host_object("bound_mixed", "gcc -w -c -O1 -fno-pic -mcmodel=kernel -fno-inline",
                               "tests/host/live/objects/bound.c", &size);
    struct live_load load = { .object = (uint8_t *)object, .object_size = size, .flags = LIVE_LOAD_HIDDEN,
                              .bind_file = "linker_test.c", .only = "bound_function" };
    CHECK_EQUAL(host_load_with(&load, &id), -ENOEXEC);
    CHECK_SAYS("build with -fdata-sections");
    free(object);
    CHECK(live_module_next(NULL) == NULL);
}

/* --- archives ----------------------------------------------------------------------------------------- */

static char *make_archive(const char *name, const char *members, size_t *size)
{
    char command[600], path[200];
    snprintf(path, sizeof(path), HOST_BUILD "/%s.a", name);
    snprintf(command, sizeof(command), "cd " HOST_BUILD " && rm -f %s.a && ar rcs %s.a %s", name, name, members);
    host_run(command);
    return host_read(path, size);
}

TEST(members_of_an_archive_are_taken_as_they_are_needed)
{
    size_t size, object_size;
    uint64_t id;
    host_start();
    char *root = host_object("root_member_with_a_long_name", GCC " -DARCHIVE_MEMBER", ALL_C, &object_size);
    free(host_object("m1", GCC " -DNUMBER=1", "tests/host/live/objects/member.c", &size));
    free(host_object("m2", GCC " -DNUMBER=2", "tests/host/live/objects/member.c", &size));
    free(host_object("m3", GCC " -DNUMBER=3", "tests/host/live/objects/member.c", &size));
    char *archive = make_archive("members", "root_member_with_a_long_name.o m3.o m2.o m1.o", &size);
    CHECK_EQUAL(host_load(archive, size, 0, &id), 0);
    CHECK_EQUAL(host_call("check_all"), 0);
    CHECK_EQUAL(host_address("member_unneeded"), 0);
    CHECK_EQUAL(host_unload(id, false), 0);
    CHECK_EQUAL(host_load(archive, size, LIVE_LOAD_ARCHIVE_ALL, &id), -ENOENT);
    CHECK_SAYS("nobody_has_this is not defined");
    free(archive);
    archive = make_archive("library", "m3.o m1.o m2.o", &size);
    struct live_load load = { .object = (uint8_t *)root, .object_size = object_size, .archive = (uint8_t *)archive, .archive_size = size };
    CHECK_EQUAL(host_load_with(&load, &id), 0);
    CHECK_EQUAL(host_call("check_all"), 0);
    CHECK_EQUAL(host_unload(id, false), 0);
    free(archive);
    free(root);
}

TEST(groups_are_loaded_once)
{
    size_t size;
    uint64_t id;
    host_start();
    const char *cxx = "g++ -c -O1 -fno-pic -mcmodel=kernel -fno-exceptions -fno-rtti -fno-threadsafe-statics";
    char command[300];
    for (int i = 1; i <= 2; i++) {
        char name[20];
        snprintf(name, sizeof(name), "comdat%d", i);
        snprintf(command, sizeof(command), "%s -DNUMBER=%d", cxx, i);
        free(host_object(name, command, "tests/host/live/objects/comdat.cpp", &size));
    }
    char *archive = make_archive("comdat", "comdat1.o comdat2.o", &size);
    CHECK_EQUAL(host_load(archive, size, LIVE_LOAD_ARCHIVE_ALL, &id), 0);
    CHECK_EQUAL(host_call("check_all"), 0);
    CHECK_EQUAL(host_unload(id, true), 0);
    free(archive);
}

/* --- names -------------------------------------------------------------------------------------------- */

TEST(world_functions_are_called_by_gates)
{
    uint64_t id;
    host_start();
    CHECK_EQUAL(live_world_define("world_add", LIVE_SYMBOL_FUNCTION, (uint64_t)(uintptr_t)host_add), 0);
    CHECK_EQUAL(load_text("int world_add(int, int); int f(void) { return world_add(20, 22); } int (*p)(int, int) = world_add;", GCC, 0, &id), 0);
    CHECK_EQUAL(host_call("f"), 42);
    struct live_symbol_info info;
    CHECK_EQUAL(live_lookup("world_add", &info), 0);
    CHECK_EQUAL(info.origin, LIVE_ORIGIN_WORLD);
    CHECK_EQUAL(info.context, LIVE_CONTEXT_WORLD);
    CHECK_EQUAL(*(uint64_t *)host_address("p"), info.address);
    live_world_forget();
    CHECK_EQUAL(live_lookup("world_add", &info), -ENOENT);
    CHECK_EQUAL(live_world_define("world_add", LIVE_SYMBOL_FUNCTION, (uint64_t)(uintptr_t)host_add), 0);
    CHECK_EQUAL(host_call("f"), 42);
    CHECK_EQUAL(host_unload(id, false), 0);
}

TEST(names_are_listed_in_pieces)
{
    uint64_t id, cursor = 0;
    CHECK_EQUAL(load_text("int list_a, list_b, list_c; int list_d(void) { return 0; } int other;", GCC, 0, &id), 0);
    struct live_symbol_info rows[3];
    char seen[200] = "";
    int rounds = 0;
    while (cursor != UINT64_MAX && rounds++ < 10) {
        size_t count = live_list("list_", 1u << LIVE_ORIGIN_LIVE, &cursor, rows, 3);
        for (size_t i = 0; i < count; i++) {
            strcat(seen, rows[i].name);
            strcat(seen, " ");
        }
    }
    CHECK_STRING(seen, "list_a list_b list_c list_d ");
    cursor = 0;
    CHECK_EQUAL(live_list("host_kernel_f", 1u << LIVE_ORIGIN_KERNEL, &cursor, rows, 3), 1);
    CHECK_STRING(rows[0].name, "host_kernel_function");
    CHECK_EQUAL(host_unload(id, false), 0);
}

/* --- many --------------------------------------------------------------------------------------------- */

TEST(the_cost_of_a_module_stays_flat)
{
    enum { MODULES = 1000, PART = 100 };
    static uint64_t ids[MODULES];
    double first = 0, last = 0;
    size_t size;
    host_start();
    char *object = host_object("flat", GCC, "tests/host/live/objects/again.c", &size);
    /* Each has names of its own: the letters of "flat_name_0000" are changed in its string table. */
    char *names = memmem(object, size, "flat_name_0000", 14);
    CHECK(names != NULL);
    for (int i = 0; i < MODULES; i++) {
        char digits[8];
        snprintf(digits, sizeof(digits), "%04d", i);
        memcpy(names + 10, digits, 4);
        nanos_t begin = clock_monotonic();
        CHECK_EQUAL(host_load(object, size, 0, &ids[i]), 0);
        double seconds = 1e-9 * (double)(clock_monotonic() - begin);
        *(i < PART ? &first : i >= MODULES - PART ? &last : &(double){ 0 }) += seconds;
    }
    printf("a module: %.1f us at the beginning, %.1f us after %d\n", 1e6 * first / PART, 1e6 * last / PART, MODULES);
    CHECK(last < 3 * first);
    for (int i = 0; i < MODULES; i++)
        (void)host_unload(ids[i], true);
    free(object);
    for (int i = 0; i < MODULES; i++) /* those whose storage others had */
        (void)!live_module_free(ids[i]);
    CHECK(live_module_next(NULL) == NULL);
}
