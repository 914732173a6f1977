//! The user's own `ServerHandler` (prompts, resources, completion …) behind a type that forgets which one it is.

#![expect(deprecated, reason = "older revisions still ask")]

use std::sync::Arc;

use futures_util::future::BoxFuture;
use rmcp::ErrorData;
use rmcp::ServerHandler;
use rmcp::model::{
    CancelTaskParams, CancelledNotificationParam, CompleteRequestParams, CompleteResult, CustomNotification,
    CustomRequest, CustomResult, GetPromptRequestParams, GetPromptResponse, GetSkillRequestParams, GetSkillResult,
    GetTaskParams, GetTaskResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListSkillsResult, PaginatedRequestParams, ProgressNotificationParam, ReadResourceDirectoryRequestParams,
    ReadResourceDirectoryResult, ReadResourceRequestParams, ReadResourceResponse, ServerConfig, SetLevelRequestParams,
    SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};

/// A handler whose server type is forgotten.
pub(crate) struct Forwarded<S>(pub(crate) Arc<S>);

/// A server without prompts and resources: rmcp's defaults answer.
pub(crate) struct Nothing;
impl ServerHandler for Nothing {}

/// Writes the trait and its one impl from one list.
macro_rules! forwarding {
    ($(fn $method:ident($($argument:ident: $ty:ty),*) -> $out:ty;)*) => {
        /// The methods of [`ServerHandler`] that are not about tools.
        pub(crate) trait Forward: Send + Sync {
            #[doc(hidden)]
            fn get_info(&self) -> ServerConfig;
            #[doc(hidden)]
            fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter>;
            $(
                #[doc(hidden)]
                fn $method(&self, $($argument: $ty),*) -> BoxFuture<'_, $out>;
            )*
        }

                impl<S: ServerHandler> Forward for Forwarded<S> {
            fn get_info(&self) -> ServerConfig {
                self.0.get_info()
            }
            fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
                self.0.accepted_subscription_filter(requested)
            }
            $(
                fn $method(&self, $($argument: $ty),*) -> BoxFuture<'_, $out> {
                    Box::pin(ServerHandler::$method(&*self.0, $($argument),*))
                }
            )*
        }
    };
}

type Requested<T> = Result<T, ErrorData>;

forwarding! {
    fn complete(request: CompleteRequestParams, context: RequestContext<RoleServer>) -> Requested<CompleteResult>;
    fn set_level(request: SetLevelRequestParams, context: RequestContext<RoleServer>) -> Requested<()>;
    fn get_prompt(request: GetPromptRequestParams, context: RequestContext<RoleServer>) -> Requested<GetPromptResponse>;
    fn list_prompts(request: Option<PaginatedRequestParams>, context: RequestContext<RoleServer>) -> Requested<ListPromptsResult>;
    fn list_resources(request: Option<PaginatedRequestParams>, context: RequestContext<RoleServer>) -> Requested<ListResourcesResult>;
    fn list_resource_templates(request: Option<PaginatedRequestParams>, context: RequestContext<RoleServer>) -> Requested<ListResourceTemplatesResult>;
    fn read_resource(request: ReadResourceRequestParams, context: RequestContext<RoleServer>) -> Requested<ReadResourceResponse>;
    fn listen(context: SubscriptionContext) -> Requested<()>;
    fn subscribe(request: SubscribeRequestParams, context: RequestContext<RoleServer>) -> Requested<()>;
    fn unsubscribe(request: UnsubscribeRequestParams, context: RequestContext<RoleServer>) -> Requested<()>;
    fn on_custom_request(request: CustomRequest, context: RequestContext<RoleServer>) -> Requested<CustomResult>;
    fn on_cancelled(notification: CancelledNotificationParam, context: NotificationContext<RoleServer>) -> ();
    fn on_progress(notification: ProgressNotificationParam, context: NotificationContext<RoleServer>) -> ();
    fn on_initialized(context: NotificationContext<RoleServer>) -> ();
    fn on_roots_list_changed(context: NotificationContext<RoleServer>) -> ();
    fn on_custom_notification(notification: CustomNotification, context: NotificationContext<RoleServer>) -> ();
    fn get_task(request: GetTaskParams, context: RequestContext<RoleServer>) -> Requested<GetTaskResult>;
    fn update_task(request: UpdateTaskParams, context: RequestContext<RoleServer>) -> Requested<()>;
    fn cancel_task(request: CancelTaskParams, context: RequestContext<RoleServer>) -> Requested<()>;
    fn list_skills(request: Option<PaginatedRequestParams>, context: RequestContext<RoleServer>) -> Requested<ListSkillsResult>;
    fn get_skill(request: GetSkillRequestParams, context: RequestContext<RoleServer>) -> Requested<GetSkillResult>;
    fn read_resource_directory(request: ReadResourceDirectoryRequestParams, context: RequestContext<RoleServer>) -> Requested<ReadResourceDirectoryResult>;
}
