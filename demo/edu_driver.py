"""A driver for QEMU's `edu` device, written, used, found wrong, replaced while in use, and unloaded, in the running kernel.

    tools/vm exec demo/edu_driver.py --device edu

The device computes factorials and raises an interrupt when it is done (QEMU, docs/specs/edu.rst). The driver makes /dev/edu:
a number written to it is computed, and read back. Its first version hands out the number and not the result.
"""

import contextlib
import os
import polyglot

DRIVER = r"""
#include <arch/x86_64/irq.h>
#include <dev/driver/device.h>
#include <lib/printf.h>

struct edu { volatile unsigned *registers; struct device *device; volatile unsigned raised; unsigned number; };

bool edu_interrupt(void *argument)
{
    struct edu *edu = argument;
    unsigned raised = edu->registers[0x24 / 4];
    if (raised == 0) return false;              /* another device of the line */
    edu->registers[0x64 / 4] = raised;
    edu->raised = raised;
    device_wake(edu->device);
    return true;
}

int64_t edu_write(void *context, struct device_request *request)
{
    struct edu *edu = context;
    const char *text = request->buffer;
    unsigned number = 0;
    for (size_t i = 0; i < request->size && text[i] >= '0' && text[i] <= '9'; i++) number = number * 10 + text[i] - '0';
    edu->number = number;
    edu->raised = 0;
    edu->registers[0x20 / 4] = 0x80;            /* an interrupt when it is done */
    edu->registers[0x08 / 4] = number;
    int error = DEVICE_WAIT(edu->device, edu->raised != 0);
    return error != 0 ? error : (int64_t)request->size;
}

int64_t edu_read(void *context, struct device_request *request)
{
    struct edu *edu = context;
    return ksnprintf(request->buffer, request->size, "%u", RESULT);
}

struct device_ops edu_ops = { edu_read, edu_write };

int edu_probe(struct device *device)
{
    struct edu *edu = device_allocate(device, sizeof *edu);
    if (edu == 0) return -ENOMEM;
    edu->device = device;
    edu->registers = device_map_region(device, 0);
    if (edu->registers == 0) return -ENOMEM;
    int error = device_request_irq(device, DEVICE_IRQ_ANY, edu_interrupt, edu);
    return error != 0 ? error : device_create(device, "edu", 0600, &edu_ops, edu);
}

struct device_match edu_match[] = { PCI_MATCH(0x1234, 0x11e8), MATCH_END };
DRIVER(edu, edu_match, edu_probe, 0);
"""


def driver():
    return [row.driver for row in polyglot.devices() if "1234:11e8" in row.details]


def factorial(file, number):
    os.write(file, str(number).encode())
    return int(os.read(file, 32))


print("before:", driver())
polyglot.c(DRIVER.replace("RESULT", "edu->number"))
print("typed in:", driver())
edu = os.open("/dev/edu", os.O_RDWR)
print("5! =", factorial(edu, 5))

# Wrong: the fix is one function. The file that is open goes on.
polyglot.c(r"""
int64_t edu_read(void *context, struct device_request *request)
{
    struct edu *edu = context;
    return ksnprintf(request->buffer, request->size, "%u", edu->registers[0x08 / 4]);
}
""")
print("corrected: 5! =", factorial(edu, 5))

# A version whose read faults: the process gets an error, the machine goes on.
polyglot.c("int64_t edu_read(void *context, struct device_request *request) { return *(volatile int64_t *)16; }")
try:
    factorial(edu, 5)
except OSError as error:
    print("a faulty version:", error.strerror)

# The whole driver once more, right: it takes the device over from the old one.
polyglot.c(DRIVER.replace("RESULT", "edu->registers[0x08 / 4]"))
print("the new driver: 10! =", factorial(edu, 10))
os.close(edu)

for module in reversed(polyglot.live.modules()):
    with contextlib.suppress(polyglot.LinkError):  # a module whose names are all replaced has gone by itself
        polyglot.live.unload(module.id, force=True)
print("unloaded:", driver(), os.path.exists("/dev/edu"))
