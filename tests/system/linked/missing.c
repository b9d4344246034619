/* Refused by test_link.py: three names that nobody has, two of them nearly. */
int gcc_ad(int a, int b);
int klog_sise(void);
int entirely_unknown_here(void);
int missing(void) { return gcc_ad(1, 2) + klog_sise() + entirely_unknown_here(); }
