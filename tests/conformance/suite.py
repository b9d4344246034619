"""The conformance suite: cases, runners and the record of what Linux answers.

    python tests/conformance/suite.py show CASE...        run cases here with the C runner and print what they answer
    python tests/conformance/suite.py record              run all here and write record.json: only on Linux
    python tests/conformance/suite.py check [LANGUAGE]    run all here in each language, against the record
    python tests/conformance/suite.py inside [LANGUAGE]   run all in Polyglot OS and write inside.json, from which
                                                          docs/syscalls.md is made

The cases (cases/*.calls, script.py has the language) are data; the runners (runner.c, .zig, .rs, .py, .sh) make their
calls, each through its language's generated binding, and print raw results. What is compared are texts made of those here:
numbers of errors by name, structures by field, and instead of what differs from run to run (MASKS) a `?`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "abi")]
import generate  # noqa: E402
import layout  # noqa: E402
import derive  # noqa: E402
import script  # noqa: E402

RECORD = HERE / "record.json"
INSIDE = HERE / "inside.json"
BUILD = ROOT / "build" / "conformance"
LANGUAGES = ["c", "zig", "rust", "python", "bash"]
ZIG = [str(ROOT / "build" / "venv" / "bin" / "python"), "-m", "ziglang"]
BINDINGS = ROOT / "abi" / "bindings"
TIMEOUT = 300

# What differs between machines, runs or processes: fields, buffers, results.
MASKED_FIELDS = frozenset("""
    stat.st_dev stat.st_ino stat.st_blksize stat.st_atim stat.st_mtim stat.st_ctim stat.st_blocks
    statx.stx_mask statx.stx_ino statx.stx_dev_major statx.stx_dev_minor statx.stx_mnt_id statx.stx_atime statx.stx_btime statx.stx_ctime
    statx.stx_mtime statx.stx_blksize statx.stx_blocks statx.stx_attributes statx.stx_attributes_mask
    statx.stx_dio_mem_align statx.stx_dio_offset_align statx.reserved
    statfs.f_blocks statfs.f_bfree statfs.f_bavail statfs.f_files statfs.f_ffree statfs.f_fsid statfs.f_flags statfs.f_spare
    utsname.nodename utsname.release utsname.version utsname.domainname
    sysinfo.uptime sysinfo.loads sysinfo.totalram sysinfo.freeram sysinfo.sharedram sysinfo.bufferram sysinfo.totalswap
    sysinfo.freeswap sysinfo.procs sysinfo.totalhigh sysinfo.freehigh sysinfo.mem_unit
    rusage.ru_utime rusage.ru_stime rusage.ru_maxrss rusage.ru_minflt rusage.ru_majflt rusage.ru_nvcsw rusage.ru_nivcsw
    rusage.ru_inblock rusage.ru_oublock
    tms.tms_utime tms.tms_stime tms.tms_cutime tms.tms_cstime
    iovec.iov_base msghdr.msg_name msghdr.msg_iov msghdr.msg_control sigaction.restorer stack.ss_sp
    siginfo.pid siginfo.child_pid siginfo.child_uid siginfo.uid siginfo.value siginfo.utime siginfo.stime siginfo.timer_id
    siginfo.overrun siginfo.timer_value siginfo.address siginfo.address_lsb siginfo.band siginfo.fd siginfo.space
    ucred.pid flock.l_pid user_cap_data.effective user_cap_data.permitted user_cap_data.inheritable
