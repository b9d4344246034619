"""Programs as processes: subprocess, os and signal as they are on Linux; what forks is refused."""

import errno
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import polyglot


def run(source, **options):
    return subprocess.run(["sh", "-c", source], capture_output=True, text=True, **options)


class Subprocess(unittest.TestCase):
    def test_output_status_and_error(self):
        result = run("echo out; echo err >&2; exit 3")
        self.assertEqual((result.stdout, result.stderr, result.returncode), ("out\n", "err\n", 3))
        self.assertEqual(subprocess.run("printf '%s-' a b | tr a-z A-Z", shell=True, capture_output=True).stdout, b"A-B-")
        self.assertEqual(subprocess.check_output(["printf", r"a\nb"], text=True), "a\nb")
        with self.assertRaises(subprocess.CalledProcessError) as caught:
            run("echo said; exit 4", check=True)
        self.assertEqual((caught.exception.returncode, caught.exception.stdout), (4, "said\n"))
        self.assertEqual(run("kill -9 $$").returncode, -signal.SIGKILL)

    def test_more_goes_through_the_pipes_than_they_hold(self):
        data = os.urandom(300_000)
        result = subprocess.run(["sh", "-c", "tee /dev/stderr"], input=data, capture_output=True)
        self.assertEqual(result.stdout, data)
        self.assertEqual(result.stderr, data)

    def test_a_pipeline_of_two(self):
        first = subprocess.Popen(["printf", "b\\na\\n"], stdout=subprocess.PIPE)
        second = subprocess.Popen(["sort"], stdin=first.stdout, stdout=subprocess.PIPE)
        first.stdout.close()
        self.assertEqual(second.communicate()[0], b"a\nb\n")
        self.assertEqual(first.wait(), 0)

    def test_sigpipe_ends_a_writer_that_nobody_reads(self):
        with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as process:
            self.assertEqual(process.stdout.readline(), b"y\n")
            process.stdout.close()
            self.assertEqual(process.wait(), -signal.SIGPIPE)

    def test_time_limit(self):
        with self.assertRaises(subprocess.TimeoutExpired):
            subprocess.run(["sleep", "100"], timeout=0.1)
        process = subprocess.Popen(["sleep", "100"])
        self.assertIsNone(process.poll())
        process.terminate()
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_programs_that_cannot_be_started(self):
        for arguments, options, name in ((["/no/such"], {}, "/no/such"), (["no-such-program"], {}, "no-such-program"),
                                         (["true"], {"cwd": "/no/directory"}, "/no/directory")):
            with self.assertRaises(FileNotFoundError) as caught:
                subprocess.run(arguments, **options)
            self.assertEqual(caught.exception.filename, name)
        with tempfile.NamedTemporaryFile() as file:
            with self.assertRaises(PermissionError):
                subprocess.run([file.name])
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, 0)  # no child is left over

    def test_what_the_child_is_given(self):
        with tempfile.TemporaryDirectory() as folder:
            result = run("pwd; umask; echo $ONE $TWO; echo $0", cwd=folder, umask=0o27,
                         env={"ONE": "1", "PATH": os.environ["PATH"]})
            self.assertEqual(result.stdout.split("\n")[:3], [os.path.realpath(folder), "0027", "1"])
        program = "cut -d' ' -f5,6 /proc/$$/stat; echo $$"
        group, session, pid = run(program, start_new_session=True).stdout.split()
        self.assertEqual((group, session), (pid, pid))
        group, session, pid = run(program, process_group=0).stdout.split()
        self.assertEqual((group, session), (pid, str(os.getsid(0))))

    def test_descriptors(self):
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        try:
            self.assertNotEqual(run(f"echo x >&{writer}").returncode, 0)
            self.assertEqual(run(f"echo passed >&{writer}", pass_fds=[writer]).returncode, 0)
            self.assertEqual(os.read(reader, 100), b"passed\n")
            self.assertEqual(run(f"echo open >&{writer}", close_fds=False).returncode, 0)
            self.assertEqual(os.read(reader, 100), b"open\n")
        finally:
            os.close(reader)
            os.close(writer)
        self.assertEqual(run("ls /proc/self/fd").stdout.split(), ["0", "1", "2", "3"])  # 3 is the directory

    def test_standard_streams_that_are_exchanged(self):
        result = subprocess.run(["sh", "-c", "echo out; echo err >&2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(result.stdout, b"out\nerr\n")
        self.assertEqual(subprocess.run(["cat"], stdin=subprocess.DEVNULL, capture_output=True).stdout, b"")

    def test_a_handler_of_ours_does_not_run_in_the_child_and_what_is_ignored_stays(self):
        before = signal.signal(signal.SIGUSR1, lambda *_: None), signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        try:
            self.assertEqual(run("kill -USR1 $$; echo survived").returncode, -signal.SIGUSR1)
            self.assertEqual(run("kill -USR2 $$; echo survived").stdout, "survived\n")
        finally:
            signal.signal(signal.SIGUSR1, before[0])
            signal.signal(signal.SIGUSR2, before[1])

    def test_preexec_fn_is_refused_with_what_to_use(self):
        with self.assertRaisesRegex(RuntimeError, "start_new_session"):
            subprocess.run(["true"], preexec_fn=os.setsid)

    def test_from_many_threads(self):
        results = []

        def work(number):
            for round in range(5):
                results.append(run(f"echo {number}.{round}").stdout)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(results), sorted(f"{n}.{r}\n" for n in range(4) for r in range(5)))

    def test_asyncio(self):
        import asyncio

        async def main():
            process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            output, _ = await process.communicate(b"through")
            return output, process.returncode

        self.assertEqual(asyncio.run(main()), (b"through", 0))


class Os(unittest.TestCase):
    def test_fork_and_exec_are_refused_with_what_to_use(self):
        for call, number, hint in ((os.fork, errno.ENOSYS, "subprocess"), (os.forkpty, errno.ENOSYS, "subprocess"),
                                   (lambda: os.execv("/bin/true", ["true"]), errno.EPERM, "posix_spawn"),
                                   (lambda: os.execlp("true", "true"), errno.EPERM, "posix_spawn"),
                                   (lambda: os.execvpe("true", ["true"], {}), errno.EPERM, "posix_spawn")):
            with self.assertRaisesRegex(OSError, hint) as caught:
                call()
            self.assertEqual(caught.exception.errno, number)

    def test_system_and_popen(self):
        self.assertEqual(os.waitstatus_to_exitcode(os.system("exit 4")), 4)
        with os.popen("echo said") as stream:
            self.assertEqual(stream.read(), "said\n")
        self.assertEqual(os.popen("exit 2").close(), 2 << 8)

    def test_spawn(self):
        self.assertEqual(os.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", "exit 5"]), 5)
        self.assertEqual(os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "kill -15 $$"), -signal.SIGTERM)
        self.assertEqual(os.spawnvpe(os.P_WAIT, "sh", ["sh", "-c", "exit $CODE"], {**os.environ, "CODE": "6"}), 6)
        self.assertEqual(os.spawnv(os.P_WAIT, "/no/such", ["x"]), 127)
        pid = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "100")
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), -signal.SIGKILL)

    def test_posix_spawn(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out")
            pid = os.posix_spawn("/bin/sh", ["sh", "-c", "echo spawned; exit 7"], os.environ, file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, path, os.O_WRONLY | os.O_CREAT, 0o600)])
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 7)
            with open(path) as file:
                self.assertEqual(file.read(), "spawned\n")

    def test_wait_statuses(self):
        process = subprocess.Popen(["sleep", "100"], process_group=0)
        os.kill(process.pid, signal.SIGSTOP)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        self.assertEqual(os.WSTOPSIG(status), signal.SIGSTOP)
        os.killpg(process.pid, signal.SIGCONT)
        _, status = os.waitpid(process.pid, os.WCONTINUED)
        self.assertTrue(os.WIFCONTINUED(status))
        os.killpg(process.pid, signal.SIGTERM)
        _, status = os.waitpid(process.pid, 0)
        self.assertTrue(os.WIFSIGNALED(status))
        self.assertEqual(os.WTERMSIG(status), signal.SIGTERM)
        process.returncode = -signal.SIGTERM

    def test_wait_for_any_and_usage(self):
        pids = {os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", f"exit {code}") for code in (1, 2, 3)}
        found = {}
        for _ in pids:
            pid, status = os.wait()
            found[pid] = os.WEXITSTATUS(status)
        self.assertEqual((set(found), sorted(found.values())), (pids, [1, 2, 3]))
        pid = os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
        self.assertGreater(os.wait4(pid, 0)[2].ru_utime, 0)

    def test_which(self):
        self.assertTrue(os.access(shutil.which("sh"), os.X_OK))
        self.assertIsNone(shutil.which("no-such-program"))


class Signals(unittest.TestCase):
    def test_child_handler_runs_for_every_child(self):
        ended = []

        def reap(number, frame):
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    return
                if pid == 0:
                    return
                ended.append((pid, os.waitstatus_to_exitcode(status)))

        before = signal.signal(signal.SIGCHLD, reap)
        try:
            wanted = {(os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", f"exit {code}"), code) for code in range(5)}
            while len(ended) < 5:
                time.sleep(0.01)
        finally:
            signal.signal(signal.SIGCHLD, before)
        self.assertEqual(set(ended), wanted)

    def test_a_child_signals_us(self):
        got = threading.Event()
        before = signal.signal(signal.SIGUSR1, lambda *_: got.set())
        try:
            self.assertEqual(run(f"kill -USR1 {os.getpid()}").returncode, 0)
            while not got.is_set():
                time.sleep(0.01)
        finally:
            signal.signal(signal.SIGUSR1, before)

    def test_a_handler_that_raises_ends_a_wait(self):
        class Ended(Exception):
            pass

        def handler(number, frame):
            raise Ended

        before = signal.signal(signal.SIGALRM, handler)
        process = subprocess.Popen(["sleep", "100"])
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with self.assertRaises(Ended):
                process.wait()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            process.kill()
            process.wait()


class Polyglot(unittest.TestCase):
    def test_bash(self):
        self.assertEqual(polyglot.bash("for i in $*; do\n  echo $((i * 2))\ndone", 1, 2), "2\n4\n")
        self.assertEqual(polyglot.bash("cat; cat"), "")
        self.assertEqual(polyglot.bash("tr a-z A-Z", input="given"), "GIVEN")
        with self.assertRaises(subprocess.CalledProcessError) as caught:
            polyglot.bash("echo out; echo err >&2; exit 9")
        error = caught.exception
        self.assertEqual((error.returncode, error.stdout, error.stderr), (9, "out\n", "err\n"))
        with self.assertRaises(subprocess.TimeoutExpired):
            polyglot.bash("sleep 100", timeout=0.1)

    def test_processes(self):
        process = subprocess.Popen(["sleep", "100"], process_group=0)
        try:
            row, = polyglot.processes().where(pid=process.pid)
            self.assertEqual((row.ppid, row.pgid, row.name, row.command), (os.getpid(), process.pid, "sleep", "sleep 100"))
            self.assertGreater(row.resident_KiB, 0)
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            self.assertEqual(polyglot.processes().where(pid=process.pid)[0].state, "stopped")
            own, = polyglot.processes().where(pid=os.getpid())
            self.assertEqual((own.state, own.pgid), ("running", os.getpgrp()))
            self.assertIn(" sleep 100", str(polyglot.processes()))
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    unittest.main()
