//! What a worker says of its build: as SDKs do, with each poll and with each answer.

use serde_json::{Value, json};

use super::Program;

/// Of a program's worker, and of those that take over from it now and then.
const BUILDS: [&str; 2] = ["build-1", "build-2"];
/// The deployment that they belong to. None takes part in versioning.
const DEPLOYMENT: &str = "probe-deployment";

impl Program {
    /// What a poll says.
    pub(crate) fn with_build(mut poll: Value) -> Value {
        poll["workerVersionCapabilities"] = json!({"buildId": BUILDS[0]});
        poll["deploymentOptions"] = options(BUILDS[0]);
        poll
    }

    /// What an answer to a task says, with the stamp under the name that it has there: mostly what the poll said, sometimes
    /// another build, or nothing.
    pub(crate) fn stamp(&mut self, answer: &mut Value, name: &str) {
        let build = BUILDS[self.seed.weighted(&[5, 1])];
        if self.seed.chance(85) {
            answer[name] = json!({"buildId": build});
        }
        if self.seed.chance(60) {
            answer["deploymentOptions"] = options(build);
        }
    }
}

fn options(build: &str) -> Value {
    json!({
        "deploymentName": DEPLOYMENT, "buildId": build, "workerVersioningMode": "WORKER_VERSIONING_MODE_UNVERSIONED",
    })
}
