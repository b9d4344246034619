//! How long the boot took, from /proc/boot: one line `step<TAB>start_us<TAB>duration_us` per step,
//! microseconds since the loader's first instruction. Only our kernel has this file.

/// From the first step's start to the last one's end, in microseconds; None where the file is not there or has
/// another form.
pub fn total_microseconds() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/boot").ok()?;
    let (mut first, mut last) = (u64::MAX, 0);
    for line in text.lines() {
        let mut fields = line.split('\t').skip(1).map(str::parse::<u64>);
        let (start, duration) = (fields.next()?.ok()?, fields.next()?.ok()?);
        first = first.min(start);
        last = last.max(start + duration);
    }
    last.checked_sub(first)
}
