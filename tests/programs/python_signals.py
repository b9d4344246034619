"""Signals in Python: handlers, masks, waiting, interrupted calls, exceptions from handlers."""
import os
import signal
import time

seen = []
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(signal.Signals(number).name))
os.kill(os.getpid(), signal.SIGUSR1)
print(seen)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.kill(os.getpid(), signal.SIGUSR1)
print(len(seen))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
print(len(seen))


class Stop(Exception):
    pass


def stop(number, frame):
    raise Stop


signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.02)
try:
    time.sleep(10)
except Stop:
    print("stopped")
signal.setitimer(signal.ITIMER_REAL, 0.02)
read, write = os.pipe()
try:
    os.read(read, 1)
except Stop:
    print("read stopped")
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    while True:
        sum(range(100))
except Stop:
    print("loop stopped")
signal.signal(signal.SIGALRM, lambda number, frame: os.write(write, b"late"))
signal.setitimer(signal.ITIMER_REAL, 0.02)
print(os.read(read, 10))
print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.getitimer(signal.ITIMER_REAL))
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.signal(signal.SIGUSR1, signal.SIG_DFL)
os.close(read)
os.close(write)
