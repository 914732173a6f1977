//! The one `ServerHandler` that rmcp sees: tools from the gate, everything else from the user's own handler.

#![expect(deprecated, reason = "older revisions still ask")]

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, select};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CancelledNotificationParam, CompleteRequestParams,
    CompleteResult, CustomNotification, CustomRequest, CustomResult, ErrorCode, Extensions, GetPromptRequestParams,
    GetPromptResponse, GetSkillRequestParams, GetSkillResult, GetTaskParams, GetTaskResult, Implementation,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ProgressToken, ProtocolVersion,
    ReadResourceDirectoryRequestParams, ReadResourceDirectoryResult, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig, SetLevelRequestMethod, SetLevelRequestParams, SubscribeRequestParams,
    SubscriptionFilter, Tool, ToolsCapability, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, RoleServer, SubscriptionContext};
use rmcp::{ErrorData, ServerHandler};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::envelope::Arguments;
use super::exchange::Exchange;
use super::forward::Forward;
use super::render;
use crate::config::List;
use crate::context::{CallContext, ReportProgress};
use crate::error::{Failure, code};
use crate::gate::{Gate, Request, panic_text};
use crate::input::{Binding, Client, Road, Rounds, SharedLevel, StateKey, from_model};
use crate::record::CallRecord;

/// A gate as rmcp serves it.
#[derive(Clone)]
pub(crate) struct Adapter {
    gate: Arc<Gate>,
    forward: Arc<dyn Forward>,
    list: List,
    info: ServerConfig,
    states: Arc<StateKey>,
    /// When calls that still run are cut off.
    cut_off: CancellationToken,
    /// What the client of this connection wants to hear of.
    level: SharedLevel,
}

impl Adapter {
    pub(crate) fn new(
        gate: Arc<Gate>,
        forward: Arc<dyn Forward>,
        list: List,
        states: Arc<StateKey>,
        cut_off: CancellationToken,
    ) -> Self {
        let info = info(&gate, &*forward);
        Self { gate, forward, list, info, states, cut_off, level: SharedLevel::default() }
    }

    /// The same for another connection.
    #[cfg(feature = "http")]
    pub(crate) fn again(&self) -> Self {
        Self { level: SharedLevel::default(), ..self.clone() }
    }

