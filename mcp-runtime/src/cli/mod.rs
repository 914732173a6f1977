//! The command line that every server binary has.

mod audit;
mod call;
mod construct;
mod hints;
mod keys;
mod output;
mod revoke;
mod serve;
mod show;
mod state;
mod telemetry;

use std::fmt;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use construct::{IntoServer, Served};

use crate::config::Config;
use crate::spec::Server;
use output::Output;

/// What `main` returns: an error is printed as a sentence, not as a structure, and ends the process with 1.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// An error of the command line. Every error converts into one, so that `?` works in `main`.
pub struct Error(Box<dyn std::error::Error + Send + Sync>);

impl Error {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }
}

/// Not `std::error::Error` itself: that is what lets every error become one.
impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Error {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut last = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            let text = error.to_string();
            // Some errors repeat the text of what they wrap.
            if !last.contains(&text) {
                write!(f, ": {text}")?;
            }
            last = text;
            source = error.source();
        }
        Ok(())
    }
}

/// As [`Display`](fmt::Display): `main` prints an error this way.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Gives a binary its command line: `serve`, `keys`, `revoke`, `tools`, `policy`, `call`,
/// `audit`.
///
/// The constructor makes the server, and is called by `serve` and `call` alone. It may be `async`, and it may fail.
///
/// ```no_run
/// # struct Revenue;
/// # impl Revenue { async fn open() -> Result<Self, std::io::Error> { Ok(Self) } }
/// # #[mcp_runtime::server(name = "revenue", rate = "300/min")]
/// # impl Revenue {}
/// #[tokio::main]
/// async fn main() -> mcp_runtime::Result {
///     mcp_runtime::run(Revenue::open).await
/// }
/// ```
///
/// A constructor that gives a pair, of the server and its [`Telemetry`](crate::telemetry::Telemetry), adds sinks and
/// observers to those of the configuration:
///
/// ```no_run
/// # use mcp_runtime::telemetry::{CallRecord, Sink, SinkError, Telemetry};
/// # struct Revenue;
/// # struct Denials(std::fs::File);
/// # impl Sink for Denials {
/// #     fn name(&self) -> &'static str { "denials" }
/// #     fn write(&mut self, _: &CallRecord) -> Result<(), SinkError> { Ok(()) }
/// # }
/// # #[mcp_runtime::server(name = "revenue", rate = "300/min")]
/// # impl Revenue {}
/// impl Revenue {
///     async fn open() -> std::io::Result<(Self, Telemetry)> {
///         let denials = Denials(std::fs::File::create("denials.log")?);
///         Ok((Self, Telemetry::new().sink(denials)))
///     }
/// }
///
/// #[tokio::main]
/// async fn main() -> mcp_runtime::Result {
///     mcp_runtime::run(Revenue::open).await
/// }
/// ```
///
/// # Errors
/// What the command failed with; `main` returns it.
pub async fn run<F, R, M>(constructor: F) -> Result
where
    F: FnOnce() -> R,
    R: IntoServer<M>,
{
    run_with(|NoOptions {}| constructor()).await
}

