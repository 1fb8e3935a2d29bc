//! Substitution: two tenants of one secured server, and in every field of every request of one the names, ids and
//! tokens of the other. Nothing of the other may change, and no answer may differ from the one for what does not exist.

mod advisories;
mod answer;
mod control;
mod data;
mod held;
mod places;
mod report;
mod request;
mod tenant;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
    time::Instant,
};

use clap::Args;
use tokio::task::JoinSet;

use crate::{
    Fault,
    catalog::{Catalog, Method},
    differential::IMPLEMENTED,
    reference,
    secured::Account,
    wire::{Pass, Wire},
};
use data::{NOBODY, Stage};
use held::Held;
use report::Report;
use tenant::Tenant;

const SERVICES: [&str; 2] =
    ["temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService"];

/// How to run it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server under test; `target/release/perdure` by default.
    #[arg(long)]
    perdure: Option<PathBuf>,
    /// Only this RPC.
    #[arg(long)]
    only: Option<String>,
    /// Only the control plane.
    #[arg(long)]
    control: bool,
    /// How many RPCs are tried at a time.
    #[arg(long, default_value_t = 6)]
    concurrency: usize,
}

/// Tries everything and prints what got through.
pub(crate) async fn run(options: Options) -> Result<(), Fault> {
    let catalog = Arc::new(Catalog::load()?);
    let binary = reference::subject(options.perdure.clone())?;
    let directory = std::env::temp_dir().join(format!("perdure-substitution-{}", std::process::id()));
    let account = Account::open(&binary, directory, &catalog).await?;
    let world = World::build(&account, &catalog).await?;
    let started = Instant::now();
    let mut report = Report::default();
    let stages = if options.control { &[] } else { world.stages.as_slice() };
    for (how, stage) in stages {
        println!("## data plane, with {how}");
        let part = data_plane(stage, &options).await?;
        part.print_codes();
        report.add(part);
    }
    if options.only.is_none() && !options.control {
        println!("## advisories");
        for (_, stage) in &world.stages {
            let scene = advisories::Scene { account: &account, catalog: &catalog, stage, reader: world.reader.clone() };
            report.add(advisories::run(&scene).await?);
        }
    }
    // Last, since here the attacker changes its own namespaces.
    println!("## control plane");
    let control = world.control(&account, &catalog)?;
    let part = control.all(options.only.as_deref()).await?;
    part.print_codes();
    report.add(part);
    println!("## all, in {:.0} s", started.elapsed().as_secs_f64());
    if report.print() { Ok(()) } else { Err("one tenant can see or change what is another's".into()) }
}

/// The tenants and their ways in.
struct World {
    stages: Vec<(&'static str, Stage)>,
    /// A key that may only read in the attacker's namespace.
    reader: String,
    /// What attacker and victim hold in the account, and the attacker's key.
    held: [Held; 2],
    key: String,
}

impl World {
    async fn build(account: &Account, catalog: &Arc<Catalog>) -> Result<World, Fault> {
        let owner = account.owner();
        let (authority, certificate, private) = account.certificates("alpha").await?;
        let alpha = owner.namespace("alpha", Some(&authority)).await?;
        let delta = owner.namespace("delta", Some(&authority)).await?;
        let bravo = owner.namespace("bravo", None).await?;
        if NOBODY.len() != bravo.len() {
            return Err(format!("{NOBODY:?} is not as long as {bravo:?}").into());
        }
        let robot = owner.robot("alpha", "DEVELOPER", &[(&alpha, "ADMIN"), (&delta, "ADMIN")]).await?;
        let (key_id, key) = owner.key("alpha", &robot).await?;
        let other = owner.robot("bravo", "READ", &[(&bravo, "ADMIN")]).await?;
        let (other_key_id, other_key) = owner.key("bravo", &other).await?;
        let held = [
            Held::make(&owner, "alpha", &robot, &key_id).await?,
            Held::make(&owner, "bravo", &other, &other_key_id).await?,
        ];
        let tenant = |wire: Wire, namespace: &str, name: &'static str| Tenant {
            catalog: Arc::clone(catalog),
            wire,
            namespace: namespace.to_owned(),
            name,
        };
        let victim = tenant(account.data(&other_key)?, &bravo, "bravo");
        let numbers = Arc::default();
        let stage = |wire, reading| Stage {
            catalog: Arc::clone(catalog),
            attacker: tenant(wire, &alpha, "alpha"),
            reader: tenant(reading, &delta, "delta"),
            victim: victim.clone(),
            numbers: Arc::clone(&numbers),
        };
        let by_key = account.data(&key)?;
        let by_certificate = |namespace: &str| {
            let pass = Pass {
                trusted: account.trusted.clone(),
                certificate: Some((certificate.clone(), private.clone())),
                server_name: Account::endpoint(namespace),
                ..Pass::default()
            };
            Wire::secured(account.server.port, &pass)
        };
        let stages = vec![
            ("an API key", stage(by_key.clone(), by_key)),
            ("a certificate", stage(by_certificate(&alpha)?, by_certificate(&delta)?)),
        ];
        for (_, stage) in &stages {
            stage.settle().await?;
        }
        let reader = owner.robot("reader", "READ", &[(&alpha, "READ")]).await?;
        let (_, reader) = owner.key("reader", &reader).await?;
        Ok(World { stages, reader, held, key })
    }

    fn control<'a>(&self, account: &'a Account, catalog: &'a Arc<Catalog>) -> Result<control::Stage<'a>, Fault> {
        let [attacker, victim] = self.held.clone();
        let pass = Pass { trusted: account.trusted.clone(), key: self.key.clone(), ..Pass::default() };
        let wire = Wire::secured(account.control_port, &pass)?;
        Ok(control::Stage { account, catalog, attacker, wire, victim, numbers: AtomicUsize::new(0) })
    }
}

/// Every method of the data plane, some at a time.
async fn data_plane(stage: &Stage, options: &Options) -> Result<Report, Fault> {
    let mut methods: Vec<(String, Method)> = Vec::new();
    for service in SERVICES {
        methods.extend(stage.catalog.service(service)?);
    }
    methods.retain(|(rpc, _)| options.only.as_ref().is_none_or(|only| only == rpc));
    let (mut report, mut running) = (Report::default(), JoinSet::new());
    for (rpc, method) in methods {
        if running.len() >= options.concurrency.max(1)
            && let Some(part) = running.join_next().await
        {
            report.add(part??);
        }
        let stage = stage.clone();
        running.spawn(async move {
            let is_served = IMPLEMENTED.contains(&rpc.as_str());
            stage.method(&rpc, &method, is_served).await.map_err(|fault| Fault::from(format!("{rpc}: {fault}")))
        });
    }
    while let Some(part) = running.join_next().await {
        report.add(part??);
    }
    Ok(report)
}