    /// The way of a call to its client: by requests, or by rounds since revision 2026-07-28.
    fn client(
        &self,
        exchange: &Exchange,
        request: &mut CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Client {
        let capabilities = context.client_capabilities().unwrap_or_default();
        let server = self.gate.tools().spec().name;
        if !is_modern(context) {
            let road = Road::Peer(context.peer.clone());
            return Client::new(capabilities, road).with_log(context.peer.clone(), server, self.level.get());
        }
        // Of the exchange no more than that: a thread that a plain `fn` leaves behind keeps this for as long as it runs.
        let (caller, arguments) = (Arc::clone(exchange.caller()), exchange.shared_arguments());
        let tool = request.name.clone().into_owned();
        let binding = move || Binding::new(server, &caller, &tool, arguments.as_ref().map(Arguments::as_str));
        let (state, responses) = (request.request_state.take(), request.input_responses.take());
        let rounds = Rounds::new(Arc::clone(&self.states), binding, state, responses);
        let client = Client::new(capabilities, Road::Rounds(Box::new(rounds)));
        match context.meta.log_level() {
            Some(level) => client.with_log(context.peer.clone(), server, from_model(level)),
            None => client,
        }
    }
}

/// The server's own name and tools, and the capabilities of the user's handler.
fn info(gate: &Gate, forward: &dyn Forward) -> ServerConfig {
    let spec = gate.tools().spec();
    let mut implementation = Implementation::new(spec.name, spec.version);
    if let Some(title) = spec.title {
        implementation = implementation.with_title(title);
    }
    let mut info = forward.get_info();
    let mut capabilities: ServerCapabilities = info.capabilities;
    capabilities.tools = Some(ToolsCapability::default());
    // Tools write to the client's log through their context.
    capabilities.logging.get_or_insert_default();
    info.capabilities = capabilities;
    info.server_info = implementation;
    if let Some(instructions) = spec.instructions {
        info.instructions = Some(instructions.to_owned());
    }
    info
}

/// Whether a request is of revision 2026-07-28 or later.
fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// A request that did not come through one of our transports has no caller.
fn ungated() -> ErrorData {
    ErrorData::internal_error("this server is served without its gate, which refuses every call", None)
}

/// What the transport tells a caller that was let go is its own.
fn let_go() -> ErrorData {
    ErrorData::internal_error("the credential is not valid", None)
}

impl Adapter {
    /// Runs a method of the user's handler within the server's time, and whatever it does: without this a panic would
    /// leave the client waiting.
    async fn guarded<'a, T>(
        &'a self,
        extensions: &Extensions,
        given_up: CancellationToken,
        run: impl FnOnce() -> BoxFuture<'a, Result<T, ErrorData>> + Send,
    ) -> Result<T, ErrorData> {
        let exchange = Exchange::of(extensions).ok_or_else(ungated)?;
        let recording = exchange.recording().clone();
        let running = AssertUnwindSafe(async move { run().await }).catch_unwind();
        let running = pin!(tokio::time::timeout(self.gate.tools().spec().timeout, running));
        // rmcp goes on with a request whose client is gone.
        let (given_up, cut_off) = (pin!(given_up.cancelled()), pin!(self.cut_off.cancelled()));
        let running = pin!(select(running, select(given_up, cut_off)));
        let ran = match exchange.while_let_in(running).await {
            Some(Either::Left((ran, _))) => ran,
            Some(Either::Right(_)) => {
                recording.decide(code::CANCELLED);
                return Err(ErrorData::internal_error("the request was cancelled", None));
            }
            None => {
                recording.decide(code::CANCELLED);
                return Err(let_go());
            }
        };
        let failure = match ran {
            Ok(Ok(Ok(done))) => {
                recording.decide(CallRecord::OK);
                return Ok(done);
            }
            Ok(Ok(Err(error))) => {
                recording.decide(code::INVALID_REQUEST);
                recording.rpc_error(error.code.0);
                return Err(error);
            }
            Ok(Err(panic)) => Failure::internal(format!("the handler panicked: {}", panic_text(panic))),
            Err(_) => Failure::new(code::TIMEOUT, "the server did not answer in time"),
        };
        recording.failed(&failure);
        let data = json!({ "code": failure.code, "correlation": recording.correlation() });
        Err(ErrorData::internal_error(failure.message, Some(data)))
    }
}

macro_rules! forward_requests {
    ($($method:ident: $params:ty => $result:ty),* $(,)?) => {$(
        async fn $method(&self, request: $params, context: RequestContext<RoleServer>) -> Result<$result, ErrorData> {
            let (extensions, given_up) = (context.extensions.clone(), context.ct.clone());
            let result = self.guarded(&extensions, given_up, || self.forward.$method(request, context)).await;
            render::handled(result, &self.gate.handler_bounds())
        }
    )*};
}

