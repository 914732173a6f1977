#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| mcp_macros_fuzz::source(text));
