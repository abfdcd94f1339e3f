//! Who is told what: routes, their quiet times, and inhibitions.

use super::*;

#[tokio::test]
async fn an_alert_is_told_by_its_route_and_its_end_to_whom_has_heard_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (pager, chat) = (Receiver::start().await, Receiver::start().await);
    let settings = "channels = ['chat']\n\
        [[routes]]\nmatchers = ['severity=critical']\nchannels = ['pager']\n";
    let receivers = [("pager", &pager), ("chat", &chat)];
    let node = Node::start_with(folder.path(), &receivers, START_MS, settings).await;
    let monitor = MONITOR.replace(
        "critical = { above = 2 }",
        "critical = { above = 20 }\nwarning = { above = 1 }",
    );
    let monitor = content::Monitor::parse(&monitor).unwrap();
    node.alerting.create_monitor(monitor).await.unwrap();
    node.minute().await;
    node.log("ship", 2).await;
    node.minute().await;
    node.deliver().await;
    assert_eq!(
        (pager.told(), chat.told()),
        (vec![], vec!["firing 1".to_owned()])
    );
    node.log("ship", 21).await;
    node.minute().await;
    node.deliver().await;
    // Both monitors are critical now; the warning that the chat knows became critical.
    assert_eq!(pager.told(), ["firing 1", "firing 1"]);
    assert_eq!(chat.told(), ["firing 1", "firing 1"]);
    node.minute().await;
    node.deliver().await;
    assert_eq!(pager.told()[2..], ["resolved 1", "resolved 1"]);
    assert_eq!(chat.told()[2..], ["resolved 1"]);
    node.stop().await;
}

#[tokio::test]
async fn what_follows_from_an_open_alert_is_told_when_that_is_over() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let settings = "channels = ['hook']\n\
        [[inhibitions]]\nsource = ['function=database']\ntarget = ['function=~\"pay|ship\"']\n";
    let receivers = [("hook", &receiver)];
    let node = Node::start_with(folder.path(), &receivers, START_MS, settings).await;
    node.minute().await;
    for function in ["database", "pay", "ship", "auth"] {
        node.log(function, 3).await;
    }
    node.minute().await;
    node.deliver().await;
    let told = |index: usize| {
        let body = lock(&receiver.got)[index].1.clone();
        let alerts = body["alerts"].as_array().unwrap().clone();
        let function = |alert: &Value| alert["labels"]["function"].as_str().unwrap().to_owned();
        alerts.iter().map(function).collect::<Vec<_>>()
    };
    assert_eq!(
        told(0),
        ["auth", "database"],
        "in the round in which all began"
    );
    let alerts = node.alerting.alerts(Timestamp::MIN).await.unwrap();
    let held = alerts
        .iter()
        .find(|alert| alert.news.labels["function"] == "pay");
    let held = held.unwrap();
    assert!(held.is_open && held.is_muted, "the alert is there");
    let (_, history) = node.alerting.alert(&held.news.id).await.unwrap();
    assert_eq!(history[0].what["inhibited_by"], "Errors");
    // It is over for the database and for shipping, of which nobody has heard; not for paying.
    node.log("pay", 3).await;
    node.minute().await;
    node.deliver().await;
    assert_eq!(receiver.told(), ["firing 2", "firing 3"]);
    assert_eq!(told(1), ["auth", "database", "pay"]);
    node.stop().await;
}

#[tokio::test]
async fn what_begins_at_a_quiet_time_is_told_when_that_is_over() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    // The clock begins at 14:52 UTC.
    let settings = "[[times]]\nname = 'tea'\nhours = ['14:50-14:56']\n\
        [[routes]]\nchannels = ['hook']\nmute_times = ['tea']\n";
    let receivers = [("hook", &receiver)];
    let node = Node::start_with(folder.path(), &receivers, START_MS, settings).await;
    for _ in 0..3 {
        node.log("pay", 3).await;
        node.minute().await;
        node.deliver().await;
    }
    assert_eq!(receiver.told(), [""; 0]);
    node.log("pay", 3).await;
    node.minute().await;
    node.deliver().await;
    assert_eq!(receiver.told(), ["firing 1"]);
    node.stop().await;
}

#[tokio::test]
async fn what_becomes_critical_at_a_quiet_time_is_told_when_that_is_over() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let settings = "[[times]]\nname = 'tea'\nhours = ['14:55-14:57']\n\
        [[routes]]\nmatchers = ['alertname=Errors']\nchannels = []\n\
        [[routes]]\nchannels = ['hook']\nmute_times = ['tea']\n";
    let receivers = [("hook", &receiver)];
    let node = Node::start_with(folder.path(), &receivers, START_MS, settings).await;
    let warning = "critical = { above = 20 }\nwarning = { above = 2 }";
    let monitor = MONITOR
        .replace("critical = { above = 2 }", warning)
        .replace("Errors", "Levels");
    let monitor = content::Monitor::parse(&monitor).unwrap();
    node.alerting.create_monitor(monitor).await.unwrap();
    let severities = || {
        let got = lock(&receiver.got);
        let severity = |(_, body): &(String, Value)| {
            body["alerts"][0]["labels"]["severity"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        got.iter().map(severity).collect::<Vec<_>>()
    };
    node.minute().await;
    for errors in [3, 21, 21, 21, 0] {
        node.log("pay", errors).await;
        node.minute().await;
        node.deliver().await;
    }
    assert_eq!(severities(), ["warning", "critical", "critical"]);
    assert_eq!(receiver.told(), ["firing 1", "firing 1", "resolved 1"]);
    node.stop().await;
}

#[tokio::test]
async fn a_route_to_nowhere_keeps_a_node_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(
        StoreConfig::at(folder.path()),
        Arc::new(ManualClock::at(Timestamp::from_millis(START_MS))),
    );
    let store = store.await.unwrap();
    let config = toml::from_str("[[routes]]\nchannels = ['pagr']").unwrap();
    let started = Alerting::prepare(config, Vec::new(), store, String::new()).await;
    assert!(started.unwrap_err().to_string().contains("pagr"));
}