impl ServerHandler for Adapter {
    fn get_info(&self) -> ServerConfig {
        self.info.clone()
    }

    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let exchange = Exchange::of(&context.extensions).ok_or_else(ungated)?.clone();
        if let Some(revision) = context.protocol_version() {
            exchange.recording().speaks(revision.as_str());
        }
        let client = self.client(&exchange, &mut request, &context);
        let correlation = exchange.recording().correlation();
        let mut call =
            CallContext::recorded(&context.id.to_string(), Some(context.ct.clone()), correlation).with_client(client);
        if let Some(token) = context.meta.get_progress_token() {
            call = call.with_progress(Arc::new(Progress { token, peer: context.peer.clone() }));
        }
        let request = Request {
            tool: &request.name,
            arguments: exchange.arguments(),
            read: None,
            id: None,
            caller: exchange.caller(),
            context: call,
            via: exchange.via(),
            recording: Some(exchange.recording().clone()),
        };
        let call = pin!(self.gate.call_until(request, &self.cut_off));
        let decision = exchange.while_let_in(call).await.ok_or_else(let_go)?;
        exchange.decided(&decision);
        render::result(decision)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let exchange = Exchange::of(&context.extensions).ok_or_else(ungated)?;
        if request.is_some_and(|request| request.cursor.is_some()) {
            // The list is one page, so no cursor is ours.
            exchange.recording().decide(code::INVALID_REQUEST);
            exchange.recording().rpc_error(ErrorCode::INVALID_PARAMS.0);
            return Err(ErrorData::invalid_params("this list has one page; there is no such cursor", None));
        }
        let tools = self.gate.tools().visible(exchange.caller(), self.list == List::All).collect();
        exchange.recording().decide(CallRecord::OK);
        Ok(render::tools(tools))
    }

    /// rmcp asks for the schema to compare arguments with the headers that mirror them, whoever calls. The HTTP service
    /// has done that, for tools that the caller may call.
    fn get_tool(&self, _: &str) -> Option<Tool> {
        None
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.forward.accepted_subscription_filter(requested)
    }

    forward_requests!(
        complete: CompleteRequestParams => CompleteResult,
        get_prompt: GetPromptRequestParams => GetPromptResponse,
        list_prompts: Option<PaginatedRequestParams> => ListPromptsResult,
        list_resources: Option<PaginatedRequestParams> => ListResourcesResult,
        list_resource_templates: Option<PaginatedRequestParams> => ListResourceTemplatesResult,
        read_resource: ReadResourceRequestParams => ReadResourceResponse,
        subscribe: SubscribeRequestParams => (),
        unsubscribe: UnsubscribeRequestParams => (),
        on_custom_request: CustomRequest => CustomResult,
        get_task: GetTaskParams => GetTaskResult,
        update_task: UpdateTaskParams => (),
        cancel_task: CancelTaskParams => (),
        list_skills: Option<PaginatedRequestParams> => ListSkillsResult,
        get_skill: GetSkillRequestParams => GetSkillResult,
        read_resource_directory: ReadResourceDirectoryRequestParams => ReadResourceDirectoryResult,
    );

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if is_modern(&context) {
            if let Some(exchange) = Exchange::of(&context.extensions) {
                exchange.recording().decide(code::INVALID_REQUEST);
            }
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        let (extensions, given_up) = (context.extensions.clone(), context.ct.clone());
        let level = request.level;
        let set = self.guarded(&extensions, given_up, || {
            let set = self.forward.set_level(request, context);
            Box::pin(async move {
                match set.await {
                    // A handler of prompts and resources need not have heard of levels.
                    Err(error) if error.code == ErrorCode::METHOD_NOT_FOUND => Ok(()),
                    set => set,
                }
            })
        });
        set.await?;
        self.level.set(level);
        Ok(())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.forward.listen(context).await
    }

    async fn on_cancelled(&self, notification: CancelledNotificationParam, context: NotificationContext<RoleServer>) {
        self.forward.on_cancelled(notification, context).await;
    }

    async fn on_progress(&self, notification: ProgressNotificationParam, context: NotificationContext<RoleServer>) {
        self.forward.on_progress(notification, context).await;
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.forward.on_initialized(context).await;
    }

    async fn on_roots_list_changed(&self, context: NotificationContext<RoleServer>) {
        self.forward.on_roots_list_changed(context).await;
    }

    async fn on_custom_notification(&self, notification: CustomNotification, context: NotificationContext<RoleServer>) {
        self.forward.on_custom_notification(notification, context).await;
    }
}

/// Progress by a notification on the request's own stream.
struct Progress {
    token: ProgressToken,
    peer: Peer<RoleServer>,
}

impl ReportProgress for Progress {
    fn report(&self, done: f64, total: Option<f64>, message: Option<String>) -> BoxFuture<'_, ()> {
        let mut progress = ProgressNotificationParam::new(self.token.clone(), done);
        progress.total = total;
        progress.message = message;
        Box::pin(async move {
            // A client that is gone cancels the call by itself.
            let _ = self.peer.notify_progress(progress).await;
        })
    }
}
