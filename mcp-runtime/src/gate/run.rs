//! The tool at work, and what becomes of its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use rmcp::model::{ErrorCode, InputRequiredResult};

use super::call::Body;
use super::state::{self, CallState};
use super::tools::Entry;
use super::watchdog::Watch;
use super::{Answered, Outcome, Refused, Stop};
use crate::__private::Outcome as Ran;
use crate::deadline::within;
use crate::error::{Failure, code};
use crate::input::{Client, End};
use crate::json::TooLong;
use crate::output::Answer;
use crate::policy::ToolPolicy;
use crate::record::{CallRecord, Recording};

/// Runs what the generated code prepared, within time, and whatever it does.
pub(super) async fn run(
    call: Pin<Box<dyn Future<Output = Ran> + Send + '_>>,
    tool: &ToolPolicy,
    state: &CallState,
    watch: &Watch<'_>,
) -> Result<Answer, Stop> {
    let mut call = watch.over(AssertUnwindSafe(call).catch_unwind());
    let given_up = std::pin::pin!(state.context.cancelled());
    // Asked after the tool was: a question is seen as soon as the tool waits for it.
    let suspended = std::pin::pin!(state.context.suspended());
    let ran = match within(tool.timeout, select(&mut call, select(given_up, suspended))).await {
        Some(Either::Left((Ok(ran), _))) => ran.map_err(Stop::from),
        Some(Either::Left((Err(panic), _))) => Err(panicked(&state::panic_text(panic)).into()),
        Some(Either::Right((Either::Left(_), _))) => Err(cancelled().into()),
        Some(Either::Right((Either::Right((End::Failed(failure), _)), _))) => Err(failure.into()),
        Some(Either::Right((Either::Right((end, _)), _))) => Err(Stop::Asked(end)),
        None => Err(timed_out(tool, state).into()),
    };
    // What is dropped may panic, and block, as well.
    let dropped = catch_unwind(AssertUnwindSafe(move || {
        let _noted = watch.note();
        drop(call);
    }));
    match dropped {
        Ok(()) => ran,
        Err(panic) => Err(panicked(&state::panic_text(panic)).into()),
    }
}

/// A call that ended at a question of its tool.
pub(super) fn suspended(end: End, client: Option<&Client>, recording: &Recording) -> Outcome {
    let end = match end {
        End::Asked(questions) => match client.map_or(Ok(None), Client::state) {
            Ok(state) => {
                recording.decide(CallRecord::INPUT_REQUIRED);
                return Outcome::InputRequired(Box::new(InputRequiredResult::new(Some(questions), state)));
            }
            Err(end) => end,
        },
        end => end,
    };
    match end {
        End::Failed(mut failure) => {
            failure.correlation = failure.cause.is_some().then(|| recording.correlation());
            recording.failed(&failure);
            Outcome::Failed(failure)
        }
        End::Unsupported(needed) => {
            recording.decide(code::INVALID_REQUEST);
            recording.rpc_error(ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY.0);
            Outcome::Unsupported(needed)
        }
        End::InvalidState | End::Asked(_) => {
            recording.decide(code::INVALID_REQUEST);
            recording.rpc_error(ErrorCode::INVALID_PARAMS.0);
            Outcome::InvalidState
        }
    }
}

/// What became of a call that nobody waits for any more, or that may not go on.
pub(super) fn cancelled() -> Failure {
    Failure::new(code::CANCELLED, "the call was cancelled")
}

fn timed_out(tool: &ToolPolicy, state: &CallState) -> Failure {
    if state.is_being_guarded() {
        return state::guard_broke("the guard did not answer in time");
    }
    let message = format!("the tool did not answer within {}", crate::config::duration_text(tool.timeout));
    // Whether anything was done is not known: to try again is safe only where that does not matter.
    Failure { retryable: tool.spec.is_repeatable(), ..Failure::new(code::TIMEOUT, message) }
}

pub(super) fn panicked(text: &str) -> Failure {
    Failure::internal(format!("the tool panicked: {text}"))
}

/// Gives the answer its final form: true to its schema, and no larger than it may be.
pub(super) fn finish(answer: Answer, tool: &ToolPolicy, entry: &Entry) -> Result<Answered, Refused> {
    let Answer { content, structured, mut untrusted, counts } = answer;
    let too_large = || Box::new(crate::output::too_large(tool.max_output));
    let (body, bytes) = match (structured, &entry.output) {
        (None, None) => {
            let text = serde_json::to_string(&content).map_err(|error| Box::new(invalid_output(error.to_string())))?;
            let bytes = text.len();
            (Body::Blocks(content, text), bytes)
        }
        (Some(document), Some(schema)) => {
            let base = if schema.wrapped { "/structuredContent/result" } else { "/structuredContent" };
            for pointer in &mut untrusted {
                pointer.insert_str(0, base);
            }
            let document = schema.wrap(document).map_err(|TooLong| too_large())?;
            if let Some(problem) = schema.problem(&document) {
                return Err(Box::new(invalid_output(problem)));
            }
            let bytes = document.text().len();
            (Body::Structured(document), bytes)
        }
        (found, _) => {
            let expected =
                if found.is_none() { "structured content is missing" } else { "structured content has no schema" };
            return Err(Box::new(invalid_output(expected.to_owned())));
        }
    };
    let bytes = bytes as u64;
    if bytes > tool.max_output {
        return Err(too_large());
    }
    Ok(Answered { body, untrusted, bytes, counts })
}

fn invalid_output(cause: String) -> Failure {
    Failure::logged(code::OUTPUT_INVALID, "the tool gave an answer that breaks its own schema", cause)
}
