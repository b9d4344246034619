/* Frequencies of the PC speaker. What drives it: speaker.c. */
#ifndef DEV_SPEAKER_SPEAKER_H
#define DEV_SPEAKER_SPEAKER_H

#include <lib/types.h>

#define SPEAKER_LOWEST  20    /* hertz */
#define SPEAKER_HIGHEST 20000

/* A tone of `hertz` from now on; 0: silence. False: out of range. Context: any. */
bool speaker_set_tone(uint32_t hertz);

#endif
