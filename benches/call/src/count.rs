//! Allocations, counted by a run of their own: an allocator that counts would weigh on the times.
//!
//! The run with the feature `counted` writes a line for each count to the file that `ALLOCATIONS` names; the run without
//! it makes the same calls in the same order, and reads what the other one found.

/// What something allocates.
#[derive(Clone, Copy)]
pub(crate) struct Count {
    /// How often.
    pub(crate) times: f64,
    /// Bytes that are still held in the end.
    pub(crate) held: f64,
}

/// Does something, and says what it allocates; not a number where nobody has counted.
#[cfg(feature = "counted")]
pub(crate) fn allocations(run: impl FnOnce()) -> Count {
    use std::io::Write;

    let counted = allocation_counter::measure(run);
    let mut file = std::fs::File::options().create(true).append(true).open(path()).expect("a file for counts");
    writeln!(file, "{} {}", counted.count_total, counted.bytes_current).expect("a file for counts");
    Count { times: counted.count_total as f64, held: counted.bytes_current as f64 }
}

/// Does something, and says what it allocates; not a number where nobody has counted.
#[cfg(not(feature = "counted"))]
pub(crate) fn allocations(run: impl FnOnce()) -> Count {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static NEXT: AtomicUsize = AtomicUsize::new(0);
    run();
    let counts = std::fs::read_to_string(path()).unwrap_or_default();
    let line = counts.lines().nth(NEXT.fetch_add(1, Ordering::Relaxed)).unwrap_or_default();
    let mut numbers = line.split(' ').map(|number| number.parse().unwrap_or(f64::NAN));
    Count { times: numbers.next().unwrap_or(f64::NAN), held: numbers.next().unwrap_or(f64::NAN) }
}

fn path() -> std::path::PathBuf {
    std::env::var_os("ALLOCATIONS").unwrap_or_default().into()
}
