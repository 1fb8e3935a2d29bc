//! `--input` and its kin: what becomes the payloads of a call.

use std::{collections::BTreeMap, fs};

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::Args;
use proto::temporal::api::common::v1::{Header, Payload, Payloads};
use serde_json::Value;

use super::values::key_json_values;
use crate::failure::Failure;

/// The arguments of a call.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PayloadArgs {
    /// Input value. Use JSON content or set --input-meta to override. Can't be combined with --input-file. Can be
    /// passed multiple times to pass multiple arguments.
    #[arg(long, short, value_name = "stringArray")]
    pub(crate) input: Vec<String>,
    /// A path or paths for input file(s). Use JSON content or set --input-meta to override. Can't be combined with
    /// --input. Can be passed multiple times to pass multiple arguments.
    #[arg(long, value_name = "stringArray")]
    pub(crate) input_file: Vec<String>,
    /// Input payload metadata as a KEY=VALUE pair. When the KEY is "encoding", this overrides the default
    /// ("json/plain"). Can be passed multiple times. Repeated metadata keys are applied to the corresponding inputs in
    /// the provided order.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) input_meta: Vec<String>,
    /// Assume inputs are base64-encoded and attempt to decode them.
    #[arg(long)]
    pub(crate) input_base64: bool,
}

impl PayloadArgs {
    /// The payloads, one per input, each with the metadata of its position or else of the first one.
    pub(crate) fn build(&self) -> Result<Payloads, Failure> {
        let inputs = self.inputs()?;
        let metadata = self.metadata(inputs.len())?;
        let payloads = inputs.into_iter().enumerate().map(|(index, input)| self.payload(index, input, &metadata));
        Ok(Payloads { payloads: payloads.collect::<Result<_, _>>()? })
    }

    fn inputs(&self) -> Result<Vec<Vec<u8>>, Failure> {
        if !self.input.is_empty() && !self.input_file.is_empty() {
            return Err(Failure::told("cannot provide input and input file"));
        }
        let mut inputs: Vec<Vec<u8>> = self.input.iter().map(|input| input.clone().into_bytes()).collect();
        for path in &self.input_file {
            let input = fs::read(path)
                .map_err(|error| Failure::told(format!("failed reading input file {path:?}: {error}")))?;
            inputs.push(input);
        }
        Ok(inputs)
    }

    fn metadata(&self, input_count: usize) -> Result<BTreeMap<String, Vec<String>>, Failure> {
        let mut metadata: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for item in &self.input_meta {
            let Some((key, value)) = item.split_once('=') else {
                return Err(Failure::told(format!("metadata {item} expected to have '='")));
            };
            let values = metadata.entry(key.to_owned()).or_default();
            if !values.is_empty() && values.len() == input_count {
                return Err(Failure::told(format!(
                    "received more --input-meta flags for key {key:?} than number of inputs"
                )));
            }
            values.push(value.to_owned());
        }
        metadata.entry("encoding".to_owned()).or_insert_with(|| vec!["json/plain".to_owned()]);
        Ok(metadata)
    }

    fn payload(
        &self,
        index: usize,
        input: Vec<u8>,
        metadata: &BTreeMap<String, Vec<String>>,
    ) -> Result<Payload, Failure> {
        let data = match self.input_base64 {
            true => {
                decoded(&input).ok_or_else(|| Failure::told(format!("input #{} is not valid base64", index + 1)))?
            }
            false => input,
        };
        let mut chosen = BTreeMap::new();
        for (key, values) in metadata {
            let Some(value) = values.get(index).or(values.first()) else {
                continue;
            };
            if key == "encoding" && value.starts_with("json/") && serde_json::from_slice::<Value>(&data).is_err() {
                return Err(Failure::told(format!("input #{} is not valid JSON", index + 1)));
            }
            chosen.insert(key.clone(), value.clone().into_bytes().into());
        }
        Ok(Payload { metadata: chosen, data: data.into(), ..Default::default() })
    }
}

/// The bytes of a base64 text, line breaks skipped.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    STANDARD.decode(text).ok()
}

