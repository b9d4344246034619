"""Bash from outside, and programs that outlive the world that started them."""

from conftest import vm

SCRIPT = """\
echo "$(basename $0): $# $2"
for i in 1 2 3; do echo $i; done | sort -r
read line || echo "nothing to read"
ls /host
echo error >&2
exit 7
"""
# Each prints a line that starts with its name. renice makes a call that is missing, for each of two processes; two programs of a name make one line in the log.
TOOLS = """\
sleep 1000 & pid=$!
echo "ps: $(ps -o pid,ppid,comm | grep -c "^ *$pid *$$ *sleep")"
echo "top: $(top -b -n 1 | grep -c -e '^Mem: .*K used.*K free' -e '^ *PID *PPID' -e "^ *$pid *$$ .*sleep 1000")"
echo "free: $(free | grep -c '^Mem: *[1-9][0-9]* *[1-9]')"
echo "uptime: $(uptime | grep -c 'load average')"
echo "dmesg: $(dmesg | grep -c 'smp: .* CPUs run')"
kill $pid; wait $pid
echo "kill: $?"
renice 5 $$ $PPID 2>/dev/null
renice 5 $$ 2>/dev/null
echo "missing: $(dmesg | grep -c 'renice calls setpriority (141), which is missing: ENOSYS')"
"""
TIMEOUT = 90
PROMPT = r"^>>> \Z"


def test_exec_runs_bash_by_the_suffix(run_inside, tmp_path):
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "file").write_text("")
    result = run_inside(SCRIPT, "one", "two words", "--with", tmp_path / "host", name="script.sh")
    assert result.stdout == b"script.sh: 2 two words\n3\n2\n1\nnothing to read\nfile\n"
    assert (result.status, result.stderr) == (7, "error\n")
    assert run_inside("kill -KILL $$", name="killed.sh").status == 128 + 9


def test_tools_know_the_processes_the_memory_and_the_log(run_inside):
    result = run_inside(TOOLS, name="tools.sh")
    assert result.stdout.decode().splitlines() == [
        "ps: 1", "top: 3", "free: 1", "uptime: 1", "dmesg: 1", "kill: 143", "missing: 1"], result


def test_other_suffixes_are_named(tmp_path):
    (tmp_path / "program.pl").write_text("")
    result = vm("exec", tmp_path / "program.pl")
    assert result.status == 2 and ".py, .sh" in result.stderr


def test_programs_outlive_the_world(boot):
    """The world dies by a wild pointer while programs of all kinds run: one at work, one that is stopped, one of the
    world's own group. The next world has the terminal, and new programs run."""
    serial = boot().serial

    def type(line, answer, then=PROMPT):
        serial.mark = len(serial.text)
        serial.send(line + "\r")
        serial.wait_for(r"\n", TIMEOUT)
        serial.wait_for(answer, TIMEOUT)
        serial.mark -= 1
        serial.wait_for(then, TIMEOUT)

    type("import ctypes, subprocess, polyglot", "")
    type("!while :; do :; done &", r"^\[1\] \d+$")
    type("!read line &", r"^\[2\] \d+$")
    type("next(1 for _ in iter(int, 1) if polyglot.processes().where(state='stopped'))", r"^1$")
    type("child = subprocess.Popen(['sleep', '1000'])", "")
    type("ctypes.string_at(8)", r"(?s)Segmentation fault.*starting it again.*Polyglot OS")
    # As when a session's leader ends: its foreground group and a stopped one that nobody would let go on are hung up.
    type("import os, polyglot; sorted(row.command for row in polyglot.processes())",
         r"^\['/bin/bash -c while :; do :; done', '/sbin/world'\]$")
    type("!tty; echo $((6 * 7))", r"^/dev/console\n42$")
    type("[os.kill(row.pid, 9) for row in polyglot.processes().where(ppid=1)]", r"^\[None\]$")
    type("next(1 for _ in iter(int, 1) if len(polyglot.processes()) == 1)", r"^1$")
    type("!cat", "", "")
    serial.mark = len(serial.text)
    serial.send("typed\r")
    serial.wait_for(r"typed\ntyped\n", TIMEOUT)
    serial.send("\x1a")
    serial.wait_for(r"^\[1\]\+  Stopped +cat\n>>> \Z", TIMEOUT)
