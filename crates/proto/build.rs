//! Generates the API types and service traits from the descriptor set that `temporalio-protos` publishes, so that no
//! `.proto` file and no protoc is needed: an upgrade of the API is a version bump.

#[path = "build/shapes.rs"]
mod shapes;

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// Packages that are served or spoken. Everything they import comes along.
const ROOTS: [&str; 4] = ["temporal.api.", "nexusannotations.", "google.api", "google.rpc"];

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::var("DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH")?;
    println!("cargo:rerun-if-changed={path}");
    let mut set = FileDescriptorSet::decode(fs::read(path)?.as_slice())?;
    set.file.retain(|file| {
        let package = file.package();
        package == "google.protobuf" || ROOTS.iter().any(|root| package.starts_with(root))
    });
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), set.encode_to_vec())?;
    set.file.iter_mut().flat_map(|file| &mut file.message_type).for_each(serve_deprecated);
    set.file
        .iter_mut()
        .flat_map(|file| &mut file.enum_type)
        .flat_map(|kind| &mut kind.value)
        .for_each(|value| value.options = None);
    shapes::write(&set, &out.join("shapes.rs"))?;
    let causes = encoded_causes(&mut set.file)?;
    set.file.push(causes);
    let mut config = tonic_prost_build::Config::new();
    config.extern_path(".perdure", "crate::cause");
    // Payload bytes are handed on without a copy, and maps iterate in one order on every machine.
    config.bytes(["."]);
    config.btree_map(["."]);
    config.enable_type_names();
    config.include_file("api.rs");
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .emit_rerun_if_changed(false)
        .compile_fds_with_config(set, config)?;
    Ok(())
}

/// Has the causes of failures be `cause::Cause`; gives back the file that declares it.
fn encoded_causes(files: &mut [FileDescriptorProto]) -> Result<FileDescriptorProto, Box<dyn Error>> {
    let is_failure = |message: &&mut DescriptorProto| message.name() == "Failure";
    let mut messages = files
        .iter_mut()
        .filter(|file| file.package() == "temporal.api.failure.v1")
        .flat_map(|file| &mut file.message_type);
    let failure = messages.find(is_failure).ok_or("there is no Failure")?;
    let is_cause = |field: &&mut FieldDescriptorProto| field.name() == "cause";
    let cause = failure.field.iter_mut().find(is_cause).ok_or("a Failure has no cause")?;
    cause.type_name = Some(".perdure.Cause".to_owned());
    Ok(FileDescriptorProto {
        name: Some("perdure/cause.proto".to_owned()),
        package: Some("perdure".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![DescriptorProto { name: Some("Cause".to_owned()), ..Default::default() }],
        ..Default::default()
    })
}

/// Old clients still send fields that the API calls deprecated, so serving them is no mistake that a lint should name.
fn serve_deprecated(message: &mut DescriptorProto) {
    for field in &mut message.field {
        if let Some(options) = &mut field.options {
            options.deprecated = None;
        }
    }
    for value in message.enum_type.iter_mut().flat_map(|kind| &mut kind.value) {
        value.options = None;
    }
    message.nested_type.iter_mut().for_each(serve_deprecated);
}
