//! Starting programs as ring-3 processes: vfork and exec.
//!
//!     let plan = Plan::new(executables, arguments);   // and its fields
//!     child::spawn(&plan) -> Ok(pid), or Err(Failure) with the pid of a child that ended
//!
//! The world cannot be copied, so its child shares its memory until exec: clone(2) with CLONE_VM and CLONE_VFORK on a
//! stack of its own, while the calling thread waits and other threads go on. The child therefore only makes system
//! calls: it allocates nothing, takes no lock and runs no signal handler (all signals are blocked across the clone,
//! and handlers are gone before the mask is set back). Identities are changed by bare system calls, because glibc's
//! functions change those of all threads.

use std::ffi::{CString, c_char, c_int, c_long, c_void};
use std::os::fd::RawFd;
use std::{io, ptr};

/// Where between clone and exec the child failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Clone,
    Setup,
    Directory,
    Exec,
}

#[derive(Debug)]
pub struct Failure {
    pub stage: Stage,
    pub errno: c_int,
    /// The child that ended; the caller waits for it. 0: there was none.
    pub pid: libc::pid_t,
}

/// What the child does before it becomes the program; in this order.
pub struct Plan {
    /// Tried one after the other, as execvp(3) does with PATH.
    executables: Vec<CString>,
    arguments: Strings,
    /// None: the environment of this process.
    pub environment: Option<Strings>,
    /// Closed first: the other ends of pipes.
    pub close: Vec<RawFd>,
    /// Descriptors that become 0, 1 and 2; -1: as in this process.
    pub standard: [RawFd; 3],
    pub directory: Option<CString>,
    pub umask: Option<libc::mode_t>,
    /// SIGPIPE and SIGXFSZ, which Rust and Python ignore, get their default action.
    pub restore_signals: bool,
    pub new_session: bool,
    /// Its process group; 0: a new one.
    pub group: Option<libc::pid_t>,
    /// The terminal whose foreground group the child's becomes.
    pub terminal: Option<RawFd>,
    pub groups: Option<Vec<libc::gid_t>>,
    pub gid: Option<libc::gid_t>,
    pub uid: Option<libc::uid_t>,
    /// These stay open across exec, in rising order; others beyond 2 are closed if `close_others`.
    pub keep: Vec<RawFd>,
    pub close_others: bool,
}

impl Plan {
    pub fn new(executables: Vec<CString>, arguments: Vec<CString>) -> Self {
        Self {
            executables,
            arguments: Strings::new(arguments),
            environment: None,
            close: Vec::new(),
            standard: [-1; 3],
            directory: None,
            umask: None,
            restore_signals: true,
            new_session: false,
            group: None,
            terminal: None,
            groups: None,
            gid: None,
            uid: None,
            keep: Vec::new(),
            close_others: true,
        }
    }
}

/// A vector of C strings as exec takes it, ended by a null pointer.
pub struct Strings {
    _strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl Strings {
    pub fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Self { _strings: strings, pointers }
    }
}

const STACK_SIZE: usize = 64 << 10;
const ALL_SIGNALS: u64 = !0;

/// What parent and child share while the parent waits.
struct Shared<'a> {
    plan: &'a Plan,
    environment: *const *const c_char,
    mask: u64,
    failure: Option<(Stage, c_int)>,
}

/// Starts the program; returns when it runs, or when the child has failed.
pub fn spawn(plan: &Plan) -> Result<libc::pid_t, Failure> {
    let stack = Stack::new().map_err(|errno| Failure { stage: Stage::Clone, errno, pid: 0 })?;
    let environment = plan.environment.as_ref().map_or_else(
        // SAFETY: the C library's variable; a program that changes it in another thread meanwhile does so at its own risk.
        || unsafe { environ },
        |environment| environment.pointers.as_ptr(),
    );
    let mut shared = Shared { plan, environment, mask: 0, failure: None };
    shared.mask = set_mask(ALL_SIGNALS);
    // SAFETY: the stack is large enough for `run`, and `shared` outlives the child's use of it, because this thread
    // goes on only when the child has ended or called exec.
    let pid = unsafe {
        libc::clone(run, stack.top(), libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD, (&raw mut shared).cast())
    };
    let errno = last_errno();
    set_mask(shared.mask);
    match shared.failure {
        _ if pid < 0 => Err(Failure { stage: Stage::Clone, errno, pid: 0 }),
        Some((stage, errno)) => Err(Failure { stage, errno, pid }),
        None => Ok(pid),
    }
}

