//! Decoding against recorded and made answers; the expected events stand beside them.

use expect_test::expect_file;

use super::*;

#[derive(Deserialize)]
struct Answer {
    events: Vec<RawEvent>,
}

fn decode(group: &str, answer: &str) -> Vec<LogEvent> {
    let config: Config = toml::from_str(
        "name = 'prod'\nregion = 'eu-west-1'\ncategory = 'aws/lambda'\nfields = { team = 'a' }",
    )
    .unwrap();
    let group = Group {
        arn: format!("arn:aws:logs:eu-west-1:601427279990:log-group:{group}"),
        name: group.to_owned(),
        created_ms: 0,
    };
    let mut decoder = Decoder::new(&config, &group);
    let answer: Answer = serde_json::from_str(answer).unwrap();
    answer
        .events
        .into_iter()
        .map(|event| decoder.decode(event))
        .collect()
}

#[test]
fn a_timeout_in_a_standard_group() {
    let events = decode(
        "/aws/lambda/storms",
        include_str!("../fixtures/timeout.json"),
    );
    expect_file!["../fixtures/timeout.expected"].assert_debug_eq(&events);
}

#[test]
fn a_custom_group_names_the_function_in_its_streams() {
    let events = decode(
        "/custom/orders",
        include_str!("../fixtures/custom_group.json"),
    );
    expect_file!["../fixtures/custom_group.expected"].assert_debug_eq(&events);
}

#[test]
fn other_streams_have_no_function_and_hostile_answers_do_no_harm() {
    let events = decode(
        "/ecs/web",
        r#"{"events":[{},{"logStreamName":"i-1","message":"\u0000\ud83d\ude00"}]}"#,
    );
    assert_eq!(events.len(), 2);
    assert_eq!((&events[1].function, &events[1].version), (&None, &None));
    assert_eq!(events[1].message, "\0😀");
    assert!(serde_json::from_str::<Answer>("{\"events\":[{\"timestamp\":").is_err());
}

#[test]
fn the_configuration_can_name_the_account() {
    let config: Config =
        toml::from_str("name = 's'\nregion = 'r'\nfields = { account = 'prod' }").unwrap();
    let group = Group {
        arn: String::new(),
        name: "/g".to_owned(),
        created_ms: 0,
    };
    let event = Decoder::new(&config, &group).decode(RawEvent::default());
    assert_eq!(event.account.as_deref(), Some("prod"));
    assert!(event.fields.is_empty());
}
