/* Pipes, FIFOs, socket pairs, eventfd, poll and epoll, with threads on both sides.
 * Links: fs/socket.c fs/eventfd.c fs/epoll.c lib/tree.c tests/host/shim/shim.c kernel/vfs/inode.c kernel/vfs/dentry.c kernel/vfs/mount.c kernel/vfs/walk.c kernel/vfs/permission.c kernel/proc/credentials.c kernel/vfs/open.c kernel/vfs/tree.c kernel/vfs/rename.c kernel/vfs/context.c kernel/vfs/file.c kernel/vfs/lock.c kernel/vfs/record_lock.c kernel/vfs/poll.c kernel/vfs/page_map.c fs/tmpfs/inode.c fs/tmpfs/directory.c fs/tmpfs/data.c fs/devfs.c fs/memory_devices.c fs/pipe.c lib/parse.c lib/strlcpy.c
 * Flags: -pthread */
#include <fs/epoll.h>
#include <fs/eventfd.h>
#include <fs/pipe.h>
#include <fs/socket.h>
#include <kernel/time/time.h>
#include <kernel/vfs/lock.h>
#include <kernel/vfs/poll.h>
#include <tests/host/shim/tree.h>
#include <tests/host/lib/random.h>

static struct file *reader, *writer; /* of a pipe */
static struct file *ends[2];         /* of a socket pair */

static void open_pipe(uint32_t flags) { CHECK_EQUAL(pipe_create(flags, &reader, &writer), 0); }

static uint32_t ready(struct file *file) { return file_poll(file, NULL) & 0xff & ~(uint32_t)POLL_RDNORM; }

static nanos_t soon(int milliseconds) { return clock_monotonic() + milliseconds * NANOS_PER_MILLISECOND; }

/* --- pipes --------------------------------------------------------------------------------- */

TEST(pipe_moves_bytes_in_order)
{
    char data[10];
    tree_start();
    open_pipe(0);
    CHECK_EQUAL(ready(reader), 0);
    CHECK_EQUAL(ready(writer), POLL_OUT);
    CHECK_EQUAL(tree_write(writer, "hello", 5), 5);
    CHECK_EQUAL(tree_write(writer, "world", 5), 5);
    CHECK_EQUAL(ready(reader), POLL_IN);
    CHECK_EQUAL(tree_read(reader, data, 3), 3);
    CHECK_EQUAL(tree_read(reader, data + 3, 10), 7);
    CHECK(memcmp(data, "helloworld", 10) == 0);
    CHECK_EQUAL(tree_read(writer, data, 1), -EBADF);
    CHECK_EQUAL(tree_write(reader, data, 1), -EBADF);
    CHECK_EQUAL(file_seek(reader, 0, SEEK_CUR), -ESPIPE);
    CHECK_EQUAL(tree_write(writer, "x", 1), 1);
    file_put(writer);
    CHECK_EQUAL(ready(reader), POLL_IN | POLL_HUP);
    CHECK_EQUAL(tree_read(reader, data, 10), 1);
    CHECK_EQUAL(tree_read(reader, data, 10), 0);
    file_put(reader);
    tree_end();
}

TEST(pipe_without_reader_breaks)
{
    tree_start();
    open_pipe(0);
    file_put(reader);
    CHECK_EQUAL(ready(writer), POLL_OUT | POLL_ERR);
    shim_signals_sent = 0;
    CHECK_EQUAL(tree_write(writer, "x", 1), -EPIPE);
    CHECK_EQUAL(shim_signals_sent, 1);
    CHECK_EQUAL(tree_write(writer, "", 0), 0);
    file_put(writer);
    tree_end();
}

