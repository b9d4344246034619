/*
 * What the kernel offers to live code, and where each function may be called. Everything else is reached by its name, too, but may
 * change with any version. ANY: interrupts and spinlocks, too. SLEEPABLE: any thread that holds no spinlock.
 */
#define LIB_STRING_PLAIN 1 /* the functions, not the builtins */
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/smp.h>
#include <dev/clock/clock.h>
#include <dev/fw_cfg/fw_cfg.h>
#include <dev/serial/uart16550.h>
#include <fs/devfs.h>
#include <kernel/export.h>
#include <kernel/log.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal.h>
#include <kernel/random.h>
#include <kernel/report/report.h>
#include <kernel/sched/lock.h>
#include <kernel/sched/thread.h>
#include <kernel/sched/wait.h>
#include <kernel/symbols.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/time/time.h>
#include <kernel/vfs/file.h>
#include <kernel/vfs/inode.h>
#include <kernel/vfs/path.h>
#include <kernel/vfs/poll.h>
#include <kernel/vfs/vfs.h>
#include <lib/bitmap.h>
#include <lib/blake2s.h>
#include <lib/chacha20.h>
#include <lib/parse.h>
#include <lib/printf.h>
#include <lib/ring.h>
#include <lib/string.h>
#include <lib/tree.h>
#include <lib/utf8.h>
#include <lib/xxhash64.h>
#include <live/live.h>

/* --- memory and strings -------------------------------------------------------------------------- */

EXPORT(memcpy, ANY);
EXPORT(memmove, ANY);
EXPORT(memset, ANY);
EXPORT(memcmp, ANY);
EXPORT(memchr, ANY);
EXPORT(strlen, ANY);
EXPORT(strnlen, ANY);
EXPORT(strcmp, ANY);
EXPORT(strncmp, ANY);
EXPORT(strchr, ANY);
EXPORT(strrchr, ANY);
EXPORT(strstr, ANY);
EXPORT(strlcpy, ANY);
EXPORT(strlcat, ANY);

/* --- text and numbers ---------------------------------------------------------------------------- */

EXPORT(ksnprintf, ANY);
EXPORT(kvsnprintf, ANY);
EXPORT(parse_u64, ANY);
EXPORT(parse_i64, ANY);
EXPORT(parse_size, ANY);
EXPORT(utf8_decode, ANY);
EXPORT(utf8_encode, ANY);

/* --- containers ---------------------------------------------------------------------------------- */

EXPORT(tree_insert, ANY);
EXPORT(tree_remove, ANY);
EXPORT(tree_first, ANY);
EXPORT(tree_last, ANY);
EXPORT(tree_next, ANY);
EXPORT(tree_previous, ANY);
EXPORT(tree_find, ANY);
EXPORT(tree_find_at_or_after, ANY);
EXPORT(tree_find_at_or_before, ANY);
EXPORT(ring_put, ANY);
EXPORT(ring_get, ANY);
EXPORT(ring_write, ANY);
EXPORT(ring_read, ANY);
EXPORT(bitmap_find_set, ANY);
EXPORT(bitmap_find_clear, ANY);
EXPORT(bitmap_count, ANY);

/* --- hashes and random numbers ------------------------------------------------------------------- */

EXPORT(xxhash64, ANY);
EXPORT(blake2s_init, ANY);
EXPORT(blake2s_update, ANY);
EXPORT(blake2s_final, ANY);
EXPORT(chacha20_block, ANY);
EXPORT(random_fill, ANY);
EXPORT(random_u64, ANY);
EXPORT(random_add, ANY);

/* --- log, names of addresses --------------------------------------------------------------------- */

EXPORT(klog, ANY);
EXPORT(vklog, ANY);
EXPORT(klog_read, ANY);
EXPORT(klog_size, ANY);
EXPORT(panic, ANY);
EXPORT(symbol_find, ANY);
EXPORT(symbol_address, ANY);
EXPORT(symbol_format, ANY);

/* --- allocators ---------------------------------------------------------------------------------- */