/// [`run`], for a server with options of its own: they stand beside ours on `serve` and `call`.
///
/// ```no_run
/// # struct Revenue;
/// #[derive(clap::Args)]
/// struct Options {
///     /// The database to serve.
///     #[arg(long, value_name = "FILE")]
///     db: Option<std::path::PathBuf>,
/// }
/// # impl Revenue { fn open(_: Options) -> Self { Self } }
/// # #[mcp_runtime::server(name = "revenue", rate = "300/min")]
/// # impl Revenue {}
///
/// #[tokio::main]
/// async fn main() -> mcp_runtime::Result {
///     mcp_runtime::run_with(Revenue::open).await
/// }
/// ```
///
/// # Errors
/// As [`run`], and an option with a name that is ours.
pub async fn run_with<O, F, R, M>(constructor: F) -> Result
where
    O: Args,
    F: FnOnce(O) -> R,
    R: IntoServer<M>,
{
    check_names::<O>()?;
    let command = Cli::<O>::command()
        .name(R::Server::SPEC.name)
        .version(R::Server::SPEC.version)
        .about(R::Server::SPEC.title.unwrap_or("An MCP server, protected"));
    let cli = Cli::<O>::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    let Cli { globals, command } = cli;
    let output = Output { json: globals.json };
    let config = Config::load(globals.config.as_deref())?;
    if !matches!(command, Command::Serve { .. }) {
        config.check()?;
    }
    let state = || state::location(globals.state.as_deref(), &config);
    match command {
        Command::Serve { serve, options } => {
            let folder = globals.state.as_deref();
            // Boxed, as what serves is large and `main` would hold it.
            Box::pin(serve::serve(serve, config, folder, output, || constructor(options).into_server())).await
        }
        Command::Call { call, options } => {
            let state = state()?;
            Box::pin(call::call(call, config.clone(), &state, output, || constructor(options).into_server())).await
        }
        Command::Keys(keys) => keys::keys(keys, &state()?, output).await,
        Command::Revoke(revoke) => revoke::revoke(revoke, &state()?, &config, &R::Server::SPEC, output).await,
        Command::Tools(tools) => show::tools::<R::Server>(&tools, &config, state, output).await,
        Command::Policy(policy) => show::policy::<R::Server>(&policy, &config, output),
        Command::Audit(audit) => audit::audit(audit, &config, state, output),
    }
}

/// A server without options.
#[derive(Args)]
#[group(skip)]
struct NoOptions {}

#[derive(Parser)]
#[command(disable_help_subcommand = true)]
struct Cli<O: Args> {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command<O>,
}

#[derive(Args)]
#[group(skip)]
struct Globals {
    /// Where keys and revocations are kept [default: ./state]
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    /// A TOML file that overrides what the attributes declare
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command<O: Args> {
    /// Serve, over HTTP unless told otherwise
    Serve {
        #[command(flatten)]
        serve: serve::Serve,
        #[command(flatten, next_help_heading = "Options of this server")]
        options: O,
    },
    /// Call one tool through the gate in this process
    Call {
        #[command(flatten)]
        call: call::Call,
        #[command(flatten, next_help_heading = "Options of this server")]
        options: O,
    },
    /// Issue, list and rotate API keys
    Keys(keys::Keys),
    /// Cut off a key, an agent, a subject or a token, here and on every running server
    Revoke(revoke::Revoke),
    /// Show each tool with its scope, rates, time-out, error codes and redacted arguments
    Tools(show::ShowTools),
    /// Print the policy manifest, or compare it with a file
    Policy(show::ShowPolicy),
    /// Check audit files, and ask them who did what
    Audit(audit::Audit),
}

/// Options of the server's own may not be called like ours: clap would take one for the other without a word.
fn check_names<O: Args>() -> Result {
    fn names(command: &clap::Command) -> impl Iterator<Item = &str> {
        command
            .get_arguments()
            .flat_map(|argument| [argument.get_long(), Some(argument.get_id().as_str())].into_iter().flatten())
    }
    // A server's options stand beside those of the commands that construct it.
    let ours = Globals::augment_args(clap::Command::new("ours"));
    let ours = call::Call::augment_args(serve::Serve::augment_args(ours));
    let taken: Vec<&str> = names(&ours).chain(["help", "version"]).collect();
    let command = O::augment_args(clap::Command::new("options"));
    let taken = command.get_arguments().find(|argument| {
        taken.contains(&argument.get_id().as_str()) || argument.get_long().is_some_and(|long| taken.contains(&long))
    });
    match taken {
        None => Ok(()),
        Some(argument) => Err(Error::new(format!(
            "the option `{}` of this server has a name that every server uses; rename it",
            argument.get_id()
        ))),
    }
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Args)]
    struct Own {
        #[arg(long)]
        _database: Option<String>,
    }

    #[derive(Args)]
    struct ById {
        #[arg(long = "certificate")]
        tls_cert: Option<String>,
    }

    #[derive(Args)]
    struct ByName {
        #[arg(long = "tls-key")]
        _key_file: Option<String>,
    }

    #[derive(Args)]
    struct Help {
        #[arg(long = "help")]
        _help_me: Option<String>,
    }

    #[test]
    fn names_of_ours_are_taken() {
        assert!(check_names::<Own>().is_ok());
        assert!(check_names::<ById>().is_err() && check_names::<ByName>().is_err() && check_names::<Help>().is_err());
    }
}
