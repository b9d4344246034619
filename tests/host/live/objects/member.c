/* Members of an archive, by NUMBER. */
#if NUMBER == 1
int member_inner(int x);
int member_function(int x);
int member_function(int x) { return member_inner(x) + 50; }
#elif NUMBER == 2
int member_inner(int x);
int member_inner(int x) { return x + 50; }
#else
int member_unneeded(void);
int nobody_has_this(void);
int member_unneeded(void) { return nobody_has_this(); }
#endif
