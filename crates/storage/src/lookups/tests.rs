//! Tests of lookup tables: what is written is read, keys tell rows apart, mistakes change nothing.

use super::*;

fn table(csv: &str) -> RecordBatch {
    lookup_rows(csv.as_bytes()).unwrap()
}

fn shown(lookups: &Lookups, name: &str) -> String {
    String::from_utf8(rows::write_csv(&lookups.rows(name).unwrap()).unwrap()).unwrap()
}

fn owners() -> LookupSchema {
    let field = |name: &str, field_type| LookupField {
        name: name.to_owned(),
        field_type,
    };
    LookupSchema {
        description: "who answers for what".to_owned(),
        fields: vec![
            field("name", LookupType::String),
            field("pager", LookupType::Long),
        ],
        keys: vec!["name".to_owned()],
        created_ms: 5,
    }
}

#[test]
fn names_lead_to_files_below_the_folder() {
    let found = |name| lookup_place(name).map(|place| place.display().to_string());
    assert_eq!(
        found("path://\"/Library/a b\"").as_deref(),
        Some("Library/a b.csv")
    );
    assert_eq!(found("shared/iocs").as_deref(), Some("shared/iocs.csv"));
    assert_eq!(found("sumo://threat/cs").as_deref(), Some("threat/cs.csv"));
    assert_eq!(found("https://a.b/c.csv").as_deref(), Some("a.b/c.csv"));
    assert_eq!(found("path://../../etc/passwd"), None);
    assert_eq!(found("path://a/../../b"), None);
    assert_eq!(found(""), None);
}

#[test]
fn rows_are_merged_by_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let lookups = Lookups::at(Disk::default(), folder.path().join("lookups"));
    lookups.declare("shared/owners", &owners()).unwrap();
    assert_eq!(shown(&lookups, "shared/owners"), "name,pager\n");
    let first = table("pager,name,more\n1,pay,x\n2,ship,y\n3,PAY,z\n");
    let write = |rows, mode| lookups.write("path://\"/shared/owners\"", rows, mode);
    assert_eq!(write(&first, LookupWrite::Replace).unwrap(), 2);
    assert_eq!(
        shown(&lookups, "shared/owners"),
        "name,pager\nship,2\nPAY,3\n"
    );
    assert_eq!(
        write(&table("name,pager\nShip,\nmail,7\n"), LookupWrite::Merge).unwrap(),
        3
    );
    assert_eq!(
        shown(&lookups, "shared/owners"),
        "name,pager\nPAY,3\nShip,\nmail,7\n"
    );
    let key = |value: &str| vec![("NAME".to_owned(), value.to_owned())];
    assert!(lookups.remove_row("shared/owners", &key("ship")).unwrap());
    assert!(!lookups.remove_row("shared/owners", &key("ship")).unwrap());
    let info = lookups.info("shared/owners").unwrap().unwrap();
    assert_eq!(info.schema, Some(owners()));
    assert_eq!(lookups.of_id(&info.id).unwrap(), Some(info));
    lookups.truncate("shared/owners").unwrap();
    assert_eq!(shown(&lookups, "shared/owners"), "name,pager\n");
    assert!(lookups.delete("shared/owners").unwrap());
    assert!(!lookups.delete("shared/owners").unwrap());
    assert_eq!(lookups.list().unwrap(), []);
}

#[test]
fn a_file_that_somebody_put_there_is_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let lookups = Lookups::at(Disk::default(), folder.path().to_owned());
    fs::write(folder.path().join("a.csv"), "\u{feff}x, y\n1,\"2, 3\"\n").unwrap();
    fs::write(folder.path().join("geo.mmdb"), "no table").unwrap();
    let names: Vec<String> = lookups
        .list()
        .unwrap()
        .into_iter()
        .map(|info| info.name)
        .collect();
    assert_eq!(names, ["a"]);
    lookups
        .write("a", &table("y,x\n5,4\n"), LookupWrite::Merge)
        .unwrap();
    assert_eq!(shown(&lookups, "a"), "x,y\n1,\"2, 3\"\n4,5\n");
}

#[test]
fn what_does_not_fit_is_told_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lookups = Lookups::at(Disk::default(), folder.path().to_owned());
    lookups.declare("a", &owners()).unwrap();
    lookups
        .write("a", &table("name,pager\nx,1\n"), LookupWrite::Replace)
        .unwrap();
    let told = |csv: &str| {
        let error = lookups.write("a", &table(csv), LookupWrite::Merge);
        error.unwrap_err().to_string()
    };
    assert_eq!(
        told("name\ny\n"),
        "cannot use lookup table `a`: the column `pager` is missing; there are: name"
    );
    assert!(
        told("name,pager\ny,z\n")
            .ends_with("`z` in row 1 is not of the type of column `pager` (long)")
    );
    assert!(told("name,pager\n,1\n").ends_with("row 1 has no value for its key (name)"));
    assert_eq!(shown(&lookups, "a"), "name,pager\nx,1\n");
    assert!(matches!(
        lookups.rows("b"),
        Err(StorageError::NoLookup { .. })
    ));
    assert!(
        lookups
            .write("../b", &table("x\n1\n"), LookupWrite::Replace)
            .is_err()
    );
    let mut twice = owners();
    twice.fields[1].name = "Name".to_owned();
    assert!(lookups.declare("c", &twice).is_err());
    let mut keyless = owners();
    keyless.keys = vec!["nobody".to_owned()];
    assert!(lookups.declare("c", &keyless).is_err());
}
