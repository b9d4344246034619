/* Working directories, removed ones, relative opens, reading directories, renames. */
#include "program.h"

#include <dirent.h>

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path)
{
    char *names[64];
    int count = 0;
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char text[300];
        snprintf(text, sizeof text, "%s/%d", entry->d_name, entry->d_type);
        names[count++] = strdup(text);
    }
    if (directory != NULL)
        closedir(directory);
    qsort(names, count, sizeof names[0], compare);
    printf("%s:", path);
    for (int i = 0; i < count; i++)
        printf(" %s", names[i]);
    printf("\n");
}

int main(void)
{
    char path[PATH_MAX];
    MUST(mkdir("a", 0755));
    MUST(mkdir("a/b", 0755));
    MUST(symlink("b", "a/link"));
    MUST(mkfifo("a/fifo", 0600));
    close((int)MUST(open("a/file", O_CREAT | O_WRONLY, 0600)));
    list("a");
    show("mkdir again", mkdir("a", 0755));
    show("mkdir below nothing", mkdir("x/y", 0755));
    show("rmdir not empty", rmdir("a"));
    show("rmdir .", rmdir("a/."));
    show("rmdir file", rmdir("a/file"));
    show("unlink directory", unlink("a/b"));
    struct stat status;
    stat("a", &status);
    printf("links of a: %ld\n", (long)status.st_nlink);
    MUST(chdir("a/link"));
    getcwd(path, sizeof path);
    printf("cwd ends in %s\n", path + strlen(path) - 4);
    show("chdir to a file", chdir("../file"));
    show("too small", getcwd(path, 2) == NULL ? -1 : 0);
    int above = (int)MUST(open("..", O_RDONLY | O_DIRECTORY));
    show("remove my directory", rmdir("../b"));
    show("getcwd", getcwd(path, sizeof path) == NULL ? -1 : 0);
    show("create in it", open("x", O_CREAT | O_WRONLY, 0600));
    show("its ..", chdir(".."));
    show("fchdir", fchdir(above));
    int inside = openat(above, "file", O_RDONLY);
    printf("openat: %s\n", inside >= 0 ? "ok" : error_name(errno));
    show("openat of a file's descriptor", openat(inside, "file", O_RDONLY));
    show("openat of a bad descriptor", openat(99, "file", O_RDONLY));
    show("O_DIRECTORY of a file", open("file", O_RDONLY | O_DIRECTORY));
    show("O_NOFOLLOW", open("link", O_RDONLY | O_NOFOLLOW));
    show("directory for writing", open(".", O_WRONLY));
    show("fchdir to a file", fchdir(inside));
    MUST(mkdir("d1", 0755));
    MUST(mkdir("d2", 0755));
    MUST(mkdir("d2/sub", 0755));
    show("rename into itself", rename("d2", "d2/sub/x"));
    show("rename onto a full one", rename("d1", "d2"));
    show("rename onto an empty one", rename("d2", "d1"));
    show("rename file onto directory", rename("file", "d1"));
    show("rename directory onto file", rename("d1", "file"));
    show("rename missing", rename("none", "x"));
    show("link", link("file", "hard"));
    show("link to a directory", link("d1", "hard2"));
    stat("hard", &status);
    printf("links: %ld\n", (long)status.st_nlink);
    show("same file", rename("file", "hard"));
    show("NOREPLACE", renameat2(AT_FDCWD, "file", AT_FDCWD, "hard", RENAME_NOREPLACE));
    list(".");
    DIR *directory = opendir(".");
    int seen = 0, created = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL; seen++)
        if (!created++)
            for (int i = 0; i < 50; i++)
                snprintf(path, sizeof path, "extra%d", i), close(open(path, O_CREAT | O_WRONLY, 0600));
    printf("each old entry was seen: %d\n", seen >= 7);
    rewinddir(directory);
    for (seen = 0; readdir(directory) != NULL; seen++)
        ;
    printf("after rewind: %d\n", seen);
    return 0;
}
