//! Ctrl-C around the line editor.
//!
//!     let keys = terminal::SignalKeys::as_input();    // from here on Ctrl-C is a byte to be read
//!     vm.check_signals()?;                            // what was typed before
//!     editor.readline(...)                            // reads the byte
//!
//! Between two lines the terminal makes Ctrl-C a signal, which nobody would look at before the next statement runs.
//! In this order none is lost: it is either seen by the check or read as a key by the editor. One that is typed after
//! a line's end and before `keys` is dropped, a few system calls later, is read by the next readline.

use std::mem::MaybeUninit;

/// While it lives, the terminal of standard input hands Ctrl-C, Ctrl-Z and Ctrl-\ on as bytes.
pub struct SignalKeys(Option<libc::termios>);

impl SignalKeys {
    /// No effect where standard input is no terminal or has these keys switched off.
    pub fn as_input() -> Self {
        let mut settings = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the structure is written by a successful call, and only then read.
        let saved = unsafe {
            if libc::tcgetattr(libc::STDIN_FILENO, settings.as_mut_ptr()) != 0 {
                return Self(None);
            }
            settings.assume_init()
        };
        if saved.c_lflag & libc::ISIG == 0 {
            return Self(None);
        }
        let changed = libc::termios { c_lflag: saved.c_lflag & !libc::ISIG, ..saved };
        // SAFETY: the settings are complete.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &changed) };
        Self(Some(saved))
    }
}

impl Drop for SignalKeys {
    fn drop(&mut self) {
        if let Some(saved) = &self.0 {
            // SAFETY: the settings are those that tcgetattr gave.
            unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, saved) };
        }
    }
}
