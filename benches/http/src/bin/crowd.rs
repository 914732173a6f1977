//! The crowd: connections that stay open, and slow ones among them.
//!
//! `crowd ADDRESS KEY IDLE SLOW` opens them, prints `there`, and goes away when its standard input ends. A third of the idle
//! ones has made a call. The slow ones drip a byte a second of a head or of a body, or have asked for much and read nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use bench_http::BODY;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, key, idle, slow] = &arguments[..] else {
        return Err("crowd ADDRESS KEY IDLE SLOW".into());
    };
    let (idle, slow): (usize, usize) = (idle.parse()?, slow.parse()?);
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n\
         Mcp-Name: get_revenue\r\n"
    );
    let call = format!("{head}Content-Length: {}\r\n\r\n{BODY}", BODY.len());

    let mut connections = Vec::with_capacity(idle);
    for n in 0..idle {
        let mut stream = TcpStream::connect(address)?;
        if n % 3 == 0 {
            stream.write_all(call.as_bytes())?;
            if stream.read(&mut [0; 4096])? == 0 {
                return Err("the server closed a connection".into());
            }
        }
        connections.push(stream);
    }
    let mut dripping = Vec::new();
    for n in 0..slow {
        let mut stream = TcpStream::connect(address)?;
        match n % 3 {
            0 => stream.write_all(format!("{head}X-Padding: ").as_bytes())?,
            1 => stream.write_all(format!("{head}Content-Length: 1000000\r\n\r\n").as_bytes())?,
            _ => stream.write_all(call.repeat(200).as_bytes())?,
        }
        if n % 3 == 2 { &mut connections } else { &mut dripping }.push(stream);
    }
    println!("there");

    let (over, is_over) = channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(over);
    });
    while is_over.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        for stream in &mut dripping {
            stream.write_all(b"x")?;
        }
    }
    Ok(())
}
