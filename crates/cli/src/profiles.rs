//! `config list` and `config get`: what stands in the file of profiles that the SDKs and the command line share.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use toml::de::{DeTable, DeValue};

use crate::{
    connect::profile::{self, KEYS},
    context::Context,
    failure::Failure,
    output::{
        Printer,
        blocks::{Column, Table},
        json::Json,
    },
};

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum ProfileCommand {
    /// Show config file properties
    ///
    /// Display specific properties or the entire profile.
    Get(GetArgs),
    /// Show config file profiles
    ///
    /// List profile names in the config file.
    List,
}

/// The flags of `config get`.
#[derive(Args, Clone, Debug)]
pub struct GetArgs {
    /// Specific property to get.
    #[arg(long, short, value_name = "string")]
    prop: Option<String>,
}

/// Where a property may have any name below it.
const HEADERS: &str = "grpc_meta";

impl ProfileCommand {
    pub(crate) fn run(self, context: &mut Context) -> Result<(), Failure> {
        let text = context.profile_text()?;
        let table = profile::table(&text)?;
        let profiles = profile::profiles(table.get_ref());
        match self {
            Self::List => list(&mut context.printer, profiles),
            Self::Get(args) => {
                let name = context.profile_name();
                let profile = profiles.and_then(|profiles| profiles.get(name.as_str()));
                let profile = profile.and_then(|value| value.get_ref().as_table());
                let profile = profile.ok_or_else(|| Failure::told(format!("profile {name:?} not found")))?;
                get(&mut context.printer, &properties(profile), args.prop.as_deref())
            }
        }
    }
}

fn list(printer: &mut Printer, profiles: Option<&DeTable<'_>>) -> Result<(), Failure> {
    let mut names: Vec<String> =
        profiles.iter().flat_map(|all| all.keys()).map(|name| name.get_ref().to_string()).collect();
    names.sort();
    let mut table = Table::new([Column::text("Name")]);
    names.iter().for_each(|name| table.push([name.clone()]));
    printer.table(&table)?;
    let names = names.into_iter().map(|name| Json::object([("name", Json::String(name))]));
    printer.json(&Json::Array(names.collect()))
}

fn get(printer: &mut Printer, all: &BTreeMap<String, Json>, wanted: Option<&str>) -> Result<(), Failure> {
    let mut table = Table::new([Column::text("Property"), Column::text("Value")]);
    let Some(name) = wanted else {
        all.iter().for_each(|(name, value)| table.push([name.clone(), shown(value)]));
        printer.table(&table)?;
        return printer.json(&nested(all));
    };
    let is_parent = name == HEADERS || KEYS.iter().any(|(key, _)| key.starts_with(&format!("{name}.")));
    let value = match (all.get(name), KEYS.iter().find(|(key, _)| *key == name)) {
        (Some(value), _) => value.clone(),
        (None, Some((_, true))) => Json::Bool(false),
        (None, Some((_, false))) => Json::String(String::new()),
        (None, None) if is_parent => return Err(Failure::told("must provide exact property, not parent property")),
        (None, None) => return Err(Failure::told(format!("unknown property {name:?}"))),
    };
    table.push([name.to_owned(), shown(&value)]);
    printer.table(&table)?;
    printer.json(&Json::object([("property", Json::String(name.to_owned())), ("value", value)]))
}

/// What is set in a profile, by the names of its properties. Keys that are not known are passed over, as the SDKs do.
fn properties(profile: &DeTable<'_>) -> BTreeMap<String, Json> {
    let mut found = BTreeMap::new();
    for (key, value) in profile.iter() {
        let key = key.get_ref().to_string();
        match value.get_ref().as_table() {
            Some(table) => {
                if key == "tls" {
                    found.insert(key.clone(), Json::Bool(true));
                }
                let inner =
                    table.iter().map(|(name, value)| (format!("{key}.{}", name.get_ref()), json(value.get_ref())));
                found.extend(inner.filter(|(name, _)| key == HEADERS || KEYS.iter().any(|(known, _)| known == name)));
            }
            None if KEYS.iter().any(|(known, _)| *known == key) => drop(found.insert(key, json(value.get_ref()))),
            None => {}
        }
    }
    found
}

fn json(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::Boolean(truth) => Json::Bool(*truth),
        DeValue::String(text) => Json::String(text.to_string()),
        other => Json::String(format!("({})", other.type_str())),
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(truth) => truth.to_string(),
        Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => String::new(),
    }
}

/// The properties as they stand in the file: those below a table in an object.
fn nested(all: &BTreeMap<String, Json>) -> Json {
    let mut fields: Vec<(String, Json)> = Vec::new();
    for (name, value) in all {
        match name.split_once('.') {
            None if name == "tls" => fields.push((name.clone(), Json::Object(Vec::new()))),
            None => fields.push((name.clone(), value.clone())),
            Some((table, name)) => {
                if fields.last().is_none_or(|(last, _)| last != table) {
                    fields.push((table.to_owned(), Json::Object(Vec::new())));
                }
                if let Some((_, Json::Object(inner))) = fields.last_mut() {
                    inner.push((name.to_owned(), value.clone()));
                }
            }
        }
    }
    Json::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, json::Layout, tests::printer};

    const FILE: &str = "[profile.default]\naddress = \"a:1\"\nnew = 5\n[profile.default.tls]\nclient_cert_path = \"/c\"\n\
                        [profile.default.grpc_meta]\nx-a = \"1\"\n[profile.prod]\nnamespace = \"n\"\n";

    fn profile(name: &str) -> BTreeMap<String, Json> {
        let table = profile::table(FILE).unwrap();
        let profiles = table.get_ref()["profile"].get_ref().as_table().unwrap();
        properties(profiles.get(name).unwrap().get_ref().as_table().unwrap())
    }

    #[test]
    fn a_profile_is_shown_as_it_stands() {
        let found = profile("default");
        let lines: Vec<_> = found.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect();
        assert_eq!(lines, ["address a:1", "grpc_meta.x-a 1", "tls true", "tls.client_cert_path /c"]);
        assert_eq!(
            nested(&found).render(Layout::Compact),
            r#"{"address":"a:1","grpc_meta":{"x-a":"1"},"tls":{"client_cert_path":"/c"}}"#
        );
    }

    #[test]
    fn a_property_is_shown_by_its_name() {
        for (name, wanted) in [
            ("address", Ok("  Property  Value\n  address   a:1  \n")),
            ("namespace", Ok("  Property   Value\n  namespace       \n")),
            ("tls", Ok("  Property  Value\n  tls       true \n")),
            ("tls.disabled", Ok("    Property    Value\n  tls.disabled  false\n")),
            ("grpc_meta", Err("must provide exact property, not parent property")),
            ("codec", Err("must provide exact property, not parent property")),
            ("nosuch", Err("unknown property \"nosuch\"")),
        ] {
            let (mut printer, sink) = printer(Format::Text);
            let outcome = get(&mut printer, &profile("default"), Some(name));
            let outcome = outcome.map(|()| sink.text()).map_err(|failure| failure.to_string());
            assert_eq!(outcome.as_deref().map_err(String::as_str), wanted, "{name}");
        }
    }
}
