/* Where the stub of a function that is undefined at present leads: stub.c. */
#ifndef LIVE_STUB_H
#define LIVE_STUB_H

#include <lib/types.h>

uint64_t live_stub_missing(void);

#endif