TEST(pipe_nonblocking_and_atomic_writes)
{
    static char data[70000];
    tree_start();
    open_pipe(O_NONBLOCK);
    CHECK_EQUAL(tree_read(reader, data, 1), -EAGAIN);
    CHECK_EQUAL(tree_write(writer, data, sizeof(data)), 65536);
    CHECK_EQUAL(ready(writer), 0);
    CHECK_EQUAL(tree_write(writer, data, 1), -EAGAIN);
    CHECK_EQUAL(tree_read(reader, data, 100), 100);
    CHECK_EQUAL(tree_write(writer, data, 4096), -EAGAIN); /* all or nothing up to PIPE_BUF */
    CHECK_EQUAL(tree_write(writer, data, 4097), 100);
    CHECK_EQUAL(pipe_set_capacity(reader, 4096), -EBUSY);
    CHECK_EQUAL(pipe_set_capacity(reader, 100000), 131072);
    CHECK_EQUAL(pipe_get_capacity(writer), 131072);
    CHECK_EQUAL(tree_read(reader, data, sizeof(data)), 65536);
    CHECK_EQUAL(tree_read(reader, data, 1), -EAGAIN);
    file_put(reader);
    file_put(writer);
    tree_end();
}

static void write_much(void *argument)
{
    static char data[300000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i % 251);
    CHECK_EQUAL(tree_write(argument, data, sizeof(data)), (isize_t)sizeof(data));
    file_put(argument);
}

TEST(pipe_blocks_and_wakes)
{
    static char data[4000];
    size_t total = 0;
    isize_t got;
    tree_start();
    open_pipe(0);
    struct shim_thread *thread = shim_thread_start(write_much, writer);
    while ((got = tree_read(reader, data, random_u64() % sizeof(data) + 1)) > 0)
        for (isize_t i = 0; i < got; i++, total++)
            CHECK(data[i] == (char)(total % 251));
    CHECK_EQUAL(got, 0);
    CHECK_EQUAL(total, 300000);
    shim_thread_join(thread);
    file_put(reader);
    tree_end();
}

static void interrupt_soon(void *argument)
{
    shim_sleep_milliseconds(20);
    shim_signal_pending = true;
}

TEST(pipe_read_ends_by_a_signal)
{
    char data;
    tree_start();
    open_pipe(0);
    struct shim_thread *thread = shim_thread_start(interrupt_soon, NULL);
    CHECK_EQUAL(tree_read(reader, &data, 1), -EINTR);
    shim_thread_join(thread);
    shim_signal_pending = false;
    file_put(reader);
    file_put(writer);
    tree_end();
}

static void open_fifo_writer(void *argument)
{
    struct file *file;
    shim_sleep_milliseconds(10);
    CHECK_EQUAL(tree_open("fifo", O_WRONLY, &file), 0);
    CHECK_EQUAL(tree_write(file, "through", 7), 7);
    file_put(file);
}

TEST(fifo_sides_wait_for_each_other)
{
    struct file *file;
    char data[8];
    tree_start();
    CHECK_EQUAL(vfs_create(tree_fs(), NULL, "fifo", S_IFIFO | 0644, 0), 0);
    CHECK_EQUAL(tree_open_error("fifo", O_WRONLY | O_NONBLOCK), -ENXIO);
    struct shim_thread *thread = shim_thread_start(open_fifo_writer, NULL);
    CHECK_EQUAL(tree_open("fifo", O_RDONLY, &file), 0);
    CHECK_EQUAL(tree_read(file, data, 8), 7);
    CHECK_EQUAL(tree_read(file, data, 8), 0);
    shim_thread_join(thread);
    file_put(file);
    CHECK_EQUAL(tree_open("fifo", O_RDONLY | O_NONBLOCK, &file), 0);
    CHECK_EQUAL(ready(file), 0); /* no writer yet is not a hang-up */
    CHECK_EQUAL(tree_read(file, data, 8), 0);
    file_put(file);
    CHECK_EQUAL(tree_open("fifo", O_RDWR, &file), 0);
    CHECK_EQUAL(tree_write(file, "own", 3), 3);
    CHECK_EQUAL(tree_read(file, data, 8), 3);
    file_put(file);
    tree_end();
}

/* --- sockets ------------------------------------------------------------------------------- */

static isize_t receive(struct file *file, void *data, size_t size, uint32_t flags, uint32_t *result_flags)
{
    struct io io = io_from_kernel(data, size);
    return socket_receive(file, &io, flags, result_flags);
}

