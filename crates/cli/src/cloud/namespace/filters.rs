//! `cloud namespace certificate-filters`: which certificates of the accepted authorities may come in.

use std::fs;

use clap::{Args, Subcommand};
use proto::temporal::api::cloud::namespace::v1::CertificateFilterSpec;
use serde_json::{Value, json};

use super::ChangeArgs;
use crate::{context::Context, failure::Failure, output::json::Json};

/// The members of a filter in a file.
const MEMBERS: [&str; 4] = ["commonName", "organization", "organizationalUnit", "subjectAlternativeName"];

/// Manage certificate filters
///
/// A client certificate must match one filter in all of the filter's fields. Without filters every certificate of the
/// accepted authorities is let in.
#[derive(Args, Clone, Debug)]
pub(super) struct FiltersArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Add the filters of a file to those that are there
    Add(FileArgs),
    /// Remove all filters
    Clear {
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Write the filters as JSON, to stdout or to a file
    Export {
        /// File to write.
        #[arg(long, alias = "certificate-filter-file", value_name = "FILE")]
        file: Option<String>,
    },
    /// Replace the filters by those of a file
    Import(FileArgs),
}

#[derive(Args, Clone, Debug)]
struct FileArgs {
    /// File of JSON: {"filters": [{"commonName": "a*", "organization": "…", "organizationalUnit": "…",
    /// "subjectAlternativeName": "…"}]}.
    #[arg(long, alias = "certificate-filter-file", value_name = "FILE", conflicts_with = "input")]
    file: Option<String>,
    /// The same as text.
    #[arg(long, alias = "certificate-filter-input", value_name = "JSON")]
    input: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl FiltersArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::Add(args) => {
                let filters = args.read()?;
                args.change
                    .apply(context, |spec| {
                        spec.mtls_auth.get_or_insert_default().certificate_filters.extend(filters);
                        Ok(())
                    })
                    .await
            }
            Verb::Import(args) => {
                let filters = args.read()?;
                args.change
                    .apply(context, |spec| {
                        spec.mtls_auth.get_or_insert_default().certificate_filters = filters;
                        Ok(())
                    })
                    .await
            }
            Verb::Clear { change } => {
                change
                    .apply(context, |spec| {
                        spec.mtls_auth.get_or_insert_default().certificate_filters.clear();
                        Ok(())
                    })
                    .await
            }
            Verb::Export { file } => export(file, context).await,
        }
    }
}

async fn export(file: Option<String>, context: &mut Context) -> Result<(), Failure> {
    let (_, namespace) = super::find(context).await?;
    let filters = namespace.spec.and_then(|spec| spec.mtls_auth).map(|auth| auth.certificate_filters);
    let filters = to_json(&filters.unwrap_or_default());
    match file {
        Some(path) => fs::write(&path, format!("{filters:#}\n"))
            .map_err(|error| Failure::told(format!("the file {path:?} can't be written: {error}"))),
        None => {
            context.printer.line(&format!("{filters:#}"))?;
            context.printer.json(&Json::from(&filters))
        }
    }
}

impl FileArgs {
    fn read(&self) -> Result<Vec<CertificateFilterSpec>, Failure> {
        let text = match (&self.file, &self.input) {
            (Some(path), _) => fs::read_to_string(path)
                .map_err(|error| Failure::told(format!("the file {path:?} can't be read: {error}")))?,
            (None, Some(text)) => text.clone(),
            (None, None) => return Err(Failure::told("no filters are given: pass --file or --input")),
        };
        from_json(&text)
    }
}

fn from_json(text: &str) -> Result<Vec<CertificateFilterSpec>, Failure> {
    let wrong = |text: String| Failure::told(format!("the certificate filters can't be read: {text}"));
    let value: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let items = value.get("filters").unwrap_or(&value).as_array().cloned();
    let items = items.ok_or_else(|| wrong("a list under \"filters\" is expected".to_owned()))?;
    items
        .iter()
        .map(|item| {
            let members = item.as_object().ok_or_else(|| wrong(format!("{item} is not a filter")))?;
            if let Some(name) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
                return Err(wrong(format!("a filter has no {name:?}; it has {}", MEMBERS.join(", "))));
            }
            let field = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let [common_name, organization, organizational_unit, subject_alternative_name] = MEMBERS.map(field);
            Ok(CertificateFilterSpec { common_name, organization, organizational_unit, subject_alternative_name })
        })
        .collect()
}

fn to_json(filters: &[CertificateFilterSpec]) -> Value {
    let each = filters.iter().map(|filter| {
        let fields =
            [&filter.common_name, &filter.organization, &filter.organizational_unit, &filter.subject_alternative_name];
        let given = MEMBERS.into_iter().zip(fields).filter(|(_, value)| !value.is_empty());
        Value::Object(given.map(|(name, value)| (name.to_owned(), Value::String(value.clone()))).collect())
    });
    json!({ "filters": each.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_come_back_as_they_went() {
        let text = r#"{"filters":[{"commonName":"a*","organization":"Acme"},{"subjectAlternativeName":"*.b"}]}"#;
        let filters = from_json(text).unwrap();
        assert_eq!((filters.len(), filters[0].organization.as_str()), (2, "Acme"));
        assert_eq!(to_json(&filters).to_string(), text);
        assert_eq!(from_json("[]").unwrap(), []);
    }

    #[test]
    fn a_slip_of_the_pen_is_no_filter_that_lets_all_in() {
        let failure = from_json(r#"{"filters":[{"common_name":"a"}]}"#).unwrap_err();
        assert!(failure.to_string().contains("a filter has no \"common_name\""), "{failure}");
        assert!(from_json("{}").is_err());
        assert!(from_json("[1]").is_err());
    }
}