/// The payload of a JSON value, as an SDK's default converter makes it.
pub(crate) fn json_payload(value: &Value) -> Payload {
    let (encoding, data) = match value {
        Value::Null => ("binary/null", String::new()),
        value => ("json/plain", value.to_string()),
    };
    let metadata = [("encoding".to_owned(), encoding.as_bytes().into())].into();
    Payload { metadata, data: data.into_bytes().into(), ..Default::default() }
}

/// The payloads of `KEY=JSON` pairs.
pub(crate) fn json_payloads(items: &[String]) -> Result<BTreeMap<String, Payload>, Failure> {
    Ok(key_json_values(items)?.into_iter().map(|(key, value)| (key, json_payload(&value))).collect())
}

/// The header of `--headers`.
pub(crate) fn header(items: &[String]) -> Result<Header, Failure> {
    Ok(Header { fields: json_payloads(items)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(input: &[&str], meta: &[&str], base64: bool) -> PayloadArgs {
        let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        PayloadArgs { input: owned(input), input_file: Vec::new(), input_meta: owned(meta), input_base64: base64 }
    }

    fn shown(payloads: &Payloads) -> Vec<String> {
        let show = |payload: &Payload| {
            let metadata =
                payload.metadata.iter().map(|(key, value)| format!("{key}={}", String::from_utf8_lossy(value)));
            format!("{} {}", metadata.collect::<Vec<_>>().join(","), String::from_utf8_lossy(&payload.data))
        };
        payloads.payloads.iter().map(show).collect()
    }

    #[test]
    fn inputs_are_json_unless_told_otherwise() {
        for (input, meta, base64, wanted) in [
            (&["1", "{}"][..], &[][..], false, &["encoding=json/plain 1", "encoding=json/plain {}"][..]),
            (&["x"], &["encoding=binary/plain"], false, &["encoding=binary/plain x"]),
            (&["eA=="], &["encoding=binary/plain"], true, &["encoding=binary/plain x"]),
            (&["eyJhIjoxfQ=="], &[], true, &["encoding=json/plain {\"a\":1}"]),
            (&["1", "2"], &["k=a", "k=b"], false, &["encoding=json/plain,k=a 1", "encoding=json/plain,k=b 2"]),
            (&["1", "2"], &["k=a"], false, &["encoding=json/plain,k=a 1", "encoding=json/plain,k=a 2"]),
            (&[], &[], false, &[]),
        ] {
            assert_eq!(shown(&args(input, meta, base64).build().unwrap()), wanted);
        }
    }

    #[test]
    fn complaints() {
        for (input, meta, base64, wanted) in [
            (&["1", "{bad"][..], &[][..], false, "input #2 is not valid JSON"),
            (&["*"], &["encoding=x"], true, "input #1 is not valid base64"),
            (&["eA=="], &[], true, "input #1 is not valid JSON"),
            (&["1"], &["k"], false, "metadata k expected to have '='"),
            (&["1"], &["k=a", "k=b"], false, "received more --input-meta flags for key \"k\" than number of inputs"),
        ] {
            assert_eq!(args(input, meta, base64).build().unwrap_err().to_string(), wanted);
        }
        let both = PayloadArgs { input_file: vec!["f".to_owned()], ..args(&["1"], &[], false) };
        assert_eq!(both.build().unwrap_err().to_string(), "cannot provide input and input file");
        let missing = PayloadArgs { input_file: vec!["/nonexistent/f".to_owned()], ..args(&[], &[], false) };
        let text = missing.build().unwrap_err().to_string();
        assert!(text.starts_with("failed reading input file \"/nonexistent/f\": "), "{text}");
    }

    #[test]
    fn json_values_become_payloads() {
        let payloads = json_payloads(&["a=null".to_owned(), "b=[1]".to_owned()]).unwrap();
        let list = Payloads { payloads: payloads.into_values().collect() };
        assert_eq!(shown(&list), ["encoding=binary/null ", "encoding=json/plain [1]"]);
    }
}
