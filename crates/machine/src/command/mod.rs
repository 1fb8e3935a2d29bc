//! One file for each command that a worker can give with the completion of a workflow task.
