//! The data plane: for every method, everything that another tenant has is put into every place of a request, alone and
//! together, and the other tenant's state is looked at before and after.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use prost_reflect::{DynamicMessage, ReflectMessage, prost::Message};
use tonic::Code;

use super::{
    answer::Answer,
    places::{Content, Place, content, name, places, put},
    report::Report,
    request::{is_list, need, requests, value},
    tenant::{Ids, Need, Tenant},
};
use crate::{
    Fault,
    catalog::{Catalog, Method},
    wire::Wire,
};

/// Deadline of a request, and of one that may wait for a task or an answer.
const DEADLINE: Duration = Duration::from_secs(20);
const WAITING: Duration = Duration::from_millis(900);
/// How often two requests are made at most, as long as only one of them is answered in time.
const TRIES: usize = 6;

/// A namespace of which there is none, with a name as long as the others'.
pub(super) const NOBODY: &str = "nobdy.a2dd6";

/// The two tenants, and how the attacker is let in.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) catalog: Arc<Catalog>,
    pub(super) attacker: Tenant,
    /// The attacker in a namespace where nothing happens, so that two lists of it are the same.
    pub(super) reader: Tenant,
    pub(super) victim: Tenant,
    pub(super) numbers: Arc<AtomicUsize>,
}

/// What is sent, and what must not come back.
struct Sent {
    body: DynamicMessage,
    own: Ids,
    other: Ids,
    /// The contents of the other's that are in it.
    contents: Vec<String>,
}

impl Stage {
    /// A number for names that nobody has used yet.
    pub(super) fn number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Gives the attacker some runs to list.
    pub(super) async fn settle(&self) -> Result<(), Fault> {
        for _ in 0..3 {
            self.reader.live(self.number(), Need::Run).await?;
        }
        Ok(())
    }

    /// Tries everything on one method.
    pub(super) async fn method(&self, rpc: &str, method: &Method, is_served: bool) -> Result<Report, Fault> {
        let mut report = Report::default();
        let theirs = self.victim.victim(self.number()).await?;
        let absent = theirs.absent(NOBODY);
        let before = self.victim.state(&theirs).await?;
        let (bravo, nobody) =
            (requests(&self.catalog, rpc, method, &theirs)?, requests(&self.catalog, rpc, method, &absent)?);
        for (at, ((about, bravo), (_, nobody))) in bravo.iter().zip(&nobody).enumerate() {
            let title = if about.is_empty() { rpc.to_owned() } else { format!("{rpc} ({about})") };
            let attacker = if is_list(rpc) { &self.reader } else { &self.attacker };
            let need = need(rpc, is_served);
            let case = Case { stage: self, attacker, rpc, method, need, at, title, absent: &absent, theirs: &theirs };
            for place in places(bravo) {
                let filled = |message: &DynamicMessage, ids: &Ids| {
                    content(message, &place).unwrap_or_else(|| value(rpc, &name(&place), ids))
                };
                let mut contents = [filled(nobody, &absent), filled(bravo, &theirs)];
                if contents[0] == contents[1] {
                    contents = [&absent, &theirs].map(|ids| value(rpc, &name(&place), ids));
                }
                case.alone(&place, contents, &mut report).await?;
            }
            case.together([nobody, bravo], &mut report).await?;
        }
        let after = self.victim.state(&theirs).await?;
        report.check(rpc, || (before == after).then_some(()).ok_or_else(|| difference(&before, &after)));
        let finished = self.victim.finish(&theirs).await;
        report.check(rpc, || finished.map_err(|fault| format!("the other tenant can't go on: {fault}")));
        Ok(report)
    }
}

/// One request of one method under substitution.
struct Case<'a> {
    stage: &'a Stage,
    attacker: &'a Tenant,
    rpc: &'a str,
    method: &'a Method,
    need: Need,
    at: usize,
    title: String,
    absent: &'a Ids,
    theirs: &'a Ids,
}

