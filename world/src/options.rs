//! The command line, as far as python3 has it.
//!
//! `parse` never returns on --help, --version or a bad option. Left out: -b, -d, -i, -P, -v, -X options
//! other than those RustPython reads itself.

use rustpython_vm::Settings;
use std::ffi::OsString;

pub const USAGE: &str = "\
usage: world [option] ... [-c CODE | -m MODULE | FILE | -] [ARG] ...
  (nothing)   the prompt
  -c CODE     run the text CODE
  -m MODULE   run a library module as a script
  FILE        run a Python file;  - reads it from standard input
  -B          write no .pyc files          -E  ignore PYTHON* variables
  -I          isolated (-E and no user directory)
  -O          optimise (drop asserts)      -q  no banner
  -S          do not import site           -u  unbuffered output
  -W ARG      warning control              -X OPT  implementation option
  -V          version                      -h  this text
";

/// What to run.
pub enum Mode {
    Prompt,
    Command(String),
    Module(String),
    File(String),
    Stdin,
}

pub struct Options {
    pub mode: Mode,
    pub settings: Settings,
}

fn fail(message: &str) -> ! {
    eprint!("world: {message}\n{USAGE}");
    std::process::exit(2);
}

/// Parses the arguments of the process, argv[0] first.
pub fn parse(args: impl Iterator<Item = OsString>) -> Options {
    let mut args = args.skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let mut settings = Settings::default();
    settings.utf8_mode = 1;
    let mut mode = Mode::Prompt;
    let mut argv = vec![String::new()];
    let value = |letter: char, rest: &str, args: &mut dyn Iterator<Item = String>| -> String {
        if !rest.is_empty() {
            return rest.to_owned();
        }
        args.next().unwrap_or_else(|| fail(&format!("argument expected for the -{letter} option")))
    };
    'args: while let Some(arg) = args.next() {
        if arg == "-" {
            (mode, argv[0]) = (Mode::Stdin, arg);
            break;
        }
        let Some(letters) = arg.strip_prefix('-') else {
            (mode, argv[0]) = (Mode::File(arg.clone()), arg);
            break;
        };
        match letters {
            "-help" => help(),
            "-version" => version(),
            _ => {}
        }
        let mut chars = letters.chars();
        while let Some(letter) = chars.next() {
            match letter {
                'B' => settings.write_bytecode = false,
                'E' => settings.ignore_environment = true,
                'I' => {
                    settings.isolated = true;
                    settings.ignore_environment = true;
                    settings.user_site_directory = false;
                    settings.safe_path = true;
                }
                'O' => settings.optimize += 1,
                'S' => settings.import_site = false,
                'q' => settings.quiet = true,
                'u' => settings.buffered_stdio = false,
                'h' => help(),
                'V' => version(),
                'W' => {
                    settings.warnoptions.push(value(letter, chars.as_str(), &mut args));
                    continue 'args;
                }
                'X' => {
                    let option = value(letter, chars.as_str(), &mut args);
                    settings.faulthandler |= option == "faulthandler";
                    settings.xoptions.push(match option.split_once('=') {
                        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                        None => (option, None),
                    });
                    continue 'args;
                }
                'c' => {
                    mode = Mode::Command(value(letter, chars.as_str(), &mut args));
                    argv[0] = "-c".to_owned();
                    break 'args;
                }
                'm' => {
                    mode = Mode::Module(value(letter, chars.as_str(), &mut args));
                    argv[0] = "-m".to_owned();
                    break 'args;
                }
                other => fail(&format!("unknown option -{other}")),
            }
        }
    }
    argv.extend(args);
    settings.argv = argv;
    read_environment(&mut settings);
    Options { mode, settings }
}

/// The PYTHON* variables that programs rely on.
fn read_environment(settings: &mut Settings) {
    if settings.ignore_environment {
        return;
    }
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    if let Some(paths) = set("PYTHONPATH") {
        settings.path_list.extend(paths.split(':').map(str::to_owned));
    }
    settings.write_bytecode &= set("PYTHONDONTWRITEBYTECODE").is_none();
    settings.buffered_stdio &= set("PYTHONUNBUFFERED").is_none();
    settings.faulthandler |= set("PYTHONFAULTHANDLER").is_some();
    if let Some(seed) = set("PYTHONHASHSEED").filter(|seed| seed != "random") {
        match seed.parse() {
            Ok(seed) => settings.hash_seed = Some(seed),
            Err(_) => fail("PYTHONHASHSEED must be \"random\" or an integer in range [0; 4294967295]"),
        }
    }
}

fn help() -> ! {
    print!("{USAGE}");
    std::process::exit(0);
}

fn version() -> ! {
    println!("{}", crate::banner::python_version());
    std::process::exit(0);
}
