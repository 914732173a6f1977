//! The load: so many connections, each with one call on its way at a time, for so many seconds. Every answer is checked.
//!
//! `load ADDRESS KEY PID CONNECTIONS SECONDS` prints a line of JSON: answers, seconds, what the process spent meanwhile.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bench_http::{BODY, EXPECTED};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// Calls before the clock starts, by connection: few, since the others wait meanwhile, and servers close what is idle.
const WARM: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, key, pid, connections, seconds] = &arguments[..] else {
        return Err("load ADDRESS KEY PID CONNECTIONS SECONDS".into());
    };
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n\
         Mcp-Name: get_revenue\r\nUser-Agent: bench/1.0\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (connections, seconds): (usize, f64) = (connections.parse()?, seconds.parse()?);
    LocalSet::new().block_on(&runtime, measure(address, request.as_bytes(), pid, connections, seconds))
}

async fn measure(
    address: &str,
    request: &[u8],
    pid: &str,
    connections: usize,
    seconds: f64,
) -> Result<(), Box<dyn std::error::Error>> {
    let request: Rc<[u8]> = request.into();
    let latencies = Rc::new(RefCell::new(Vec::with_capacity(1 << 20)));
    let running = Rc::new(Cell::new(true));
    let mut streams = Vec::new();
    for _ in 0..connections {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut buffer = Vec::with_capacity(16 * 1024);
        for _ in 0..WARM {
            call(&mut stream, &request, &mut buffer).await?;
        }
        streams.push((stream, buffer));
    }
    let (spent, began) = (cpu_seconds(pid)?, Instant::now());
    let mut tasks = Vec::new();
    for (mut stream, mut buffer) in streams {
        let (request, latencies, running) = (Rc::clone(&request), Rc::clone(&latencies), Rc::clone(&running));
        tasks.push(tokio::task::spawn_local(async move {
            while running.get() {
                let sent = Instant::now();
                call(&mut stream, &request, &mut buffer).await?;
                latencies.borrow_mut().push(sent.elapsed().as_nanos() as u64);
            }
            Ok::<_, std::io::Error>(())
        }));
    }
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    running.set(false);
    for task in tasks {
        task.await??;
    }
    let (elapsed, (user, system)) = (began.elapsed().as_secs_f64(), cpu_seconds(pid)?);
    let mut latencies = latencies.borrow_mut();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    let line = json!({
        "answers": latencies.len(), "seconds": elapsed, "user": user - spent.0, "system": system - spent.1,
        "p50": at(0.5), "p99": at(0.99),
    });
    println!("{line}");
    Ok(())
}

/// One call and its answer, which has to be right.
async fn call(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> std::io::Result<()> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::Error::other("the server closed the connection"));
        }
        if let Some(end) = end_of(buffer) {
            let answer = &buffer[..end];
            let is_right = answer.starts_with(b"HTTP/1.1 200") && find(answer, EXPECTED.as_bytes()).is_some();
            if is_right && end == buffer.len() {
                return Ok(());
            }
            return Err(std::io::Error::other(format!("a wrong answer: {}", String::from_utf8_lossy(buffer))));
        }
    }
}

/// Where the answer ends, once all of it is there.
fn end_of(buffer: &[u8]) -> Option<usize> {
    let head = find(buffer, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    match length {
        Some(length) => (buffer.len() >= head + length).then_some(head + length),
        // In pieces: the last is empty.
        None => find(&buffer[head..], b"0\r\n\r\n").map(|end| head + end + 5),
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// User and system time of a process: fields 14 and 15 of proc(5), in hundredths of a second.
fn cpu_seconds(pid: &str) -> std::io::Result<(f64, f64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit_once(')').map(|(_, after)| after.split_whitespace().skip(11));
    let mut fields = fields.into_iter().flatten().map(|field| field.parse::<f64>().unwrap_or(f64::NAN) / 100.0);
    Ok((fields.next().unwrap_or(f64::NAN), fields.next().unwrap_or(f64::NAN)))
}
