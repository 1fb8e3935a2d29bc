//! ModifyWorkflowProperties: the workflow changes its memo.

use proto::temporal::api::{
    command::v1::ModifyWorkflowPropertiesCommandAttributes,
    common::v1::Memo,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{HistoryEvent, WorkflowPropertiesModifiedEventAttributes, history_event},
};

use super::{CommandContext, CommandFailure, append, limit};
use crate::{Draft, payload};

/// Becomes `WorkflowPropertiesModified`: fields are set, and those that are set to nothing are removed.
///
/// # Errors
/// The workflow task fails with `BadModifyWorkflowPropertiesAttributes` where nothing is to be changed. A change, or a
/// memo that comes of it, above the size limit terminates the run.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<ModifyWorkflowPropertiesCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let cause = Cause::BadModifyWorkflowPropertiesAttributes;
    let bad = |text: &str| CommandFailure::task(cause, text);
    let Some(command) = attributes else {
        return Err(bad("ModifyWorkflowPropertiesCommandAttributes is not set on ModifyWorkflowPropertiesCommand."));
    };
    let Some(memo) = &command.upserted_memo else {
        return Err(bad("UpsertedMemo is not set on ModifyWorkflowPropertiesCommand."));
    };
    if memo.fields.is_empty() {
        return Err(bad("UpsertedMemo.Fields is not set on ModifyWorkflowPropertiesCommand."));
    }
    limit::blob(
        draft,
        limit::fields(&memo.fields),
        cause,
        "ModifyWorkflowPropertiesCommandAttributes exceeds size limit.",
    )?;
    let mut fields = draft.run().attributes.memo.clone().unwrap_or_default().fields;
    payload::merge(&mut fields, &memo.fields);
    limit::memo(
        draft,
        Some(&Memo { fields }),
        cause,
        "ModifyWorkflowPropertiesCommandAttributes. Memo exceeds size limit.",
    )?;
    let attributes = WorkflowPropertiesModifiedEventAttributes {
        workflow_task_completed_event_id: context.workflow_task_completed_event_id,
        upserted_memo: command.upserted_memo,
    };
    append(draft, event, history_event::Attributes::WorkflowPropertiesModifiedEventAttributes(attributes));
    Ok(())
}