/// The child, from clone to exec. Its value is the exit status after a failure.
extern "C" fn run(shared: *mut c_void) -> c_int {
    // SAFETY: the parent's, which waits.
    let shared = unsafe { &mut *shared.cast::<Shared<'_>>() };
    shared.failure = Some(match prepare(shared.plan, shared.mask) {
        Err(failure) => failure,
        Ok(()) => (Stage::Exec, execute(shared.plan, shared.environment)),
    });
    127
}

type Outcome = Result<(), (Stage, c_int)>;

fn prepare(plan: &Plan, mask: u64) -> Outcome {
    for &fd in &plan.keep {
        set_inheritable(fd)?;
    }
    for &fd in &plan.close {
        // SAFETY: the child has its own table of descriptors.
        unsafe { libc::close(fd) };
    }
    set_standard(plan.standard)?;
    if let Some(directory) = &plan.directory {
        // SAFETY: a C string.
        check(unsafe { libc::chdir(directory.as_ptr()) }.into(), Stage::Directory)?;
    }
    if let Some(umask) = plan.umask {
        // SAFETY: no memory is involved.
        unsafe { libc::umask(umask) };
    }
    reset_signals(plan.restore_signals);
    set_group(plan)?;
    set_identity(plan)?;
    if plan.close_others {
        close_others(&plan.keep)?;
    }
    set_mask(mask);
    Ok(())
}

/// Tries the executables in turn; the errno to report: of the last, or of the first that is there and cannot be run.
fn execute(plan: &Plan, environment: *const *const c_char) -> c_int {
    let mut reported = 0;
    let mut errno = libc::ENOENT;
    for path in &plan.executables {
        // SAFETY: all three are C strings and null-ended vectors of them.
        unsafe { libc::execve(path.as_ptr(), plan.arguments.pointers.as_ptr(), environment) };
        errno = last_errno();
        if errno != libc::ENOENT && errno != libc::ENOTDIR && reported == 0 {
            reported = errno;
        }
    }
    if reported != 0 { reported } else { errno }
}

/// Makes the three descriptors 0, 1 and 2, whatever their numbers are now.
fn set_standard([input, mut output, mut error]: [RawFd; 3]) -> Outcome {
    // One that lies where another one goes is moved away first.
    if output == 0 {
        output = duplicate(output)?;
    }
    while error == 0 || error == 1 {
        error = duplicate(error)?;
    }
    for (fd, number) in [(input, 0), (output, 1), (error, 2)] {
        if fd == number {
            set_inheritable(fd)?;
        } else if fd >= 0 {
            // SAFETY: descriptors are numbers.
            check(unsafe { libc::dup2(fd, number) }.into(), Stage::Setup)?;
        }
    }
    Ok(())
}

fn duplicate(fd: RawFd) -> Result<RawFd, (Stage, c_int)> {
    // SAFETY: descriptors are numbers.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    check(copy.into(), Stage::Setup).map(|()| copy)
}

fn set_inheritable(fd: RawFd) -> Outcome {
    // SAFETY: descriptors are numbers.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }.into(), Stage::Setup)
}

/// No handler of this process may run in the child; exec would reset them, too.
fn reset_signals(restore: bool) {
    for signal in 1..=64 {
        // SAFETY: both structures are this function's; the C library refuses the signals that are its own.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let known = libc::sigaction(signal, ptr::null(), &mut action) == 0;
            let restored = restore && matches!(signal, libc::SIGPIPE | libc::SIGXFSZ);
            let is_handled = !matches!(action.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN);
            if known && (is_handled || restored) {
                action = std::mem::zeroed();
                libc::sigaction(signal, &action, ptr::null_mut());
            }
        }
    }
}

