//! What is counted of the calls: how many, how they ended, how long they took; shown as a Prometheus text page.

use std::{fmt::Write, sync::Arc, time::Duration};

use engine::QuarantinedRun;
use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use tonic::Code;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    operation: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InNamespace {
    namespace: String,
}

/// The instruments of a server. Names follow the reference's.
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Operation, Counter>,
    errors: Family<Failure, Counter>,
    latency: Family<Operation, Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Family::<Operation, Counter>::default();
        let errors = Family::<Failure, Counter>::default();
        let latency = Family::<Operation, Histogram>::new_with_constructor(histogram as fn() -> Histogram);
        let mut registry = Registry::default();
        registry.register("service_requests", "Calls, by method", requests.clone());
        registry.register("service_error_with_type", "Refused and failed calls, by method and code", errors.clone());
        registry.register("service_latency_seconds", "How long calls took, by method", latency.clone());
        Self { registry: Arc::new(registry), requests, errors, latency }
    }
}

/// From a millisecond to a long poll's minute.
fn histogram() -> Histogram {
    Histogram::new([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0])
}

impl Metrics {
    pub(crate) fn record(&self, method: &'static str, code: Code, took: Duration) {
        let operation = Operation { operation: method };
        self.requests.get_or_create(&operation).inc();
        self.latency.get_or_create(&operation).observe(took.as_secs_f64());
        if code != Code::Ok {
            self.errors.get_or_create(&Failure { operation: method, code: name(code) }).inc();
        }
    }

    /// All that was counted, and how many runs are quarantined now.
    pub(crate) fn page(&self, quarantined: &[QuarantinedRun]) -> String {
        let now = gauges(quarantined);
        let mut page = String::new();
        let written = encode_registry(&mut page, &self.registry)
            .and_then(|()| encode_registry(&mut page, &now))
            .and_then(|()| encode_eof(&mut page));
        if let Err(error) = written {
            let _ = write!(page, "# {error}");
        }
        page
    }
}

/// What is so at this moment.
fn gauges(quarantined: &[QuarantinedRun]) -> Registry {
    let runs = Family::<InNamespace, Gauge>::default();
    for run in quarantined {
        runs.get_or_create(&InNamespace { namespace: run.namespace.clone() }).inc();
    }
    let mut registry = Registry::default();
    let help = "Runs that are left alone because their code has panicked, by namespace";
    registry.register("quarantined_runs", help, runs);
    registry
}

/// The code as the reference's metrics name it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

#[cfg(test)]
mod tests {
    use model::{RunId, Time};

    use super::*;

    #[test]
    fn calls_are_counted_by_method_and_failures_by_code() {
        let metrics = Metrics::default();
        metrics.record("GetSystemInfo", Code::Ok, Duration::from_millis(3));
        metrics.record("GetSystemInfo", Code::NotFound, Duration::from_millis(3));
        let page = metrics.page(&[]);
        assert_eq!(page.matches("# EOF").count(), 1, "{page}");
        assert!(page.contains("service_requests_total{operation=\"GetSystemInfo\"} 2"), "{page}");
        let failed = "service_error_with_type_total{operation=\"GetSystemInfo\",code=\"NotFound\"} 1";
        assert!(page.contains(failed), "{page}");
        assert!(page.contains("service_latency_seconds_bucket{le=\"0.005\",operation=\"GetSystemInfo\"} 2"), "{page}");
    }

    #[test]
    fn quarantined_runs_are_counted_by_namespace() {
        let run = |namespace: &str| QuarantinedRun {
            namespace: namespace.into(),
            workflow_id: "order".into(),
            run_id: RunId::default(),
            since: Time::ZERO,
            panicked: "Signal: overflow".into(),
        };
        let page = Metrics::default().page(&[run("shop"), run("bank"), run("shop")]);
        assert!(page.contains("quarantined_runs{namespace=\"shop\"} 2"), "{page}");
        assert!(page.contains("quarantined_runs{namespace=\"bank\"} 1"), "{page}");
    }
}
