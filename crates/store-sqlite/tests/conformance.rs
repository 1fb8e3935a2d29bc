//! The storage contract on a file.

mod folder;

use folder::Folder;
use store_sqlite::{OpenOptions, SqliteStore};

#[test]
fn keeps_the_contract() {
    let folder = Folder::new("conformance");
    let mut number = 0;
    let open = |number| SqliteStore::open(folder.file(&format!("{number}.db")), OpenOptions::default()).unwrap();
    store::conformance::check(
        || {
            number += 1;
            open(number)
        },
        |store| {
            drop(store);
            let mut files: Vec<_> = std::fs::read_dir(&folder.path).unwrap().map(|file| file.unwrap().path()).collect();
            files.sort_by_key(|file| file.metadata().unwrap().modified().unwrap());
            let newest = files.into_iter().rfind(|file| file.extension().is_some_and(|end| end == "db"));
            SqliteStore::open(newest.unwrap(), OpenOptions::default()).unwrap()
        },
    );
}
