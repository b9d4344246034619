/*
 * Drivers: the table, bindings, what a binding gives back, shared interrupts; PCI, with QEMU's `edu` device where
 * the machine has one (-device edu; QEMU, docs/specs/edu.rst).
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/interrupt.h>
#include <arch/x86_64/irq.h>
#include <dev/driver/device.h>
#include <dev/pci/pci.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/time/time.h>
#include <kernel/vfs/vfs.h>
#include <lib/string.h>
#include <live/private.h>

#define PATIENCE (10 * NANOS_PER_SECOND)

/* --- a driver without hardware ------------------------------------------------------- */

static struct fake { int probes, removes, probe_result; const char *text; struct device *device; bool wait; } fake;

LOCAL int64_t test_fake_read(void *context, struct device_request *request)
{
    const char *text = context;
    if (fake.wait) {
        int error = DEVICE_WAIT(fake.device, false);
        if (error != 0)
            return error;
    }
    size_t length = MIN(strlen(text), request->size);
    memcpy(request->buffer, text, length);
    return (int64_t)length;
}

static const struct device_ops test_fake_ops = { .read = test_fake_read };

LOCAL int test_fake_probe(struct device *device)
{
    fake.probes++;
    fake.device = device;
    if (device_allocate(device, 10000) == NULL)
        return -ENOMEM;
    int error = device_create(device, "ktest-fake", 0600, &test_fake_ops, (void *)(uintptr_t)fake.text);
    return error != 0 ? error : fake.probe_result;
}

LOCAL void test_fake_remove(struct device *device) { fake.removes++; }

LOCAL int test_fake_probe_new(struct device *device)
{
    int error = device_create(device, "ktest-fake", 0600, &test_fake_ops, (void *)(uintptr_t)"new");
    return error != 0 ? error : fake.probe_result;
}

static const struct device_match test_fake_match[] = { VIRTUAL_MATCH("ktest-fake"), MATCH_END };
static const struct driver test_fake_driver = { "ktest-fake", test_fake_match, test_fake_probe, test_fake_remove };
static const struct driver test_fake_newer = { "ktest-fake", test_fake_match, test_fake_probe_new, NULL };

/* Reads /dev/ktest-fake into `text`; the result of open or read. */
LOCAL int64_t test_read_entry(struct file *file, char text[16])
{
    memset(text, 0, 16);
    struct io io = io_from_kernel(text, 15);
    return file_read(file, &io);
}

LOCAL int test_open_entry(struct file **file)
{
    struct fs_context *fs = fs_context_create();
    if (fs == NULL)
        return -ENOMEM;
    int error = vfs_open(fs, NULL, "/dev/ktest-fake", O_RDONLY, 0, file);
    fs_context_put(fs);
    return error;
}

KTEST(driver, comes_and_goes)
{
    struct file *file = NULL;
    char text[16];
    fake = (struct fake){ .text = "old" };
    KTEST_EQUAL(driver_register(&test_fake_driver, 0), 0);
    KTEST_EQUAL(fake.probes, 1);
    KTEST_EQUAL(test_open_entry(&file), 0);
    KTEST_EQUAL(test_read_entry(file, text), 3);
    KTEST_EQUAL(strcmp(text, "old"), 0);
    driver_unregister(&test_fake_driver);
    KTEST_EQUAL(fake.removes, 1);
    KTEST_EQUAL(test_read_entry(file, text), -ENODEV);
    file_put(file);
    KTEST_EQUAL(test_open_entry(&file), -ENOENT);
    driver_unregister(&test_fake_driver); /* once more: nothing */
    KTEST_EQUAL(fake.removes, 1);
}

KTEST(driver, a_failed_probe_leaves_nothing)
{
    struct file *file;
    fake = (struct fake){ .text = "old", .probe_result = -EIO };
    KTEST_EQUAL(driver_register(&test_fake_driver, 0), 0);
    KTEST_EQUAL(test_open_entry(&file), -ENOENT);
    KTEST_EQUAL(fake.device->driver == NULL && list_is_empty(&fake.device->resources), true);
    driver_unregister(&test_fake_driver);
    KTEST_EQUAL(fake.removes, 0);
}

