//! Runs a plan of the conformance suite with the Rust binding: runner.c says what a plan is and what is printed.

use polyglot_syscall as sys;
use std::io::Write;

struct Runner {
    buffers: Vec<Vec<u8>>,
    results: Vec<i64>,
    in_child: bool,
    output: Vec<u8>,
}

impl Runner {
    fn flush(&mut self) {
        let mut done = 0;
        while done < self.output.len() {
            // SAFETY: the rest of the vector.
            match unsafe { sys::write(1, self.output[done..].as_ptr().cast(), (self.output.len() - done) as u64) } {
                Ok(written) => done += written as usize,
                Err(_) => break,
            }
        }
        self.output.clear();
    }

    /// What lies in a buffer: "N.OFFSET.WIDTHs" or u.
    fn load(&self, text: &str) -> u64 {
        let (text, sign) = text.split_at(text.len() - 1);
        let parts: Vec<usize> = text.split('.').map(|part| part.parse().unwrap()).collect();
        let [buffer, offset, width] = parts[..] else { panic!("{text}") };
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(&self.buffers[buffer][offset..offset + width]);
        let unused = 64 - 8 * width as u32;
        let value = u64::from_le_bytes(bytes) << unused;
        if sign == "s" { (value as i64 >> unused) as u64 } else { value >> unused }
    }

    fn term(&self, text: &str) -> u64 {
        match text.as_bytes()[0] {
            b'r' => self.results[text[1..].parse::<usize>().unwrap()] as u64,
            b'b' => self.buffers[text[1..].parse::<usize>().unwrap()].as_ptr() as u64,
            b'm' => self.load(&text[1..]),
            _ => text.parse().unwrap(),
        }
    }

    fn value(&self, text: &str) -> u64 {
        text.split('+').fold(0, |sum: u64, part| sum.wrapping_add(self.term(part)))
    }

    fn make_buffer(&mut self, words: &[&str]) {
        let size: usize = words[1].parse().unwrap();
        let mut data = Vec::with_capacity(size + 16);
        data.resize(size, 0);
        if words[2] != "-" {
            for (index, byte) in data.iter_mut().enumerate() {
                *byte = u8::from_str_radix(&words[2][2 * index..2 * index + 2], 16).unwrap();
            }
        }
        self.buffers[words[0].parse::<usize>().unwrap()] = data;
    }

    fn store(&mut self, words: &[&str]) {
        let numbers: Vec<usize> = words[..3].iter().map(|word| word.parse().unwrap()).collect();
        let bytes = self.value(words[3]).to_le_bytes();
        self.buffers[numbers[0]][numbers[1]..numbers[1] + numbers[2]].copy_from_slice(&bytes[..numbers[2]]);
    }

    fn call(&mut self, words: &[&str]) {
        let step: usize = words[0].parse().unwrap();
        let number: i64 = words[1].parse().unwrap();
        if (words[2] == "1") != self.in_child {
            if self.in_child {
                // SAFETY: no memory is involved.
                let _ = unsafe { sys::exit_group(0) };
            }
            return;
        }
        let mut arguments = [0; 6];
        for (argument, word) in arguments.iter_mut().zip(&words[3..]) {
            *argument = self.value(word);
        }
        self.flush();
        // SAFETY: the case's own memory, or addresses that the kernel must refuse.
        let result = unsafe { sys::call(number, &arguments) }.unwrap_or_else(|error| -i64::from(error.0));
        self.results[step] = result;
        if [sys_number("fork"), sys_number("clone"), sys_number("clone3")].contains(&number) && result == 0 {
            self.in_child = true;
        }
        if !self.in_child {
            writeln!(self.output, "r {step} {result}").unwrap();
        }
    }

