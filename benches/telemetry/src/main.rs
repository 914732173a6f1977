//! What metrics and spans cost a call, on the thread that serves it.
//!
//! The same call through the gate, with one thing more each time, in turn; processor time of this thread alone, so that
//! neither the exports on other threads nor other programs count.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use cpu_time::ThreadTime;
use mcp_runtime::config::Config;
use mcp_runtime::server;
use mcp_runtime::telemetry::{Otel, Telemetry};
use mcp_runtime::testing::Client;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;

/// Calls a round, and rounds of everything.
const CALLS: u32 = 1000;
const ROUNDS: usize = 101;

type Error = Box<dyn std::error::Error + Send + Sync>;

struct Bench;

#[server(name = "bench", unlimited)]
impl Bench {
    /// Answers.
    #[tool(any_caller, rate = inherit)]
    async fn answer(&self, text: String) -> String {
        text
    }

    /// Answers within a span of `tracing`.
    #[tool(any_caller, rate = inherit)]
    async fn traced(&self, text: String) -> String {
        tracing::info_span!("work").in_scope(|| text)
    }
}

/// One way to run.
struct Way {
    tool: &'static str,
    client: Client,
    dispatch: Option<tracing::Dispatch>,
}

impl Way {
    /// `tool` is called under a configuration; `[otel]` in it is completed with the collector.
    fn new(tool: &'static str, config: &str, collector: SocketAddr) -> Result<Self, Error> {
        let otel = format!(
            "[otel]\nendpoint = \"http://{collector}\"\nprotocol = \"http\"\nqueue = 100000\ndelay = \"200ms\"\n"
        );
        let config = Config::parse(&config.replace("[otel]\n", &otel))?;
        let otel = Otel::start(&config, "bench", "1")?;
        let layer = otel.as_ref().filter(|_| tool == "traced").map(Otel::layer);
        let dispatch = layer.map(|layer| tracing_subscriber::registry().with(layer).into());
        let telemetry = otel.into_iter().fold(Telemetry::new(), Telemetry::otel);
        let client = Client::with_telemetry(Bench, config, telemetry)?;
        Ok(Self { tool, client, dispatch })
    }

    /// Processor time of a call, in microseconds.
    async fn round(&self) -> Result<f64, Error> {
        let _default = self.dispatch.as_ref().map(tracing::dispatcher::set_default);
        let begun = ThreadTime::try_now()?;
        for _ in 0..CALLS {
            self.client.call(self.tool, json!({ "text": "hello" })).await?;
        }
        Ok(begun.try_elapsed()?.as_secs_f64() * 1e6 / f64::from(CALLS))
    }
}

/// What is measured: one way, just after the one that it is compared with.
struct Case {
    name: &'static str,
    base: Way,
    with: Way,
    more: Vec<f64>,
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[values.len() * quarter / 4])
}

/// A collector that takes everything and keeps nothing.
fn collector() -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || take(stream));
        }
    });
    Ok(address)
}

fn take(mut stream: TcpStream) -> Option<()> {
    let (mut read, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let head = loop {
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
            read.extend_from_slice(&piece[..length]);
        };
        let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
        let length: usize = text.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse().ok()?;
        while read.len() < head + length {
            let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
            read.extend_from_slice(&piece[..length]);
        }
        read.drain(..head + length);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let collector = collector()?;
    let way = |tool, config: &str| Way::new(tool, config, collector);
    let spans = "[otel]\nsignals = [\"traces\"]\n";
    let admin = "[admin]\naddress = \"127.0.0.1:0\"\n";
    let mut cases = Vec::new();
    for (name, config) in [
        ("metrics for `/metrics`", admin.to_owned()),
        ("the same, with agents", format!("{admin}agent_label = 100\n")),
        ("OTLP: spans, all kept", spans.to_owned()),
        ("OTLP: spans, one in a hundred kept", format!("{spans}sampling = 0.01")),
        ("OTLP: metrics", "[otel]\nsignals = [\"metrics\"]".to_owned()),
        ("OTLP: logs", "[otel]\nsignals = [\"logs\"]".to_owned()),
        ("OTLP: all three", "[otel]\n".to_owned()),
    ] {
        cases.push(Case { name, base: way("answer", "")?, with: way("answer", &config)?, more: Vec::new() });
    }
    let name = "a span of the tool's own, by `tracing`";
    cases.push(Case { name, base: way("answer", spans)?, with: way("traced", spans)?, more: Vec::new() });
    let mut alone = Vec::new();
    for round in 0..=ROUNDS {
        for case in &mut cases {
            // What ran before has left its marks on caches, and its exports still run.
            case.base.round().await?;
            let without = case.base.round().await?;
            let with = case.with.round().await?;
            // The first round warms up.
            if round > 0 {
                case.more.push(with - without);
                alone.push(without);
            }
        }
    }
    println!("| | µs a call | half of the rounds between |\n| --- | --: | --- |");
    for case in cases {
        let [low, middle, high] = quartiles(case.more);
        println!("| {} | {middle:.2} | {low:.2} to {high:.2} |", case.name);
    }
    println!("\nThe call itself: {:.2} µs.", quartiles(alone)[1]);
    Ok(())
}
