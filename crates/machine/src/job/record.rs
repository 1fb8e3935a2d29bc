//! The stored form of a job. Field numbers are the file format: never reuse or renumber one. Times are nanoseconds since the
//! Unix epoch, zero for "not set"; spans are nanoseconds.

/// The row of a job.
#[derive(Clone, PartialEq, prost::Message)]
pub struct JobRecord {
    /// What it does.
    #[prost(enumeration = "JobType", tag = "1")]
    pub job_type: i32,
    /// The namespace that it is about: sixteen bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub namespace_id: Vec<u8>,
    /// How far it is.
    #[prost(enumeration = "JobStage", tag = "3")]
    pub stage: i32,
    #[prost(int64, tag = "4")]
    pub created_time: i64,
    /// How long it waits between the runs and the record.
    #[prost(int64, tag = "5")]
    pub delay: i64,
    /// It waits until then; zero when it may be worked on.
    #[prost(int64, tag = "6")]
    pub visible_time: i64,
    /// Parts that failed since the last that was done.
    #[prost(uint32, tag = "7")]
    pub failures: u32,
    /// Items that were done since it began.
    #[prost(uint64, tag = "8")]
    pub items_done: u64,
    /// Why the last part failed; empty since one was done.
    #[prost(string, tag = "9")]
    pub last_failure: String,
    /// When a part was last done.
    #[prost(int64, tag = "10")]
    pub worked_time: i64,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub enum JobType {
    Unspecified = 0,
    DeleteNamespace = 1,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub enum JobStage {
    Unspecified = 0,
    /// Runs are deleted.
    Runs = 1,
    /// The runs are gone, and the record stays for a while.
    Delay = 2,
    /// The record is removed.
    Record = 3,
    /// All is done.
    Ended = 4,
}
