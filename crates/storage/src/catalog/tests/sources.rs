//! What every catalog must do about sources.

use super::{NOW, Place, each};
use crate::catalog::SourceRow;

pub(super) async fn conform(place: &mut impl FnMut() -> Place) {
    each(place(), sources_are_there_until_they_are_removed).await;
}

fn source(name: &str, config: &str, is_paused: bool) -> SourceRow {
    SourceRow {
        name: name.to_owned(),
        config: config.to_owned(),
        is_paused,
        changed_at: NOW,
    }
}

async fn sources_are_there_until_they_are_removed(place: Place) {
    {
        let catalog = place.open().await;
        assert!(catalog.sources().await.unwrap().is_empty());
        for kept in [
            source("b", "{}", false),
            source("a", "", true),
            source("b", "{\"token\":\"hunter2\"}", true),
            source("c", "{}", false),
        ] {
            catalog.put_source(&kept).await.unwrap();
        }
        catalog.remove_source("c").await.unwrap();
        catalog.remove_source("never there").await.unwrap();
    }
    let catalog = place.open().await;
    let kept = catalog.sources().await.unwrap();
    let expected = [
        source("a", "", true),
        source("b", "{\"token\":\"hunter2\"}", true),
    ];
    assert_eq!(kept, expected);
    assert!(!format!("{kept:?}").contains("hunter2"));
}
