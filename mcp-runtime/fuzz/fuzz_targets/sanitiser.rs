//! Strings on their way out.
#![no_main]

mod readers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mcp_runtime::fuzz::sanitiser(data);
    if let Ok(text) = std::str::from_utf8(data) {
        readers::show(&mcp_runtime::fuzz::sanitise(text));
        readers::show_images(&mcp_runtime::fuzz::sanitise_list(text).join("\n\n"));
    }
});
