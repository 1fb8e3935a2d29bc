//! The control plane: for every method, what another tenant holds in the account is put into every place of a request,
//! alone and together, and what the account's owner sees of the other tenant is looked at before and after.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use prost_reflect::{DynamicMessage, prost::Message};
use serde_json::Value;
use tonic::Code;

use super::{
    answer::Answer,
    data::{Seen, difference},
    held::Held,
    places::{Content, content, name, places, put},
    report::Report,
};
use crate::{
    Fault,
    catalog::{Catalog, Method},
    secured::{Account, CLOUD, unhurried},
    wire::Wire,
};

/// What the whole account shares by its nature, so that a value of another's is told from one of nobody's by this code;
/// nothing else may come of it. Names of namespaces and service accounts are each given once, users may be known to
/// everybody and operations by their id, and who administrates a namespace may let anybody of the account in.
const SHARED: [(&str, &str, Code); 11] = [
    ("CreateNamespace", "spec.name", Code::AlreadyExists),
    ("CreateNamespace", "async_operation_id", Code::InvalidArgument),
    ("CreateServiceAccount", "spec.name", Code::AlreadyExists),
    ("CreateServiceAccount", "async_operation_id", Code::InvalidArgument),
    ("UpdateServiceAccount", "spec.name", Code::AlreadyExists),
    ("UpdateNamespace", "async_operation_id", Code::InvalidArgument),
    ("SetUserNamespaceAccess", "user_id", Code::FailedPrecondition),
    ("SetUserNamespaceAccess", "async_operation_id", Code::InvalidArgument),
    ("SetServiceAccountNamespaceAccess", "service_account_id", Code::FailedPrecondition),
    ("GetAsyncOperation", "async_operation_id", Code::Ok),
    ("GetUser", "user_id", Code::Ok),
];

/// Both sides, and the attacker's way in.
pub(super) struct Stage<'a> {
    pub(super) account: &'a Account,
    pub(super) catalog: &'a Arc<Catalog>,
    pub(super) attacker: Held,
    pub(super) wire: Wire,
    pub(super) victim: Held,
    pub(super) numbers: AtomicUsize,
}

impl Stage<'_> {
    /// Tries everything on every method.
    pub(super) async fn all(&self, only: Option<&str>) -> Result<Report, Fault> {
        let mut report = Report::default();
        let mut before = self.victim.state(&self.account.owner()).await?;
        for (rpc, method) in self.catalog.service(CLOUD)? {
            if only.is_some_and(|only| only != rpc) {
                continue;
            }
            self.method(&rpc, &method, &mut report).await.map_err(|fault| format!("{rpc}: {fault}"))?;
            let after = self.victim.state(&self.account.owner()).await?;
            report.check(&rpc, || (before == after).then_some(()).ok_or_else(|| difference(&before, &after)));
            before = after;
        }
        Ok(report)
    }

    async fn requests(&self, held: &Held, rpc: &str, method: &Method) -> Result<Vec<DynamicMessage>, Fault> {
        held.requests(&self.account.owner(), self.catalog, rpc, method).await
    }

    /// Names of nobody's, which nobody has had before.
    fn nobody(&self) -> Held {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.victim.absent(&format!("n{:04}", number % 10_000))
    }

    async fn method(&self, rpc: &str, method: &Method, report: &mut Report) -> Result<(), Fault> {
        let theirs = self.requests(&self.victim, rpc, method).await?;
        for (at, bravo) in theirs.iter().enumerate() {
            for place in places(bravo) {
                let title = name(&place);
                let mut answers = Vec::new();
                for other in [self.nobody(), self.victim.clone()] {
                    let filled = self.requests(&other, rpc, method).await?.swap_remove(at);
                    let own = self.attacker_with_new_names();
                    let mut body = self.requests(&own, rpc, method).await?.swap_remove(at);
                    let mut value =
                        content(&filled, &place).unwrap_or_else(|| Content::Text(other.value(&title).to_owned()));
                    if Some(&value) == content(&body, &place).as_ref() {
                        value = Content::Text(other.value(&title).to_owned());
                    }
                    put(&mut body, &place, &value)?;
                    let Content::Text(sent) = value else { continue };
                    answers.push(self.send(method, body, &own, &other, vec![sent]).await?);
                }
                self.judge(rpc, &title, &answers, report);
            }
            let mut answers = Vec::new();
            for other in [self.nobody(), self.victim.clone()] {
                let body = self.requests(&other, rpc, method).await?.swap_remove(at);
                let own = self.attacker.clone();
                answers.push(self.send(method, body, &own, &other, other.values()).await?);
            }
            self.judge(rpc, "all theirs", &answers, report);
        }
        Ok(())
    }

    fn attacker_with_new_names(&self) -> Held {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Held { wanted: format!("a{:04}", number % 10_000), ..self.attacker.clone() }
    }

    fn judge(&self, rpc: &str, place: &str, answers: &[Seen], report: &mut Report) {
        let shared = SHARED.iter().find(|(name, at, _)| *name == rpc && (*at == place || place == "all theirs"));
        let title = format!("{rpc}: {place}");
        match (shared, answers) {
            (Some((_, _, code)), [_, theirs]) if theirs.code == *code => report.check(&title, || {
                if theirs.leaks.is_empty() { Ok(()) } else { Err(format!("the answer tells {:?}", theirs.leaks)) }
            }),
            _ => report.compare(&title, answers),
        }
    }

    async fn send(
        &self,
        method: &Method,
        body: DynamicMessage,
        own: &Held,
        other: &Held,
        sent: Vec<String>,
    ) -> Result<Seen, Fault> {
        let answer = unhurried(&self.wire, method, body.encode_to_vec().into()).await;
        let reply = match &answer {
            Ok(reply) => self.catalog.decode(method, reply.clone())?,
            Err(_) => Value::Null,
        };
        self.account.owner().settled(&reply).await?;
        let answer = Answer::read(self.catalog, method, answer)?;
        // What the account shares of the other tenant is in both answers, under its own name.
        let shared = self.victim.values();
        let others =
            other.values().into_iter().chain(shared).chain(sent.iter().cloned()).map(|value| (value, "<other>"));
        let mut known: Vec<(String, &str)> = others.chain(own.values().into_iter().map(|own| (own, "<own>"))).collect();
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let leaks = answer.leaks(&sent, &self.victim.secrets());
        Ok(Seen { code: answer.code, normal: answer.normal(&known), leaks })
    }
}