/// What is asked twice, with what nobody has and with what the other tenant has.
enum Ask<'a> {
    /// The attacker's own request with something else in one place.
    Alone { place: &'a Place, contents: [Content; 2] },
    /// The other's whole request, in a namespace of the attacker's choice if there is one, under a header.
    Together { bodies: [&'a DynamicMessage; 2], namespace: Option<&'a str>, header: &'a str },
}

impl Case<'_> {
    /// The attacker's own request, over things of its own.
    async fn own(&self) -> Result<(Ids, DynamicMessage), Fault> {
        let ids = self.attacker.live(self.stage.number(), self.need).await?;
        let mut requests = requests(&self.stage.catalog, self.rpc, self.method, &ids)?;
        Ok((ids, requests.swap_remove(self.at).1))
    }

    /// One place of the attacker's own request gets what nobody has, and then what the other tenant has.
    async fn alone(&self, place: &Place, contents: [Content; 2], report: &mut Report) -> Result<(), Fault> {
        let answers = self.both(&Ask::Alone { place, contents }).await?;
        let title = format!("{}: {}", self.title, name(place));
        // A token of a list says where to go on and nothing more: what it opens is the attacker's own.
        report.compare(&title, &answers);
        Ok(())
    }

    /// The whole request is the other tenant's, under each namespace and each header.
    async fn together(&self, bodies: [&DynamicMessage; 2], report: &mut Report) -> Result<(), Fault> {
        let own = self.attacker.namespace.as_str();
        for namespace in [None, Some(own), Some("")] {
            for header in ["", own, "other"] {
                let answers = self.both(&Ask::Together { bodies, namespace, header }).await?;
                let named = namespace.map_or("theirs", |name| if name.is_empty() { "none" } else { "own" });
                let header = if header.is_empty() { "none" } else { header };
                let title = format!("{}: all theirs, namespace {named}, header {header}", self.title);
                report.compare(&title, &answers);
            }
        }
        Ok(())
    }

    /// Asks for what nobody has and for what the other tenant has. Where one answer came in time and the other did not, the
    /// machine may have stood still meanwhile, and both are asked for again: only a difference that stays is one.
    async fn both(&self, ask: &Ask<'_>) -> Result<[Seen; 2], Fault> {
        let mut tries = 1;
        loop {
            let answers = [self.ask(ask, 0).await?, self.ask(ask, 1).await?];
            let [nobodys, theirs] = answers.each_ref().map(|seen| seen.code == Code::Cancelled);
            if nobodys == theirs || tries == TRIES {
                return Ok(answers);
            }
            tries += 1;
        }
    }

    /// Side 0 is what nobody has, side 1 what the other tenant has.
    async fn ask(&self, ask: &Ask<'_>, side: usize) -> Result<Seen, Fault> {
        let other = [self.absent, self.theirs][side].clone();
        match ask {
            Ask::Alone { place, contents } => {
                let (own, mut body) = self.own().await?;
                put(&mut body, place, &contents[side])?;
                let contents = vec![written(&contents[side])];
                self.send(&self.attacker.wire, Sent { body, own, other, contents }).await
            }
            Ask::Together { bodies, namespace, header } => {
                let mut body = bodies[side].clone();
                let field = body.descriptor().get_field_by_name("namespace");
                if let (Some(namespace), Some(field)) = (namespace, field) {
                    put(&mut body, &[super::places::Step::Field(field)], &Content::Text((*namespace).to_owned()))?;
                }
                let wire = match *header {
                    "" => self.attacker.wire.clone(),
                    "other" => self.under(&other.namespace)?,
                    own => self.under(own)?,
                };
                let contents = other.known("").into_iter().map(|(value, _)| value).collect();
                let own = Ids { namespace: self.attacker.namespace.clone(), ..Ids::default() };
                self.send(&wire, Sent { body, own, other, contents }).await
            }
        }
    }

    fn under(&self, namespace: &str) -> Result<Wire, Fault> {
        self.attacker.wire.showing("temporal-namespace", namespace.as_bytes())
    }

    async fn send(&self, wire: &Wire, sent: Sent) -> Result<Seen, Fault> {
        // These wait for a task, or for a worker that is not there.
        let waits = self.rpc.starts_with("Poll")
            || ["QueryWorkflow", "UpdateWorkflowExecution", "ExecuteMultiOperation"].contains(&self.rpc);
        let deadline = if waits { WAITING } else { DEADLINE };
        let answer = wire.call(&self.method.path, sent.body.encode_to_vec().into(), deadline).await;
        let answer = Answer::read(&self.stage.catalog, self.method, answer)?;
        let mut known = sent.other.known("<other>");
        known.extend(sent.own.known("<own>"));
        known.extend(sent.contents.iter().map(|content| (content.clone(), "<other>")));
        // The longest first, so that no value is taken for the beginning of another.
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let leaks = answer.leaks(&sent.contents, &self.theirs.secrets());
        Ok(Seen { code: answer.code, normal: answer.normal(&known), leaks })
    }
}

/// What the attacker saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) code: Code,
    pub(super) normal: String,
    pub(super) leaks: Vec<String>,
}

/// A content as an answer would show it.
fn written(content: &Content) -> String {
    match content {
        Content::Text(text) => text.clone(),
        Content::Bytes(bytes) => crate::secured::base64(bytes),
    }
}

/// Where two states differ first.
pub(super) fn difference(before: &serde_json::Value, after: &serde_json::Value) -> String {
    let (before, after) = (before.to_string(), after.to_string());
    let at = before.bytes().zip(after.bytes()).position(|(left, right)| left != right).unwrap_or_default();
    let around = |text: &str| text.chars().skip(at.saturating_sub(80)).take(240).collect::<String>();
    format!("the other tenant's state has changed: …{}… became …{}…", around(&before), around(&after))
}