TEST(socket_stream)
{
    char data[32];
    uint32_t flags;
    tree_start();
    CHECK_EQUAL(socket_create_pair(SOCK_STREAM, 0, ends), 0);
    CHECK_EQUAL(ready(ends[0]), POLL_OUT);
    CHECK_EQUAL(tree_write(ends[0], "abc", 3), 3);
    CHECK_EQUAL(tree_write(ends[0], "defg", 4), 4);
    CHECK_EQUAL(tree_write(ends[1], "back", 4), 4);
    CHECK_EQUAL(receive(ends[1], data, 5, MSG_PEEK, &flags), 5);
    CHECK_EQUAL(tree_read(ends[1], data, 5), 5);
    CHECK(memcmp(data, "abcde", 5) == 0);
    CHECK_EQUAL(tree_read(ends[1], data, 32), 2);
    CHECK_EQUAL(receive(ends[1], data, 32, MSG_DONTWAIT, &flags), -EAGAIN);
    CHECK_EQUAL(tree_read(ends[0], data, 32), 4);
    CHECK_EQUAL(socket_shutdown(ends[0], SHUT_WR), 0);
    CHECK_EQUAL(tree_read(ends[1], data, 32), 0);
    CHECK_EQUAL(tree_write(ends[0], "x", 1), -EPIPE);
    CHECK_EQUAL(tree_write(ends[1], "still", 5), 5);
    CHECK_EQUAL(tree_read(ends[0], data, 32), 5);
    CHECK_EQUAL(socket_shutdown(ends[0], 7), -EINVAL);
    file_put(ends[0]);
    CHECK(ready(ends[1]) & POLL_HUP);
    CHECK_EQUAL(tree_write(ends[1], "x", 1), -EPIPE);
    file_put(ends[1]);
    tree_end();
}

TEST(socket_messages_keep_their_borders)
{
    static char data[300000];
    uint32_t flags;
    tree_start();
    CHECK_EQUAL(socket_create_pair(SOCK_DGRAM, O_NONBLOCK, ends), 0);
    CHECK_EQUAL(tree_write(ends[0], "one", 3), 3);
    CHECK_EQUAL(tree_write(ends[0], "", 0), 0);
    CHECK_EQUAL(tree_write(ends[0], "three", 5), 5);
    CHECK_EQUAL(tree_write(ends[0], data, sizeof(data)), -EMSGSIZE);
    CHECK_EQUAL(tree_read(ends[1], data, 100), 3);
    CHECK_EQUAL(tree_read(ends[1], data, 100), 0);
    CHECK_EQUAL(receive(ends[1], data, 2, 0, &flags), 2);
    CHECK_EQUAL(flags, MSG_TRUNC);
    CHECK_EQUAL(tree_read(ends[1], data, 100), -EAGAIN);
    int sent = 0;
    while (tree_write(ends[0], data, 10000) == 10000)
        sent++;
    CHECK(sent == 21);
    CHECK_EQUAL(ready(ends[0]), 0);
    file_put(ends[1]);
    CHECK_EQUAL(tree_write(ends[0], "x", 1), -ECONNREFUSED);
    file_put(ends[0]);
    tree_end();
}

TEST(socket_unread_data_resets_the_peer)
{
    char data;
    tree_start();
    CHECK_EQUAL(socket_create_pair(SOCK_STREAM, 0, ends), 0);
    CHECK_EQUAL(tree_write(ends[0], "x", 1), 1);
    file_put(ends[1]);
    CHECK_EQUAL(tree_read(ends[0], &data, 1), -ECONNRESET);
    CHECK_EQUAL(tree_read(ends[0], &data, 1), 0);
    file_put(ends[0]);
    tree_end();
}

