//! RecordMarker: a note of the workflow to itself, for replay.

use proto::temporal::api::{
    command::v1::RecordMarkerCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{HistoryEvent, MarkerRecordedEventAttributes, history_event},
};

use super::{CommandContext, CommandFailure, append, limit};
use crate::Draft;

/// Becomes `MarkerRecorded` and changes nothing else.
///
/// # Errors
/// The workflow task fails with `BadRecordMarkerAttributes`: no name, or one above the length limit. Details above the
/// size limit terminate the run.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<RecordMarkerCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let bad = |text: String| CommandFailure::task(Cause::BadRecordMarkerAttributes, text);
    let Some(command) = attributes else {
        return Err(bad("RecordMarkerCommandAttributes is not set on RecordMarkerCommand.".into()));
    };
    let longest = draft.context.limits.id_length;
    let name = &command.marker_name;
    if name.is_empty() {
        return Err(bad("MarkerName is not set on RecordMarkerCommand.".into()));
    }
    if name.len() > longest {
        let length = name.len();
        return Err(bad(format!(
            "MarkerName on RecordMarkerCommand exceeds length limit. MarkerName={name} Length={length} Limit={longest}"
        )));
    }
    let size = command.details.iter().map(|(key, value)| key.len() + limit::size(Some(value))).sum();
    limit::blob(
        draft,
        size,
        Cause::BadRecordMarkerAttributes,
        "RecordMarkerCommandAttributes.Details exceeds size limit.",
    )?;
    let attributes = MarkerRecordedEventAttributes {
        marker_name: command.marker_name,
        details: command.details,
        workflow_task_completed_event_id: context.workflow_task_completed_event_id,
        header: command.header,
        failure: command.failure,
    };
    append(draft, event, history_event::Attributes::MarkerRecordedEventAttributes(attributes));
    Ok(())
}
