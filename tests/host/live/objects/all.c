/* What a C module may have; check_all() is 0 when all of it was linked right, else the number of what was not. */
extern int host_add(int a, int b);
extern int host_value;
extern int host_missing(void) __attribute__((weak));
extern int host_missing_value __attribute__((weak));
extern int host_exits;

#ifdef ARCHIVE_MEMBER
extern int member_function(int);
#endif

static int local_data = 7;
static int local_zero;
int global_data = 9;
int common_data;
int large_zero[5000];
const char *const words[] = { "zero", "one", "two" };
double factor = 2.5;
static int order;
int early_order, late_order;

int twice(int x);
int through_table(int index, int x);
int which(int x);
int check_all(void);
double scale(double x);
int (*get_local(void))(int);

#ifdef __TINYC__ /* has no priorities, and no destructors in objects */
#define CONSTRUCTOR(priority) __attribute__((constructor))
#define DESTRUCTOR
#else
#define CONSTRUCTOR(priority) __attribute__((constructor(priority)))
#define DESTRUCTOR __attribute__((destructor))
#endif
CONSTRUCTOR(200) static void begin_late(void) { late_order = ++order; }
CONSTRUCTOR(150) static void begin_early(void) { early_order = ++order; }
DESTRUCTOR static void end(void) { host_exits++; }

int twice(int x) { return 2 * x; }
static __attribute__((noinline)) int local_function(int x) { return x + ++local_zero; }
int (*get_local(void))(int) { return local_function; }
static int (*const table[])(int) = { twice, local_function };
int (*changing)(int) = twice;
int *pointer_to_array = &large_zero[4000];

int through_table(int index, int x) { return table[index](x); }
double scale(double x) { return x * factor + 0.25; }

int which(int x)
{
    switch (x) { /* a jump table */
    case 0: return 11;
    case 1: return host_add(1, x);
    case 2: return global_data;
    case 3: return local_data;
    case 4: return 44;
    case 5: return twice(x);
    case 6: return 66;
    default: return -1;
    }
}

int check_all(void)
{
    if (host_add(2, 3) != 5) return 1;
    if (host_value != 1234) return 2;
    host_value = 4321;
    if (host_value != 4321) return 3;
    host_value = 1234;
    if (local_data != 7 || global_data != 9 || common_data != 0) return 4;
    common_data = 5;
    if (common_data != 5) return 5;
    common_data = 0;
    for (int i = 0; i < 5000; i++)
        if (large_zero[i] != 0) return 6;
    if (words[2][1] != 'w') return 7;
    if (through_table(0, 4) != 8 || through_table(1, 4) < 5) return 8;
    if (changing(3) != 6 || get_local()(1) < 2) return 9;
    if (which(0) != 11 || which(1) != 2 || which(2) != 9 || which(3) != 7 || which(4) != 44 || which(5) != 10 || which(6) != 66) return 10;
    if (scale(2.0) != 5.25) return 11;
    if (host_missing != 0 || &host_missing_value != 0) return 12;
    if (pointer_to_array - large_zero != 4000) return 13;
#ifndef __TINYC__
    if (early_order != 1 || late_order != 2) return 14;
#endif
#ifdef ARCHIVE_MEMBER
    if (member_function(1) != 101) return 15;
#endif
    return 0;
}
