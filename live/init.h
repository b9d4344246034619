/* Boot: after the symbol table and memory, before the world. */
#ifndef LIVE_INIT_H
#define LIVE_INIT_H

void live_init(void);

#endif