/// Session, process group, foreground group of the terminal: setpgid(2), tcsetpgrp(3). SIGTTOU is blocked.
fn set_group(plan: &Plan) -> Outcome {
    // SAFETY: no memory is involved but `group`, which is this function's.
    unsafe {
        if plan.new_session {
            check(libc::setsid().into(), Stage::Setup)?;
        }
        if let Some(group) = plan.group {
            check(libc::setpgid(0, group).into(), Stage::Setup)?;
        }
        if let Some(terminal) = plan.terminal {
            let group: libc::pid_t = libc::getpgrp();
            check(libc::ioctl(terminal, libc::TIOCSPGRP, &group).into(), Stage::Setup)?;
        }
    }
    Ok(())
}

fn set_identity(plan: &Plan) -> Outcome {
    // SAFETY: the list is the plan's, with its length.
    unsafe {
        if let Some(groups) = &plan.groups {
            check(libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()), Stage::Setup)?;
        }
        if let Some(gid) = plan.gid {
            check(libc::syscall(libc::SYS_setregid, gid, gid), Stage::Setup)?;
        }
        if let Some(uid) = plan.uid {
            check(libc::syscall(libc::SYS_setreuid, uid, uid), Stage::Setup)?;
        }
    }
    Ok(())
}

/// Closes what lies between and behind the kept descriptors, beyond 2.
fn close_others(keep: &[RawFd]) -> Outcome {
    let mut first: RawFd = 3;
    for &fd in keep {
        if fd > first {
            close_range(first, fd - 1)?;
        }
        first = first.max(fd + 1);
    }
    close_range(first, RawFd::MAX)
}

fn close_range(first: RawFd, last: RawFd) -> Outcome {
    // SAFETY: descriptors are numbers.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }, Stage::Setup)
}

/// Sets the signal mask of this thread, also of the signals that the C library keeps to itself; returns the old one.
fn set_mask(mask: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: both words are this function's; they are the kernel's signal sets of 8 bytes.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, &raw mut old, size_of::<u64>()) };
    old
}

fn check(result: c_long, stage: Stage) -> Outcome {
    if result < 0 { Err((stage, last_errno())) } else { Ok(()) }
}

fn last_errno() -> c_int {
    // SAFETY: this thread's own variable.
    unsafe { *libc::__errno_location() }
}

/// Waits for the end of a child: its wait status. An interruption by a signal is not the end.
pub fn wait(pid: libc::pid_t) -> io::Result<c_int> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is this function's.
        if unsafe { libc::waitpid(pid, &raw mut status, 0) } == pid {
            return Ok(status);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Makes `group` the foreground group of the terminal, also from the background (SIGTTOU is blocked meanwhile).
pub fn set_foreground(terminal: RawFd, group: libc::pid_t) -> io::Result<()> {
    let mask = set_mask(ALL_SIGNALS);
    // SAFETY: no memory is involved.
    let result = unsafe { libc::tcsetpgrp(terminal, group) };
    let error = io::Error::last_os_error();
    set_mask(mask);
    if result < 0 { Err(error) } else { Ok(()) }
}

/// The child's stack, with a page below it that ends an overflow.
struct Stack(*mut c_void);

impl Stack {
    fn new() -> Result<Self, c_int> {
        // SAFETY: a new mapping, checked.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
            let base = libc::mmap(ptr::null_mut(), STACK_SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if base == libc::MAP_FAILED {
                return Err(last_errno());
            }
            libc::mprotect(base, 4096, libc::PROT_NONE);
            Ok(Self(base))
        }
    }

    fn top(&self) -> *mut c_void {
        self.0.wrapping_byte_add(STACK_SIZE)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made; nobody runs on it any more.
        unsafe { libc::munmap(self.0, STACK_SIZE) };
    }
}

unsafe extern "C" {
    static environ: *const *const c_char;
}