    fn show(&mut self, words: &[&str]) {
        write!(self.output, "o {} {} ", words[0], words[1]).unwrap();
        for byte in &self.buffers[words[2].parse::<usize>().unwrap()] {
            write!(self.output, "{byte:02x}").unwrap();
        }
        self.output.push(b'\n');
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "buffer" => self.make_buffer(&words[1..]),
            "store" => self.store(&words[1..]),
            "call" => self.call(&words[1..]),
            "show" if !self.in_child => self.show(&words[1..]),
            _ => (),
        }
    }

    /// The lines of one case, in a directory of its own.
    fn case(&mut self, name: &str, lines: &[&str]) {
        let name = format!("{name}\0");
        // SAFETY: the string ends with NUL.
        let _ = unsafe { (sys::mkdir(name.as_ptr().cast(), 0o755), sys::chdir(name.as_ptr().cast())) };
        lines.iter().for_each(|line| self.line(line));
        if self.in_child {
            // SAFETY: no memory is involved.
            let _ = unsafe { sys::exit_group(0) };
        }
        self.flush();
    }
}

fn sys_number(name: &str) -> i64 {
    sys::CALLS.iter().find(|call| call.name == name).unwrap().number
}

/// The status of a case's process, which is killed after ten seconds.
fn wait_for(child: i32) -> i32 {
    let step = sys::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    let mut status = 0;
    // SAFETY: the structures are ours; nothing else is asked for.
    unsafe {
        for _ in 0..10_000 {
            if sys::wait4(child, &mut status, sys::WNOHANG, std::ptr::null_mut()) != Ok(0) {
                return status;
            }
            let _ = sys::nanosleep(&step, std::ptr::null_mut());
        }
        let _ = sys::kill(child, sys::SIGKILL);
        let _ = sys::wait4(child, &mut status, 0, std::ptr::null_mut());
    }
    status
}

/// Runs the case in a child process; its status.
fn in_process(runner: &mut Runner, name: &str, lines: &[&str]) -> i32 {
    let mut status = 0;
    // SAFETY: the process has one thread.
    match unsafe { sys::fork() } {
        Ok(0) => {
            runner.case(name, lines);
            // SAFETY: no memory is involved.
            let _ = unsafe { sys::exit_group(0) };
        }
        Ok(child) => {
            status = wait_for(child as i32);
        }
        Err(error) => eprintln!("fork: {}", error.name()),
    }
    status
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(path) = arguments.get(1) else {
        eprintln!("usage: runner PLAN [--here]");
        std::process::exit(2);
    };
    let here = arguments.len() > 2;
    let plan = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = plan.lines().collect();
    // SAFETY: no memory is involved; nothing else uses descriptors.
    let _ = unsafe { (sys::close_range(3, !0, 0), sys::umask(0o022)) };
    // What Rust's start code has changed: SIGPIPE is ignored, there is a signal stack.
    let none = sys::stack { ss_sp: std::ptr::null_mut(), ss_flags: 2, ss_size: 0 };
    let default = [0u64; 4];
    // SAFETY: the structures are as the calls want them.
    let _ = unsafe {
        (sys::sigaltstack(&none, std::ptr::null_mut()),
         sys::rt_sigaction(sys::SIGPIPE, default.as_ptr().cast(), std::ptr::null_mut(), 8))
    };
    let starts: Vec<usize> = (0..lines.len()).filter(|&index| lines[index].starts_with("case ")).collect();
    let mut runner = Runner { buffers: vec![Vec::new(); 256], results: vec![0; 256], in_child: false, output: Vec::new() };
    for (number, &start) in starts.iter().enumerate() {
        let name = &lines[start][5..];
        let own = &lines[start + 1..starts.get(number + 1).copied().unwrap_or(lines.len())];
        writeln!(runner.output, "case {name}").unwrap();
        runner.flush();
        let status = if here {
            runner.case(name, own);
            // SAFETY: as above.
            let _ = unsafe { (sys::chdir(c"..".as_ptr()), sys::close_range(3, !0, 0)) };
            0
        } else {
            in_process(&mut runner, name, own)
        };
        writeln!(runner.output, "end {name} {status}").unwrap();
    }
    runner.flush();
}
