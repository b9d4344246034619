"""subprocess, pipes, statuses, signals to children, environment and directories of children."""
import os
import signal
import subprocess
import sys

print(subprocess.run(["echo", "hello"], capture_output=True, text=True).stdout, end="")
print(subprocess.run("exit 7", shell=True).returncode, subprocess.run("kill -9 $$", shell=True).returncode)
print(subprocess.check_output(["tr", "a-z", "A-Z"], input=b"upper case"))
try:
    subprocess.run(["false"], check=True)
except subprocess.CalledProcessError as error:
    print(error)
try:
    subprocess.run(["/no/such/program"])
except FileNotFoundError as error:
    print(error.errno, error.filename)
try:
    subprocess.run(["sleep", "100"], timeout=0.2)
except subprocess.TimeoutExpired as error:
    print("timeout", error.timeout)
first = subprocess.Popen(["seq", "1", "100"], stdout=subprocess.PIPE)
second = subprocess.Popen(["grep", "-c", "9"], stdin=first.stdout, stdout=subprocess.PIPE)
first.stdout.close()
print(second.communicate()[0], first.wait(), second.returncode)
big = b"x" * 1_000_000
print(len(subprocess.run(["cat"], input=big, capture_output=True).stdout))
os.mkdir("sub")
print(os.path.basename(subprocess.run(["pwd"], cwd="sub", capture_output=True, text=True).stdout.strip()))
print(subprocess.run(["env"], env={"ONLY": "this"}, capture_output=True).stdout)
process = subprocess.Popen(["sleep", "100"])
process.send_signal(signal.SIGTERM)
print(process.wait())
process = subprocess.Popen(["bash", "-c", "echo out; echo err >&2; exit 3"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
print(process.communicate(), process.returncode)
read, write = os.pipe()
child = subprocess.Popen(["bash", "-c", f"echo through >&{write}"], pass_fds=[write])
os.close(write)
print(os.read(read, 100), child.wait())
print(os.system("exit 5") >> 8, os.popen("echo popen").read(), end="")
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 21"], {"PATH": "/bin"})
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
os.close(read)
children = [subprocess.Popen(["bash", "-c", f"exit {i}"]) for i in range(10)]
print([child.wait() for child in children])
sys.stdout.flush()
os.system("echo last from the shell")
