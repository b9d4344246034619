/*
 * What /dev/trace gives to a reader: records of one size, for the kernel that writes them and programs that read them.
 *
 * A call is two records, TRACE_ENTER and TRACE_EXIT, by the thread that makes it; exit(2) and calls that the thread does
 * not survive have no TRACE_EXIT. `data` is a sequence of chunks, each a struct trace_chunk and its bytes, without
 * alignment: what the arguments point to, as the call reads it (TRACE_ENTER) or has written it (TRACE_EXIT).
 */
#ifndef ABI_TRACE_H
#define ABI_TRACE_H

#include <stdint.h>

enum trace_kind {
    TRACE_ENTER = 1,
    TRACE_EXIT = 2,    /* result */
    TRACE_SIGNAL = 3,  /* number: the signal; arguments: its code, its sender, the address of a fault */
    TRACE_END = 4,     /* the process has ended; result: its status, as wait(2) has it */
    TRACE_LOST = 5     /* nothing but `lost` */
};

enum trace_chunk_kind {
    TRACE_DATA = 1,    /* whole: bytes */
    TRACE_STRING = 2,  /* without its NUL; whole > size: there is more */
    TRACE_STRINGS = 3, /* each with its NUL; whole: how many there are, also those that are not here */
    TRACE_CONTENT = 4  /* of a vector of buffers: what was moved, one buffer after the other; whole: bytes */
};

struct trace_chunk {
    uint8_t argument;  /* its index */
    uint8_t kind;      /* enum trace_chunk_kind */
    uint16_t size;     /* bytes here */
    uint32_t whole;
};

#define TRACE_RECORD_SIZE 1024

struct trace_record {
    uint64_t time;     /* CLOCK_MONOTONIC, nanoseconds */
    uint64_t lost;     /* records before this one for which there was no room */
    int32_t process, thread;
    uint32_t number;   /* of the call */
    uint16_t kind;     /* enum trace_kind */
    uint16_t data_size;
    uint64_t arguments[6];
    int64_t result;
    char name[16];     /* the process's */
    uint8_t data[TRACE_RECORD_SIZE - 104];
};

#endif
