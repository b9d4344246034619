/* sendfile, preadv, pwritev, readv with bad parts. */
#include "program.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

int main(void)
{
    int in = (int)MUST(open("in", O_RDWR | O_CREAT, 0600)), out = (int)MUST(open("out", O_RDWR | O_CREAT, 0600)), ends[2];
    char text[200] = "";
    MUST(pipe(ends));
    for (int i = 0; i < 100; i++)
        MUST(write(in, "0123456789", 10));
    off_t offset = 995;
    show("by offset", sendfile(ends[1], in, &offset, 100));
    printf("offset %ld, position %ld\n", (long)offset, (long)lseek(in, 0, SEEK_CUR));
    show("read", read(ends[0], text, sizeof text));
    printf("%s\n", text);
    lseek(in, 3, SEEK_SET);
    show("by position", sendfile(out, in, NULL, 7));
    show("position", lseek(in, 0, SEEK_CUR));
    show("from a pipe", sendfile(out, ends[0], NULL, 5));
    show("bad offset", sendfile(out, in, (off_t *)8, 5));
    char a[4] = "", b[6] = "";
    struct iovec parts[3] = { { a, 3 }, { NULL, 0 }, { b, 5 } };
    show("preadv", preadv(in, parts, 3, 8));
    printf("%s|%s\n", a, b);
    show("pwritev", pwritev(out, parts, 3, 20));
    show("hole", pread(out, text, sizeof text, 0));
    for (int i = 0; i < 28; i++)
        putchar(text[i] ? text[i] : '.');
    putchar('\n');
    parts[1] = (struct iovec){ (void *)8, 4 };
    show("bad second part", preadv(in, parts, 3, 0));
    parts[0] = (struct iovec){ (void *)8, 4 };
    show("bad first part", preadv(in, parts, 3, 0));
    parts[0] = (struct iovec){ a, (size_t)-1 };
    show("too long", readv(in, parts, 1));
    show("too many", readv(in, parts, 1025));
    show("negative", readv(in, parts, -1));
    show("none", readv(in, parts, 0));
    return 0;
}
