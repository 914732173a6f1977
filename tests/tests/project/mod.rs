//! A crate of its own that depends on the runtime, for what no test inside of the workspace can show.
//!
//! It is built from the workspace's lock file, without a network, in a folder that all such crates share: the
//! dependencies are built once.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

pub struct Project {
    folder: PathBuf,
}

impl Project {
    /// A crate that calls the runtime `runtime`.
    pub fn new(name: &str, runtime: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a workspace");
        let manifest = format!(
            "[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
             {runtime} = {{ package = \"mcp-runtime\", path = {:?}, default-features = false }}\nschemars = \"1\"\n\
             serde = {{ version = \"1\", features = [\"derive\"] }}\n\n[workspace]\n\n[profile.dev]\ndebug = false\n",
            root.join("mcp-runtime").display().to_string()
        );
        fs::create_dir_all(folder.join("src")).expect("the target folder takes files");
        fs::write(folder.join("Cargo.toml"), manifest).expect("the target folder takes files");
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).expect("the workspace has a lock file");
        Self { folder }
    }

    /// Compiles the source; what the compiler says if it does not.
    pub fn compile(&self, source: &str) -> Result<(), String> {
        self.rustc(source, &[])
    }

    /// The unoptimised LLVM IR of the source.
    pub fn ir(&self, source: &str) -> String {
        let ir = self.folder.join("lib.ll");
        let emit = format!("--emit=llvm-ir={}", ir.display());
        self.rustc(source, &["-Ccodegen-units=1", "-Copt-level=0", "-Cdebuginfo=0", &emit])
            .unwrap_or_else(|said| panic!("{said}"));
        fs::read_to_string(ir).expect("rustc writes the IR")
    }

    fn rustc(&self, source: &str, flags: &[&str]) -> Result<(), String> {
        fs::write(self.folder.join("src/lib.rs"), source).expect("the target folder takes files");
        let output = Command::new(env!("CARGO"))
            .args(["rustc", "--offline", "--lib", "--quiet", "--target-dir"])
            .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects"))
            .arg("--")
            .args(flags)
            .current_dir(&self.folder)
            .env("CARGO_INCREMENTAL", "0")
            // Flags of the outer build, such as those that count coverage, are not for this one.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .expect("cargo starts");
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}
