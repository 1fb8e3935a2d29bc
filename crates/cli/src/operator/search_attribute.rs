//! `operator search-attribute`: the custom keys that Workflow Executions are found by.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use proto::temporal::api::{
    enums::v1::IndexedValueType,
    operatorservice::v1::{
        AddSearchAttributesRequest, ListSearchAttributesRequest, ListSearchAttributesResponse,
        RemoveSearchAttributesRequest,
    },
};

use crate::{
    context::Context,
    failure::{Attempt, Failure},
    flags::values::{Choice, repeated_choice},
    output::{
        blocks::{Column, Table},
        names,
    },
};

/// Search Attribute operations
///
/// Create, list, or remove Search Attributes fields stored in a Workflow Execution's metadata.
#[derive(Args, Clone, Debug)]
pub(crate) struct SearchAttributeArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Create(CreateArgs),
    /// List Search Attributes
    List,
    Remove(RemoveArgs),
}

/// Add custom Search Attributes
///
/// Add one or more custom Search Attributes.
#[derive(Args, Clone, Debug)]
struct CreateArgs {
    /// Search Attribute name. Required.
    #[arg(long, required = true, value_name = "stringArray")]
    name: Vec<String>,
    /// Search Attribute type. Accepted values: Text, Keyword, Int, Double, Bool, Datetime, KeywordList. Required.
    #[arg(long = "type", required = true, value_name = "string", value_parser = repeated_choice::<IndexedValueType>)]
    value_type: Vec<IndexedValueType>,
}

/// Remove custom Search Attributes
///
/// Remove custom Search Attributes from the options that can be used with Workflow Executions.
#[derive(Args, Clone, Debug)]
struct RemoveArgs {
    /// Search Attribute name. Required.
    #[arg(long, required = true, value_name = "stringArray")]
    name: Vec<String>,
    /// Don't prompt to confirm removal.
    #[arg(long, short)]
    yes: bool,
}

impl Choice for IndexedValueType {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("Text", Self::Text),
        ("Keyword", Self::Keyword),
        ("Int", Self::Int),
        ("Double", Self::Double),
        ("Bool", Self::Bool),
        ("Datetime", Self::Datetime),
        ("KeywordList", Self::KeywordList),
    ];
}

impl SearchAttributeArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::Create(args) => args.run(context).await,
            Verb::List => list(context).await,
            Verb::Remove(args) => args.run(context).await,
        }
    }
}

impl CreateArgs {
    async fn run(self, context: &mut Context) -> Result<(), Failure> {
        if self.name.len() != self.value_type.len() {
            return Err(Failure::told("there must be as many --type flags as --name flags"));
        }
        let wanted: BTreeMap<String, i32> =
            self.name.into_iter().zip(self.value_type.into_iter().map(i32::from)).collect();
        let mut session = context.connect().await?;
        let request = ListSearchAttributesRequest { namespace: session.namespace.clone() };
        let existing = session.operator.list_search_attributes(request).await;
        let existing = existing.attempt("unable to get existing search attributes")?.into_inner();
        if let Some(refusal) = clash(&wanted, &existing) {
            return Err(Failure::told(refusal));
        }
        let request = AddSearchAttributesRequest { search_attributes: wanted, namespace: session.namespace.clone() };
        session.operator.add_search_attributes(request).await.attempt("unable to add search attributes")?;
        context.printer.success("Search attributes have been added")
    }
}

/// Why the wanted attributes cannot be added next to the existing ones.
fn clash(wanted: &BTreeMap<String, i32>, existing: &ListSearchAttributesResponse) -> Option<String> {
    wanted.iter().find_map(|(name, value_type)| {
        let existing = existing.custom_attributes.get(name).filter(|existing| *existing != value_type)?;
        Some(format!("search attribute {name} already exists and has different type {}", type_name(*existing)))
    })
}

impl RemoveArgs {
    async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        let names: Vec<String> = self.name.iter().map(|name| format!("{name:?}")).collect();
        let question = format!("You are about to remove search attribute [{}]? y/N", names.join(" "));
        context.confirm(&question, self.yes, "user denied confirmation, operation aborted")?;
        let request =
            RemoveSearchAttributesRequest { search_attributes: self.name, namespace: session.namespace.clone() };
        session.operator.remove_search_attributes(request).await.attempt("unable to remove search attributes")?;
        context.printer.success("Search attributes have been removed")
    }
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect().await?;
    let request = ListSearchAttributesRequest { namespace: session.namespace.clone() };
    let response = session.operator.list_search_attributes(request).await;
    let response = response.attempt("unable to list search attributes")?.into_inner();
    context.printer.table(&table(&response))?;
    context.printer.message(&response)
}

/// System attributes first, each part sorted by name.
fn table(response: &ListSearchAttributesResponse) -> Table {
    let mut table = Table::new([Column::text("Name"), Column::text("Type")]);
    for (name, value_type) in response.system_attributes.iter().chain(&response.custom_attributes) {
        table.push([name.clone(), type_name(*value_type)]);
    }
    table
}

fn type_name(value_type: i32) -> String {
    match IndexedValueType::try_from(value_type) {
        Ok(known) => names::short(known.as_str_name(), "INDEXED_VALUE_TYPE_"),
        Err(_) => value_type.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(items: &[(&str, IndexedValueType)]) -> BTreeMap<String, i32> {
        items.iter().map(|(name, value_type)| ((*name).to_owned(), i32::from(*value_type))).collect()
    }

    #[test]
    fn system_attributes_come_first() {
        let response = ListSearchAttributesResponse {
            custom_attributes: attributes(&[("A", IndexedValueType::KeywordList)]),
            system_attributes: attributes(&[("Z", IndexedValueType::Int), ("Y", IndexedValueType::Text)]),
            ..Default::default()
        };
        let table = table(&response);
        assert_eq!(table.render_header(false), "  Name     Type    \n");
        assert_eq!(table.render_rows(), "  Y     Text       \n  Z     Int        \n  A     KeywordList\n");
    }

    #[test]
    fn another_type_clashes_and_the_same_does_not() {
        let existing = ListSearchAttributesResponse {
            custom_attributes: attributes(&[("A", IndexedValueType::Int)]),
            ..Default::default()
        };
        assert_eq!(clash(&attributes(&[("A", IndexedValueType::Int)]), &existing), None);
        let refusal = clash(&attributes(&[("A", IndexedValueType::Text)]), &existing);
        assert_eq!(refusal.as_deref(), Some("search attribute A already exists and has different type Int"));
    }
}
