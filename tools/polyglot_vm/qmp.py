"""QEMU's machine protocol (QMP) over a connected socket: JSON objects, one a line.

    qmp = Qmp(socket)            # waits for QEMU's greeting
    qmp.type_text("print(1)\\n")  # as if typed on the guest's keyboard
    qmp.screendump(ppm_path)
    qmp.execute("quit")

Events that QEMU sends between answers are kept in `events`. One thread uses one Qmp.
"""

import json
import time

from .keyboard import keys_of

# A PS/2 keyboard holds 16 bytes in its queue; a pause per key keeps QEMU from dropping one.
KEY_HOLD_MS = 10
KEY_PAUSE_SECONDS = 0.02


class QmpError(Exception):
    """QEMU refused a command, or closed the connection."""


class Qmp:
    def __init__(self, connection, timeout=30):
        self.events = []
        connection.settimeout(timeout)
        self.file = connection.makefile("rw", encoding="utf-8", newline="\n")
        self._receive()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        """Sends a command and returns the value of its answer."""
        request = {"execute": command}
        if arguments:
            # QAPI names have dashes where Python's cannot.
            request["arguments"] = {name.replace("_", "-"): value for name, value in arguments.items()}
        try:
            self.file.write(json.dumps(request) + "\n")
            self.file.flush()
        except OSError as error:
            raise QmpError(f"{command}: QEMU is gone ({error})") from error
        while True:
            answer = self._receive()
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def press(self, *keys):
        """Presses QEMU keys (names) together and lets them go."""
        self.execute("send-key", keys=[{"type": "qcode", "data": key} for key in keys], hold_time=KEY_HOLD_MS)
        time.sleep(KEY_PAUSE_SECONDS)

    def type_text(self, text, layout="us"):
        """Types a text on a keyboard whose layout the guest was told (boot option keymap)."""
        for character in text:
            self.press(*keys_of(character, layout))

    def screendump(self, path):
        """Writes the guest's screen as a PPM file; complete when this returns."""
        self.execute("screendump", filename=str(path))

    def _receive(self):
        try:
            line = self.file.readline()
        except OSError as error:
            raise QmpError(f"no answer from QEMU: {error}") from error
        if not line:
            raise QmpError("QEMU closed the monitor connection")
        return json.loads(line)
