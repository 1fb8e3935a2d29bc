//! UpsertWorkflowSearchAttributes: the workflow changes how it is found.

use proto::temporal::api::{
    command::v1::UpsertWorkflowSearchAttributesCommandAttributes,
    common::v1::SearchAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{HistoryEvent, UpsertWorkflowSearchAttributesEventAttributes, history_event},
};

use super::{CommandContext, CommandFailure, append, limit};
use crate::{
    Draft, payload,
    search_attributes::{self, Invalid},
};

/// Becomes `UpsertWorkflowSearchAttributes`: attributes are set, and those that are set to nothing are removed.
///
/// # Errors
/// The workflow task fails with `BadSearchAttributes`: nothing to change, a name that the namespace does not know, or a
/// value of another type. A change, or what comes of it, above its size limit terminates the run.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<UpsertWorkflowSearchAttributesCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let bad = |text: &str| CommandFailure::task(Cause::BadSearchAttributes, text);
    let Some(command) = attributes else {
        return Err(bad("UpsertWorkflowSearchAttributesCommandAttributes is not set on \
                        UpsertWorkflowSearchAttributesCommand."));
    };
    let Some(attributes) = &command.search_attributes else {
        return Err(bad("SearchAttributes is not set on UpsertWorkflowSearchAttributesCommand."));
    };
    if attributes.indexed_fields.is_empty() {
        return Err(bad("IndexedFields is not set on UpsertWorkflowSearchAttributesCommand."));
    }
    let limits = draft.context.limits.clone();
    search_attributes::check(Some(attributes), &draft.context.namespace, &limits).map_err(|invalid| match invalid {
        Invalid::Unknown(text) | Invalid::Bad(text) => bad(&text),
    })?;
    limit::blob(
        draft,
        limit::fields(&attributes.indexed_fields),
        Cause::BadSearchAttributes,
        "UpsertWorkflowSearchAttributesCommandAttributes exceeds size limit.",
    )?;
    let mut indexed_fields = draft.run().attributes.search_attributes.clone().unwrap_or_default().indexed_fields;
    payload::merge(&mut indexed_fields, &attributes.indexed_fields);
    search_attributes::check_size(Some(&SearchAttributes { indexed_fields }), &limits)
        .map_err(|text| CommandFailure::terminate(Cause::BadSearchAttributes, text))?;
    let attributes = UpsertWorkflowSearchAttributesEventAttributes {
        workflow_task_completed_event_id: context.workflow_task_completed_event_id,
        search_attributes: search_attributes::typed(command.search_attributes, &draft.context.namespace),
    };
    append(draft, event, history_event::Attributes::UpsertWorkflowSearchAttributesEventAttributes(attributes));
    Ok(())
}