""".split())
MASKED_CALLS = {"times", "time", "getpid", "gettid", "getppid", "getpgrp", "getpgid", "getsid", "setsid", "set_tid_address",
                "brk", "getcpu", "membarrier", "sched_getaffinity"}
MASKED_BUFFERS = {("getrandom", "buffer"), ("getcpu", "cpu"), ("getcpu", "node"), ("time", "result"),
                  ("gettimeofday", "result"), ("clock_gettime", "result"), ("get_robust_list", "head"),
                  ("sched_getaffinity", "mask"), ("gettimeofday", "timezone")}


# --- Runners ---------------------------------------------------------------------------------

def run_tool(command, **options):
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stderr}")


def newer(output, inputs):
    return not output.exists() or any(output.stat().st_mtime < Path(i).stat().st_mtime for i in inputs)


def build(language):
    """The command that runs a plan, or for Python and Bash its parts; static programs below build/conformance."""
    BUILD.mkdir(parents=True, exist_ok=True)
    program = BUILD / {"bash": "syscall"}.get(language, f"runner-{language}")
    zig_cc = [*ZIG, "cc", "-target", "x86_64-linux-musl", "-static", "-O2", "-s", "-Wall", "-Wno-unused-const-variable"]
    header = BINDINGS / "c" / "polyglot_syscall.h"
    if language == "c" and newer(program, [HERE / "runner.c", header]):
        run_tool([*zig_cc, f"-I{header.parent}", HERE / "runner.c", "-o", program])
    elif language == "bash" and newer(program, [BINDINGS / "bash" / "syscall.c", header]):
        run_tool([*zig_cc, f"-I{header.parent}", BINDINGS / "bash" / "syscall.c", "-o", program])
    elif language == "zig" and newer(program, [HERE / "runner.zig", BINDINGS / "zig" / "polyglot_syscall.zig"]):
        run_tool([*ZIG, "build-exe", "-target", "x86_64-linux-musl", "-OReleaseSafe", "-fstrip", "--dep", "polyglot_syscall",
                  f"-Mroot={HERE / 'runner.zig'}", f"-Mpolyglot_syscall={BINDINGS / 'zig' / 'polyglot_syscall.zig'}",
                  f"-femit-bin={program}"], cwd=BUILD)
    elif language == "rust" and newer(program, [HERE / "runner.rs", BINDINGS / "rust" / "src" / "lib.rs"]):
        library = BUILD / "libpolyglot_syscall.rlib"
        options = ["--edition", "2021", "-O", "-C", "panic=abort"]
        run_tool(["rustc", *options, "--crate-type", "rlib", "--crate-name", "polyglot_syscall",
                  BINDINGS / "rust" / "src" / "lib.rs", "-o", library])
        run_tool(["rustc", *options, "-C", "target-feature=+crt-static", "-C", "strip=symbols", "--extern",
                  f"polyglot_syscall={library}", HERE / "runner.rs", "-o", program])
    return program


def write_inputs(directory, table, cases):
    """What the runners read: plan (C, Zig, Rust), cases.json (Python), scripts/NAME and cases.list (Bash)."""
    (directory / "plan").write_text(script.plan(table, cases))
    (directory / "cases.json").write_text(json.dumps(script.document(table, cases)))
    (directory / "scripts").mkdir(exist_ok=True)
    for case in cases:
        (directory / "scripts" / case.name).write_text(script.shell(case))
    (directory / "cases.list").write_text("".join(f"{case.name}\n" for case in cases))


def command(language, inputs):
    program = build(language) if language != "python" else None
    return {
        "python": [ROOT / "build" / "world.elf", HERE / "runner.py", inputs / "cases.json"],
        "bash": ["bash", HERE / "runner.sh", program, inputs],
    }.get(language, [program, inputs / "plan"])


def run_here(language, table, cases):
    """Runs the cases on this Linux, in a tmpfs; -> the runner's output."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="conformance-") as text:
        directory = Path(text)
        inputs, work = directory / "inputs", directory / "work"
        inputs.mkdir()
        work.mkdir()
        write_inputs(inputs, table, cases)
        result = subprocess.run(["env", "--default-signal", *map(str, command(language, inputs))], cwd=work, stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=TIMEOUT, env={"PATH": os.environ["PATH"]})
        shutil.rmtree(work, ignore_errors=True)
        return result.stdout.decode("utf-8", "replace") + f"\nexit {result.returncode} {result.stderr.decode()}"


