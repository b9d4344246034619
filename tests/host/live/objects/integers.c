/* What tcc builds for drivers and replacements: integers only. */
extern int host_add(int a, int b);
extern int host_value;
static int count = 3;
int check_all(void);
static int step(int by) { return count += by; }
int check_all(void) { return step(1) == 4 && host_add(step(1), host_value) == 1239 ? 0 : 1; }