KTEST(driver, nonsense_is_refused)
{
    static const struct driver no_name = { NULL, test_fake_match, test_fake_probe, NULL };
    static const struct driver no_match = { "x", NULL, test_fake_probe, NULL };
    static const struct driver no_probe = { "x", test_fake_match, NULL, NULL };
    KTEST_EQUAL(driver_register(NULL, 0), -EINVAL);
    KTEST_EQUAL(driver_register(&no_name, 0), -EINVAL);
    KTEST_EQUAL(driver_register(&no_match, 0), -EINVAL);
    KTEST_EQUAL(driver_register(&no_probe, 0), -EINVAL);
    KTEST_ASSERT(fake.device != NULL);
    KTEST_ASSERT(device_allocate(fake.device, 1) == NULL); /* not in probe() */
    KTEST_EQUAL(device_create(fake.device, "x", 0600, &test_fake_ops, NULL), -EPERM);
}

KTEST(driver, replacement_keeps_open_files)
{
    struct file *file;
    char text[16];
    fake = (struct fake){ .text = "old" };
    KTEST_EQUAL(driver_register(&test_fake_driver, 0), 0);
    KTEST_EQUAL(test_open_entry(&file), 0);
    KTEST_EQUAL(driver_register(&test_fake_newer, 0), 0);
    KTEST_EQUAL(fake.removes, 1);
    KTEST_EQUAL(test_read_entry(file, text), 3);
    KTEST_EQUAL(strcmp(text, "new"), 0);
    file_put(file);
    driver_unregister(&test_fake_driver); /* replaced: nothing to do */
    KTEST_EQUAL(test_open_entry(&file), 0);
    file_put(file);
    driver_unregister(&test_fake_newer);
    KTEST_EQUAL(test_open_entry(&file), -ENOENT);
}

LOCAL int test_fake_probe_broken(struct device *device)
{
    int error = device_create(device, "ktest-fake", 0600, &test_fake_ops, (void *)(uintptr_t)"broken");
    return error != 0 ? error : -EIO;
}

static const struct driver test_fake_broken = { "ktest-fake", test_fake_match, test_fake_probe_broken, NULL };

KTEST(driver, a_replacement_that_fails_is_taken_back)
{
    struct file *file;
    char text[16];
    fake = (struct fake){ .text = "old" };
    KTEST_EQUAL(driver_register(&test_fake_driver, 0), 0);
    KTEST_EQUAL(test_open_entry(&file), 0);
    KTEST_EQUAL(driver_register(&test_fake_broken, 0), -EIO);
    KTEST_EQUAL(fake.probes, 2);
    KTEST_EQUAL(test_read_entry(file, text), 3); /* the file that was open before is the old version's again */
    KTEST_EQUAL(strcmp(text, "old"), 0);

    fake.probe_result = -EIO; /* neither of them: the entry is gone */
    KTEST_EQUAL(driver_register(&test_fake_broken, 0), -EIO);
    KTEST_EQUAL(test_read_entry(file, text), -ENODEV);
    file_put(file);
    KTEST_EQUAL(test_open_entry(&file), -ENOENT);
    driver_unregister(&test_fake_driver);
}

static volatile int64_t reader_result;
static volatile bool reader_ended;
static struct file *reader_file;

LOCAL void test_reader(void *unused)
{
    char text[16];
    reader_result = test_read_entry(reader_file, text);
    reader_ended = true;
}

KTEST(driver, who_waits_inside_is_woken)
{
    fake = (struct fake){ .text = "old", .wait = true };
    reader_ended = false;
    KTEST_EQUAL(driver_register(&test_fake_driver, 0), 0);
    KTEST_EQUAL(test_open_entry(&reader_file), 0);
    struct thread *thread = thread_create("reader", test_reader, NULL);
    KTEST_ASSERT(thread != NULL);
    thread_start(thread);
    nanos_t deadline = clock_monotonic() + PATIENCE;
    while (!wait_queue_has_waiters(&fake.device->queue) && clock_monotonic() < deadline)
        thread_yield();
    driver_unregister(&test_fake_driver);
    while (!reader_ended && clock_monotonic() < deadline)
        thread_yield();
    thread_put(thread);
    KTEST_ASSERT(reader_ended);
    KTEST_EQUAL(reader_result, -ENODEV);
    file_put(reader_file);
}

/* --- interrupts ---------------------------------------------------------------------------- */

static volatile int first_calls, second_calls;

LOCAL bool test_first_handler(void *argument)
{
    first_calls++;
    return false;
}

LOCAL bool test_second_handler(void *argument)
{
    second_calls++;
    return argument != NULL;
}