def run_inside(languages, table, cases):
    """Runs the cases in Polyglot OS, in one boot; -> {language: output}. "leaks": what tests/programs/leaks.py saw before and
    after the programs of ring 3."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as text:
        directory = Path(text)
        write_inputs(directory, table, cases)
        (directory / "cases.json").write_text(json.dumps(script.document(table, cases_of("python", cases))))
        for language in languages:
            if language != "python":
                shutil.copy(build(language), directory)
        shutil.copy(HERE / "runner.py", directory)
        shutil.copy(HERE / "runner.sh", directory)
        shutil.copy(ROOT / "tests" / "programs" / "leaks.py", directory)
        result = subprocess.run([ROOT / "tools" / "vm", "exec", HERE / "inside.py", *languages, "--with", directory,
                                 "--timeout", "1800"], stdin=subprocess.DEVNULL, capture_output=True)
    text = result.stdout.decode("utf-8", "replace")
    if result.returncode != 0:
        print(result.stderr.decode("utf-8", "replace")[-2000:], file=sys.stderr)
    parts = re.split(r"^== (\w+)\n", text, flags=re.M)[1:]
    outputs = dict(zip(parts[::2], parts[1::2]))
    for language, output in outputs.items():
        (BUILD / f"inside-{language}.txt").write_text(output)  # to look at
    return outputs


# --- From raw results to texts ------------------------------------------------------------------

def parse(output):
    """A runner's output -> ({case: (results {step: int}, buffers {(step, name): bytes}, end text)}, first descriptor)."""
    cases, base, current = {}, 3, None
    for line in output.splitlines():
        words = line.split(" ")
        if words[0] == "base":
            base = int(words[1])
        elif words[0] == "case":
            current = cases[words[1]] = ({}, {}, [])
        elif words[0] == "r" and current:
            current[0][int(words[1])] = int(words[2])
        elif words[0] == "o" and current:
            current[1][int(words[1]), words[2]] = bytes.fromhex(words[3])
        elif words[0] == "end" and current:
            current[2].append(line)
    return cases, base


class Texts:
    """The answers of one case as lines."""

    def __init__(self, table, case, base):
        self.table, self.case, self.base = table, case, base
        self.errors = {row["number"]: name for name, row in table["errno"].items()}
        self.masked = MASKED_FIELDS - set(case.unmasks)

    def descriptor(self, value):
        return f"fd+{value - self.base}" if self.base <= value < self.base + 50 else str(value)

    def result(self, step, value, key):
        if -4096 < value < 0:
            return self.errors.get(-value, str(value))
        if f"{key}.result" in self.case.masks or step.call.name in MASKED_CALLS:
            return "?"
        kind = step.call.result
        if kind == "fd" or step.call.name == "fcntl" and "F_DUPFD" in "".join(self.case.lines):
            return self.descriptor(value)
        # An address may be negative: the world lies in the upper half.
        return "?" if kind == "pid" and value > 0 or kind == "address" and value != 0 else str(value)

    def entries(self, data):
        """Names and types of directory entries, sorted: their order is the file system's."""
        found = []
        while data:
            length = int.from_bytes(data[16:18], "little")
            found.append(f"{data[19:].split(bytes(1))[0].decode()}:{data[18]}")
            data = data[length:]
        return " ".join(sorted(found))

    def buffer(self, step, name, pointed, data, value, key):
        if f"{key}.{name}" in self.case.masks or (step.call.name, name) in MASKED_BUFFERS:
            return "?"
        if step.call.name == "getdents64":
            return self.entries(data[:max(value, 0)])
        if pointed in ("bytes", "ptr", "strings"):
            if step.call.result == "size" and "." not in name:
                data = data[:max(value, 0)]
            return layout.quote(data)
        size = layout.element_size(self.table, pointed)
        parts = [data[i:i + size] for i in range(0, len(data), size)]
        if pointed == "fd":
            return "{" + ",".join(self.descriptor(int.from_bytes(p, "little")) for p in parts) + "}"
        texts = [layout.show(self.table, pointed, part, self.masked) for part in parts]
        if pointed == "pollfd":
            texts = [re.sub(r"fd=(\d+)", lambda m: "fd=" + self.descriptor(int(m[1])), text) for text in texts]
        # A directory's size is its file system's business.
        texts = [re.sub(r"(st_size|stx_size)=\d+", r"\1=?", text) if re.search(r"(st|stx)_mode=1[6-9]\d\d\d\b", text) else text
                 for text in texts]
        if pointed == "siginfo":
            texts = [re.sub(r", \w+=\?", "", text) for text in texts]
        return " ".join(texts)

    def lines(self, compiled, raw):
        results, buffers, ends = raw
        lines = []
        for number, step in enumerate(compiled.steps):
            if step.child:
                continue
            key = step.label or str(number)
            if number not in results:
                lines.append(f"{step.call.name}: no answer")
                break
            value = results[number]
            lines.append(f"{step.call.name} = {self.result(step, value, key)}")
            for name, _, pointed in step.shown:
                if (number, name) in buffers:
                    lines.append(f"  {name} = {self.buffer(step, name, pointed, buffers[number, name], value, key)}")
        if ends and int(ends[0].split()[2]) != 0:
            lines.append(f"ends with status {ends[0].split()[2]}")
        return lines


def answers(table, cases, output):
    """{case: [line]} of a runner's output."""
    raw, base = parse(output)
    return {case.name: Texts(table, case, base).lines(script.compile_case(table, case), raw[case.name])
            for case in cases if case.name in raw}


