"""The virtual machine that Polyglot OS runs in: started, typed at, pictured and read from.

tools/vm is the command (cli.py); tests and tools/bench.py use the same modules:

    machine.py      MachineOptions -> QEMU command line; Machine: a running QEMU with its clean-up
    serial_line.py  SerialLine: what the guest wrote on COM1, and waiting for a pattern in it
    qmp.py          Qmp: QEMU's monitor: keys, pictures, quit
    keyboard.py     text -> key presses of a US keyboard
    hostchannel.py  run a program inside and collect its output and status (docs/architecture.md)
    cpio.py         cpio newc archives whose file data is page aligned
    screen.py       the prompt from outside: lines typed, pictures taken
    transcript.py   a file's lines typed at the prompt
    picture.py      PPM -> PNG, pixels
    ocr.py          text of a picture, recognised by the console's own font

Python 3.11's own library is enough, so tools/vm runs with the system's python3.
"""
