//! What the driver tells of runs that have panicked. What is done about them is the lane's.

use super::Engine;
use crate::QuarantinedRun;

impl Engine {
    /// The runs whose code has panicked: nothing is done with them while this process runs. In the order of their lanes.
    pub fn quarantined(&self) -> Vec<QuarantinedRun> {
        let of_lane = |handle| self.inner.step(handle, |core| core.lane.quarantined().cloned().collect::<Vec<_>>());
        self.inner.handles().iter().flat_map(of_lane).collect()
    }

    /// Plants a panic in every lane.
    #[cfg(test)]
    fn plant_panic(&self, planted: &crate::PlantedPanic) {
        for handle in self.inner.handles() {
            self.inner.step(handle, |core| core.lane.plant_panic(planted.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