EXPORT(kmalloc, ANY);
EXPORT(kzalloc, ANY);
EXPORT(kfree, ANY);
EXPORT(object_cache_create, ANY);
EXPORT(object_alloc, ANY);
EXPORT(object_alloc_zeroed, ANY);
EXPORT(object_free, ANY);
EXPORT(page_alloc, ANY);
EXPORT(page_free, ANY);
EXPORT(page_get, ANY);
EXPORT(page_put, ANY);
EXPORT(page_to_phys, ANY);
EXPORT(page_from_phys, ANY);
EXPORT(page_to_virt, ANY);
EXPORT(page_from_virt, ANY);
EXPORT(phys_to_virt, ANY);
EXPORT(virt_to_phys, ANY);
EXPORT(page_get_statistics, ANY);
EXPORT(vmalloc, SLEEPABLE);
EXPORT(vfree, SLEEPABLE);
EXPORT(device_map, SLEEPABLE);
EXPORT(device_unmap, SLEEPABLE);

/* --- locks and waiting --------------------------------------------------------------------------- */

EXPORT(spin_init, ANY);
EXPORT(spin_lock, ANY);
EXPORT(spin_unlock, ANY);
EXPORT(spin_lock_irq, ANY);
EXPORT(spin_unlock_irq, ANY);
EXPORT(spin_is_held_by_me, ANY);
EXPORT(mutex_init, ANY);
EXPORT(mutex_is_held_by_me, ANY);
EXPORT(wait_queue_init, ANY);
EXPORT(wait_queue_wake_all, ANY);
EXPORT(wait_queue_wake_one, ANY);
EXPORT(wait_queue_has_waiters, ANY);
EXPORT(wait_queue_add, ANY);
EXPORT(wait_queue_remove, ANY);
EXPORT(mutex_lock, SLEEPABLE);
EXPORT(mutex_try_lock, SLEEPABLE);
EXPORT(mutex_unlock, SLEEPABLE);
EXPORT(mutex_lock_nested, SLEEPABLE);
EXPORT(wait_prepare, SLEEPABLE);
EXPORT(wait_sleep, SLEEPABLE);
EXPORT(wait_finish, SLEEPABLE);

/* --- threads ------------------------------------------------------------------------------------- */

EXPORT(thread_current, ANY);
EXPORT(thread_wake, ANY);
EXPORT(thread_get, ANY);
EXPORT(thread_put, ANY);
EXPORT(thread_find, ANY);
EXPORT(thread_cpu_time, ANY);
EXPORT(thread_for_each, ANY);
EXPORT(preempt_disable, ANY);
EXPORT(preempt_enable, ANY);
EXPORT(thread_create, SLEEPABLE);
EXPORT(thread_start, SLEEPABLE);
EXPORT(thread_exit, SLEEPABLE);
EXPORT(thread_yield, SLEEPABLE);
EXPORT(thread_sleep_until, SLEEPABLE);
EXPORT(thread_block, SLEEPABLE);
EXPORT(thread_forget_wakes, SLEEPABLE);
EXPORT(thread_set_affinity, SLEEPABLE);

/* --- time ---------------------------------------------------------------------------------------- */

EXPORT(clock_monotonic, ANY);
EXPORT(clock_realtime, ANY);
EXPORT(timer_init, ANY);
EXPORT(timer_arm, ANY);
EXPORT(timer_cancel, ANY);

/* --- files --------------------------------------------------------------------------------------- */

