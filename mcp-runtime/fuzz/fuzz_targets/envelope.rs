//! A JSON-RPC message, as a transport gets it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcp_runtime::fuzz::envelope(data));
