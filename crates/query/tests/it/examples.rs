//! Every example of the help pages runs as it stands there.

use crate::{corpus, golden_logs};

/// Tables that the examples look things up in.
const LOOKUPS: [(&str, &str); 3] = [
    (
        "shared/functions.csv",
        "name,owner,team\ncheckout,anna,shop\n",
    ),
    ("shared/owners.csv", "owner,team\nanna,payments\n"),
    (
        "threat/cs.csv",
        "threat,type,actor,raw,threatlevel\n203.0.113.7,ip_address,a,{},high\n",
    ),
];

#[tokio::test]
async fn every_example_of_the_help_pages_runs() {
    let data = tempfile::tempdir().unwrap();
    for (name, table) in LOOKUPS {
        let path = data.path().join("lookups").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, table).unwrap();
    }
    let (searches, ingest) = golden_logs::searches(corpus::events(), data.path()).await;
    let mut wrong = Vec::new();
    for unit in query::descriptors() {
        for example in unit.examples {
            if let Err(error) = corpus::answer(&searches, example).await {
                wrong.push(format!("{}: {example}: {error}", unit.name));
            }
        }
    }
    ingest.close().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}