EXPORT(vfs_open, SLEEPABLE);
EXPORT(vfs_open_path, SLEEPABLE);
EXPORT(vfs_create, SLEEPABLE);
EXPORT(vfs_symlink, SLEEPABLE);
EXPORT(vfs_link, SLEEPABLE);
EXPORT(vfs_remove, SLEEPABLE);
EXPORT(vfs_rename, SLEEPABLE);
EXPORT(vfs_read_link, SLEEPABLE);
EXPORT(vfs_make_parents, SLEEPABLE);
EXPORT(vfs_create_anonymous_inode, SLEEPABLE);
EXPORT(fs_context_get_root, SLEEPABLE);
EXPORT(fs_context_get_cwd, SLEEPABLE);
EXPORT(file_get, SLEEPABLE);
EXPORT(file_put, SLEEPABLE);
EXPORT(file_read, SLEEPABLE);
EXPORT(file_write, SLEEPABLE);
EXPORT(file_read_at, SLEEPABLE);
EXPORT(file_write_at, SLEEPABLE);
EXPORT(file_seek, SLEEPABLE);
EXPORT(file_seek_generic, SLEEPABLE);
EXPORT(file_is_readable, SLEEPABLE);
EXPORT(file_is_writable, SLEEPABLE);
EXPORT(file_poll, SLEEPABLE);
EXPORT(io_from_kernel, SLEEPABLE);
EXPORT(io_from_user, SLEEPABLE);
EXPORT(io_put, SLEEPABLE);
EXPORT(io_get, SLEEPABLE);
EXPORT(io_put_zeroes, SLEEPABLE);
EXPORT(inode_init, SLEEPABLE);
EXPORT(inode_get, SLEEPABLE);
EXPORT(inode_put, SLEEPABLE);
EXPORT(inode_get_status, SLEEPABLE);
EXPORT(inode_touch, SLEEPABLE);
EXPORT(inode_get_page, SLEEPABLE);
EXPORT(name_from, SLEEPABLE);
EXPORT(name_equals, SLEEPABLE);
EXPORT(name_copy, SLEEPABLE);
EXPORT(path_walk, SLEEPABLE);
EXPORT(path_walk_parent, SLEEPABLE);
EXPORT(path_get, SLEEPABLE);
EXPORT(path_put, SLEEPABLE);
EXPORT(path_to_text, SLEEPABLE);
EXPORT(dentry_get, SLEEPABLE);
EXPORT(dentry_put, SLEEPABLE);
EXPORT(dentry_lookup, SLEEPABLE);
EXPORT(mount_get, SLEEPABLE);
EXPORT(mount_put, SLEEPABLE);
EXPORT(file_system_register, SLEEPABLE);
EXPORT(file_system_find, SLEEPABLE);
EXPORT(devfs_register, SLEEPABLE);
EXPORT(devfs_link, SLEEPABLE);

/* --- processes and their memory ------------------------------------------------------------------ */

EXPORT(process_current, ANY);
EXPORT(signal_is_pending, ANY);
EXPORT(process_find, SLEEPABLE);
EXPORT(process_get, SLEEPABLE);
EXPORT(process_put, SLEEPABLE);
EXPORT(process_cpu_time, SLEEPABLE);
EXPORT(signal_send_process, SLEEPABLE);
EXPORT(signal_send_group, SLEEPABLE);
EXPORT(signal_send_thread, SLEEPABLE);
EXPORT(copy_from_user, SLEEPABLE);
EXPORT(copy_to_user, SLEEPABLE);
EXPORT(clear_user, SLEEPABLE);
EXPORT(copy_string_from_user, SLEEPABLE);
EXPORT(get_user_u32, SLEEPABLE);
EXPORT(get_user_u64, SLEEPABLE);
EXPORT(put_user_u32, SLEEPABLE);
EXPORT(put_user_u64, SLEEPABLE);

/* --- interrupts, CPUs, page tables --------------------------------------------------------------- */

EXPORT(irqs_are_enabled, ANY);
EXPORT(irqs_disable, ANY);
EXPORT(irqs_restore, ANY);
EXPORT(smp_online, ANY);
EXPORT(smp_online_count, ANY);
EXPORT(cpu_relax, ANY);
EXPORT(cpuid, ANY);
EXPORT(paging_kernel_root, ANY);
EXPORT(paging_entry, ANY);
EXPORT(paging_flush_page, ANY);
EXPORT(paging_flush_range, ANY);
EXPORT(irq_register_isa, SLEEPABLE);
EXPORT(irq_unregister_isa, SLEEPABLE);
EXPORT(smp_call_others, SLEEPABLE);
EXPORT(paging_map_kernel, SLEEPABLE);
EXPORT(paging_unmap_kernel, SLEEPABLE);
EXPORT(paging_clear_kernel, SLEEPABLE);

/* --- devices ------------------------------------------------------------------------------------- */

EXPORT(serial_is_present, ANY);
EXPORT(serial_write_polled, ANY);
EXPORT(clock_device_tsc_hz, ANY);
EXPORT(clock_device_ticks, ANY);
EXPORT(rtc_read_unix, ANY);
EXPORT(fw_cfg_find, SLEEPABLE);
EXPORT(fw_cfg_read, SLEEPABLE);

/* --- the live layer ------------------------------------------------------------------------------ */

EXPORT(live_is_text, ANY);
EXPORT(live_module_of, ANY);
EXPORT(live_symbol_find, ANY);
EXPORT(live_symbol_flags, ANY);
EXPORT(live_lookup, SLEEPABLE);

/* --- reports ------------------------------------------------------------------------------------- */

EXPORT(report_find, SLEEPABLE);
EXPORT(report_print, SLEEPABLE);
EXPORT(report_backtrace, SLEEPABLE);
