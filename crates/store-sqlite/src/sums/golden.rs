//! The bytes of what stands beside an open database, and of what a closed one ends with, as they stand in files. The last four
//! of each are the checksum of those before.

use uuid::Uuid;

use super::*;

fn bytes(golden: &str) -> Vec<u8> {
    let digits: Vec<u8> = golden.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn records_stand_in_files_as_they_always_did() {
    let (needed, copied) = (Extent { salt: 1, frames: 2 }, Extent { salt: 3, frames: 4 });
    let mark = Mark { needed, copied, page_count: 5, is_loose: true };
    let golden = "0100000000000000 02000000 0300000000000000 04000000 05000000 01000000 bc83186d";
    assert_eq!(mark.encode()[..], bytes(golden));
    assert_eq!(Mark::decode(&mark.encode()), Some(mark));
    let tail = Tail { generation: 1, end: 2, checksum: 3, frames: 4 };
    let golden = "0100000000000000 0200000000000000 03000000 04000000 00000000 7220dfb8";
    assert_eq!(tail.encode()[..], bytes(golden));
    assert_eq!(Tail::decode(&tail.encode()), Some(tail));
}

#[test]
fn the_head_stands_in_files_as_it_always_did() {
    let (id, session) = (Uuid::from_u128(0x0102), Uuid::from_u128(0x0304));
    let head = Head { purpose: Purpose::Live, id, session, page_bytes: 4_096, owner: "me".to_owned() };
    let golden =
        "50455244 53554d01 00 00000000000000000000000000000102 00000000000000000000000000000304 00100000 02 6d65";
    let encoded = head.encode();
    let (fields, rest) = encoded.split_at(bytes(golden).len());
    assert_eq!(fields, bytes(golden));
    assert_eq!((encoded.len(), &rest[rest.len() - 4..]), (512, &bytes("e3ab0723")[..]));
    assert!(rest[..rest.len() - 4].iter().all(|byte| *byte == 0));
    let adopting = Head { purpose: Purpose::Adopting, ..head };
    assert_eq!(adopting.encode()[8], 1);
}

#[test]
fn the_seal_stands_in_files_as_it_always_did() {
    let path = std::env::temp_dir().join(format!("store-sqlite-{}-golden-seal", std::process::id()));
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let seal = Seal { id: Uuid::from_u128(0x0102), page_bytes: 4_096, pages: vec![5, 6], folded: 3, last: 4 };
    seal.write(&file).unwrap();
    let mut written = vec![0; 72];
    file.read_exact_at(&mut written, 8_192).unwrap();
    let golden = "05000000 06000000 00000000000000000000000000000102 0300000000000000 04000000 00100000 02000000 d18ea908 0000000000000000 01000000 504552445345414c \
        8083f87e";
    assert_eq!(written, bytes(golden));
    assert_eq!(file.metadata().unwrap().len(), 8_192 + 72);
    assert_eq!(Seal::read(&file).unwrap(), seal::Found::Seal(seal));
}