TEST(socket_blocks_wakes_and_times_out)
{
    static char data[5000];
    size_t total = 0;
    isize_t got;
    tree_start();
    CHECK_EQUAL(socket_create_pair(SOCK_STREAM, 0, ends), 0);
    socket_set_timeout(ends[0], false, 5 * NANOS_PER_MILLISECOND);
    CHECK_EQUAL(tree_read(ends[0], data, 1), -EAGAIN);
    socket_set_timeout(ends[0], false, 0);
    struct shim_thread *thread = shim_thread_start(write_much, ends[1]);
    while ((got = tree_read(ends[0], data, random_u64() % sizeof(data) + 1)) > 0)
        for (isize_t i = 0; i < got; i++, total++)
            CHECK(data[i] == (char)(total % 251));
    CHECK_EQUAL(total, 300000);
    shim_thread_join(thread);
    file_put(ends[0]);
    tree_end();
}

/* --- eventfd ------------------------------------------------------------------------------- */

TEST(eventfd_counts)
{
    struct file *file;
    uint64_t value = 3;
    tree_start();
    CHECK_EQUAL(eventfd_create(2, EFD_NONBLOCK, &file), 0);
    CHECK_EQUAL(tree_write(file, &value, 8), 8);
    CHECK_EQUAL(tree_read(file, &value, 4), -EINVAL);
    CHECK_EQUAL(tree_read(file, &value, 8), 8);
    CHECK_EQUAL(value, 5);
    CHECK_EQUAL(tree_read(file, &value, 8), -EAGAIN);
    value = UINT64_MAX;
    CHECK_EQUAL(tree_write(file, &value, 8), -EINVAL);
    value = UINT64_MAX - 1;
    CHECK_EQUAL(tree_write(file, &value, 8), 8);
    CHECK_EQUAL(ready(file), POLL_IN);
    value = 1;
    CHECK_EQUAL(tree_write(file, &value, 8), -EAGAIN);
    file_put(file);
    CHECK_EQUAL(eventfd_create(2, EFD_SEMAPHORE | EFD_NONBLOCK, &file), 0);
    CHECK_EQUAL(tree_read(file, &value, 8), 8);
    CHECK_EQUAL(value, 1);
    CHECK_EQUAL(tree_read(file, &value, 8), 8);
    CHECK_EQUAL(tree_read(file, &value, 8), -EAGAIN);
    file_put(file);
    tree_end();
}

/* --- poll ---------------------------------------------------------------------------------- */

static void write_soon(void *argument)
{
    shim_sleep_milliseconds(10);
    CHECK_EQUAL(tree_write(argument, "x", 1), 1);
}

TEST(poll_waits_for_any)
{
    struct file *other_reader, *other_writer;
    tree_start();
    CHECK_EQUAL(pipe_create(0, &other_reader, &other_writer), 0);
    open_pipe(0);
    struct poll_item items[30];
    for (int i = 0; i < 30; i++) /* more than one chunk of registrations */
        items[i] = (struct poll_item){ i == 17 ? reader : other_reader, POLL_IN, 0 };
    items[5].file = NULL;
    CHECK_EQUAL(poll_items(items, 30, 0), 0);
    CHECK_EQUAL(poll_items(items, 30, soon(5)), 0);
    struct shim_thread *thread = shim_thread_start(write_soon, writer);
    CHECK_EQUAL(poll_items(items, 30, WAIT_FOREVER), 1);
    CHECK_EQUAL(items[17].ready, POLL_IN);
    CHECK_EQUAL(items[16].ready, 0);
    shim_thread_join(thread);
    file_put(writer);
    items[17].events = 0; /* hang-up is reported all the same */
    CHECK_EQUAL(poll_items(items, 30, WAIT_FOREVER), 1);
    CHECK_EQUAL(items[17].ready, POLL_HUP);
    thread = shim_thread_start(interrupt_soon, NULL);
    CHECK_EQUAL(poll_items(items, 10, WAIT_FOREVER), -EINTR);
    shim_thread_join(thread);
    shim_signal_pending = false;
    file_put(reader);
    file_put(other_reader);
    file_put(other_writer);
    tree_end();
}

/* --- epoll --------------------------------------------------------------------------------- */

static struct file *set;

