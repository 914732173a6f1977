//! What does not depend on the request, made once: the tools as they are listed, the server as it is discovered, the
//! headers that mirror arguments.

use std::collections::HashMap;

use bytes::Bytes;
use http::request::Parts;
use rmcp::ServerHandler;
use rmcp::model::{DiscoverResult, ProtocolVersion};
use serde::Serialize;

use super::answer;
use super::headers::Mirror;
use super::message::Message;
use crate::caller::Caller;
use crate::config::List;
use crate::gate::Tools;
use crate::scope::Requirement;
use crate::transport::adapter::Adapter;
use crate::transport::http::reply::Answer;
use crate::transport::render;

/// A tool, as far as the way to it goes.
#[derive(Debug)]
pub(super) struct Known {
    /// It may have more to say than its answer.
    pub(super) contextual: bool,
    scope: Requirement,
    mirrors: Vec<Mirror>,
}

impl Known {
    /// All that are there, by name.
    pub(super) fn all(tools: &Tools) -> HashMap<&'static str, Self> {
        let known = tools.described().map(|(tool, described)| {
            let (scope, mirrors) = (tool.spec.scope, Mirror::all(&described.input_schema));
            (tool.spec.name, Self { contextual: tool.spec.contextual, scope, mirrors })
        });
        known.collect()
    }

    /// Whether the headers mirror the arguments. Who can never call the tool learns nothing of its headers here: the gate
    /// answers as to any other call of it.
    ///
    /// # Errors
    /// What is wrong with a header, without its value.
    pub(super) fn check(&self, parts: &Parts, message: &Message<'_>, caller: &Caller) -> Result<(), String> {
        if self.mirrors.is_empty() || self.scope.could_be_met(caller.grants()).is_err() {
            return Ok(());
        }
        let arguments = message.arguments.as_ref();
        self.mirrors.iter().try_for_each(|mirror| mirror.check(&parts.headers, arguments))
    }
}

/// `tools/list`: each tool as JSON, so that a list is put together by copying.
pub(super) struct Listed {
    /// Everything before the first tool.
    head: &'static str,
    tools: Vec<(Requirement, Bytes)>,
    list: List,
}

impl Listed {
    pub(super) fn new(tools: &Tools, list: List) -> Option<Self> {
        let tools = tools.described().map(|(tool, described)| Some((tool.spec.scope, visible(described)?)));
        let head = r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":["#;
        Some(Self { head, tools: tools.collect::<Option<_>>()?, list })
    }

    pub(super) fn answer(&self, message: &Message<'_>, caller: &Caller) -> Answer {
        let visible = |(scope, tool)| {
            let seen = self.list == List::All || Requirement::could_be_met(scope, caller.grants()).is_ok();
            seen.then_some::<&Bytes>(tool)
        };
        let tools: Vec<&Bytes> = self.tools.iter().map(|(scope, tool)| (scope, tool)).filter_map(visible).collect();
        let bytes = self.head.len() + tools.iter().map(|tool| tool.len() + 1).sum::<usize>() + 2;
        answer::result(message.id, bytes, |body| {
            body.extend_from_slice(self.head.as_bytes());
            for (index, tool) in tools.iter().enumerate() {
                if index > 0 {
                    body.push(b',');
                }
                body.extend_from_slice(tool);
            }
            body.extend_from_slice(b"]}");
        })
    }
}

/// `server/discover`: the same for everybody.
pub(super) struct Discovered(Bytes);

impl Discovered {
    pub(super) fn new(adapter: &Adapter) -> Option<Self> {
        // As rmcp's own `discover` says it.
        let versions = adapter.supported_protocol_versions().into_owned();
        debug_assert!(versions.contains(&ProtocolVersion::V_2026_07_28));
        visible(&DiscoverResult::from_server_info(versions, adapter.get_info())).map(Self)
    }

    pub(super) fn answer(&self, message: &Message<'_>) -> Answer {
        answer::result(message.id, self.0.len(), |body| body.extend_from_slice(&self.0))
    }
}

/// Something as JSON, cleaned as every answer that does not come out of the gate is.
fn visible(part: &impl Serialize) -> Option<Bytes> {
    render::cleaned(serde_json::to_vec(part).ok()?.into()).ok()
}
