//! What sanitising a string costs: `cargo xtask bench hygiene`.

mod texts;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use cpu_time::ThreadTime;
use mcp_runtime::{fuzz::sanitise, output::hygiene::clean};

/// The size at which throughput is stated: what stays in the caches of every processor.
const SIZE: usize = 64 << 10;
/// Sizes of the curve.
const SIZES: [usize; 6] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
/// How long one sample takes at the least, in time of the processor: what other programs take meanwhile is not counted.
const SAMPLE: Duration = Duration::from_micros(500);
/// How many there are at the least, and for how long; the fastest counts.
const SAMPLES: u32 = 5;
const LONG_ENOUGH: Duration = Duration::from_millis(300);

fn main() {
    // Tables that are made once are no cost of a string.
    black_box(sanitise("[a](b) 1234"));

    println!("| clean text, {} KiB | code points, MB/s | the whole plain level, MB/s | allocations |", SIZE >> 10);
    println!("| --- | --: | --: | --: |");
    for (name, text) in texts::CLEAN {
        let text = texts::of_size(text, SIZE);
        let allocations = allocation_counter::measure(|| {
            black_box((clean(&text), sanitise(&text)));
        });
        assert_eq!(sanitise(&text), text, "{name} is changed");
        let code_points = per_byte(&text, |text| black_box(clean(text)).removed);
        let plain = per_byte(&text, |text| black_box(sanitise(text)).len());
        println!("| {name} | {:.0} | {:.0} | {} |", 1e3 / code_points, 1e3 / plain, allocations.count_total);
    }

    println!("\n| whole plain level, ns a byte | {} | 1 MiB / 64 KiB |", SIZES.map(size).join(" | "));
    println!("| --- |{} --: |", " --: |".repeat(SIZES.len()));
    for (name, text) in texts::CLEAN.iter().chain(texts::HOSTILE) {
        row(name, |size| texts::of_size(text, size));
    }
    for (name, text) in texts::GROWING {
        row(name, *text);
    }
}

fn row(name: &str, text: impl Fn(usize) -> String) {
    let times = SIZES.map(|size| per_byte(&text(size), |text| black_box(sanitise(text)).len()));
    let shown = times.map(|time| format!("{time:.2}")).join(" | ");
    let [.., at_64_kib, _, at_1_mib] = times;
    println!("| {name} | {shown} | {:.1} |", at_1_mib / at_64_kib);
}

/// Nanoseconds a byte.
fn per_byte(text: &str, run: impl Fn(&str) -> usize) -> f64 {
    let (mut best, mut times, mut samples) = (Duration::MAX, 1, 0);
    let begun = Instant::now();
    while samples < SAMPLES || begun.elapsed() < LONG_ENOUGH {
        let started = ThreadTime::now();
        for _ in 0..times {
            black_box(run(black_box(text)));
        }
        let took = started.elapsed();
        if took < SAMPLE && samples == 0 {
            times *= 2;
            continue;
        }
        best = best.min(took / times);
        samples += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "texts are small")]
    let bytes = text.len() as f64;
    best.as_secs_f64() * 1e9 / bytes
}

fn size(bytes: usize) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}
