//! What processes used, as the system counts it.

use std::path::Path;

/// CPU time of a process so far, user and system, in microseconds; 0 when it is gone.
pub fn cpu_us(process: u32) -> u64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return 0 };
    // The name, in parentheses, may hold spaces.
    let Some((_, rest)) = stat.rsplit_once(')') else { return 0 };
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks * 1_000_000 / rustix::param::clock_ticks_per_second()
}

/// Memory of a process that is in RAM, in bytes; 0 when it is gone.
pub fn resident_bytes(process: u32) -> u64 {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Bytes that a folder takes on the disk.
pub fn disk_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let bytes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    });
    bytes.sum()
}
