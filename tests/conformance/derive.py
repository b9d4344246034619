"""Cases that follow from the table alone: for every call, plain arguments, bad descriptors, bad names, bad pointers.

    cases(table) -> [script.Case]

What the right answers are is recorded like those of the written cases. Calls whose plain arguments would end, stop or
change the machine or wait for ever are LEFT_OUT and have written cases.
"""

import generate
from script import Case

LEFT_OUT = set("""exit exit_group pause vfork fork clone clone3 rt_sigreturn rt_sigsuspend setrlimit settimeofday sethostname
    setdomainname capset rseq close_range chroot sync vhangup""".split())
# Changes its process, or asks something of the process that our Python's own threads answer differently.
PROCESS = set("""setpgid setsid umask set_robust_list set_tid_address personality chdir fchdir alarm setitimer munmap mprotect
    brk setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups execve execveat mlockall munlockall
    get_robust_list rt_sigaction sigaltstack wait4 waitid kill sched_setscheduler sched_setparam setpriority""".split())
LONG = "n" * 256
NAMES = ["&1", '""', "missing/x", "file/x", "loop", "loop/x", LONG, "&0xffff800000000000"]
PLAIN = {"fd": "$f", "dirfd": "AT_FDCWD", "path": "file", "string": "text", "ptr": "NULL", "mode": "0644", "size": "16",
         "clock": "CLOCK_MONOTONIC"}
# Where zero would do harm or say nothing: (call, argument) -> value.
SPECIAL = {("prlimit64", "new"): "NULL", ("flock", "operation"): "LOCK_UN", ("rt_sigaction", "mask_size"): "8",
           ("rt_sigprocmask", "mask_size"): "8", ("rt_sigpending", "mask_size"): "8", ("rt_sigtimedwait", "mask_size"): "8",
           ("rt_sigtimedwait", "timeout"): "timespec@1", ("rt_sigaction", "signal"): "SIGUSR1", ("fcntl", "command"): "F_GETFD", ("socket", "family"): "AF_UNIX",
           ("socket", "type"): "SOCK_STREAM", ("socketpair", "family"): "AF_UNIX", ("socketpair", "type"): "SOCK_STREAM",
           ("capget", "header"): "{version=0x20080522}", ("sysinfo", "result"): "@", ("rt_sigaction", "new"): "NULL",
           ("openat2", "size"): "24", ("epoll_create", "size"): "1", ("mount", "type"): "nonesuch", ("rename", "new"): "new",
           ("renameat", "new"): "new", ("renameat2", "new"): "new", ("link", "new"): "new", ("linkat", "new"): "new",
           ("symlink", "path"): "new", ("symlinkat", "path"): "new", ("mkdir", "path"): "new", ("mkdirat", "path"): "new",
           ("mknod", "path"): "new", ("mknodat", "path"): "new", ("ppoll", "mask"): "NULL", ("epoll_pwait", "mask"): "NULL",
           ("pselect6", "mask"): "NULL", ("sched_getaffinity", "size"): "128", ("sched_getaffinity", "mask"): "@128",
           ("utime", "times"): "@1", ("lseek", "whence"): "SEEK_CUR", ("mmap", "protection"): "PROT_READ",
           ("mmap", "flags"): "MAP_PRIVATE", ("mmap", "size"): "4096", ("set_robust_list", "size"): "24",
           ("getpriority", "who"): "0", ("signalfd4", "mask_size"): "8", ("accept", "size"): "{16}", ("poll", "fds"): "{fd=-1}",
           ("ppoll", "fds"): "{fd=-1}", ("signalfd4", "fd"): "-1", ("syslog", "size"): "16", ("sendto", "address"): "NULL",
           ("recvfrom", "address"): "NULL", ("recvfrom", "address_size"): "NULL", ("clock_settime", "clock"): "CLOCK_MONOTONIC",
           ("readlink", "path"): "link", ("readlinkat", "path"): "link", ("umount2", "target"): "file", ("creat", "path"): "new",
           ("memfd_create", "flags"): "MFD_CLOEXEC", ("sigaltstack", "new"): "{ss_flags=SS_DISABLE}"}


def counted(call, argument):
    """The number of elements of plain memory: enough for the plain size."""
    if argument.count.isdigit():
        return int(argument.count)
    if argument.pointed == "bytes":
        return 16
    counters = {a.name for a in call.arguments if a.kind == "size"}
    return 16 if argument.count in counters else 1


def plain(call, argument):
    if (call.name, argument.name) in SPECIAL:
        return SPECIAL[call.name, argument.name]
    if argument.kind in PLAIN:
        return PLAIN[argument.kind]
    counters = {a.count.removeprefix("*") for a in call.arguments if a.pointed}
    if argument.kind in generate.SCALARS:
        of_bytes = any(a.count == argument.name and (a.pointed == "bytes" or a.bytes) for a in call.arguments)
        return "16" if of_bytes else "1" if argument.name in counters else "0"
    if argument.pointed == "strings":
        return '{"a"}'
    if argument.kind == "inout" and argument.name in counters:
        return "{16}"
    return f"@{counted(call, argument)}"


def line(call, **changed):
    words = [changed.get(a.name, plain(call, a)) for a in call.arguments]
    return " ".join([call.name, *words])


def files(lines):
    return ["f: open file O_RDWR|O_CREAT 0644", *lines]


def of_call(call):
    """(what, lines) of one call."""
    if call.name not in ("execve", "execveat", "reboot", "close"):
        yield "plain", files(["symlink file link", line(call)])
    descriptors = [a for a in call.arguments if a.kind in ("fd", "dirfd")]
    if descriptors:
        values = {"fd": ["-1", "1000"], "dirfd": ["-1", "1000", "$f"]}
        yield "descriptor", files([line(call, **{a.name: value}) for a in descriptors for value in values[a.kind]])
    names = [a for a in call.arguments if a.kind in ("path", "string")]
    for argument in names:
        yield f"name-{argument.name}", files(["symlink loop loop", "symlink file link"]
                                             + [line(call, **{argument.name: name}) for name in NAMES])
    pointers = [a for a in call.arguments if a.kind in generate.DIRECTIONS]
    if pointers:
        bad = [line(call, **{a.name: address}) for a in pointers for address in ("&1", "&0xffff800000000000")]
        yield "fault", files(["symlink file link"] + bad)


def cases(table):
    found = []
    for call in table["syscalls"]:
        if call.arguments is None or call.name in LEFT_OUT:
            continue
        for what, lines in of_call(call):
            found.append(Case(f"{call.name}-{what}", lines, process=call.name in PROCESS))
    return found
