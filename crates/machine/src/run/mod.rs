//! The state of one run, and the rules that hold for it whatever happens.

mod evolve;
mod records;
mod state;

pub use records::{
    Activity, Attributes, Child, Core, Current, ExternalCancel, ExternalSignal, Sticky, Timer, WorkflowTask,
};
pub use state::{Run, StartedWorkflowTask};
