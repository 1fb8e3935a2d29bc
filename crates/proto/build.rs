//! Generates the API types and service traits from the descriptor set that `temporalio-protos` publishes, so that no
//! `.proto` file and no protoc is needed: an upgrade of the API is a version bump.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet};

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
    let mut config = tonic_prost_build::Config::new();
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
