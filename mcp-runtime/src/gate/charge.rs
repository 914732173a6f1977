//! What a call costs its caller.

use super::{Gate, Refused};
use crate::arguments::Violation;
use crate::caller::Caller;
use crate::error::{Failure, code};
use crate::limit::{Bucket, Identity, Limit, Limited, Quota, rate_text};
use crate::policy::ToolPolicy;

impl Gate {
    /// Charges a request that is no tool call to the caller's own limits.
    ///
    /// # Errors
    /// The failure to answer with.
    pub(crate) fn charge_request(&self, caller: &Caller) -> Result<(), Box<Failure>> {
        self.charge(caller, None, 1, &mut None)
    }

    /// The limits of a call: the agent's, the subject's, the tool's.
    fn limits_of<'a>(
        &'a self,
        caller: &Caller,
        tool: Option<&'a ToolPolicy>,
    ) -> impl Iterator<Item = &'a Limit> + Clone + use<'a> {
        let subject = caller.subject().and(self.tools.policy().subject_limit());
        let agent = self.tools.policy().agent_limit(caller.agent());
        agent.into_iter().chain(subject).chain(tool.into_iter().flat_map(ToolPolicy::limits))
    }

    pub(super) fn charge(
        &self,
        caller: &Caller,
        tool: Option<&ToolPolicy>,
        cost: u64,
        quota: &mut Option<Quota>,
    ) -> Result<(), Refused> {
        let who = Identity { agent: caller.agent(), subject: caller.subject() };
        match self.limits.charge(who, self.limits_of(caller, tool), cost) {
            Ok(left) => {
                *quota = left;
                Ok(())
            }
            Err(refused) => {
                *quota = refused.quota();
                Err(Box::new(limited(refused)))
            }
        }
    }

    /// A cost that no burst covers is the arguments' fault: waiting would not help.
    pub(super) fn affordable(&self, caller: &Caller, tool: &ToolPolicy, cost: u64) -> Result<(), Refused> {
        let window = self.limits_of(caller, Some(tool)).find_map(|limit| limit.never_admits(cost));
        window.map_or(Ok(()), |window| Err(Box::new(never(cost, &rate_text(&window)))))
    }
}

fn never(cost: u64, limit: &str) -> Failure {
    let message = format!("the call weighs {cost}, more than the limit of {limit} ever admits; ask for less at a time");
    Failure::invalid_arguments(vec![Violation::new("", "burst", message)])
}

fn limited(limited: Limited) -> Failure {
    match limited {
        Limited::Wait { bucket, window, retry_after } => {
            let whose = match bucket {
                Bucket::Agent => " for one agent over all tools",
                Bucket::Subject => " for one subject",
                Bucket::AgentTool(_) => " for this tool",
                Bucket::Tool(_) => " for this tool over all agents",
            };
            Failure::rate_limited(retry_after, &format!("{}{whose}", rate_text(&window)))
        }
        Limited::Never { window, .. } => never(u64::from(window.burst).saturating_add(1), &rate_text(&window)),
        Limited::Full => Failure {
            retryable: true,
            retry_after: Some(std::time::Duration::from_secs(1)),
            ..Failure::new(code::OVERLOADED, "the server counts too many callers at the moment; try again soon")
        },
    }
}