static int control(int operation, int fd, struct file *file, uint32_t events)
{
    struct abi_epoll_event event = { events, (uint64_t)fd };
    return epoll_control(set, operation, fd, file, &event);
}

/* Events that are there now; the data of the first to *data. */
static isize_t look(uint64_t *data)
{
    struct abi_epoll_event events[8];
    isize_t count = epoll_wait(set, events, 8, 0);
    if (count > 0)
        *data = events[0].data;
    return count;
}

TEST(epoll_level_edge_oneshot)
{
    uint64_t data;
    char byte;
    tree_start();
    CHECK_EQUAL(epoll_create(&set), 0);
    open_pipe(0);
    CHECK_EQUAL(control(EPOLL_CTL_ADD, 3, reader, EPOLLIN), 0);
    CHECK_EQUAL(control(EPOLL_CTL_ADD, 3, reader, EPOLLIN), -EEXIST);
    CHECK_EQUAL(control(EPOLL_CTL_MOD, 4, reader, EPOLLIN), -ENOENT);
    CHECK_EQUAL(control(EPOLL_CTL_ADD, 5, set, EPOLLIN), -EINVAL);
    CHECK_EQUAL(control(9, 3, reader, EPOLLIN), -EINVAL);
    CHECK_EQUAL(look(&data), 0);
    CHECK_EQUAL(tree_write(writer, "ab", 2), 2);
    CHECK_EQUAL(ready(set), POLL_IN);
    CHECK_EQUAL(look(&data), 1);
    CHECK_EQUAL(data, 3);
    CHECK_EQUAL(look(&data), 1); /* level: as long as it is so */
    CHECK_EQUAL(control(EPOLL_CTL_MOD, 3, reader, EPOLLIN | EPOLLET), 0);
    CHECK_EQUAL(look(&data), 1);
    CHECK_EQUAL(look(&data), 0); /* edge: once */
    CHECK_EQUAL(tree_write(writer, "c", 1), 1);
    CHECK_EQUAL(look(&data), 1);
    CHECK_EQUAL(look(&data), 0);
    CHECK_EQUAL(control(EPOLL_CTL_MOD, 3, reader, EPOLLIN | EPOLLONESHOT), 0);
    CHECK_EQUAL(look(&data), 1);
    CHECK_EQUAL(tree_write(writer, "d", 1), 1);
    CHECK_EQUAL(look(&data), 0);
    CHECK_EQUAL(control(EPOLL_CTL_MOD, 3, reader, EPOLLIN | EPOLLONESHOT), 0);
    CHECK_EQUAL(look(&data), 1);
    CHECK_EQUAL(control(EPOLL_CTL_DEL, 3, reader, 0), 0);
    CHECK_EQUAL(control(EPOLL_CTL_DEL, 3, reader, 0), -ENOENT);
    CHECK_EQUAL(tree_read(reader, &byte, 1), 1);
    file_put(set);
    file_put(reader);
    file_put(writer);
    tree_end();
}

TEST(epoll_forgets_closed_files)
{
    uint64_t data;
    tree_start();
    CHECK_EQUAL(epoll_create(&set), 0);
    open_pipe(0);
    CHECK_EQUAL(control(EPOLL_CTL_ADD, 3, reader, EPOLLIN), 0);
    CHECK_EQUAL(control(EPOLL_CTL_ADD, 4, reader, EPOLLIN), 0);
    CHECK_EQUAL(control(EPOLL_CTL_ADD, 5, writer, EPOLLOUT), 0);
    CHECK_EQUAL(look(&data), 1);
    CHECK_EQUAL(tree_write(writer, "x", 1), 1);
    CHECK_EQUAL(look(&data), 3);
    file_put(reader);
    CHECK_EQUAL(look(&data), 1);
    CHECK_EQUAL(data, 5);
    file_put(writer);
    CHECK_EQUAL(look(&data), 0);
    file_put(set);
    /* And files forget a closed set. */
    CHECK_EQUAL(epoll_create(&set), 0);
    open_pipe(0);
    CHECK_EQUAL(control(EPOLL_CTL_ADD, 3, reader, EPOLLIN), 0);
    file_put(set);
    CHECK_EQUAL(tree_write(writer, "x", 1), 1);
    file_put(reader);
    file_put(writer);
    tree_end();
}

