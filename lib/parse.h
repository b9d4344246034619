/* Numbers from text. */
#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include <lib/types.h>

/*
 * An unsigned number at the start of `text`: base 2 to 36, or 0 for decimal and
 * the prefixes 0x, 0o and 0b. No sign, no leading blanks. *end (unless `end` is
 * NULL: then the number must be the whole text) gets the place after it.
 * 0, -EINVAL (no number there) or -ERANGE (more than 64 bits); *value is set on 0 only.
 */
MUST_CHECK int parse_u64(const char *text, const char **end, unsigned base, uint64_t *value);

/* As above with an optional sign; -ERANGE when it does not fit in 64 bits signed. */
MUST_CHECK int parse_i64(const char *text, const char **end, unsigned base, int64_t *value);

/* A size with an optional suffix K, M, G or T (powers of 1024), as the whole text. */
MUST_CHECK int parse_size(const char *text, uint64_t *value);

#endif