KTEST(driver, handlers_share_a_vector)
{
    int vector = irq_allocate_vector();
    KTEST_ASSERT(vector >= 32);
    int other = irq_allocate_vector();
    KTEST_ASSERT(other >= 32 && other != vector);
    irq_release_vector((unsigned)other);
    first_calls = second_calls = 0;
    KTEST_EQUAL(irq_request((unsigned)vector, "first", test_first_handler, NULL), 0);
    KTEST_EQUAL(irq_request((unsigned)vector, "first", test_first_handler, NULL), -EEXIST);
    KTEST_EQUAL(irq_request((unsigned)vector, "second", test_second_handler, &fake), 0);
    uint64_t flags = irqs_disable();
    interrupt_dispatch((unsigned)vector);
    irqs_restore(flags);
    KTEST_EQUAL(first_calls, 1);
    KTEST_EQUAL(second_calls, 1);
    irq_free((unsigned)vector, test_first_handler, NULL);
    flags = irqs_disable();
    interrupt_dispatch((unsigned)vector);
    irqs_restore(flags);
    KTEST_EQUAL(first_calls, 1);
    KTEST_EQUAL(second_calls, 2);
    irq_free((unsigned)vector, test_second_handler, &fake);
    irq_free((unsigned)vector, test_second_handler, &fake);
    irq_release_vector((unsigned)vector);
}

LOCAL bool test_faulty_handler(void *argument)
{
    first_calls++;
    return *(volatile bool *)argument;
}

/* As a handler in live text: the fault ends the call, and the handler is not called again; the other one goes on. */
KTEST(driver, a_handler_that_faults_is_switched_off)
{
    int vector = irq_allocate_vector();
    KTEST_ASSERT(vector >= 32);
    first_calls = second_calls = 0;
    live_set_test_text((uint64_t)(uintptr_t)test_faulty_handler, (uint64_t)(uintptr_t)test_faulty_handler + 16);
    KTEST_EQUAL(irq_request((unsigned)vector, "faulty", test_faulty_handler, (void *)16), 0);
    KTEST_EQUAL(irq_request((unsigned)vector, "second", test_second_handler, &fake), 0);
    for (int i = 0; i < 3; i++) {
        uint64_t flags = irqs_disable();
        interrupt_dispatch((unsigned)vector);
        irqs_restore(flags);
    }
    irq_free((unsigned)vector, test_faulty_handler, (void *)16);
    irq_free((unsigned)vector, test_second_handler, &fake);
    irq_release_vector((unsigned)vector);
    live_set_test_text(0, 0);
    KTEST_EQUAL(first_calls, 1);
    KTEST_EQUAL(second_calls, 3);
}

LOCAL int test_fake_probe_faulty(struct device *device)
{
    int error = device_create(device, "ktest-fake", 0600, &test_fake_ops, (void *)(uintptr_t)"faulty");
    return error != 0 ? error : *(volatile int *)16;
}

KTEST(driver, a_probe_that_faults_leaves_nothing)
{
    static const struct driver faulty = { "ktest-fake", test_fake_match, test_fake_probe_faulty, NULL };
    struct file *file;
    fake = (struct fake){ .text = "old" };
    live_set_test_text((uint64_t)(uintptr_t)test_fake_probe_faulty, (uint64_t)(uintptr_t)test_fake_probe_faulty + 16);
    KTEST_EQUAL(driver_register(&faulty, 0), 0);
    KTEST_EQUAL(test_open_entry(&file), -ENOENT);
    KTEST_EQUAL(driver_register(&test_fake_driver, 0), 0); /* the same name: in its place */
    KTEST_EQUAL(driver_register(&faulty, 0), -EFAULT);     /* and this one is taken back */
    live_set_test_text(0, 0);
    KTEST_EQUAL(test_open_entry(&file), 0);
    file_put(file);
    driver_unregister(&test_fake_driver);
    KTEST_EQUAL(fake.device->probe_error, 0);
}

KTEST(driver, interrupts_that_do_not_exist)
{
    KTEST_EQUAL(irq_vector_of_input(4000, false, false), -EINVAL);
    KTEST_EQUAL(irq_request(31, "x", test_first_handler, NULL), -EINVAL);
    KTEST_EQUAL(irq_request(250, "x", test_first_handler, NULL), -EINVAL);
    KTEST_EQUAL(irq_request(200, "x", test_first_handler, NULL), -EINVAL); /* nobody allocated it */
}

/* --- PCI ------------------------------------------------------------------------------------- */

