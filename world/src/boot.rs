//! How the machine booted, from /proc/boot: one line `step<TAB>start_us<TAB>duration_us` per step,
//! microseconds since the loader's first instruction. Only our kernel has this file.

use std::io;

pub struct Step {
    pub name: String,
    pub start: u64,
    pub duration: u64,
}

/// Reads the steps; an error if the file is not there or has a line of another form.
pub fn steps() -> io::Result<Vec<Step>> {
    std::fs::read_to_string("/proc/boot")?.lines().map(parse).collect()
}

/// From the first step's start to the last one's end.
pub fn total_microseconds(steps: &[Step]) -> Option<u64> {
    let start = steps.iter().map(|step| step.start).min()?;
    let end = steps.iter().map(|step| step.start + step.duration).max()?;
    Some(end - start)
}

fn parse(line: &str) -> io::Result<Step> {
    let bad = || io::Error::new(io::ErrorKind::InvalidData, format!("bad line in /proc/boot: {line:?}"));
    let mut fields = line.split('\t');
    let mut next = || fields.next().ok_or_else(bad);
    let name = next()?.to_owned();
    let start = next()?.parse().map_err(|_| bad())?;
    let duration = next()?.parse().map_err(|_| bad())?;
    Ok(Step { name, start, duration })
}
