//! Links to other things.

use model::{Limits, Reject};
use prost::Message;
use proto::temporal::api::{
    common::v1::{Link, link::Variant, link::workflow_event::Reference},
    enums::v1::EventType,
};

/// Bytes of one link.
const LARGEST: usize = 4_000;

/// How many links there may be, how large, and what each must name.
pub(crate) fn links(links: &[Link], limits: &Limits) -> Result<(), Reject> {
    let (most, given) = (limits.links_per_request, links.len());
    if given > most {
        return Err(Reject::invalid(format!("cannot attach more than {most} links per request, got {given}")));
    }
    for link in links {
        let size = link.encoded_len();
        if size > LARGEST {
            return Err(Reject::invalid(format!("link exceeds allowed size of {LARGEST}, got {size}")));
        }
        complete(link.variant.as_ref())?;
    }
    Ok(())
}

fn complete(variant: Option<&Variant>) -> Result<(), Reject> {
    match variant {
        Some(Variant::WorkflowEvent(link)) => {
            let kind = "workflow event link";
            named(
                kind,
                [
                    ("namespace field", &link.namespace),
                    ("workflow ID field", &link.workflow_id),
                    ("run ID field", &link.run_id),
                ],
            )?;
            match &link.reference {
                Some(Reference::EventRef(event))
                    if event.event_type() == EventType::Unspecified && event.event_id != 0 =>
                {
                    let text = "workflow event link ref cannot have an unspecified event type and a non-zero event ID";
                    Err(Reject::invalid(text))
                }
                _ => Ok(()),
            }
        }
        Some(Variant::BatchJob(link)) => named("batch job link", [("job ID", &link.job_id)]),
        Some(Variant::NexusOperation(link)) => named(
            "nexus operation link",
            [
                ("namespace field", &link.namespace),
                ("operation ID field", &link.operation_id),
                ("run ID field", &link.run_id),
            ],
        ),
        Some(Variant::Activity(link)) => named(
            "activity link",
            [
                ("namespace field", &link.namespace),
                ("activity ID field", &link.activity_id),
                ("run ID field", &link.run_id),
            ],
        ),
        Some(Variant::Workflow(link)) => named(
            "workflow link",
            [
                ("namespace field", &link.namespace),
                ("workflow ID field", &link.workflow_id),
                ("run ID field", &link.run_id),
            ],
        ),
        Some(Variant::Callback(_)) | None => Err(Reject::invalid("unsupported link variant")),
    }
}

fn named<const N: usize>(kind: &str, fields: [(&str, &String); N]) -> Result<(), Reject> {
    match fields.iter().find(|(_, value)| value.is_empty()) {
        Some((field, _)) => Err(Reject::invalid(format!("{kind} must not have an empty {field}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::common::v1::link::{BatchJob, WorkflowEvent};

    use super::*;

    #[test]
    fn links_are_few_and_complete() {
        let job = Link { variant: Some(Variant::BatchJob(BatchJob { job_id: "a".into() })) };
        let event = WorkflowEvent { namespace: "a".into(), ..Default::default() };
        let rows = [
            (vec![job.clone(); 10], None),
            (vec![job; 11], Some("cannot attach more than 10 links per request, got 11")),
            (vec![Link::default()], Some("unsupported link variant")),
            (
                vec![Link { variant: Some(Variant::WorkflowEvent(event)) }],
                Some("workflow event link must not have an empty workflow ID field"),
            ),
            (
                vec![Link { variant: Some(Variant::BatchJob(BatchJob::default())) }],
                Some("batch job link must not have an empty job ID"),
            ),
        ];
        for (given, expected) in rows {
            let refusal = links(&given, &Limits::default()).err().map(|reject| reject.message);
            assert_eq!(refusal.as_deref(), expected);
        }
    }
}