TEST(epoll_waits)
{
    struct abi_epoll_event events[4];
    tree_start();
    CHECK_EQUAL(epoll_create(&set), 0);
    open_pipe(0);
    CHECK_EQUAL(control(EPOLL_CTL_ADD, 3, reader, EPOLLIN), 0);
    CHECK_EQUAL(epoll_wait(set, events, 4, soon(5)), 0);
    struct shim_thread *thread = shim_thread_start(write_soon, writer);
    CHECK_EQUAL(epoll_wait(set, events, 4, WAIT_FOREVER), 1);
    shim_thread_join(thread);
    /* A set can be polled itself. */
    CHECK_EQUAL(control(EPOLL_CTL_MOD, 3, reader, EPOLLIN | EPOLLET), 0);
    CHECK_EQUAL(epoll_wait(set, events, 4, 0), 1);
    struct poll_item item = { set, POLL_IN, 0 };
    CHECK_EQUAL(poll_items(&item, 1, soon(5)), 0);
    thread = shim_thread_start(write_soon, writer);
    CHECK_EQUAL(poll_items(&item, 1, WAIT_FOREVER), 1);
    shim_thread_join(thread);
    CHECK_EQUAL(epoll_wait(reader, events, 4, 0), -EINVAL);
    file_put(set);
    file_put(reader);
    file_put(writer);
    tree_end();
}

TEST(epoll_reports_all_of_many_in_turn)
{
    struct file *readers[10], *writers[10];
    struct abi_epoll_event events[4];
    bool seen[10] = { false };
    tree_start();
    CHECK_EQUAL(epoll_create(&set), 0);
    for (int i = 0; i < 10; i++) {
        CHECK_EQUAL(pipe_create(0, &readers[i], &writers[i]), 0);
        CHECK_EQUAL(control(EPOLL_CTL_ADD, i, readers[i], EPOLLIN), 0);
        CHECK_EQUAL(tree_write(writers[i], "x", 1), 1);
    }
    for (int round = 0; round < 3; round++) {
        CHECK_EQUAL(epoll_wait(set, events, 4, 0), 4);
        for (int i = 0; i < 4; i++)
            seen[events[i].data] = true;
    }
    for (int i = 0; i < 10; i++) {
        CHECK(seen[i]);
        file_put(readers[i]);
        file_put(writers[i]);
    }
    file_put(set);
    tree_end();
}

/* --- flock --------------------------------------------------------------------------------- */

static void unlock_soon(void *argument)
{
    shim_sleep_milliseconds(10);
    file_put(argument);
}

TEST(flock_shared_and_exclusive)
{
    struct file *a, *b, *c;
    tree_start();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT, &a), 0);
    CHECK_EQUAL(tree_open("f", O_RDWR, &b), 0);
    CHECK_EQUAL(tree_open("f", O_RDWR, &c), 0);
    CHECK_EQUAL(file_lock(a, FILE_LOCK_SHARED, false), 0);
    CHECK_EQUAL(file_lock(b, FILE_LOCK_SHARED, false), 0);
    CHECK_EQUAL(file_lock(c, FILE_LOCK_EXCLUSIVE, false), -EAGAIN);
    CHECK_EQUAL(file_lock(b, FILE_LOCK_NONE, false), 0);
    CHECK_EQUAL(file_lock(a, FILE_LOCK_EXCLUSIVE, false), 0);
    CHECK_EQUAL(file_lock(b, FILE_LOCK_SHARED, false), -EAGAIN);
    struct shim_thread *thread = shim_thread_start(unlock_soon, a);
    CHECK_EQUAL(file_lock(c, FILE_LOCK_EXCLUSIVE, true), 0);
    shim_thread_join(thread);
    file_put(b);
    file_put(c);
    tree_end();
}