def load_cases():
    return script.load(sorted((HERE / "cases").glob("*.calls"))) + derive.cases(generate.load())


def cases_of(language, cases):
    """Python's cases share its process."""
    return [case for case in cases if language != "python" or not case.process]


def record():
    return json.loads(RECORD.read_text())


def differences(cases, got, wanted):
    """Texts of what is not as recorded; a case without an answer is one, too."""
    found = []
    for case in cases:
        mine, theirs = got.get(case.name, ["no output"]), wanted.get(case.name, ["not recorded"])
        if mine != theirs:
            rows = [f"    {a}" if a == b else f"  - {a}\n  + {b}" for a, b in zip_lines(theirs, mine)]
            found.append("\n".join([f"{case.name}: (- recorded, + here)", *rows]))
    return found


def first_difference(table, case, mine, theirs):
    """(call, its line in the script, Linux's answer, ours) where a case leaves the record, or None."""
    if mine == theirs:
        return None
    number = next((i for i, (a, b) in enumerate(zip_lines(theirs, mine)) if a != b))
    calls = [line for line in theirs[:number + 1] if not line.startswith(" ")]
    steps = [(step, line) for step, line in zip(script.compile_case(table, case).steps, case.lines) if not step.child]
    step, line = steps[min(len(calls), len(steps)) - 1]
    ours = mine[number] if number < len(mine) else "no answer"
    wanted = theirs[number] if number < len(theirs) else "nothing more"
    return step.call.name, line, wanted.strip(), ours.strip()


def judge(table, cases, outputs):
    """inside.json: {call: {"cases": how many make it, "differences": [[case, line, Linux's answer, ours]]}}. A case is as
    Linux if it is in every language; the first difference counts, since later ones may follow from it."""
    calls, wanted = {}, record()
    got = {language: answers(table, cases_of(language, cases), output) for language, output in outputs.items()}
    for case in cases:
        for name in {step.call.name for step in script.compile_case(table, case).steps}:
            calls.setdefault(name, {"cases": 0, "differences": []})["cases"] += 1
        for language in outputs:
            if case not in cases_of(language, cases):
                continue
            found = first_difference(table, case, got[language].get(case.name, []), wanted[case.name])
            if found:
                row = [case.name, *found[1:]]
                if row not in calls[found[0]]["differences"]:
                    calls[found[0]]["differences"].append(row)
    return calls


def zip_lines(first, second):
    length = max(len(first), len(second))
    return zip(first + [""] * (length - len(first)), second + [""] * (length - len(second)))


def main(arguments):
    table, cases = generate.load(), load_cases()
    if arguments[:1] == ["show"]:
        for case in [case for case in cases if case.name in arguments[1:]]:
            output = run_here("c", table, [case])
            print(output if "no output" in output else "", *answers(table, [case], output)[case.name], sep="\n")
    elif arguments[:1] == ["record"]:
        got, again = (answers(table, cases, run_here("c", table, cases)) for _ in range(2))
        if unsteady := differences(cases, again, got):
            sys.exit("not the same twice; mask what varies:\n" + "\n".join(unsteady))
        if missing := [case.name for case in cases if case.name not in got]:
            sys.exit(f"no answer to {missing}")
        RECORD.write_text(json.dumps(got, indent=0, sort_keys=True) + "\n")
        print(f"{len(got)} cases recorded")
    elif arguments[:1] == ["check"]:
        failed = 0
        for language in arguments[1:] or LANGUAGES:
            own = cases_of(language, cases)
            output = run_here(language, table, own)
            found = differences(own, answers(table, own, output), record())
            print(f"{language}: {len(own) - len(found)} of {len(own)} cases as recorded", *found, sep="\n")
            print(output[-500:] if len(found) == len(own) else "")
            failed += len(found)
        return 1 if failed else 0
    elif arguments[:1] == ["inside"]:
        languages = arguments[1:] or LANGUAGES
        outputs = run_inside(languages, table, cases)
        outputs.pop("leaks", None)
        for language in languages:
            own = cases_of(language, cases)
            failed = differences(own, answers(table, own, outputs.get(language, "")), record())
            print(f"{language}: {len(own) - len(failed)} of {len(own)} cases as on Linux")
        INSIDE.write_text(json.dumps(judge(table, cases, outputs), indent=0, sort_keys=True) + "\n")
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
