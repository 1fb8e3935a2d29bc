//! `doctor`: what is wrong with a connection, and the command that mends it.
//!
//! It goes from what can be seen here (the key, the certificate, the names) over the network (name, port, TLS) to what
//! the server says: who we are, whether the namespace lets us in, and whether we may start something there. Nothing is
//! changed on the server: the last question is a start that lacks its Workflow Id, which is refused either way.

mod answer;
mod credential;
mod local;

use clap::Args;
use jiff::Timestamp;

use crate::{
    connect::{self, Unconnected, diagnose, settings::Settings},
    context::Context,
    failure::Failure,
    output::json::Json,
};

/// Find out what is wrong with a connection
///
/// Checks name, port, TLS, certificates, API key, namespace and rights one after the other, names what is wrong, and
/// the command that mends it. Takes the same connection options and variables as every other command.
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    /// Could not be checked, or does not apply.
    Skipped,
    Bad,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// What was looked at, in a word.
    subject: &'static str,
    verdict: Verdict,
    text: String,
    /// What to do about it; empty if nothing.
    remedy: String,
}

impl Finding {
    fn good(subject: &'static str, text: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Good, text: text.into(), remedy: String::new() }
    }

    fn bad(subject: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Bad, text: text.into(), remedy: remedy.into() }
    }
}

impl DoctorArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let settings = context.settings()?;
        let findings = examine(&settings).await;
        print(context, &settings, &findings)?;
        match findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count() {
            0 => Ok(()),
            1 => Err(Failure::told("1 check failed")),
            count => Err(Failure::told(format!("{count} checks failed"))),
        }
    }
}

async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings = local::findings(settings, Timestamp::now());
    match connect::reach(settings).await {
        Ok(transport) => {
            findings.push(reached(settings));
            findings.extend(answer::findings(settings, transport).await);
        }
        Err(Unconnected::Unusable(failure)) => {
            findings.push(Finding::bad("settings", failure.to_string(), local::PAIR_REMEDY));
        }
        Err(Unconnected::Unreached(error)) => {
            findings.extend(network(diagnose::examine(settings, error.as_ref()).await));
        }
        Err(Unconnected::Answered(status)) => {
            // A port that wants TLS has answered, and is not reached.
            findings.extend((!answer::is_wrong_door(&status)).then(|| reached(settings)));
            findings.push(answer::refusal(settings, &status));
        }
    }
    findings
}

fn reached(settings: &Settings) -> Finding {
    let how = match settings.tls {
        Some(_) => "with TLS, and its certificate is trusted",
        None => "without TLS",
    };
    Finding::good("connection", format!("a server answers at {} {how}", settings.address.authority()))
}

/// The checks of the network as findings; the remedy stands with the one that failed.
fn network(examination: diagnose::Examination) -> Vec<Finding> {
    let mut findings: Vec<Finding> = examination
        .lines
        .iter()
        .filter_map(|line| {
            let mark = line.chars().next()?;
            let text = line[mark.len_utf8()..].trim();
            match mark {
                '✓' => Some(Finding::good("network", text)),
                '-' => Some(Finding { verdict: Verdict::Skipped, ..Finding::good("network", text) }),
                _ => None,
            }
        })
        .collect();
    findings.push(Finding::bad("connection", examination.summary, examination.advice));
    findings
}

fn print(context: &mut Context, settings: &Settings, findings: &[Finding]) -> Result<(), Failure> {
    let namespace = &settings.namespace;
    context.printer.line(&format!("Connection to {} for namespace {namespace}", settings.address.authority()))?;
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Good => "✓",
            Verdict::Skipped => "-",
            Verdict::Bad => "✗",
        };
        context.printer.line(&format!("  {mark} {}: {}", finding.subject, finding.text))?;
        if !finding.remedy.is_empty() {
            context.printer.line(&format!("      {}", finding.remedy))?;
        }
    }
    let items = findings.iter().map(|finding| {
        Json::object([
            ("check", Json::string(finding.subject)),
            (
                "verdict",
                Json::string(match finding.verdict {
                    Verdict::Good => "good",
                    Verdict::Skipped => "skipped",
                    Verdict::Bad => "bad",
                }),
            ),
            ("text", Json::string(finding.text.as_str())),
            ("remedy", Json::string(finding.remedy.as_str())),
        ])
    });
    context.printer.json(&Json::object([
        ("address", Json::string(settings.address.authority())),
        ("namespace", Json::string(namespace.as_str())),
        ("checks", Json::Array(items.collect())),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_stands_with_what_failed() {
        let lines = ["- DNS lookup skipped", "✓ TCP connection established", "✗ TLS handshake failed: x"];
        let examination = diagnose::Examination {
            lines: lines.map(str::to_owned).to_vec(),
            summary: "no".to_owned(),
            advice: "do".to_owned(),
        };
        let findings = network(examination);
        let verdicts: Vec<Verdict> = findings.iter().map(|finding| finding.verdict).collect();
        assert_eq!(verdicts, [Verdict::Skipped, Verdict::Good, Verdict::Bad]);
        assert_eq!(findings[2], Finding::bad("connection", "no", "do"));
    }
}
