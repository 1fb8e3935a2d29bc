//! A voyage from port to port, one run per port, and the shorter errands around it.

use std::{io, time::Duration};

use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityExecutionError, ActivityOptions, ApplicationFailure, ChildWorkflowOptions, ContinueAsNewOptions,
    SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult,
    activities::{ActivityContext, ActivityError},
};

/// What the workflows do in the world, which here is only talk.
pub struct Harbour;

#[activities]
impl Harbour {
    /// A berth in the port's harbour.
    #[activity]
    pub async fn reserve_berth(_ctx: ActivityContext, port: String) -> Result<String, ActivityError> {
        Ok(format!("berth in {port}"))
    }

    /// Succeeds at that attempt; refuses for good when it is zero.
    #[activity]
    pub async fn call_pilot(ctx: ActivityContext, attempt: u32) -> Result<u32, ActivityError> {
        let now = ctx.info().attempt;
        if attempt == 0 {
            return Err(ActivityError::from(ApplicationFailure::non_retryable(io::Error::other("no pilot here"))));
        }
        if now < attempt {
            return Err(ActivityError::from(ApplicationFailure::new(io::Error::other(format!("pilot busy at {now}")))));
        }
        Ok(now)
    }

    /// Watches until it is told to stop.
    #[activity]
    pub async fn keep_watch(ctx: ActivityContext, _: ()) -> Result<(), ActivityError> {
        while !ctx.is_cancelled() {
            ctx.record_heartbeat("all quiet".to_owned()).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(ActivityError::cancelled())
    }
}

/// Calls at each port: berth (activity), rest (timer), shore leave (child), and sails on when told to (signal).
#[workflow]
#[derive(Default)]
pub struct Voyage {
    place: String,
    order: Option<String>,
}

#[workflow_methods]
impl Voyage {
    #[run]
    pub async fn run(
        ctx: &mut WorkflowContext<Self>,
        (mut ports, mut log): (Vec<String>, Vec<String>),
    ) -> WorkflowResult<Vec<String>> {
        let port = ports.remove(0);
        ctx.state_mut(|voyage| voyage.place = format!("making for {port}"));
        let berth = ctx
            .execute_activity(
                Harbour::reserve_berth,
                port.clone(),
                ActivityOptions::start_to_close_timeout(Duration::from_secs(20)),
            )
            .await?;
        ctx.timer(Duration::from_millis(20)).await;
        let child_id = format!("{}/{port}", ctx.workflow_id());
        let leave = ctx
            .start_child_workflow(ShoreLeave::run, port.clone(), ChildWorkflowOptions::workflow_id(child_id))
            .await?
            .result()
            .await?;
        ctx.state_mut(|voyage| voyage.place = format!("moored at {port}"));
        ctx.wait_condition(|voyage| voyage.order.is_some()).await?;
        let by = ctx.state(|voyage| voyage.order.clone()).unwrap_or_default();
        log.push(format!("{berth}, {leave}, sailed by {by}"));
        if !ports.is_empty() {
            ctx.continue_as_new((ports, log.clone()), ContinueAsNewOptions::default())?;
        }
        Ok(log)
    }

    #[signal]
    pub fn depart(&mut self, _ctx: &mut SyncWorkflowContext<Self>, by: String) {
        self.order = Some(by);
    }

    #[query]
    pub fn place(&self, _ctx: &WorkflowContextView) -> String {
        self.place.clone()
    }
}

/// The child of a voyage.
#[workflow]
#[derive(Default)]
pub struct ShoreLeave;

#[workflow_methods]
impl ShoreLeave {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, port: String) -> WorkflowResult<String> {
        ctx.timer(Duration::from_millis(10)).await;
        Ok(format!("leave in {port}"))
    }
}

/// Passes on what became of the pilot.
#[workflow]
#[derive(Default)]
pub struct Pilotage;

#[workflow_methods]
impl Pilotage {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, attempt: u32) -> WorkflowResult<u32> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(20));
        Ok(ctx.execute_activity(Harbour::call_pilot, attempt, options).await?)
    }
}

/// Keeps watch until cancelled, and says how the watch took it.
#[workflow]
#[derive(Default)]
pub struct Watch;

#[workflow_methods]
impl Watch {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, _: ()) -> WorkflowResult<String> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
            .heartbeat_timeout(Duration::from_secs(1))
            .build();
        match ctx.execute_activity(Harbour::keep_watch, (), options).await {
            Err(ActivityExecutionError::Cancelled(_)) => Ok("relieved".to_owned()),
            Err(error) => Err(error.into()),
            Ok(()) => Ok("fell asleep".to_owned()),
        }
    }
}
