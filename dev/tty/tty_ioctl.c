/* The tty's settings, window and job control: ioctl_tty(2), termios(3), credentials(7). */
#include <dev/tty/private.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/signal.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal.h>
#include <kernel/proc/signal_delivery.h>
#include <lib/string.h>

/* --- job control ------------------------------------------------------------------------- */

int tty_check_job(struct tty *tty, int signal)
{
    struct process *process = process_current();

    if (process == NULL || process->tty != tty || tty->foreground == 0 || process->group_id == tty->foreground)
        return 0;
    if (signal_is_ignored_or_blocked(signal))
        return signal == SIGTTIN ? -EIO : 0;
    if (process_group_is_orphaned(process->group_id))
        return -EIO;
    (void)signal_send_group(process->group_id, signal); /* it has at least the caller */
    return -EINTR;
}

int tty_acquire(struct tty *tty)
{
    struct process *process = process_current();
    int error = 0;

    if (process == NULL || process->session_id != process->id || (process->tty != NULL && process->tty != tty))
        return -EPERM;
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    if (tty->session != 0 && tty->session != process->session_id) {
        error = -EPERM;
    } else if (tty->session == 0) {
        tty->session = process->session_id;
        tty->foreground = process->group_id;
    }
    spin_unlock_irq(&tty->lock, flags);
    if (error == 0)
        process->tty = tty;
    return error;
}

LOCAL void tty_forget_session(struct process *process, void *context)
{
    if (process->session_id == *(const int32_t *)context)
        process->tty = NULL;
}

int32_t tty_foreground(const struct tty *tty) { return tty->foreground; }

void tty_leave(struct process *process)
{
    struct tty *tty = process->tty;
    int32_t session = process->session_id;

    process->tty = NULL;
    if (tty == NULL || session != process->id)
        return;
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    int32_t foreground = tty->session == session ? tty->foreground : 0;
    if (tty->session == session)
        tty->session = tty->foreground = 0;
    spin_unlock_irq(&tty->lock, flags);
    (void)process_for_each_in_group(PROCESS_GROUP_ANY, tty_forget_session, &session);
    if (foreground > 0) {
        (void)signal_send_group(foreground, SIGHUP);
        (void)signal_send_group(foreground, SIGCONT);
    }
}

/* TIOCNOTTY: when the leader goes, the whole session loses the terminal. */
LOCAL int tty_give_up(struct tty *tty)
{
    struct process *process = process_current();

    if (process == NULL || process->tty != tty)
        return -ENOTTY;
    tty_leave(process);
    return 0;
}

/* Is this the caller's controlling terminal? */
LOCAL bool tty_is_controlling(struct tty *tty)
{
    struct process *process = process_current();
    return process != NULL && process->tty == tty && tty->session == process->session_id;
}

LOCAL isize_t tty_set_foreground(struct tty *tty, struct user_ptr argument)
{
    uint32_t group;
    int error = tty_check_job(tty, SIGTTOU);

    if (error == 0)
        error = get_user_u32(&group, argument);
    if (error != 0)
        return error;
    if (!tty_is_controlling(tty))
        return -ENOTTY;
    if ((int32_t)group <= 0)
        return -EINVAL;
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    tty->foreground = (int32_t)group;
    spin_unlock_irq(&tty->lock, flags);
    return 0;
}

/* --- settings ---------------------------------------------------------------------------- */

LOCAL isize_t tty_get_settings(struct tty *tty, struct user_ptr argument, size_t size)
{
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    struct abi_termios2 termios = tty->line.termios;
    spin_unlock_irq(&tty->lock, flags);
    return copy_to_user(argument, &termios, size);
}

/* TCSETS and its kin: `drain` waits for output first, `flush` drops unread input. */
LOCAL isize_t tty_set_settings(struct tty *tty, struct user_ptr argument, size_t size, bool drain, bool flush)
{
    struct abi_termios2 termios = tty->line.termios; /* TCSETS leaves the speeds */
    int error = tty_check_job(tty, SIGTTOU);

    if (error == 0)
        error = copy_from_user(&termios, argument, size);
    if (error == 0 && drain)
        error = tty_drain(tty);
    if (error != 0)
        return error;
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    if (flush) {
        line_flush_input(&tty->line);
        tty_update_throttle_locked(tty);
    }
    unsigned events = line_set_termios(&tty->line, &termios);
    spin_unlock_irq(&tty->lock, flags);
    /* A read under way waits by the old settings: it looks again. */
    tty_handle_events(tty, events | LINE_EVENT_READABLE);
    return 0;
}