KTEST(driver, pci_finds_the_machine)
{
    const struct device *host = pci_find_function(0, 0, 0);
    KTEST_ASSERT(host != NULL);
    KTEST_EQUAL(host->pci.class_code >> 8, 0x0600); /* host bridge */
    KTEST_ASSERT(pci_find_function(0, 0, 7) == NULL);
    unsigned windows = 0;
    for (uint8_t slot = 0; slot < 32; slot++) {
        const struct device *device = pci_find_function(0, slot, 0);
        if (device == NULL)
            continue;
        KTEST_EQUAL(pci_read16(device, PCI_CONFIG_ID), device->pci.vendor);
        KTEST_EQUAL(pci_read32(device, PCI_CONFIG_CLASS) >> 8, device->pci.class_code);
        for (unsigned i = 0; i < PCI_REGIONS; i++) {
            const struct device_region *region = &device->regions[i];
            windows += region->size != 0;
            if (region->size != 0) {
                KTEST_EQUAL(region->size & (region->size - 1), 0);
                KTEST_EQUAL(region->start & (region->size - 1), 0);
            }
        }
    }
    KTEST_ASSERT(windows > 0);
}

#define EDU_ID        0x00
#define EDU_LIVENESS  0x04
#define EDU_FACTORIAL 0x08
#define EDU_STATUS    0x20
#define EDU_RAISED    0x24
#define EDU_CLEAR     0x64
#define EDU_INTERRUPT_WHEN_DONE 0x80

static struct ktest_edu { struct device *device; volatile uint32_t *registers; unsigned kind; volatile uint32_t raised; } edu;

LOCAL uint32_t test_edu_get(unsigned offset) { return edu.registers[offset / 4]; }
LOCAL void test_edu_set(unsigned offset, uint32_t value) { edu.registers[offset / 4] = value; }

LOCAL bool test_edu_interrupt(void *argument)
{
    uint32_t raised = test_edu_get(EDU_RAISED);
    if (raised == 0)
        return false;
    test_edu_set(EDU_CLEAR, raised);
    edu.raised = raised;
    device_wake(edu.device);
    return true;
}

LOCAL int test_edu_probe(struct device *device)
{
    edu.device = device;
    edu.registers = device_map_region(device, 0);
    if (edu.registers == NULL)
        return -ENOMEM;
    return device_request_irq(device, edu.kind, test_edu_interrupt, NULL);
}

LOCAL void test_edu_remove(struct device *device) { test_edu_set(EDU_STATUS, 0); }

static const struct device_match test_edu_match[] = { PCI_MATCH(0x1234, 0x11e8), MATCH_END };
static const struct driver test_edu_driver = { "ktest-edu", test_edu_match, test_edu_probe, test_edu_remove };

/* 0, or the line where it went wrong. */
LOCAL int test_use_edu(unsigned kind)
{
    edu = (struct ktest_edu){ .kind = kind };
    if (driver_register(&test_edu_driver, 0) != 0)
        return __LINE__;
    if (edu.device == NULL)
        return 0; /* the machine has none: tests/system/test_live_driver.py boots one that has */
    int wrong = 0;
    if (edu.device->driver == NULL || (test_edu_get(EDU_ID) & 0xff) != 0xed)
        wrong = __LINE__;
    for (uint32_t number = 1; number <= 10 && wrong == 0; number++) {
        static const uint32_t factorials[] = { 1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800 };
        test_edu_set(EDU_LIVENESS, number);
        if (test_edu_get(EDU_LIVENESS) != ~number)
            wrong = __LINE__;
        edu.raised = 0;
        test_edu_set(EDU_STATUS, EDU_INTERRUPT_WHEN_DONE);
        test_edu_set(EDU_FACTORIAL, number);
        if (DEVICE_WAIT_UNTIL(edu.device, edu.raised != 0, clock_monotonic() + PATIENCE) != 0)
            wrong = __LINE__;
        else if (test_edu_get(EDU_FACTORIAL) != factorials[number])
            wrong = __LINE__;
    }
    driver_unregister(&test_edu_driver);
    return wrong != 0 ? wrong : edu.device->driver == NULL && list_is_empty(&edu.device->resources) ? 0 : __LINE__;
}

KTEST(driver, edu_by_message) { KTEST_EQUAL(test_use_edu(DEVICE_IRQ_ANY), 0); }
KTEST(driver, edu_by_line) { KTEST_EQUAL(test_use_edu(DEVICE_IRQ_LINE), 0); }
