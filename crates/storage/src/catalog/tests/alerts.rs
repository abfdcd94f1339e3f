//! What every catalog must do about monitors and alerts.

use super::{NOW, Place, each};
use crate::catalog::{
    AlertEvent, AlertRow, Catalog, Evaluated, Message, MessageState, MuteRow, SavedMonitor,
};
use model::Timestamp;

pub(super) async fn conform(place: &mut impl FnMut() -> Place) {
    each(place(), an_evaluation_is_there_after_reopening).await;
    each(place(), an_evaluation_that_is_repeated_adds_nothing).await;
    each(place(), people_and_evaluations_do_not_overwrite_each_other).await;
    each(place(), messages_wait_until_they_are_settled).await;
    each(place(), of_two_changes_to_a_monitor_one_wins).await;
    each(place(), old_alerts_are_forgotten_and_open_ones_kept).await;
    each(place(), mutes_are_there_until_they_end).await;
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn alert(id: &str, is_open: bool, changed_ms: i64) -> AlertRow {
    AlertRow {
        id: id.to_owned(),
        monitor: "m".to_owned(),
        is_open,
        began_at: at(10),
        changed_at: at(changed_ms),
        body: format!("{{\"changed\":{changed_ms}}}"),
        acknowledgement: String::new(),
    }
}

fn event(alert: &str, number: u64) -> AlertEvent {
    AlertEvent {
        id: format!("{alert}:{number}"),
        alert: alert.to_owned(),
        at: at(10),
        body: "{}".to_owned(),
    }
}

fn message(id: &str, due_ms: i64) -> Message {
    Message {
        id: id.to_owned(),
        channel: "ops".to_owned(),
        state: MessageState::Waiting,
        due_at: at(due_ms),
        attempts: 0,
        created_at: at(due_ms),
        body: "{\"text\":\"ü\"}".to_owned(),
        outcome: String::new(),
    }
}

fn evaluated() -> Evaluated {
    Evaluated {
        states: vec![("m".to_owned(), "{\"a\":1}".to_owned())],
        alerts: vec![alert("a", true, 20)],
        events: vec![event("a", 1)],
        messages: vec![message("a:1:ops", 20)],
    }
}

async fn an_evaluation_is_there_after_reopening(place: Place) {
    {
        let catalog = place.open().await;
        catalog.record_evaluation(&evaluated()).await.unwrap();
    }
    let catalog = place.open().await;
    let wanted = evaluated();
    assert_eq!(catalog.monitor_states().await.unwrap(), wanted.states);
    assert_eq!(catalog.alerts(NOW, 10).await.unwrap(), wanted.alerts);
    assert_eq!(catalog.alert_events("a").await.unwrap(), wanted.events);
    assert_eq!(catalog.messages(10).await.unwrap(), wanted.messages);
    assert_eq!(
        catalog.alert("a").await.unwrap().as_ref(),
        wanted.alerts.first()
    );
    assert_eq!(catalog.alert("b").await.unwrap(), None);
}

async fn an_evaluation_that_is_repeated_adds_nothing(place: Place) {
    let catalog = place.open().await;
    catalog.record_evaluation(&evaluated()).await.unwrap();
    let mut sent = message("a:1:ops", 20);
    sent.state = MessageState::Sent;
    catalog.settle_message(&sent, &[]).await.unwrap();
    catalog.record_evaluation(&evaluated()).await.unwrap();
    assert_eq!(catalog.alert_events("a").await.unwrap().len(), 1);
    assert_eq!(
        catalog.messages(10).await.unwrap(),
        [sent],
        "it is not sent again"
    );
}

async fn people_and_evaluations_do_not_overwrite_each_other(place: Place) {
    let catalog = place.open().await;
    catalog.record_evaluation(&evaluated()).await.unwrap();
    assert!(
        catalog
            .acknowledge("{\"by\":\"ann\"}", &event("a", 2))
            .await
            .unwrap()
    );
    assert!(
        !catalog
            .acknowledge("{}", &event("nobody", 1))
            .await
            .unwrap()
    );
    let mut later = evaluated();
    later.alerts = vec![alert("a", true, 30)];
    catalog.record_evaluation(&later).await.unwrap();
    let read = catalog.alert("a").await.unwrap().unwrap();
    assert_eq!(
        (read.changed_at, read.acknowledgement.as_str()),
        (at(30), "{\"by\":\"ann\"}")
    );
    assert_eq!(catalog.alert_events("a").await.unwrap().len(), 2);
    assert!(catalog.alert_events("nobody").await.unwrap().is_empty());
}

async fn messages_wait_until_they_are_settled(place: Place) {
    let catalog = place.open().await;
    let messages = vec![message("late", 300), message("b", 100), message("c", 50)];
    let evaluated = Evaluated {
        messages,
        ..Evaluated::default()
    };
    catalog.record_evaluation(&evaluated).await.unwrap();
    let waiting = catalog.waiting_messages(10).await.unwrap();
    let ids: Vec<&str> = waiting.iter().map(|message| message.id.as_str()).collect();
    assert_eq!(ids, ["c", "b", "late"]);
    let mut tried = waiting[0].clone();
    (tried.attempts, tried.due_at, tried.outcome) = (1, at(900), "503".to_owned());
    catalog
        .settle_message(&tried, &[event("a", 3)])
        .await
        .unwrap();
    let mut given_up = waiting[1].clone();
    given_up.state = MessageState::GivenUp;
    catalog.settle_message(&given_up, &[]).await.unwrap();
    assert_eq!(catalog.waiting_messages(1).await.unwrap(), [tried]);
    assert_eq!(catalog.waiting_messages(10).await.unwrap().len(), 2);
    let counts = [("given_up".to_owned(), 1), ("waiting".to_owned(), 2)];
    assert_eq!(catalog.message_counts().await.unwrap(), counts);
    assert_eq!(catalog.alert_events("a").await.unwrap(), [event("a", 3)]);
}

async fn of_two_changes_to_a_monitor_one_wins(place: Place) {
    let catalog = place.open().await;
    let version = |version: u64, body: &str| SavedMonitor {
        id: "m".to_owned(),
        version,
        modified_at: NOW,
        body: body.to_owned(),
    };
    assert!(catalog.save_monitor(&version(1, "first")).await.unwrap());
    assert!(!catalog.save_monitor(&version(1, "again")).await.unwrap());
    assert!(catalog.save_monitor(&version(2, "second")).await.unwrap());
    assert!(!catalog.save_monitor(&version(2, "too late")).await.unwrap());
    assert_eq!(
        catalog.saved_monitors().await.unwrap(),
        [version(2, "second")]
    );
    catalog.record_evaluation(&evaluated()).await.unwrap();
    assert!(catalog.delete_monitor("m").await.unwrap());
    assert!(!catalog.delete_monitor("m").await.unwrap());
    assert!(catalog.monitor_states().await.unwrap().is_empty());
}

async fn old_alerts_are_forgotten_and_open_ones_kept(place: Place) {
    let catalog = place.open().await;
    let alerts = vec![
        alert("open", true, 20),
        alert("old", false, 20),
        alert("new", false, 200),
    ];
    let events = vec![event("open", 1), event("old", 1)];
    let evaluated = Evaluated {
        alerts,
        events,
        messages: vec![message("w", 20)],
        ..Evaluated::default()
    };
    catalog.record_evaluation(&evaluated).await.unwrap();
    assert_eq!(catalog.forget_alerts(at(100)).await.unwrap(), 1);
    let left = catalog.alerts(at(0), 10).await.unwrap();
    let ids: Vec<&str> = left.iter().map(|alert| alert.id.as_str()).collect();
    assert_eq!(ids, ["open", "new"]);
    assert_eq!(catalog.alerts_of("m", at(0), 1).await.unwrap().len(), 1);
    assert!(catalog.alert_events("old").await.unwrap().is_empty());
    assert_eq!(catalog.alert_events("open").await.unwrap().len(), 1);
    assert_eq!(
        catalog.messages(10).await.unwrap().len(),
        1,
        "what waits is kept"
    );
}

async fn mutes_are_there_until_they_end(place: Place) {
    let catalog: Catalog = place.open().await;
    let mut mute = MuteRow {
        id: "x".to_owned(),
        ends_at: at(100),
        body: "{}".to_owned(),
    };
    catalog.save_mute(&mute).await.unwrap();
    mute.ends_at = at(50);
    catalog.save_mute(&mute).await.unwrap();
    assert_eq!(catalog.mutes(at(49)).await.unwrap(), [mute]);
    assert!(catalog.mutes(at(50)).await.unwrap().is_empty());
}