LOCAL isize_t tty_flush(struct tty *tty, uint64_t which)
{
    int error = tty_check_job(tty, SIGTTOU);

    if (error != 0)
        return error;
    if (which > TCIOFLUSH)
        return -EINVAL;
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    if (which != TCOFLUSH) {
        line_flush_input(&tty->line);
        tty_update_throttle_locked(tty);
    }
    if (which != TCIFLUSH)
        tty_flush_output_locked(tty);
    spin_unlock_irq(&tty->lock, flags);
    tty_output_ready();
    return 0;
}

/* tcflow(3). */
LOCAL isize_t tty_flow(struct tty *tty, uint64_t action)
{
    int error = tty_check_job(tty, SIGTTOU);

    if (error != 0)
        return error;
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    switch (action) {
    case TCOOFF:
    case TCOON:
        tty->line.stopped = action == TCOOFF;
        break;
    case TCIOFF:
    case TCION:
        tty_write_ports_locked(tty, &tty->line.termios.c_cc[action == TCIOFF ? VSTOP : VSTART], 1);
        break;
    default:
        error = -EINVAL;
    }
    spin_unlock_irq(&tty->lock, flags);
    tty_output_ready();
    return error;
}

LOCAL isize_t tty_set_winsize(struct tty *tty, struct user_ptr argument)
{
    struct abi_winsize window;
    int error = copy_from_user(&window, argument, sizeof(window));

    if (error == 0)
        tty_set_window(window.ws_col, window.ws_row, window.ws_xpixel, window.ws_ypixel);
    return error;
}

LOCAL size_t tty_count_output(struct tty *tty)
{
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    size_t count = tty_output_pending_locked(tty);
    spin_unlock_irq(&tty->lock, flags);
    return count;
}

LOCAL size_t tty_count_input(struct tty *tty)
{
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    size_t count = line_available(&tty->line);
    spin_unlock_irq(&tty->lock, flags);
    return count;
}

isize_t tty_ioctl(struct file *file, uint32_t request, uint64_t argument)
{
    struct tty *tty = tty_from_file(file);
    struct user_ptr pointer = user_ptr_from(argument);
    const size_t new_size = sizeof(struct abi_termios2), old_size = sizeof(struct abi_termios);
    int error;

    switch (request) {
    case TCGETS:   return tty_get_settings(tty, pointer, old_size);
    case TCSETS:   return tty_set_settings(tty, pointer, old_size, false, false);
    case TCSETSW:  return tty_set_settings(tty, pointer, old_size, true, false);
    case TCSETSF:  return tty_set_settings(tty, pointer, old_size, true, true);
    case TCGETS2:  return tty_get_settings(tty, pointer, new_size);
    case TCSETS2:  return tty_set_settings(tty, pointer, new_size, false, false);
    case TCSETSW2: return tty_set_settings(tty, pointer, new_size, true, false);
    case TCSETSF2: return tty_set_settings(tty, pointer, new_size, true, true);
    case TCFLSH:   return tty_flush(tty, argument);
    case TCXONC:   return tty_flow(tty, argument);
    case TCSBRK:   /* argument 0: a break is sent, which the ports cannot; else tcdrain(3) */
    case TCSBRKP:
        error = tty_check_job(tty, SIGTTOU);
        return error != 0 ? error : tty_drain(tty);
    case TIOCGWINSZ: return copy_to_user(pointer, &tty->window, sizeof(tty->window));
    case TIOCSWINSZ: return tty_set_winsize(tty, pointer);
    case FIONREAD:   return put_user_u32(pointer, (uint32_t)tty_count_input(tty));
    case TIOCOUTQ:   return put_user_u32(pointer, (uint32_t)tty_count_output(tty));
    case TIOCSCTTY:  return tty_acquire(tty);
    case TIOCNOTTY:  return tty_give_up(tty);
    case TIOCGPGRP:
        return tty_is_controlling(tty) ? put_user_u32(pointer, (uint32_t)tty->foreground) : -ENOTTY;
    case TIOCSPGRP:  return tty_set_foreground(tty, pointer);
    case TIOCGSID:
        return tty_is_controlling(tty) ? put_user_u32(pointer, (uint32_t)tty->session) : -ENOTTY;
    case TIOCGETD:   return put_user_u32(pointer, 0); /* N_TTY, the only one */
    default:
        return -ENOTTY;
    }
}
