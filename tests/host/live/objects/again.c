/* A redefinition of v and f, and names of its own. */
int v = 2;
int flat_name_0000(void);
int f(void);
int h(void);
int flat_name_0000(void) { return v; }
int f(void) { return 2; }
int h(void) { return v + f(); }
